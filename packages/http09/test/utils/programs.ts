/** Programs of others, as peers of ours. */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { start } from "./processes.ts"
import { scripted } from "./servers.ts"
import { has } from "../../../../test/utils/programs.ts"

/** A test that needs a program, and is skipped where it is missing. */
export const needs = (program: string) => (has(program) ? it.live : it.live.skip)

/** Its title, which says so. */
export const title = (program: string, claim: string): string => `${claim} (needs ${program})`

const freePort = Effect.scoped(scripted(() => {}))

const opens = (port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    socket.on("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.on("error", () => resume(Effect.succeed(false)))
  })

const listens = (port: number): Effect.Effect<void> =>
  Effect.flatMap(opens(port), (open) =>
    open
      ? Effect.void
      : Effect.andThen(
          Effect.sleep("50 millis"),
          Effect.suspend(() => listens(port))
        )
  )

/** Starts a server that is told a port of the loopback, until the scope closes; the port, when it listens. */
export const serverOf = (command: string, args: (port: number) => ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const port = yield* freePort
    yield* start(command, args(port))
    yield* Effect.orDie(Effect.timeout(listens(port), "10 seconds"))
    return port
  })

/** A real haproxy that relays what comes at a port of the loopback to `server`: where it is, and with which options. */
export const haproxy = (folder: string, server: string) =>
  Effect.gen(function* () {
    const port = yield* freePort
    const file = path.join(folder, "haproxy.cfg")
    const timeouts = ["connect", "client", "server"].map((name) => `timeout ${name} 10s`)
    const lines = [
      "listen relay",
      "mode tcp",
      "retries 0",
      ...timeouts,
      `bind 127.0.0.1:${port}`,
      `server one ${server}`
    ]
    fs.writeFileSync(file, `${lines.join("\n")}\n`)
    // As master and worker: only the master says when it listens, and a connection that asks would be relayed.
    const running = yield* start("haproxy", ["-W", "-db", "-f", file])
    yield* running.until("Loading success")
    return port
  })
