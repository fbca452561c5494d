/**
 * Programs in simulated time: hours take milliseconds, and the same seed and program give the same run.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as NetworkError from "../NetworkError.ts"

/**
 * How long a simulation may take.
 *
 * ```ts
 * import * as Simulation from "@effect-sockets/socket/testing/Simulation"
 * import { Effect } from "effect"
 * const options: Simulation.Options = { limit: "1 minute" }
 * const exit = await Effect.runPromise(Effect.exit(Simulation.simulate(Effect.never, options)))
 * exit._tag // => "Failure"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** In the effect's own time, above 0. Default 1 hour: what is still running then most likely hangs. */
  readonly limit?: Duration.Input | undefined
}

/** How far the clock is moved at a time, in milliseconds: it may pass the end of the effect by so much, which nobody sees. */
const step = 60_000

/**
 * Runs an effect on a `TestClock` of its own, which it moves until the effect ends: what waits for hours takes
 * milliseconds, and nothing has to say when time passes. Provide the network inside, so that it takes that clock.
 *
 * Give the network a latency, a millisecond will do: then traffic and time keep in step. What needs no time at all comes
 * to rest before the clock moves only as long as no fiber yields.
 *
 * An effect that is still running after `limit` (default 1 hour of its own time) hangs: it is interrupted, and that is a
 * defect.
 *
 * **Errors**: the effect's, and `open` with `InvalidOption` for a limit that cannot be meant. **Interruption** interrupts the
 * effect.
 *
 * ```ts
 * import * as Simulation from "@effect-sockets/socket/testing/Simulation"
 * import { Clock, Effect } from "effect"
 * const program = Effect.andThen(Effect.sleep("30 minutes"), Clock.currentTimeMillis)
 * await Effect.runPromise(Simulation.simulate(program)) // => 1_800_000
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const simulate = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  { limit = Duration.hours(1) }: Options = {}
): Effect.Effect<A, E | NetworkError.NetworkError, R> =>
  Effect.gen(function* () {
    const invalid = InvalidOption.find({ limit }, { limit: InvalidOption.positiveDuration })
    if (invalid !== undefined) return yield* NetworkError.make("open", "simulation", invalid)
    // Not a child: nobody waits for one that cannot be interrupted.
    const fiber = yield* Effect.forkDetach(self)
    return yield* Effect.gen(function* () {
      for (let left = Duration.toMillis(limit); left > 0 && fiber.pollUnsafe() === undefined; left -= step) {
        yield* TestClock.adjust(Math.min(step, left))
      }
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return yield* exit
      return yield* Effect.die(new Error(`still running after ${Duration.format(Duration.fromInputUnsafe(limit))}`))
    }).pipe(Effect.onExit(() => Effect.sync(() => fiber.interruptUnsafe())))
  }).pipe(Effect.provide(TestClock.layer()))
