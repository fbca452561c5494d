/** Results as a table in Markdown. */
import type { GoalResult, Result, Row, Spread } from "./compete.ts"

const columns = ["", "figure", "× plain", "× effect", "CPU", "× plain", "p50", "p99", "memory"]

const count = (value: number): string =>
  value < 100 ? String(Number(value.toPrecision(3))) : Math.round(value).toLocaleString("en")

const ratio = (value: number): string => value.toFixed(2)

const spread = (value: Spread | undefined): string =>
  value === undefined ? "" : `${ratio(value.median)} (${ratio(value.low)}–${ratio(value.high)})`

const time = (micros: number | undefined): string =>
  micros === undefined ? "" : micros < 1000 ? `${count(micros)} µs` : `${count(micros / 1000)} ms`

const bytes = (value: number | undefined): string => (value === undefined ? "" : `${count(value / 1e6)} MB`)

const cells = (unit: string, row: Row): Array<string> => [
  row.peer,
  `${count(row.figure)} ${unit}`,
  spread(row.besidePlain),
  spread(row.besideEffect),
  time(row.cpu),
  row.cpuBesidePlain === undefined ? "" : ratio(row.cpuBesidePlain),
  row.p50 === undefined || row.p50 === 0 ? "" : time(row.p50),
  row.p99 === undefined || row.p99 === 0 ? "" : time(row.p99),
  bytes(row.memory)
]

const signs: Record<GoalResult["is"], (value: number) => string> = {
  atLeast: (value) => `at least ${ratio(value)} ×`,
  atMost: (value) => `at most ${ratio(value)} ×`,
  atMostAbove: (value) => `at most ${ratio(value)} s above`
}

const named: Record<GoalResult["measure"], string> = { figure: "", p99: ", p99", cpu: ", processor time" }

const goal = ({ beside, figure, is, measure, of, reached, value }: GoalResult): string =>
  `- ${reached ? "reached" : "**missed**"}: ${of}${named[measure]} ${signs[is](value)} ${beside}: ${ratio(figure)}`

const remarks = ({ rows }: Result): Array<string> =>
  rows.flatMap(({ busy = 0, errors, peer }) => [
    ...(errors > 0 ? [`- ${peer}: ${errors} connections broke`] : []),
    ...(busy > 0.85 ? [`- ${peer}: the driver was busy for ${ratio(busy)} of the time`] : [])
  ])

const line = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

/** One table over all works. */
export const table = (results: ReadonlyArray<Result>): string => {
  const rows = results.flatMap((result) => [
    [`**${result.title}**`, ...columns.slice(1).map(() => "")],
    ...result.rows.map((row) => cells(result.unit, row))
  ])
  const widths = columns.map((name, at) =>
    Math.max(...[name, ...rows.map((row) => row[at])].map(({ length }) => length))
  )
  const padded = (row: ReadonlyArray<string>): string =>
    line(row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))))
  return [
    padded(columns),
    line(widths.map((width, at) => (at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))),
    ...rows.map(padded)
  ].join("\n")
}

/** What was aimed at, and what to be careful about. */
export const goals = (results: ReadonlyArray<Result>): string =>
  results
    .map((result) => [result.title, [...result.goals.map(goal), ...remarks(result)]] as const)
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}:\n${lines.join("\n")}`)
    .join("\n\n")
