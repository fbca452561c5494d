/**
 * Interleaved rounds: each round measures every peer once, in random order, and compares inside the round only, so that a
 * machine whose speed changes from minute to minute changes all of them.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Contestant, Sample, Setting } from "./contestants.ts"
import type { BenchError } from "./processes.ts"
import type { Goal, Work } from "./works.ts"
import { effect } from "./works.ts"

/** A median with its quartiles. */
export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** One peer's row of the table. Figures are medians over the rounds. */
export interface Row {
  readonly peer: string
  readonly figure: number
  /** Its figure as a multiple of another's in the same round. */
  readonly besidePlain: Spread | undefined
  readonly besideEffect: Spread | undefined
  /** Processor time of the server for each unit, in microseconds, and as a multiple of the baseline's. */
  readonly cpu: number | undefined
  readonly cpuBesidePlain: number | undefined
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly p99BesidePlain: number | undefined
  /** Bytes. */
  readonly memory: number | undefined
  readonly errors: number
  /** The most that the driver was busy: near 1, the figure is the driver's. */
  readonly busy: number | undefined
}

export interface GoalResult extends Goal {
  readonly reached: boolean
  readonly figure: number
}

export interface Result {
  readonly id: string
  readonly title: string
  readonly unit: string
  readonly less: boolean
  readonly rounds: number
  readonly rows: ReadonlyArray<Row>
  readonly goals: ReadonlyArray<GoalResult>
}

const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = Math.floor(at)
  return sorted[below] + (sorted[Math.ceil(at)] - sorted[below]) * (at - below)
}

const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

const spread = (values: ReadonlyArray<number>): Spread => ({
  median: median(values),
  low: quantile(values, 0.25),
  high: quantile(values, 0.75)
})

type Samples = ReadonlyMap<string, ReadonlyArray<Sample>>

const numbers = (samples: ReadonlyArray<Sample>, key: keyof Sample): Array<number> | undefined => {
  const values = samples.map((sample) => sample[key])
  return values.every((value) => value !== undefined) ? values : undefined
}

/** The ratios of two peers, round by round. */
const beside = (samples: Samples, peer: string, other: string, key: keyof Sample): Array<number> | undefined => {
  const [own, theirs] = [peer, other].map((name) => numbers(samples.get(name) ?? [], key))
  if (own === undefined || theirs === undefined || theirs.length === 0) return undefined
  return own.map((value, round) => value / theirs[round])
}

const map = <A, B>(value: A | undefined, f: (value: A) => B): B | undefined =>
  value === undefined ? undefined : f(value)

const summarize = (work: Work, samples: Samples): Array<Row> => {
  const [first, ...others] = work.peers.map(({ name }) => name)
  const effects = others.find((name) => name.startsWith(effect))
  return [...samples].map(([peer, own]) => ({
    peer,
    figure: median(own.map(({ figure }) => figure * work.scale)),
    besidePlain: map(beside(samples, peer, first, "figure"), spread),
    besideEffect: effects === undefined ? undefined : map(beside(samples, peer, effects, "figure"), spread),
    cpu: map(numbers(own, "cpu"), (values) => median(values) / work.scale),
    cpuBesidePlain: map(beside(samples, peer, first, "cpu"), median),
    p50: map(numbers(own, "p50"), median),
    p99: map(numbers(own, "p99"), median),
    p99BesidePlain: map(beside(samples, peer, first, "p99"), median),
    memory: map(numbers(own, "memory"), median),
    errors: own.reduce((all, { errors = 0 }) => all + errors, 0),
    busy: map(numbers(own, "busy"), (values) => Math.max(...values))
  }))
}

interface Check {
  readonly figure: (own: number, other: number) => number
  readonly reached: (figure: number, value: number) => boolean
}

const ratio = (own: number, other: number): number => own / other

const checks: Record<Goal["is"], Check> = {
  atLeast: { figure: ratio, reached: (figure, value) => figure >= value },
  atMost: { figure: ratio, reached: (figure, value) => figure <= value },
  atMostAbove: { figure: (own, other) => own - other, reached: (figure, value) => figure <= value }
}

const judge = (samples: Samples, goal: Goal): GoalResult => {
  const check = checks[goal.is]
  const [own, other] = [goal.of, goal.beside].map((name) => numbers(samples.get(name) ?? [], goal.measure) ?? [])
  const figure = median(own.map((value, round) => check.figure(value, other[round])))
  return { ...goal, figure, reached: check.reached(figure, goal.value) }
}

/** How often a work is measured. */
export interface Rounds {
  /** Rounds that count. */
  readonly counted: number
  /** Rounds before them that do not. */
  readonly warmUp: number
}

/**
 * Runs one work. V8 compiles what is hot again and again for seconds, and the more functions a server has, the longer: so
 * the first rounds do not count.
 */
export const compete = Effect.fnUntraced(function* (
  work: Work,
  setting: Setting,
  { counted, warmUp }: Rounds
): Effect.fn.Return<Result, BenchError> {
  const samples = new Map<string, Array<Sample>>(work.peers.map(({ name }) => [name, []]))
  const round = (contestants: ReadonlyArray<Contestant>) =>
    Effect.flatMap(
      Random.shuffle(contestants),
      Effect.forEach(({ name, once }) => Effect.map(once, (sample) => [name, sample] as const))
    )
  yield* Effect.gen(function* () {
    const contestants = yield* work.contest(setting, work.peers)
    for (let n = 0; n < warmUp && !work.fresh; n++) yield* round(contestants)
    for (let n = 0; n < counted; n++) {
      for (const [name, sample] of yield* round(contestants)) samples.get(name)?.push(sample)
    }
  }).pipe(Effect.scoped)
  return {
    id: work.id,
    title: work.title,
    unit: work.unit,
    less: work.less,
    rounds: counted,
    rows: summarize(work, samples),
    goals: work.goals.map((goal) => judge(samples, goal))
  }
})
