/** Interruption at every point at which a fiber can be stopped. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** More than a fiber may run in one turn, counted in steps of `interruptedAfter`. */
export const manySteps = 1100

/**
 * Runs `effect` after so many steps, and interrupts it when its fiber first lets others run: with steps from 0 to
 * `manySteps`, the end of the turn falls on every operation of `effect`.
 */
export const interruptedAfter = Effect.fnUntraced(function* <A, E, R>(steps: number, effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(
    Effect.gen(function* () {
      for (let i = 0; i < steps; i++) yield* Effect.suspend(() => Effect.succeed(i))
      return yield* effect
    }),
    { startImmediately: true }
  )
  yield* Fiber.interrupt(fiber)
  return yield* Fiber.await(fiber)
})
