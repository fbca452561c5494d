import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { events, Model } from "../utils/streamModel.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

describe("any run of events of the transport, the owner and the clock", () => {
  it.effect.prop(
    "leaves a stream in the state that the rules say, with nothing lost, doubled, late or left behind",
    [events],
    Effect.fnUntraced(function* ([events]) {
      const model = new Model()
      for (const event of events) {
        yield* model.run(event)
        model.check()
      }
      yield* model.finish
    }),
    { arbitrary: { runs: rounds(3000), size: 50 }, timeout: 60_000 }
  )
})
