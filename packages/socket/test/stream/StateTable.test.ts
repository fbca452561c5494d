import { assert, describe, it } from "@effect/vitest"
import {
  type Direction,
  type Event,
  IllegalTransition,
  next,
  table,
  type Whole
} from "../../src/internal/stream/StateTable.ts"

const wholes: ReadonlyArray<Whole> = ["open", "upgrading", "closing", "lingering", "gone", "closed"]
const directions: ReadonlyArray<Direction> = ["open", "ending", "ended", "cut"]

/** For each event what follows from each state, in the order above; `-` where it cannot happen. */
const expected: Record<Event, readonly [whole: string, input: string, output: string]> = {
  fin: ["open upgrading closing lingering - -", "ended ended - cut", "open ending ended cut"],
  endWrite: ["open upgrading closing lingering gone closed", "open ending ended cut", "ending ending ended cut"],
  finSent: ["open upgrading closing lingering - -", "open ending ended cut", "- ended - -"],
  close: ["closing closing closing lingering closed closed", "ending ending ended cut", "open ending ended cut"],
  linger: ["- - lingering - - -", "open ending ended cut", "- - ended -"],
  upgrade: ["upgrading - - - - -", "open ending ended cut", "open ending ended cut"],
  upgraded: ["- open - - - -", "open - ended cut", "open ending ended cut"],
  cut: ["open upgrading closing lingering gone closed", "cut cut ended cut", "cut cut ended cut"],
  gone: ["gone gone closed closed - -", "cut cut ended cut", "cut cut ended cut"]
}

const events = Object.keys(table) as ReadonlyArray<Event>

describe("each cell of the table", () => {
  it("every event is here", () => {
    assert.sameMembers([...events], Object.keys(expected))
  })

  for (const event of events) {
    it(`"${event}" leads where it should from each of the 96 states, or cannot happen and says so`, () => {
      const [whole, input, output] = expected[event].map((cells) => cells.split(" "))
      for (const [i, from] of wholes.entries()) {
        for (const [j, fromInput] of directions.entries()) {
          for (const [k, fromOutput] of directions.entries()) {
            const states = { whole: from, input: fromInput, output: fromOutput }
            const cells = [whole[i], input[j], output[k]]
            if (cells.includes("-")) {
              assert.throws(
                () => next(states, event),
                IllegalTransition,
                `"${event}" cannot happen to a stream that is ${from}, its input ${fromInput} and its output ${fromOutput}`
              )
            } else {
              const { input, output, whole } = next(states, event)
              assert.deepStrictEqual([whole, input, output], cells)
            }
          }
        }
      }
    })
  }

  it("nothing leaves an end", () => {
    for (const event of events) {
      assert.include([undefined, "closed"], table[event].whole.closed)
      assert.include(["closed", "gone", undefined], table[event].whole.gone)
      for (const direction of ["input", "output"] as const) {
        assert.include([undefined, "ended"], table[event][direction].ended)
        assert.include([undefined, "cut"], table[event][direction].cut)
      }
    }
  })
})
