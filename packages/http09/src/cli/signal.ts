/**
 * Signals that ask a process to end.
 */
import * as Effect from "effect/Effect"

const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** The next signal. A second one meets no listener and ends the process at once. */
const signal: Effect.Effect<NodeJS.Signals> = Effect.callback((resume) => {
  const forget = (): void => {
    for (const name of names) process.off(name, heard)
  }
  const heard = (name: NodeJS.Signals): void => {
    forget()
    resume(Effect.succeed(name))
  }
  for (const name of names) process.on(name, heard)
  return Effect.sync(forget)
})

const dieOf = (name: NodeJS.Signals): Effect.Effect<never> =>
  Effect.andThen(
    Effect.sync(() => process.kill(process.pid, name)),
    Effect.never
  )

/**
 * Runs an effect that has something to put away. A signal interrupts it, and when everything is put away the process
 * dies of that signal, as other programs do.
 */
export const untilSignal = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatten(Effect.raceFirst(Effect.map(self, Effect.succeed), Effect.map(signal, dieOf)))
