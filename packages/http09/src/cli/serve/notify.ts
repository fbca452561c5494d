/**
 * What a service manager hears of the server: sd_notify(3). Node sends no datagrams of the Unix kind, so the program
 * `systemd-notify` does, one process for each message.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { complain } from "../complaints.ts"

const variable = (name: string) => Effect.map(Effect.orDie(Config.option(Config.String(name))), Option.getOrUndefined)

const send = (messages: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.callback<string | undefined>((resume) => {
    const child = spawn("systemd-notify", [...messages], { stdio: "ignore" })
    child.on("error", (error) => resume(Effect.succeed(error.message)))
    child.on("exit", (status) => resume(Effect.succeed(status === 0 ? undefined : `it ended with status ${status}`)))
    return Effect.sync(() => void child.kill())
  }).pipe(
    Effect.flatMap((problem) => (problem === undefined ? Effect.void : complain(`systemd-notify: ${problem}`))),
    Effect.timeoutOption("5 seconds"),
    Effect.asVoid
  )

/** Says something to the service manager, where one listens (`NOTIFY_SOCKET`), and waits until it was heard. */
export const notify = (...messages: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.flatMap(variable("NOTIFY_SOCKET"), (socket) =>
    socket === undefined || socket === "" ? Effect.void : send(messages)
  )

/**
 * Tells the watchdog twice within its time that this process still turns, until the scope closes, where there is one
 * (`WATCHDOG_USEC`) and it is for this process (`WATCHDOG_PID`).
 */
export const watchdog: Effect.Effect<void, never, Scope.Scope> = Effect.gen(function* () {
  const micros = Number(yield* variable("WATCHDOG_USEC"))
  const pid = yield* variable("WATCHDOG_PID")
  if (!(micros > 0) || (pid !== undefined && Number(pid) !== process.pid)) return
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(notify("WATCHDOG=1"), Effect.sleep(micros / 2000))))
})
