import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, spawnSync } from "node:child_process"
import { temporary, write } from "../utils/folders.ts"
import { cli, serving, start } from "../utils/processes.ts"
import { has } from "../../../../test/utils/programs.ts"

const bytes = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, index) => (index * 31) % 256))
const page = "<!doctype html>\n<title>T</title>\n<h1>A heading</h1>\n\n<p>Text <img src=dot.gif>\n"
const files = {
  "index.html": page,
  "a b.txt": "spaces\n",
  bytes,
  "dot.gif": Buffer.from("R0lGODlhAQABAAAAADs=", "base64")
}
const limit = 60_000

/** A test that needs a program, and says so. */
const needs = (
  program: string,
  claim: string,
  test: () => Effect.Effect<void>,
  more = { claim: "", holds: () => true }
) => it.live.runIf(has(program) && more.holds())(`${claim} (needs ${program}${more.claim})`, test, limit)

/** What a program prints, whatever its exit status. */
const output = (program: string, args: ReadonlyArray<string>) =>
  Effect.callback<Buffer>((resume) => {
    const child = execFile(program, args, { encoding: "buffer", timeout: 50_000 }, (_, stdout) =>
      resume(Effect.succeed(stdout))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const site = Effect.gen(function* () {
  const folder = yield* temporary
  yield* write(folder, files)
  return folder
})

/** Asks by a bare socket and prints what came, until the end. */
const python = `
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(sys.argv[2].encode())
if sys.argv[3] == "end": s.shutdown(socket.SHUT_WR)
while chunk := s.recv(65536): sys.stdout.buffer.write(chunk)
`

/** Whether this process may open port 80 of the loopback, and nobody else has. */
const hasPort80 = (): boolean => {
  const script = `require("node:net").createServer().listen(80, "127.0.0.1", function () { this.close() })`
  return spawnSync(process.execPath, ["-e", script]).status === 0
}

describe("the server answers", () => {
  needs("wget", "wget, byte by byte", () =>
    Effect.gen(function* () {
      const { port } = yield* serving([yield* site])
      const wget = (target: string) => output("wget", ["-q", "-O", "-", `http://127.0.0.1:${port}${target}`])
      assert.isTrue(bytes.equals(yield* wget("/bytes")))
      assert.strictEqual((yield* wget("/a%20b.txt")).toString(), "spaces\n")
      assert.strictEqual((yield* wget("/")).toString(), page)
    }).pipe(Effect.scoped)
  )

  needs("lynx", "lynx, which shows the page", () =>
    Effect.gen(function* () {
      const { port } = yield* serving([yield* site])
      const url = `http://127.0.0.1:${port}/`
      assert.strictEqual((yield* output("lynx", ["-source", url])).toString(), page)
      const shown = (yield* output("lynx", ["-dump", url])).toString()
      assert.match(shown, /A heading/)
      assert.notInclude(shown, "<h1>")
    }).pipe(Effect.scoped)
  )

  needs("python3", "Python's sockets, in both dialects and at the end of input", () =>
    Effect.gen(function* () {
      const { port } = yield* serving([yield* site])
      const ask = (request: string, end = "open") => output("python3", ["-c", python, String(port), request, end])
      assert.isTrue(bytes.equals(yield* ask("GET /bytes\r\n")))
      assert.isTrue(bytes.equals(yield* ask("GET /bytes HTTP/0.9\n\n")))
      assert.strictEqual((yield* ask("GET /a b.txt HTTP/1.0\r\n")).toString(), "spaces\n")
      assert.strictEqual((yield* ask("GET /", "end")).toString(), page)
      assert.strictEqual((yield* ask("GET /missing\r\n")).toString(), "HTTP/0.9 401 Not found.\n")
    }).pipe(Effect.scoped)
  )

  // Chromium speaks HTTP/0.9 to port 80 only.
  needs(
    "chromium",
    "Chromium on port 80, page and picture",
    () =>
      Effect.gen(function* () {
        const server = yield* start(process.execPath, [cli, "serve", yield* site, "--port", "80"])
        yield* server.until("> Started server on port 80\n")
        const quiet = ["gpu", "quic", "background-networking", "component-update", "sync"].map(
          (name) => `--disable-${name}`
        )
        const profile = `--user-data-dir=${yield* temporary}`
        const args = ["--headless", "--no-sandbox", "--no-first-run", ...quiet, profile]
        const dom = (yield* output("chromium", [...args, "--dump-dom", "http://127.0.0.1/"])).toString()
        assert.match(dom, /<h1>A heading<\/h1>/)
        assert.match(
          server.stdout().toString(),
          /> Serving file .*\/index\.html\.\.\.\n[^]*> Serving file .*\/dot\.gif\.\.\.\n/
        )
      }).pipe(Effect.scoped),
    { claim: " and port 80", holds: hasPort80 }
  )
})
