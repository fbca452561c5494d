import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync, spawnSync } from "node:child_process"
import * as net from "node:net"
import * as path from "node:path"
import { temporary, write } from "./utils/folders.ts"
import { http09, serving, start } from "./utils/processes.ts"
import { scripted } from "./utils/servers.ts"

const bytes = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, index) => (index * 31) % 256))
const files = { "index.html": "<p>Hello\n", "a b.txt": "spaces\n", bytes, "folder/index.html": "folder\n" }
const limit = 30_000

const has = (program: string): boolean => spawnSync("which", [program]).status === 0

/** A test that needs a program, and says so where it is missing. */
const needs = (program: string) => (has(program) ? it.live : it.live.skip)
const title = (program: string, claim: string): string =>
  has(program) ? claim : `${claim} (skipped: ${program} is not installed)`

const folderOf = Effect.tap(temporary, (folder) => write(folder, files))

const freePort = Effect.scoped(scripted(() => {}))

/** Waits until something listens on the port. */
const listens = (port: number): Effect.Effect<void> =>
  Effect.callback<boolean>((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    socket.on("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.on("error", () => resume(Effect.succeed(false)))
  }).pipe(
    Effect.flatMap((open) =>
      open
        ? Effect.void
        : Effect.delay(
            Effect.suspend(() => listens(port)),
            "50 millis"
          )
    ),
    Effect.timeout("10 seconds"),
    Effect.orDie
  )

describe("the server answers", () => {
  needs("curl")(
    title("curl", "curl --http0.9, byte by byte"),
    () =>
      Effect.gen(function* () {
        const { port } = yield* serving([yield* folderOf])
        const curl = (target: string): Buffer =>
          execFileSync("curl", ["--silent", "--show-error", "--http0.9", `http://127.0.0.1:${port}${target}`])
        assert.strictEqual(Buffer.compare(curl("/bytes"), bytes), 0)
        assert.strictEqual(curl("/a%20b.txt?query").toString(), "spaces\n")
        assert.strictEqual(curl("/folder").toString(), "folder\n")
      }),
    limit
  )

  needs("curl")(
    title("curl", "curl through it as through a proxy, with an absolute address"),
    () =>
      Effect.gen(function* () {
        const { port } = yield* serving([yield* folderOf])
        const proxy = ["--silent", "--http0.9", "--proxy", `http://127.0.0.1:${port}`]
        const answer = execFileSync("curl", [...proxy, "http://example.org/folder/"])
        assert.strictEqual(answer.toString(), "folder\n")
      }),
    limit
  )

  needs("ncat")(
    title("ncat", "ncat, in both dialects and at the end of input"),
    () =>
      Effect.gen(function* () {
        const { port } = yield* serving([yield* folderOf])
        const ncat = (input: string): Buffer => execFileSync("ncat", ["127.0.0.1", String(port)], { input })
        assert.strictEqual(ncat("GET /\r\n").toString(), "<p>Hello\n")
        assert.strictEqual(ncat("GET /a b.txt HTTP/0.9\n\n").toString(), "spaces\n")
        assert.strictEqual(ncat("GET /missing\n").toString(), "HTTP/0.9 401 Not found.\n")
        assert.strictEqual(Buffer.compare(ncat("GET /bytes"), bytes), 0)
      }),
    limit
  )
})

describe("the client gets", () => {
  needs("nginx")(
    title("nginx", "what nginx has, in the form of 1991"),
    () =>
      Effect.gen(function* () {
        const folder = yield* folderOf
        const port = yield* freePort
        const temporaryPaths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
          .map((name) => `${name}_temp_path ${folder}/${name};`)
          .join("\n")
        const config = `
          daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr; user root;
          events {}
          http { access_log off; ${temporaryPaths} server { listen 127.0.0.1:${port}; root ${folder}; } }`
        yield* write(folder, { "nginx.conf": config })
        yield* start("nginx", ["-e", "stderr", "-c", path.join(folder, "nginx.conf")])
        yield* listens(port)
        const get = (target: string) => http09(["get", "127.0.0.1", String(port), target, "--dialect", "1991"])
        assert.strictEqual(Buffer.compare((yield* get("/bytes")).stdout, bytes), 0)
        assert.strictEqual((yield* get("/a b.txt")).stdout.toString(), "spaces\n")
        assert.strictEqual((yield* get("/")).stdout.toString(), "<p>Hello\n")
      }),
    limit
  )

  needs("python3")(
    title("python3", "what Python's http.server has, in the long form"),
    () =>
      Effect.gen(function* () {
        const folder = yield* folderOf
        const port = yield* freePort
        const args = ["-m", "http.server", String(port), "--bind", "127.0.0.1", "--directory", folder]
        yield* start("python3", args)
        yield* listens(port)
        const get = (target: string) => http09(["get", "127.0.0.1", String(port), target])
        assert.strictEqual(Buffer.compare((yield* get("/bytes")).stdout, bytes), 0)
        assert.strictEqual((yield* get("/a b.txt")).stdout.toString(), "spaces\n")
        assert.strictEqual((yield* get("/folder/")).stdout.toString(), "folder\n")
      }),
    limit
  )
})
