import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { temporary, write } from "../utils/folders.ts"
import { cli, http09, serving, start } from "../utils/processes.ts"
import { collect, connect, exchange } from "../utils/raw.ts"
import { scripted } from "../utils/servers.ts"

const site = fileURLToPath(new URL("../../site", import.meta.url))
const limit = 20_000

const just = (...args: ReadonlyArray<string>) => Effect.succeed(args)

/** A port of the loopback on which nobody listens. */
const freePort = Effect.map(Effect.scoped(scripted(() => {})), (port) => port)

describe("http09 serve", () => {
  it.live(
    "prints what the book's program prints, and serves the site that ships with it",
    () =>
      Effect.gen(function* () {
        const server = yield* serving([])
        const picture = yield* exchange(server.port, "GET /sockets.png HTTP/0.9\r\n\r\n")
        assert.strictEqual(Buffer.compare(picture.bytes, fs.readFileSync(path.join(site, "sockets.png"))), 0)
        assert.strictEqual((yield* exchange(server.port, "GET /missing\r\n")).text, "HTTP/0.9 401 Not found.\n")
        assert.strictEqual((yield* exchange(server.port, "\r\n")).text, "HTTP/0.9 400 Invalid HTTP Request.\r\n")
        for (const name of ["/", "/protocol.txt"]) {
          assert.isAbove((yield* exchange(server.port, `GET ${name}\r\n`)).bytes.length, 500)
        }
        server.child.kill("SIGINT")
        const ended = yield* server.ended
        assert.strictEqual(ended.status, 0)
        assert.strictEqual(ended.stderr, "")
        const lines = ended.stdout.toString().split("\n")
        assert.strictEqual(lines[0], `> Started server on port ${server.port}`)
        assert.match(lines[1], /^> Received request from host 127\.0\.0\.1:\d+$/)
        assert.strictEqual(lines[2], `> Serving file ${site}/sockets.png...`)
        assert.strictEqual(lines.filter((line) => line.startsWith("> Received request")).length, 5)
        assert.strictEqual(lines.filter((line) => line.startsWith("> Serving file")).length, 3)
      }),
    limit
  )

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it.live(
      `lets a download end and exits with 0 on ${signal}, refusing new connections meanwhile`,
      () =>
        Effect.gen(function* () {
          const folder = yield* temporary
          yield* write(folder, { large: Buffer.alloc(8_000_000, "x") })
          const server = yield* serving([folder])
          const socket = yield* connect(server.port)
          socket.pause()
          socket.write("GET /large\r\n")
          yield* server.until("> Serving file")
          server.child.kill(signal)
          yield* Effect.sleep("300 millis")
          const refused = yield* Effect.exit(exchange(server.port, "GET /\r\n"))
          assert.include(JSON.stringify(refused), "ECONNREFUSED")
          const download = yield* collect(socket)
          assert.deepStrictEqual([download.bytes.length, download.ending], [8_000_000, "fin"])
          const ended = yield* Effect.timeout(server.ended, "5 seconds")
          assert.deepStrictEqual([ended.status, ended.stderr], [0, ""])
        }),
      limit
    )
  }

  it.live(
    "ends silent connections when it is told to stop",
    () =>
      Effect.gen(function* () {
        const server = yield* serving([])
        yield* connect(server.port)
        yield* exchange(server.port, "GET /\r\n")
        server.child.kill("SIGTERM")
        const ended = yield* Effect.timeout(server.ended, "5 seconds")
        assert.strictEqual(ended.status, 0)
      }),
    limit
  )

  it.live(
    "sends lines with CR LF with --text",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        yield* write(folder, { hosts: "127.0.0.1 localhost\n::1 localhost" })
        const server = yield* serving([folder, "--text"])
        const answer = yield* exchange(server.port, "GET /hosts HTTP/0.9\r\n\r\n")
        assert.strictEqual(answer.text, "127.0.0.1 localhost\r\n::1 localhost\r\n")
      }),
    limit
  )

  it.live(
    "takes a folder from where the user stands, and a script's arguments with or without --",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        yield* write(folder, { "public/index.html": "mine" })
        const env = { INIT_CWD: folder, npm_lifecycle_event: "start" }
        const plain = yield* serving(["public"], { env })
        assert.strictEqual((yield* exchange(plain.port, "GET /\r\n")).text, "mine")
        const dashed = yield* start(process.execPath, [cli, "serve", "--", "public", "--port", "0"], { env })
        const text = yield* dashed.until(/port \d+\n/)
        assert.strictEqual((yield* exchange(Number(/port (\d+)/.exec(text)?.[1]), "GET /\r\n")).text, "mine")
        const here = yield* serving(["public"], { cwd: folder })
        assert.strictEqual((yield* exchange(here.port, "GET /\r\n")).text, "mine")
      }),
    limit
  )

  it.live(
    "goes on when nobody reads its log any more",
    () =>
      Effect.gen(function* () {
        const server = yield* serving([])
        server.child.stdout?.destroy()
        for (let turn = 0; turn < 3; turn++) {
          assert.isAbove((yield* exchange(server.port, "GET /\r\n")).bytes.length, 500)
          yield* Effect.sleep("50 millis")
        }
        server.child.kill("SIGTERM")
        assert.strictEqual((yield* server.ended).status, 0)
      }),
    limit
  )
})

describe("every failure is one line on standard error and exit status 1, or 2 where the command line cannot be meant", () => {
  const fails = (name: string, args: Effect.Effect<ReadonlyArray<string>, never, never>, line: string | RegExp) =>
    it.live(
      name,
      () =>
        Effect.gen(function* () {
          const ended = yield* http09(yield* args)
          assert.strictEqual(ended.errors.length, 1, ended.stderr)
          if (typeof line === "string") assert.strictEqual(ended.errors[0], `http09: ${line}`)
          else assert.match(ended.errors[0], line)
          assert.strictEqual(ended.stdout.toString(), "")
          assert.strictEqual(ended.status, /\(see http09.* --help\)$/.test(ended.errors[0]) ? 2 : 1)
        }),
      limit
    )

  fails(
    "a URL that would move the terminal",
    just("get", "http://localhost:x\u001b[2J\n\u202e/"),
    /^http09: [ -~]*\\u001b\[2J[ -~]*\\u202e[ -~]* \(see http09 get --help\)$/
  )
  fails("a word of any length", just("x".repeat(50_000)), /^http09: .{1,500}… \(see http09 --help\)$/)
  fails("no command", just(), "a subcommand is missing (see http09 --help)")
  fails("a command that does not exist", just("fetch"), /^http09: .*fetch.* \(see http09 --help\)$/)
  fails("an unknown flag", just("serve", "--prot", "1"), /^http09: .*--prot.* \(see http09 serve --help\)$/)
  fails("a port that is no number", just("serve", "--port", "http"), /^http09: .*--port.*"http"/)
  fails("a port above 65535", just("serve", "--port", "65536"), /^http09: .*--port.*a number from 0 to 65535/)
  fails("a folder that does not exist", just("serve", "/no/such/folder"), "/no/such/folder: not found")
  fails("a file for a folder", just("serve", cli), `${cli}: not a folder`)
  fails(
    "a host that does not exist",
    just("serve", "--host", "no.such.invalid"),
    /^http09: .*no\.such\.invalid.*unknown/
  )
  fails(
    "an address of another machine",
    just("serve", "--port", "0", "--host", "192.0.2.1"),
    /192\.0\.2\.1:0: address not available/
  )
  fails("a missing argument", just("get", "localhost"), /^http09: .*port.* \(see http09 get --help\)$/)
  fails("a port of 0 to get from", just("get", "localhost", "0", "/"), /a number from 1 to 65535/)
  fails(
    "a path that is none",
    just("get", "localhost", "8080", "x"),
    /^http09: get x from localhost:8080: .*path from \//
  )
  fails(
    "a host that is unknown",
    just("get", "no.such.invalid", "80", "/"),
    /^http09: .*no\.such\.invalid.*unknown host/
  )
  fails(
    "a port on which nobody listens",
    Effect.map(freePort, (port) => ["get", "127.0.0.1", String(port), "/"]),
    /^http09: .*127\.0\.0\.1:\d+: connection refused/
  )

  it.live(
    "a port that is taken",
    () =>
      Effect.gen(function* () {
        const port = yield* scripted(() => {})
        const ended = yield* http09(["serve", "--port", String(port)])
        assert.strictEqual(ended.status, 1)
        assert.strictEqual(ended.stderr, `http09: listen 127.0.0.1:${port}: address already in use\n`)
      }),
    limit
  )

  it.live(
    "an answer that says why there is no document",
    () =>
      Effect.gen(function* () {
        const { port } = yield* serving([])
        const ended = yield* http09(["get", "127.0.0.1", String(port), "/missing"])
        assert.deepStrictEqual([ended.status, ended.stdout.length], [1, 0])
        assert.deepStrictEqual(ended.errors, [
          `http09: get /missing from 127.0.0.1:${port}: the server answered 401 Not found.`
        ])
      }),
    limit
  )
})

it.live(
  "--help and --version print on standard output and exit with 0",
  () =>
    Effect.gen(function* () {
      for (const args of [["--help"], ["serve", "--help"], ["get", "-h"], ["--version"]]) {
        const ended = yield* http09(args)
        assert.deepStrictEqual([ended.status, ended.stderr], [0, ""])
        assert.match(ended.stdout.toString(), /http09/)
      }
    }),
  limit
)

it.live(
  "what is printed into a closed pipe ends quietly, into a full disk with an error",
  () =>
    Effect.gen(function* () {
      for (const args of [["--help"], ["--version"], ["--completions", "bash"]]) {
        const run = `"$0" "$@"`
        const closed = yield* start("bash", [
          "-c",
          `${run} | true; exit \${PIPESTATUS[0]}`,
          process.execPath,
          cli,
          ...args
        ])
        const quiet = yield* closed.ended
        assert.deepStrictEqual([quiet.status, quiet.stderr], [0, ""])
        const full = yield* start("bash", ["-c", `${run} > /dev/full`, process.execPath, cli, ...args])
        const said = yield* full.ended
        assert.deepStrictEqual([said.status, said.errors.length], [1, 1], said.stderr)
        assert.match(said.stderr, /^http09: write: .*no space left/)
      }
    }).pipe(Effect.scoped),
  limit
)

it.live(
  "--completions prints a script that the shell takes, with the commands and their flags",
  () =>
    Effect.gen(function* () {
      const script = (yield* http09(["--completions", "bash"])).stdout.toString()
      for (const word of ["serve", "get", "--port", "--max-size"]) assert.include(script, word)
      assert.notInclude(script, "worker-of-serve")
      const checked = yield* start("bash", ["-n", "-c", script])
      assert.deepStrictEqual([(yield* checked.ended).status], [0])
    }).pipe(Effect.scoped),
  limit
)
