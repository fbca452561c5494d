import * as Effect from "effect/Effect"

/** Operations that may lie between a step of ours and whoever waits for its value; ours take fewer than a tenth. */
const margin = 256

/**
 * Runs `step` where the fiber's turn does not end before the value is out. The scheduler may end a turn between any two
 * operations, and a fiber that is interrupted there drops the value it carries: bytes or a connection that it has taken
 * would be lost. A turn that is nearly used up is ended before the step instead.
 */
export const withoutYield = <A, E, R>(step: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) =>
    fiber.currentOpCount + margin < fiber.cache.maxOpsBeforeYield || fiber.cache.maxOpsBeforeYield < 2 * margin
      ? step()
      : Effect.flatMap(Effect.yieldNow, step)
  )
