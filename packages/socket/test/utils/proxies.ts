/** Real proxies on the loopback, each in a process of its own. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as childProcess from "node:child_process"
import * as net from "node:net"

const listens = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = net.connect({ port, host: "127.0.0.1" })
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", () => resume(Effect.succeed(false)))
  })

const awaitListening = (port: number): Effect.Effect<void> =>
  Effect.flatMap(listens(port), (is) => (is ? Effect.void : Effect.andThen(Effect.sleep(20), awaitListening(port))))

/** Runs a program until the scope closes. It listens on `port` of 127.0.0.1 when this returns. */
export const run = (
  port: number,
  command: string,
  ...args: ReadonlyArray<string>
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => childProcess.spawn(command, args, { stdio: "ignore" })),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("close", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  ).pipe(Effect.andThen(Effect.orDie(Effect.timeout(awaitListening(port), 5000))))
