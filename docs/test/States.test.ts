import { assert, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { type Event, table } from "../../packages/socket/src/internal/stream/StateTable.ts"
import { root } from "./utils/sources.ts"

const page = fs.readFileSync(path.join(root, "docs/states.md"), "utf8")
const events = Object.keys(table) as Array<Event>

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const tableOf = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [row(head), `|${"---|".repeat(head.length)}`, ...rows.map(row)].join("\n")

/** What follows each state after each event; nothing for a state in which the event cannot happen. */
const transitions = (part: "whole" | "input" | "output", states: ReadonlyArray<string>): string =>
  tableOf(
    ["event", ...states],
    events.map((event) => {
      const next: { readonly [state: string]: string } = table[event][part]
      return [`\`${event}\``, ...states.map((state) => (next[state] === state ? "·" : (next[state] ?? "")))]
    })
  )

const whole = ["open", "upgrading", "closing", "lingering", "gone", "closed"]
const direction = ["open", "ending", "ended", "cut"]

it.each([
  [
    "what happens at each event",
    tableOf(
      ["event", "when", "what the stream does"],
      events.map((event) => [`\`${event}\``, table[event].when, table[event].does])
    )
  ],
  ["the states of the whole", transitions("whole", whole)],
  ["the states of the input", transitions("input", direction)],
  ["the states of the output", transitions("output", direction)]
])("the page shows %s as the code has it", (_, expected) => assert.include(page, expected))
