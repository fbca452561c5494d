/**
 * Signals that ask a process to end, and the one that asks for a debugger.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"

/** What asks for an orderly end: a terminal's Ctrl-C, a service manager, a terminal that was closed. */
const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const

const all = [...names, "SIGQUIT"] as const

/** Dies of a signal, as programs do that do not know it. */
export const dieOf = (name: NodeJS.Signals): Effect.Effect<never> =>
  Effect.andThen(
    Effect.sync(() => {
      process.removeAllListeners(name)
      process.kill(process.pid, name)
    }),
    Effect.never
  )

/** How a server is asked to end. */
export interface Requests {
  /** The first signal that asks for an orderly end. */
  readonly stop: Effect.Effect<NodeJS.Signals>
  /**
   * The signal of somebody who will not wait: SIGQUIT, or SIGINT or SIGTERM once more. SIGHUP once more is none: a
   * terminal that is closed sends it, and the shell in it as well.
   */
  readonly urgent: Effect.Effect<NodeJS.Signals>
  /** Whether that has come. */
  readonly isUrgent: () => boolean
}

/** Takes all signals that ask for an end until the scope closes. */
export const requests: Effect.Effect<Requests, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const stop = Deferred.makeUnsafe<NodeJS.Signals>()
      const urgent = Deferred.makeUnsafe<NodeJS.Signals>()
      const heard = (name: NodeJS.Signals): void => {
        if (name !== "SIGQUIT" && Deferred.doneUnsafe(stop, Exit.succeed(name))) return
        if (name !== "SIGHUP") Deferred.doneUnsafe(urgent, Exit.succeed(name))
      }
      for (const name of all) process.on(name, heard)
      return { stop, urgent, heard }
    }),
    ({ heard }) =>
      Effect.sync(() => {
        for (const name of all) process.off(name, heard)
      })
  ),
  ({ stop, urgent }) => ({
    stop: Deferred.await(stop),
    urgent: Deferred.await(urgent),
    isUrgent: () => Deferred.isDoneUnsafe(urgent)
  })
)

/**
 * Runs an effect that has something to put away. A signal interrupts it, and when everything is put away the process
 * dies of that signal, as other programs do. Whoever will not wait for that has it die at once.
 */
export const untilSignal = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.scoped(
    Effect.flatMap(requests, ({ stop, urgent }) =>
      Effect.raceFirst(
        Effect.flatten(Effect.raceFirst(Effect.map(self, Effect.succeed), Effect.map(stop, dieOf))),
        Effect.flatMap(urgent, dieOf)
      )
    )
  )

/**
 * Keeps Node from opening its debugger, to every local user, on SIGUSR1: other servers open their logs anew on it, and
 * what rotates logs sends it. Node leaves the signal to whoever listens for it.
 */
export const withoutDebugger = (): void => {
  process.on("SIGUSR1", () => {})
}

/**
 * The next SIGUSR2, until the scope closes: several that come while nobody waits are one. Node would die of it, and a web
 * server is asked so to be replaced.
 */
export const renewals: Effect.Effect<Effect.Effect<void>, never, Scope.Scope> = Effect.gen(function* () {
  const queue = yield* Queue.sliding<void>(1)
  const heard = (): void => void Queue.offerUnsafe(queue, undefined)
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGUSR2", heard)),
    () => Effect.sync(() => process.off("SIGUSR2", heard))
  )
  return Queue.take(queue)
})
