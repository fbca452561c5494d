import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as net from "node:net"
import { ask, asking, assertWhole, page } from "../../utils/asking.ts"
import { temporary, write } from "../../utils/folders.ts"
import { cli, type Running, serving, start } from "../../utils/processes.ts"
import { collect, connect, exchange } from "../../utils/raw.ts"
import { haproxy, needs, title } from "../../utils/programs.ts"
import { eventually, isAlive, workersOf } from "../../utils/workers.ts"

const limit = 60_000

const folderOf = Effect.tap(temporary, (folder) => write(folder, { "index.html": page }))

/** Clients at these addresses that ask without a pause until they are told to stop; then, what each of them asked. */
const load = (port: number, ...addresses: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const over = new AbortController()
    const clients = yield* Effect.forkChild(Effect.promise(() => asking(over.signal, port, addresses)))
    return Effect.andThen(
      Effect.sync(() => over.abort()),
      Fiber.join(clients)
    )
  })

const loopback = ["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"]

/** Kills the process with the scope, whoever started it. */
const ending = (pid: number) =>
  Effect.addFinalizer(() => Effect.sync(() => isAlive(pid) && process.kill(pid, "SIGKILL")))

/** Replaces the process, `times` times: the number of the last one. What all of them say is the first one's output. */
const replaced = ({ child, pid: first }: Running, times: number) =>
  Effect.gen(function* () {
    let said = ""
    child.stderr?.on("data", (chunk) => (said += String(chunk)))
    let pid = first
    for (let turn = 0; turn < times; turn++) {
      const old = pid
      process.kill(old, "SIGUSR2")
      yield* eventually(() => [...said.matchAll(/process \d+ serves on\n/g)].length > turn)
      pid = Number([...said.matchAll(/process (\d+) serves on\n/g)][turn]?.[1])
      yield* ending(pid)
      assert.isTrue(yield* eventually(() => !isAlive(old)))
    }
    return { last: pid, said: () => said }
  })

/** Has each of two workers replaced, `times` times. */
const renewed = (server: Running, times: number) =>
  Effect.gen(function* () {
    for (let turn = 1; turn <= times; turn++) {
      process.kill(server.pid, "SIGUSR2")
      yield* server.until(new RegExp(`(?:workers replaced: 2\\n[^]*){${turn}}`))
    }
  })

describe("SIGUSR2 to http09 serve", () => {
  it.live(
    "has ten processes take its place, one after the other, and no client under load notices",
    () =>
      Effect.gen(function* () {
        const server = yield* serving([yield* folderOf, "--log-format", "json", "--metrics", "0"])
        const stop = yield* load(server.port, ...loopback)
        const { last, said } = yield* replaced(server, 10)
        assertWhole(yield* stop)
        const metrics = [...said().matchAll(/http:\S+\/metrics/g)].map(([url]) => url)
        assert.deepStrictEqual([metrics.length, new Set(metrics).size], [10, 1])
        assert.include(yield* Effect.promise(async () => (await fetch(metrics[0])).text()), "socket_connections")
        process.kill(last, "SIGTERM")
        assert.isTrue(yield* eventually(() => !isAlive(last)))
        assert.match((yield* Effect.promise(() => ask(server.port))).outcome, /ECONNREFUSED/)
      }).pipe(Effect.scoped),
    limit
  )

  it.live(
    "replaces every worker, ten times, and no client under load notices",
    () =>
      Effect.gen(function* () {
        const server = yield* serving([yield* folderOf, "--workers", "2", "--log-format", "json"])
        const stop = yield* load(server.port, ...loopback)
        const before = [...workersOf(server.pid).values()]
        for (let turn = 1; turn <= 5; turn++) {
          process.kill(server.pid, "SIGUSR2")
          yield* server.until(new RegExp(`(?:workers replaced: 2\n[^]*){${turn}}`))
        }
        // Who is sent SIGTERM is replaced before it goes.
        const [[worker, pid]] = workersOf(server.pid)
        process.kill(pid, "SIGTERM")
        yield* server.until(`http09: worker ${worker} leaves; another has taken its place\n`)
        assertWhole(yield* stop)
        assert.isTrue(yield* eventually(() => !before.some(isAlive) && workersOf(server.pid).size === 2))
        server.child.kill("SIGTERM")
        assert.strictEqual((yield* Effect.timeout(server.ended, "20 seconds")).status, 0)
      }),
    limit
  )

  it.live(
    "that comes again while the new process starts has that one replaced as well",
    () =>
      Effect.gen(function* () {
        const server = yield* serving([yield* folderOf])
        let said = ""
        server.child.stderr?.on("data", (chunk) => (said += String(chunk)))
        const successors = () => [...said.matchAll(/process (\d+) serves on\n/g)].map(([, pid]) => Number(pid))
        const children = `/proc/${server.pid}/task/${server.pid}/children`
        process.kill(server.pid, "SIGUSR2")
        yield* eventually(() => fs.readFileSync(children, "utf8") !== "")
        process.kill(server.pid, "SIGUSR2")
        assert.isTrue(yield* eventually(() => successors().length === 2))
        const [second, last] = successors()
        yield* ending(last)
        assert.isTrue(yield* eventually(() => !isAlive(server.pid) && !isAlive(second)))
        assert.strictEqual((yield* Effect.promise(() => ask(server.port))).outcome, "whole")
      }).pipe(Effect.scoped),
    limit
  )

  it.live(
    "leaves a server that is not held up where nobody reads its log",
    () =>
      Effect.gen(function* () {
        const server = yield* serving([yield* folderOf, "--log-format", "json"])
        yield* replaced(server, 1)
        // Not before the end of the first process: Node reads on what is left of it.
        server.child.stdout?.pause()
        // A few times what a pipe or a socket takes.
        for (let asked = 0; asked < 600; asked++) {
          const answer = yield* Effect.timeout(exchange(server.port, `GET /${"long".repeat(500)}\r\n`), "5 seconds")
          assert.strictEqual(answer.ending, "fin")
        }
      }).pipe(Effect.scoped),
    limit
  )

  it.live(
    "answers a scraper whose question is still on its way",
    () =>
      Effect.gen(function* () {
        const server = yield* serving([yield* folderOf, "--metrics", "0"])
        const port = Number(/:(\d+)\/metrics\n/.exec(yield* server.until(/\/metrics\n/))?.[1])
        const scraper = yield* connect(port)
        const answer = yield* Effect.forkChild(collect(scraper), { startImmediately: true })
        const turn = yield* Effect.forkChild(replaced(server, 1), { startImmediately: true })
        yield* server.until("serves on\n")
        scraper.write("GET /metrics HTTP/1.0\r\n\r\n")
        assert.include((yield* Fiber.join(answer)).text, "socket_connections_active")
        yield* Fiber.join(turn)
      }).pipe(Effect.scoped),
    limit
  )

  it.live(
    "leaves the old process serving if the new one does not start",
    () =>
      Effect.gen(function* () {
        const folder = yield* folderOf
        const server = yield* serving([folder], { env: { NODE_OPTIONS: "" } })
        yield* Effect.promise(async () => (await import("node:fs/promises")).rename(folder, `${folder}.moved`))
        process.kill(server.pid, "SIGUSR2")
        yield* server.until("http09: not replaced: it ended with status 1; the old process serves on\n")
        yield* Effect.promise(async () => (await import("node:fs/promises")).rename(`${folder}.moved`, folder))
        assert.strictEqual((yield* Effect.promise(() => ask(server.port))).outcome, "whole")
      }),
    limit
  )
})

for (const [claim, args, replace] of [
  ["ten processes that replace one another", [], (server) => replaced(server, 10)],
  ["ten workers that are replaced", ["--workers", "2"], (server) => renewed(server, 5)]
] satisfies ReadonlyArray<
  readonly [string, ReadonlyArray<string>, (server: Running) => Effect.Effect<unknown, never, Scope.Scope>]
>) {
  needs("haproxy")(
    title("haproxy", `behind HAProxy, which retries nothing, no client notices ${claim}, and the log has each of them`),
    () =>
      Effect.gen(function* () {
        const folder = yield* folderOf
        const server = yield* serving([folder, "--log-format", "json", "--proxy-protocol", "127.0.0.1", ...args])
        const port = yield* haproxy(folder, `127.0.0.1:${server.port} send-proxy-v2`)
        const stop = yield* load(port, "127.0.0.2", "127.0.0.3")
        yield* replace(server)
        const asked = yield* stop
        assertWhole(asked)
        const logged = () =>
          [
            ...server
              .stdout()
              .toString()
              .matchAll(/^\{"time".*\}$/gm)
          ].map(([line]) => String(JSON.parse(line)["client"]))
        yield* eventually(() => logged().length >= asked.length)
        assert.deepStrictEqual(logged().toSorted(), asked.map(({ client }) => client).toSorted())
      }).pipe(Effect.scoped),
    limit
  )
}

needs("systemd-socket-activate")(
  title("systemd-socket-activate", "a port that a service manager passes is served, by one process or by several"),
  () =>
    Effect.gen(function* () {
      for (const workers of ["1", "2"]) {
        const port = yield* Effect.promise(
          () =>
            new Promise<number>((resolve) => {
              const probe = net.createServer().listen(0, "127.0.0.1", () => {
                const { port } = probe.address() as net.AddressInfo
                probe.close(() => resolve(port))
              })
            })
        )
        const folder = yield* folderOf
        const args = ["-l", `127.0.0.1:${port}`, "--fdname=web", process.execPath, cli, "serve", folder]
        const server = yield* start("systemd-socket-activate", [...args, "--workers", workers])
        yield* server.until("Listening on")
        assert.strictEqual((yield* Effect.promise(() => ask(port))).outcome, "whole")
        yield* server.until(`> Started server on port ${port}\n`)
        server.child.kill("SIGTERM")
        assert.strictEqual((yield* Effect.timeout(server.ended, "20 seconds")).status, 0)
      }
    }),
  limit
)

/** Prints the datagrams of a Unix-domain socket, each in one line. */
const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(s.recv(4096).decode().replace("\\n", " "), flush=True)
`

needs("systemd-notify")(
  title(
    "systemd-notify",
    "a service manager hears when it is ready, which process it is, that it still turns, and when it stops"
  ),
  () =>
    Effect.gen(function* () {
      const folder = yield* folderOf
      const manager = yield* start("python3", ["-c", listener, `${folder}/notify`])
      yield* manager.until("bound\n")
      const env = { NOTIFY_SOCKET: `${folder}/notify`, WATCHDOG_USEC: "400000", WATCHDOG_PID: undefined }
      const server = yield* serving([folder], { env })
      yield* manager.until(`READY=1 MAINPID=${server.pid}\n`)
      yield* manager.until(/(?:WATCHDOG=1\n[^]*){3}/)
      const { last } = yield* replaced(server, 1)
      yield* manager.until(`READY=1 MAINPID=${last}\n`)
      assert.notInclude(manager.stdout().toString(), "STOPPING=1")
      process.kill(last, "SIGTERM")
      yield* manager.until("STOPPING=1\n")
      assert.isTrue(yield* eventually(() => !isAlive(last)))
    }).pipe(Effect.scoped),
  limit
)
