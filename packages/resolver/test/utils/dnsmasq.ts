import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as childProcess from "node:child_process"
import * as dgram from "node:dgram"

const freePort = Effect.callback<number>((resume) => {
  const socket = dgram.createSocket("udp4")
  socket.bind(0, "127.0.0.1", () => {
    const { port } = socket.address()
    socket.close(() => resume(Effect.succeed(port)))
  })
})

/** Runs dnsmasq with these options on a free port of the loopback, and gives its address. */
export const start = (...options: ReadonlyArray<string>): Effect.Effect<string, never, Scope.Scope> =>
  // A port that was free may be somebody else's by the time dnsmasq opens it, for UDP and for TCP.
  run(options).pipe(Effect.retry({ times: 9 }), Effect.orDie)

const run = Effect.fnUntraced(function* (
  options: ReadonlyArray<string>
): Effect.fn.Return<string, string, Scope.Scope> {
  const port = yield* freePort
  const args = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-daemon", "--user="]
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      childProcess.spawn("dnsmasq", [
        ...args,
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        `--port=${port}`,
        ...options
      ])
    ),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill()
      })
  )
  // It reports its start on standard error, and its reason if it ends.
  return yield* Effect.callback<string, string>((resume) => {
    let said = ""
    child.stderr.on("data", (chunk) => {
      said += String(chunk)
      if (said.includes("started")) resume(Effect.succeed(`127.0.0.1:${port}`))
    })
    child.once("exit", () => resume(Effect.fail(said)))
  })
})
