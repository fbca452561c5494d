import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as TestClock from "effect/testing/TestClock"
import { ClockTimers } from "../../src/internal/ClockTimers.ts"
import { settle } from "../utils/memory.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const make = Effect.gen(function* () {
  return new ClockTimers(yield* Effect.context(), yield* Clock.Clock)
})

/** Timers of the process that are set. */
const sleeping = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Set one for later, with or without cancelling an earlier one; or let time pass. */
const steps = Arbitrary.array(
  Arbitrary.schema(
    Schema.Union([
      Schema.Struct({ set: int(0, 20), cancel: Schema.Union([Schema.Literal(-1), int(0, 10)]) }),
      Schema.Struct({ wait: int(1, 15) })
    ])
  ),
  { maxLength: 30 }
)

describe("timers", () => {
  it.effect.prop(
    "any run of sets, cancels and waits fires what a sorted list says, when it says",
    [steps],
    ([steps]) =>
      Effect.gen(function* () {
        const timers = yield* make
        const start = yield* Clock.currentTimeMillis
        const fired: Array<string> = []
        const model: Array<{ readonly name: number; readonly at: number; readonly turn: number; cancelled: boolean }> =
          []
        const cancels: Array<() => void> = []
        let turn = 0
        for (const step of steps) {
          if ("wait" in step) {
            yield* TestClock.adjust(step.wait)
            turn++
            continue
          }
          const name = model.length
          const now = timers.now()
          model.push({ name, at: now + step.set, turn, cancelled: false })
          cancels.push(timers.set(step.set, () => fired.push(`${name} at ${timers.now()}`)))
          const old = model[step.cancel]
          if (old === undefined) continue
          cancels[step.cancel]()
          // One that was due in an earlier turn has run.
          if (old.at > now || old.turn === turn) old.cancelled = true
        }
        yield* TestClock.adjust(100)
        const expected = model.filter(({ cancelled }) => !cancelled).toSorted((a, b) => a.at - b.at)
        assert.deepStrictEqual(
          fired,
          expected.map(({ at, name }) => `${name} at ${at}`)
        )
        assert.strictEqual(timers.now(), (yield* Clock.currentTimeMillis) - start)
      }),
    { arbitrary: { runs: rounds(150) } }
  )

  it.effect("none runs in the turn that set it, not even one of those that run now", () =>
    Effect.gen(function* () {
      const timers = yield* make
      const log: Array<string> = []
      timers.set(0, () => {
        log.push("first")
        timers.set(0, () => log.push("third"))
        log.push("first is over")
      })
      timers.set(0, () => log.push("second"))
      assert.deepStrictEqual(log, [])
      yield* settle
      assert.deepStrictEqual(log, ["first", "first is over", "second", "third"])
    })
  )

  it.effect(
    "what an event sets going is over before the clock moves on, also where the scheduler has to wake a fiber",
    () =>
      Effect.gen(function* () {
        const timers = yield* make
        const semaphore = yield* Semaphore.make(0)
        const log: Array<string> = []
        yield* Effect.forkChild(
          Effect.forever(
            Effect.andThen(
              semaphore.take(1),
              Effect.sync(() => log.push(`woken at ${timers.now()}`))
            )
          ),
          { startImmediately: true }
        )
        const run = Effect.runForkWith(yield* Effect.context())
        timers.set(10, () => timers.set(0, () => run(semaphore.release(1))))
        timers.set(1000, () => log.push("the next event"))
        yield* TestClock.adjust(5000)
        assert.deepStrictEqual(log, ["woken at 10", "the next event"])
      })
  )

  it.effect("of a month, of a year, and of more fire when they are due, and not before", () =>
    Effect.gen(function* () {
      const timers = yield* make
      const day = 86_400_000
      const fired: Array<number> = []
      for (const days of [24.9, 30, 365, 36_500]) timers.set(days * day, () => fired.push(timers.now() / day))
      yield* TestClock.adjust(24 * day)
      assert.deepStrictEqual(fired, [])
      yield* TestClock.adjust(40_000 * day)
      assert.deepStrictEqual(fired, [24.9, 30, 365, 36_500])
    })
  )

  it.live("of more than 2^31 milliseconds wait on the real clock too", () =>
    Effect.gen(function* () {
      const timers = yield* make
      let fired = false
      const cancel = timers.set(2 ** 31 + 5, () => (fired = true))
      yield* Effect.sleep(20)
      assert.isFalse(fired)
      cancel()
    })
  )

  it.effect("of an infinite time never fire, and disturb no other", () =>
    Effect.gen(function* () {
      const timers = yield* make
      const fired: Array<number> = []
      const cancels = [Infinity, 5, NaN, 3].map((millis) => timers.set(millis, () => fired.push(millis)))
      yield* TestClock.adjust("1000 days")
      assert.deepStrictEqual(fired, [3, 5])
      for (const cancel of cancels) cancel()
    })
  )

  it.live("none left, none sleeps: the process can end", () =>
    Effect.gen(function* () {
      const timers = yield* make
      const before = sleeping()
      const cancels = [timers.set(10_000, () => {}), timers.set(60_000, () => {})]
      assert.strictEqual(sleeping(), before + 1)
      for (const cancel of cancels) cancel()
      assert.strictEqual(sleeping(), before)
      timers.set(10_000, () => {})
      timers.clear()
      assert.strictEqual(sleeping(), before)
    })
  )
})
