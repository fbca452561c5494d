/**
 * Between a step that takes a thing and whoever waits for its value, the scheduler may end the fiber's turn; a fiber that
 * is interrupted there drops the value it carries, and bytes or a connection that it has taken would be lost. So the turn
 * goes on until the value is out.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** Operations that may lie between a step of ours and whoever waits for its value; ours take fewer than a tenth. */
const margin = 256

/** The counter of the scheduler: a turn ends when it reaches `maxOpsBeforeYield`. */
type Counted = { -readonly [K in "currentOpCount"]: Fiber.Fiber<unknown, unknown>[K] }

/** Sees to it that this turn has `margin` operations left, whatever the program's `MaxOpsBeforeYield` is. */
const extendTurn = (fiber: Fiber.Fiber<unknown, unknown>): void => {
  const counted: Counted = fiber
  counted.currentOpCount = Math.min(counted.currentOpCount, fiber.cache.maxOpsBeforeYield - margin)
}

/** The value of a callback, with a turn that lasts until it is out. */
const withinTurn = <A, E, R>(outcome: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    extendTurn(fiber)
    return outcome
  })

const identity = <A>(value: A): A => value

/**
 * Runs `step` where the fiber's turn does not end before the value is out. A turn that is nearly used up is ended before
 * the step: who reads in a loop lets others have theirs. What the step gives later, by a callback, it passes through
 * `late`.
 */
export const withoutYield = <A, E, R>(
  step: (late: <B, E2, R2>(outcome: Effect.Effect<B, E2, R2>) => Effect.Effect<B, E2, R2>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const { maxOpsBeforeYield } = fiber.cache
    // A fresh turn is long enough, unless the program's turns are very short.
    const late = maxOpsBeforeYield > margin ? identity : withinTurn
    if (fiber.currentOpCount + margin < maxOpsBeforeYield) return step(late)
    return Effect.flatMap(Effect.yieldNow, () => {
      extendTurn(fiber)
      return step(late)
    })
  })
