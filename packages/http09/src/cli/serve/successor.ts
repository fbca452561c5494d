/**
 * The process that takes the place of this one: the same program, as it lies on the disk now, with the same arguments and
 * the same ports.
 */
import type { Passed } from "@effect-sockets/socket/SocketActivation"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"

/** Why there is none. */
export class SuccessorError extends Data.TaggedError("SuccessorError")<{ readonly message: string }> {}

/** How long it may take until it listens. */
const startTime = "30 seconds"

/** What a process says, over the channel of whoever started it, when it listens. */
const ready = "ready"

/** Tells whoever started this process by a channel that it listens; nobody else. */
export const announce: Effect.Effect<void> = Effect.callback((resume) => {
  if (process.send === undefined || !process.connected) return resume(Effect.void)
  process.send(ready, () => {
    process.disconnect?.()
    resume(Effect.void)
  })
})

/** The number of a process is known only to itself: a shell, which the program then replaces, writes it down. */
const inShell = ["-c", 'LISTEN_PID=$$ exec "$@"', "sh", process.execPath, ...process.execArgv]

const launch = (passed: ReadonlyArray<Passed>): ChildProcess =>
  spawn("/bin/sh", [...inShell, ...process.argv.slice(1)], {
    stdio: ["inherit", "inherit", "inherit", ...passed.map(({ descriptor }) => descriptor), "ipc"],
    env: {
      ...process.env,
      LISTEN_FDS: String(passed.length),
      LISTEN_FDNAMES: passed.map(({ name }) => name).join(":"),
      // It is the watchdog's process from then on.
      WATCHDOG_PID: undefined
    }
  })

/** One that listens. */
export interface Successor {
  readonly pid: number
  /** Has it replaced in its turn, if it is still there. */
  readonly replace: Effect.Effect<void>
}

/**
 * Starts it with these descriptors and waits until it listens. If it does not within half a minute, or is waited for no
 * more, it is killed.
 */
export const start = (passed: ReadonlyArray<Passed>): Effect.Effect<Successor, SuccessorError> =>
  Effect.callback<Successor, SuccessorError>((resume) => {
    const child = launch(passed)
    const fail = (message: string): void => resume(Effect.fail(new SuccessorError({ message })))
    child.on("error", (error) => fail(error.message))
    child.on("exit", (code, signal) => fail(signal === null ? `it ended with status ${code}` : `it died of ${signal}`))
    child.on("message", (message) => {
      if (message !== ready) return
      // From here on it is nobody's child.
      if (child.connected) child.disconnect()
      child.unref()
      resume(Effect.succeed({ pid: child.pid ?? 0, replace: Effect.sync(() => void child.kill("SIGUSR2")) }))
    })
    return Effect.sync(() => void child.kill("SIGKILL"))
  }).pipe(
    Effect.timeoutOrElse({
      duration: startTime,
      orElse: () => Effect.fail(new SuccessorError({ message: `it did not listen within ${startTime}` }))
    })
  )
