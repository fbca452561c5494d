import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { temporary, write } from "../../utils/folders.ts"
import { eventually, measured, total } from "../../utils/workers.ts"
import { http09, cli, serving, start } from "../../utils/processes.ts"
import { type Answer, collect, connect, exchange, exchangeWith } from "../../utils/raw.ts"

const limit = 30_000
const large = Buffer.alloc(8_000_000, "x")

describe("configuration", () => {
  it.live(
    "the environment configures a server, and flags win",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        yield* write(folder, { lines: "a\nb", ".secret": "s" })
        const env = { HTTP09_PORT: "1", HTTP09_ROOT: folder, HTTP09_TEXT: "yes", HTTP09_DOTFILES: "on" }
        const server = yield* serving(["--no-dotfiles", "--dialect", "1991"], { env })
        assert.strictEqual((yield* exchange(server.port, "GET /lines\r\n")).text, "a\r\nb\r\n")
        const hidden = (yield* exchange(server.port, "GET /.secret\r\n")).text
        assert.match(hidden, /^<TITLE>Not found<\/TITLE>/)
      }),
    limit
  )

  it.live(
    "--host :: takes both families, alone and with workers, and logs IPv4 clients as such",
    () =>
      Effect.gen(function* () {
        for (const more of [[], ["--workers", "2"]]) {
          const server = yield* serving(["--host", "::", ...more])
          assert.isAbove((yield* exchange(server.port, "GET /\r\n")).bytes.length, 500)
          yield* server.until(/> Received request from host 127\.0\.0\.1:\d+\n/)
        }
      }),
    limit
  )

  it.live(
    "--host may be said again, and localhost is both loopbacks, alone and with workers: one port, one start line",
    () =>
      Effect.gen(function* () {
        for (const more of [[], ["--workers", "2"]]) {
          const server = yield* serving(["--host", "127.0.0.2", "--host", "localhost", ...more])
          for (const host of ["127.0.0.1", "127.0.0.2", "::1"]) {
            assert.isAbove((yield* exchangeWith(host, server.port, "GET /\r\n")).bytes.length, 500, host)
          }
          assert.lengthOf(
            server
              .stdout()
              .toString()
              .match(/Started/g) ?? [],
            1
          )
        }
        const taken = net.createServer().listen(0, "::1")
        yield* Effect.addFinalizer(() => Effect.sync(() => taken.close()))
        yield* Effect.callback<void>((resume) => void taken.once("listening", () => resume(Effect.void)))
        const { port } = taken.address() as net.AddressInfo
        for (const more of [[], ["--workers", "2"]]) {
          const failed = yield* http09(["serve", "--port", String(port), ...more], {
            env: { HTTP09_HOST: "localhost" }
          })
          assert.deepStrictEqual(
            [failed.status, failed.errors],
            [1, [`http09: listen [::1]:${port}: address already in use`]]
          )
        }
      }).pipe(Effect.scoped),
    limit
  )

  it.live(
    "a wrong value is one line that names its flag or variable, and exit status 2",
    () =>
      Effect.gen(function* () {
        const flag = yield* http09(["serve", "--workers", "none"])
        const variable = yield* http09(["serve"], { env: { HTTP09_SEND_TIMEOUT: "never" } })
        const see = "(see http09 serve --help)"
        assert.deepStrictEqual(
          [flag.status, flag.stderr],
          [2, `http09: Invalid value for flag --workers: "none". Expected: a number from 1 to 256 ${see}\n`]
        )
        const expected = "a time from 1ms to 596h, such as 500ms, 15s or 2m"
        assert.deepStrictEqual(
          [variable.status, variable.stderr],
          [2, `http09: Invalid value for HTTP09_SEND_TIMEOUT: "never". Expected: ${expected} ${see}\n`]
        )
      }),
    limit
  )

  it.live(
    "serve --help names every flag with its variable, also when the environment is wrong",
    () =>
      Effect.gen(function* () {
        const { status, stdout } = yield* http09(["serve", "--help"], { env: { HTTP09_PORT: "x" } })
        assert.strictEqual(status, 0)
        const flags = [...stdout.toString().matchAll(/^ {2}--([a-z-]+).*\[(HTTP09_[A-Z_]+)/gm)]
        assert.strictEqual(flags.length, 19)
        for (const [, flag, variable] of flags) {
          assert.strictEqual(variable, `HTTP09_${flag.replaceAll("-", "_").toUpperCase()}`)
        }
      }),
    limit
  )

  it.live(
    "--listing shows a folder without an index, --dotfiles what starts with a dot",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        yield* write(folder, { "notes/today.txt": "t", "notes/.draft": "d" })
        const server = yield* serving([folder, "--listing", "--dotfiles"])
        const page = (yield* exchange(server.port, "GET /notes/\r\n")).text
        assert.include(page, "today.txt")
        assert.strictEqual((yield* exchange(server.port, "GET /notes/.draft\r\n")).text, "d")
      }),
    limit
  )
})

describe("logs", () => {
  it.live(
    "--log-format common and json put requests and nothing else on standard output",
    () =>
      Effect.gen(function* () {
        for (const format of ["common", "json"]) {
          const server = yield* serving(["--log-format", format])
          yield* exchange(server.port, "GET /missing HTTP/0.9\r\n")
          server.child.kill("SIGTERM")
          const ended = yield* server.ended
          assert.strictEqual(ended.stderr, `> Started server on port ${server.port}\n`)
          const lines = ended.stdout.toString().trimEnd().split("\n")
          assert.strictEqual(lines.length, 1)
          if (format === "common") assert.match(lines[0], /^127\.0\.0\.1 - - \[.*\] "GET \/missing" 404 \d+$/)
          else assert.include(JSON.parse(lines[0]), { request: "GET /missing HTTP/0.9", status: 404 })
        }
      }),
    limit
  )
})

describe("--unix", () => {
  it.live(
    "serves at a path, says so, and removes it at the end",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        const file = path.join(folder, "http09.sock")
        const server = yield* start(process.execPath, [cli, "serve", "--unix", file])
        yield* server.until(`> Started server on ${file}\n`)
        const socket = net.connect(file)
        socket.write("GET /protocol.txt\r\n")
        const answer = yield* collect(socket)
        assert.match(answer.text, /^HTTP\/0\.9, AS THIS SERVER SPEAKS IT/)
        server.child.kill("SIGTERM")
        assert.strictEqual((yield* server.ended).status, 0)
        assert.deepStrictEqual(fs.readdirSync(folder), [])
      }),
    limit
  )

  it.live(
    "a path that is in use, or several workers, is one line and exit status 1",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        yield* write(folder, { "a file": "" })
        const file = path.join(folder, "a file")
        const taken = yield* http09(["serve", "--unix", file])
        assert.strictEqual(taken.status, 1)
        assert.strictEqual(taken.stderr, `http09: listen ${file}: address already in use\n`)
        const several = yield* http09(["serve", "--unix", path.join(folder, "x"), "--workers", "2"])
        assert.strictEqual(several.status, 1)
        assert.strictEqual(several.stderr, "http09: workers share a port: a Unix-domain socket has one process\n")
      }),
    limit
  )
})

/** A server with a large document, and with limits. */
const limited = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const folder = yield* temporary
    yield* write(folder, { large, "index.html": "<p>Hello" })
    return yield* serving([folder, ...args])
  })

/** Asks for the large document and reads nothing for a while. */
const stalled = (port: number) =>
  Effect.tap(connect(port), (socket) =>
    Effect.sync(() => {
      socket.pause()
      socket.write("GET /large\r\n")
    })
  )

const isCut = ({ bytes, ending }: Answer): boolean => ending === "reset" && bytes.length < large.length

describe("limits", () => {
  it.live(
    "--max-per-peer resets what is beyond, and the next is served when one has ended",
    () =>
      Effect.gen(function* () {
        const { port } = yield* limited("--max-per-peer", "2")
        const first = yield* connect(port)
        yield* connect(port)
        const third = yield* exchange(port, "GET /\r\n")
        assert.deepStrictEqual([third.text, third.ending], ["", "reset"])
        first.end("GET /\r\n")
        assert.strictEqual((yield* collect(first)).text, "<p>Hello")
        let next = yield* exchange(port, "GET /\r\n")
        for (let turn = 0; turn < 50 && next.ending === "reset"; turn++) next = yield* exchange(port, "GET /\r\n")
        assert.strictEqual(next.text, "<p>Hello")
      }),
    limit
  )

  it.live(
    "--max-connections lets what is beyond wait for its turn, and --header-timeout gives it one",
    () =>
      Effect.gen(function* () {
        const { port } = yield* limited("--max-connections", "1", "--header-timeout", "500ms")
        const silent = yield* connect(port)
        const [waited, ended] = yield* Effect.all([exchange(port, "GET /\r\n"), collect(silent)], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual([waited.text, waited.ending], ["<p>Hello", "fin"])
        assert.deepStrictEqual([ended.text, ended.ending], ["", "reset"])
      }),
    limit
  )

  for (const [flag, reason, ...workers] of [
    ["--accept-rate", "accept_rate"],
    ["--accept-rate-per-peer", "accept_rate_per_peer", "--workers", "2"]
  ]) {
    it.live(
      [flag, "resets what comes beyond, and counts it", ...workers].join(" "),
      () =>
        Effect.gen(function* () {
          const folder = yield* temporary
          yield* write(folder, { "index.html": "<p>Hello" })
          const server = yield* measured([folder, flag, "2", ...workers])
          const endings: Array<string> = []
          // A second is a long time for three clients, but not for a machine that stands still.
          yield* eventually(async () => {
            endings.push((await Effect.runPromise(exchange(server.port, "GET /\r\n"))).ending)
            return endings.includes("reset")
          })
          assert.isAtLeast(endings.indexOf("reset"), 1)
          assert.strictEqual(total(yield* server.samples, "socket_connections_refused", `reason="${reason}"`), 1)
        }),
      limit
    )
  }

  for (const workers of ["1", "2"]) {
    it.live(
      `near --max-connections it says so, and when it is no longer; --workers ${workers}`,
      () =>
        Effect.gen(function* () {
          const server = yield* limited("--max-connections", workers, "--workers", workers)
          const who = workers === "1" ? "http09: " : "http09: worker [12] is "
          const socket = yield* connect(server.port)
          yield* server.until(new RegExp(`^${who}near --max-connections: 1 of 1$`, "m"))
          socket.end("GET /\r\n")
          yield* server.until(new RegExp(`^${who}no longer near --max-connections: 0 of 1$`, "m"))
        }),
      limit
    )
  }

  it.live(
    "--send-timeout resets a client that reads nothing, --total-timeout one that takes too long",
    () =>
      Effect.gen(function* () {
        for (const flag of ["--send-timeout", "--total-timeout"]) {
          const server = yield* limited(flag, "500ms")
          const socket = yield* stalled(server.port)
          yield* server.until("> Sent only")
          assert.isTrue(isCut(yield* collect(socket)), flag)
        }
      }),
    limit
  )

  it.live(
    "--drain-timeout bounds a stop: what is not done then is cut, and counted",
    () =>
      Effect.gen(function* () {
        const server = yield* limited("--drain-timeout", "200ms")
        const socket = yield* stalled(server.port)
        yield* server.until("> Serving file")
        server.child.kill("SIGTERM")
        const ended = yield* Effect.timeout(server.ended, "10 seconds")
        assert.deepStrictEqual([ended.status, ended.stderr], [0, "http09: connections cut: 1\n"])
        assert.isTrue(isCut(yield* collect(socket)))
      }),
    limit
  )
})
