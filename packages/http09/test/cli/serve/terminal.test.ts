import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as os from "node:os"
import { stripVTControlCharacters } from "node:util"
import { linesOf, urlsOf } from "../../../src/cli/serve/announcement.ts"
import { start, cli, memory, serving, type Running } from "../../utils/processes.ts"
import { needs, title } from "../../utils/programs.ts"
import { exchange } from "../../utils/raw.ts"
import { onTerminal } from "../../utils/terminal.ts"
import { eventually, isAlive } from "../../utils/workers.ts"

const limit = 120_000
const processes = [[], ["--workers", "2"]] as const
const nameOf = (workers: ReadonlyArray<string>) => (workers.length === 0 ? "one process" : "several workers")

/** More than fits between the server and a reader who stands still. */
const requests = 400
const line = `GET /${"a".repeat(8000)}\r\n`

/** Everything that was asked for was answered, and each request is in the log or counted as lost, when it flows again. */
const losesNothingUnsaid = (server: Pick<Running, "until">, port: number, thaw: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const answers = yield* Effect.replicateEffect(exchange(port, line), requests, { concurrency: 8 })
    assert.isTrue(answers.every(({ ending, text }) => ending === "fin" && text.startsWith("HTTP/0.9 401")))
    yield* thaw
    const text = yield* server.until(/ lines for standard output were not taken and are lost\n/)
    yield* exchange(port, "GET /last\r\n")
    const all = yield* server.until(/"GET \/last" 404/)
    assert.isAbove(all.length, text.length)
    const logged = all.match(/"GET \/a{8000}" 404 \d+$/gm)?.length ?? 0
    const lost = [...all.matchAll(/^http09: (\d+) lines for standard output were not taken and are lost$/gm)]
    const sum = lost.reduce((sum, [, count]) => sum + Number(count), 0)
    assert.isAbove(sum, 0)
    assert.strictEqual(logged + sum, requests)
  })

describe("a log that nobody takes stops no server, fills no memory, and what is lost is counted and said", () => {
  for (const workers of processes) {
    needs("python3")(
      title("python3", `on a terminal that is frozen, with ${nameOf(workers)}`),
      () =>
        Effect.gen(function* () {
          const server = yield* onTerminal(["--log-format", "common", ...workers])
          yield* server.freeze
          yield* losesNothingUnsaid(server, server.port, server.thaw)
          process.kill(server.pid, "SIGTERM")
          assert.strictEqual((yield* Effect.timeout(server.ended, "10 seconds")).status, 0)
        }).pipe(Effect.scoped),
      limit
    )

    needs("python3")(
      title("python3", `a frozen terminal keeps nobody from ending ${nameOf(workers)}`),
      () =>
        Effect.gen(function* () {
          const server = yield* onTerminal(["--log-format", "common", ...workers])
          yield* server.freeze
          yield* Effect.replicateEffect(exchange(server.port, line), 50, { concurrency: 8 })
          process.kill(server.pid, "SIGTERM")
          assert.isTrue(yield* eventually(() => !isAlive(server.pid), 5000))
          yield* server.thaw
          assert.strictEqual((yield* Effect.timeout(server.ended, "5 seconds")).status, 0)
        }).pipe(Effect.scoped),
      limit
    )

    it.live(
      `through a pipe whose reader stands still, with ${nameOf(workers)}`,
      () =>
        Effect.gen(function* () {
          const server = yield* serving(["--log-format", "common", ...workers])
          const { stdout } = server.child
          stdout?.pause()
          yield* Effect.replicateEffect(exchange(server.port, line), 50, { concurrency: 8 })
          const before = memory(server.pid)
          const thaw = Effect.sync(() => {
            assert.isBelow(memory(server.pid) - before, 60_000_000)
            stdout?.resume()
          })
          yield* Effect.replicateEffect(exchange(server.port, line), 1000, { concurrency: 8 })
          yield* Effect.andThen(thaw, server.until(/lines for standard output were not taken and are lost\n/))
          server.child.kill("SIGTERM")
          const { status, stderr, stdout: log } = yield* Effect.timeout(server.ended, "10 seconds")
          const logged = log.toString().match(/"GET \/a{8000}" 404 \d+$/gm)?.length ?? 0
          const lost = [...stderr.matchAll(/^http09: (\d+) lines for/gm)]
          assert.strictEqual(status, 0)
          assert.strictEqual(
            lost.reduce((sum, [, count]) => sum + Number(count), logged),
            1050
          )
        }).pipe(Effect.scoped),
      limit
    )
  }
})

const address = (ip: string, port = 8080): NetAddress.SocketAddress =>
  NetAddress.inetAddressUnsafe(NetAddress.ipFromStringUnsafe(ip), port)

const interfaces = (): ReturnType<typeof os.networkInterfaces> => {
  const info = { netmask: "", mac: "", internal: false, cidr: null, scopeid: 0 }
  const v4 = (address: string) => ({ ...info, address, family: "IPv4" as const })
  const v6 = (address: string) => ({ ...info, address, family: "IPv6" as const })
  return { lo: [v4("127.0.0.1"), v6("::1")], eth0: [v4("192.0.2.7"), v6("fe80::1"), v6("2001:db8::7")] }
}

describe("the URLs of a server", () => {
  it("are that of its address, or of all addresses of the machine that can stand in one", () => {
    assert.deepStrictEqual(urlsOf(address("127.0.0.1"), interfaces), ["http://127.0.0.1:8080/"])
    assert.deepStrictEqual(urlsOf(address("::1", 80), interfaces), ["http://[::1]/"])
    assert.deepStrictEqual(urlsOf(address("0.0.0.0"), interfaces), ["http://127.0.0.1:8080/", "http://192.0.2.7:8080/"])
    assert.deepStrictEqual(urlsOf(address("::"), interfaces), [
      "http://127.0.0.1:8080/",
      "http://192.0.2.7:8080/",
      "http://[::1]:8080/",
      "http://[2001:db8::7]:8080/"
    ])
    assert.deepStrictEqual(urlsOf(NetAddress.unixPathAddress("/run/http09.sock"), interfaces), [])
  })

  it("are those of each address that it listens on, once, below one line for each port", () => {
    const stream = {
      isTTY: true,
      getColorDepth: () => 1,
      hasColors: () => false,
      writable: true,
      pipe: () => {},
      write: () => true
    }
    const addresses = [address("127.0.0.1"), address("::1"), address("127.0.0.1"), address("127.0.0.1", 81)]
    assert.deepStrictEqual(
      linesOf(addresses, Object.assign(Object.create(process.stdout), stream)).map(stripVTControlCharacters),
      [
        "> Started server on port 8080",
        "> Started server on port 81",
        "> http://127.0.0.1:8080/",
        "> http://[::1]:8080/",
        "> http://127.0.0.1:81/"
      ]
    )
  })

  needs("python3")(
    title("python3", "are shown on a terminal, in colour unless NO_COLOR is set, and nowhere else"),
    () =>
      Effect.gen(function* () {
        for (const [env, before, after] of [
          [{}, "\x1b[36m", "\x1b[39m"],
          [{ NO_COLOR: "1" }, "", ""],
          [{ TERM: "dumb" }, "", ""]
        ] as const) {
          const server = yield* onTerminal(["--host", "0.0.0.0", "--workers", "2"], { TERM: "xterm", ...env })
          const url = `http://127.0.0.1:${server.port}/`
          const shown = yield* server.until(url)
          assert.include(shown, `> Started server on port ${server.port}\n> `)
          assert.include(`${yield* server.until(`${url}${after}\n`)}`, `> ${before}${url}${after}\n`)
        }
        const server = yield* start(process.execPath, [cli, "serve", "--port", "0"], { env: { FORCE_COLOR: "1" } })
        yield* server.until(/port \d+\n/)
        server.child.kill("SIGTERM")
        assert.match((yield* server.ended).stdout.toString(), /^> Started server on port \d+\n$/)
      }).pipe(Effect.scoped),
    limit
  )
})
