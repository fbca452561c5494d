import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as net from "node:net"
import { temporary, write } from "../../utils/folders.ts"
import { serving } from "../../utils/processes.ts"
import { collect, connect, exchange } from "../../utils/raw.ts"
import { eventually, isAlive, workersOf } from "../../utils/workers.ts"

const limit = 60_000
const large = Buffer.alloc(8_000_000, "x")

/** A server with a download under way that nobody reads. */
const downloading = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const folder = yield* temporary
    yield* write(folder, { large })
    const server = yield* serving([folder, ...args])
    const socket = yield* connect(server.port)
    socket.pause()
    socket.write("GET /large\r\n")
    yield* server.until("> Serving file")
    return { ...server, socket }
  })

describe("no signal makes a part of a document look whole", () => {
  for (const workers of [[], ["--workers", "2"]]) {
    const processes = workers.length === 0 ? "one process" : "several workers"
    for (const [name, signals] of [
      ["SIGQUIT", ["SIGQUIT"]],
      ["a second SIGTERM", ["SIGTERM", "SIGTERM"]],
      ["a second SIGINT", ["SIGINT", "SIGINT"]],
      ["SIGTERM after SIGHUP", ["SIGHUP", "SIGTERM"]]
    ] as const) {
      it.live(
        `${name} resets what is open and ends ${processes} at once, of that signal`,
        () =>
          Effect.gen(function* () {
            const server = yield* downloading(...workers)
            const pids = [...workersOf(server.pid).values()]
            for (const signal of signals) {
              server.child.kill(signal)
              yield* Effect.sleep("200 millis")
            }
            const ended = yield* Effect.timeout(server.ended, "5 seconds")
            assert.strictEqual(ended.status, signals.at(-1))
            assert.isTrue(yield* eventually(() => !pids.some(isAlive)))
            const answer = yield* collect(server.socket)
            assert.strictEqual(answer.ending, "reset")
            assert.isBelow(answer.bytes.length, large.length)
          }).pipe(Effect.scoped),
        limit
      )
    }

    it.live(
      `SIGQUIT resets those that wait for their turn at ${processes} as well: to them FIN would be a whole document`,
      () =>
        Effect.gen(function* () {
          const server = yield* serving(["--max-connections", "1", ...workers])
          const clients = yield* Effect.replicateEffect(connect(server.port), 12)
          yield* Effect.sleep("300 millis")
          const answers = yield* Effect.forkChild(Effect.forEach(clients, collect, { concurrency: "unbounded" }), {
            startImmediately: true
          })
          server.child.kill("SIGQUIT")
          assert.strictEqual((yield* Effect.timeout(server.ended, "5 seconds")).status, "SIGQUIT")
          for (const { ending } of yield* Fiber.join(answers)) assert.strictEqual(ending, "reset")
        }).pipe(Effect.scoped),
      limit
    )

    it.live(
      `SIGHUP lets downloads of ${processes} end as SIGTERM does, however often it comes`,
      () =>
        Effect.gen(function* () {
          const server = yield* downloading(...workers)
          for (const pid of [server.pid, server.pid, ...workersOf(server.pid).values()]) process.kill(pid, "SIGHUP")
          yield* Effect.sleep("300 millis")
          server.child.kill("SIGHUP")
          const answer = yield* collect(server.socket)
          assert.deepStrictEqual([answer.bytes.length, answer.ending], [large.length, "fin"])
          const ended = yield* Effect.timeout(server.ended, "10 seconds")
          assert.deepStrictEqual([ended.status, ended.stderr], [0, ""])
        }).pipe(Effect.scoped),
      limit
    )
  }

  it.live(
    "a worker resets what is open on SIGQUIT, and when the first process ends while it drains",
    () =>
      Effect.gen(function* () {
        for (const end of ["SIGQUIT", "SIGKILL"] as const) {
          const server = yield* downloading("--workers", "2")
          const pids = [...workersOf(server.pid).values()]
          if (end === "SIGQUIT") for (const pid of pids) process.kill(pid, end)
          else {
            server.child.kill("SIGTERM")
            yield* Effect.sleep("300 millis")
            server.child.kill(end)
          }
          assert.isTrue(yield* eventually(() => !pids.some(isAlive)))
          assert.strictEqual((yield* collect(server.socket)).ending, "reset")
        }
      }).pipe(Effect.scoped),
    limit
  )
})

const opens = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    const done = (open: boolean): void => {
      socket.destroy()
      resume(Effect.succeed(open))
    }
    socket.on("connect", () => done(true))
    socket.on("error", () => done(false))
  })

it.live(
  "SIGUSR1 opens no debugger, in no process, and the server goes on",
  () =>
    Effect.gen(function* () {
      const debuggerPort = 9229
      // Somebody else may have one.
      const before = yield* opens(debuggerPort)
      for (const workers of [[], ["--workers", "2"]]) {
        const server = yield* serving(workers)
        for (const pid of [server.pid, ...workersOf(server.pid).values()]) process.kill(pid, "SIGUSR1")
        yield* Effect.sleep("700 millis")
        assert.strictEqual(yield* opens(debuggerPort), before)
        assert.isAbove((yield* exchange(server.port, "GET /\r\n")).bytes.length, 500)
        server.child.kill("SIGTERM")
        assert.strictEqual((yield* server.ended).stderr, "")
      }
    }).pipe(Effect.scoped),
  limit
)
