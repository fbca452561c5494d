import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { temporary, write } from "../../utils/folders.ts"
import { cli, http09, serving, start } from "../../utils/processes.ts"
import { needs, title } from "../../utils/programs.ts"
import { forEver, scripted } from "../../utils/servers.ts"

const limit = 30_000
const bytes = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, index) => (index * index) % 256))

/** The names in a folder and the sizes of what is in it. */
const sizes = (folder: string) =>
  Object.fromEntries(fs.readdirSync(folder).map((name) => [name, fs.statSync(path.join(folder, name)).size]))

describe("http09 get, to standard output", () => {
  it.live(
    "puts exactly the document's bytes on standard output, and the rest on standard error",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        const bytes = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, index) => (index * index) % 256))
        yield* write(folder, { "a b": bytes, empty: "" })
        const { port } = yield* serving([folder])
        for (const dialect of ["book", "1991"]) {
          const got = yield* http09(["get", "127.0.0.1", String(port), "/a b", "--dialect", dialect])
          assert.strictEqual(Buffer.compare(got.stdout, bytes), 0)
          assert.strictEqual(got.stderr, `> Sending request to 127.0.0.1:${port}...\n> Received response:\n`)
          assert.strictEqual(got.status, 0)
        }
        const empty = yield* http09(["get", "[::ffff:127.0.0.1]", String(port), "/empty"])
        assert.deepStrictEqual([empty.status, empty.stdout.length, empty.errors.length], [0, 0, 0])
      }),
    limit
  )

  it.live(
    "fails in one line when the connection breaks in the middle or the disk is full, and quietly when its output is closed",
    () =>
      Effect.gen(function* () {
        const port = yield* scripted((socket) => {
          socket.write("half", () => setTimeout(() => socket.resetAndDestroy(), 200))
        })
        const broken = yield* http09(["get", "127.0.0.1", String(port), "/"])
        assert.strictEqual(broken.status, 1)
        assert.strictEqual(broken.stdout.toString(), "half")
        assert.deepStrictEqual(broken.errors, [`http09: read 127.0.0.1:${port}: connection reset`])

        const endless = yield* scripted(forEver)
        const reader = yield* start(process.execPath, [cli, "get", "127.0.0.1", String(endless), "/"])
        yield* reader.until("xxx")
        reader.child.stdout?.destroy()
        const ended = yield* reader.ended
        assert.deepStrictEqual([ended.status, ended.errors], [0, []])
        const full = yield* start("sh", [
          "-c",
          `"$0" "$@" > /dev/full`,
          process.execPath,
          cli,
          "get",
          "127.0.0.1",
          String(endless),
          "/"
        ])
        const said = yield* full.ended
        assert.strictEqual(said.status, 1)
        assert.match(said.errors.join(), /^http09: write: .*no space left on device/)
      }),
    limit
  )

  it.live(
    "goes on when nobody reads its standard error any more",
    () =>
      Effect.gen(function* () {
        const port = yield* scripted((socket) => setTimeout(() => socket.end(bytes), 300))
        const running = yield* start(process.execPath, [cli, "get", "127.0.0.1", String(port), "/"])
        yield* running.until("> Sending request")
        running.child.stderr?.destroy()
        const ended = yield* running.ended
        assert.deepStrictEqual([ended.status, ended.stdout.length], [0, bytes.length])
      }),
    limit
  )

  it.live(
    "takes URLs, several one after another in their order, and goes on after one that does not come",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        yield* write(folder, { a: "first\n", b: "second\n" })
        const { port } = yield* serving([folder])
        const url = (name: string) => `http://127.0.0.1:${port}/${name}`
        const got = yield* http09(["get", url("b"), url("no"), url("a#part"), url("b?q"), "--parallel", "4"])
        assert.strictEqual(got.stdout.toString(), "second\nfirst\nsecond\n")
        assert.deepStrictEqual(got.errors, [
          `http09: get /no from 127.0.0.1:${port}: the server answered 401 Not found.`,
          "http09: 1 of 4 documents did not come"
        ])
        assert.strictEqual(got.status, 1)
        const raw = yield* http09(["get", url("no"), "--raw", "--output", "-"])
        assert.deepStrictEqual([raw.status, raw.stdout.toString()], [0, "HTTP/0.9 401 Not found.\n"])
      }),
    limit
  )

  it.live(
    "stops at its limits of time and size, each with one line that names it",
    () =>
      Effect.gen(function* () {
        const drips = yield* scripted((socket) => void setInterval(() => socket.write("x"), 50).unref())
        const late = yield* http09(["get", "127.0.0.1", String(drips), "/", "--timeout", "0.5"])
        const place = `get / from 127.0.0.1:${drips}`
        assert.deepStrictEqual(late.errors, [`http09: ${place}: the document has not come whole after 500 ms`])
        const long = yield* http09(["get", "127.0.0.1", String(drips), "/", "--max-size", "3"])
        assert.deepStrictEqual(long.errors, [`http09: ${place}: the document is longer than 3 bytes`])
        assert.deepStrictEqual([late.status, long.status, long.stdout.toString()], [1, 1, "xxx"])
        const huge = yield* http09(["get", "127.0.0.1", String(drips), "/", "--max-size", "3 apples"])
        assert.deepStrictEqual([huge.status, huge.errors.length], [2, 1])
        assert.include(huge.stderr, "--max-size")
      }),
    limit
  )
})

describe("http09 get -o", () => {
  it.live(
    "saves a document as a file, or in a folder under its own name",
    () =>
      Effect.gen(function* () {
        const [folder, here] = [yield* temporary, yield* temporary]
        yield* write(folder, { "a b": bytes })
        yield* write(here, { old: "old" })
        const { port } = yield* serving([folder])
        const url = `http://127.0.0.1:${port}/a%20b`
        const started = `> Sending request to 127.0.0.1:${port}...\n> Received response:\n`
        for (const [output, file] of [
          ["old", "old"],
          [".", "a b"],
          ["new/", "new/a b"]
        ]) {
          const got = yield* http09(["get", url, "-o", output], { cwd: here })
          assert.deepStrictEqual([got.status, got.stdout.length], [0, 0], got.stderr)
          assert.strictEqual(got.stderr, `${started}> Saved 1000000 bytes as ${here}/${file}\n`)
          assert.strictEqual(Buffer.compare(fs.readFileSync(path.join(here, file)), bytes), 0)
        }
        assert.deepStrictEqual(fs.readdirSync(here).sort(), ["a b", "new", "old"])
      }),
    limit
  )

  it.live(
    "leaves what was there, and nothing half-written, when the document does not come whole",
    () =>
      Effect.gen(function* () {
        const here = yield* temporary
        yield* write(here, { old: "old" })
        const port = yield* scripted((socket) =>
          socket.write("half", () => setTimeout(() => socket.resetAndDestroy(), 100))
        )
        const got = yield* http09(["get", "127.0.0.1", String(port), "/", "-o", "old"], { cwd: here })
        assert.strictEqual(got.status, 1)
        assert.deepStrictEqual(got.errors, [`http09: read 127.0.0.1:${port}: connection reset`])
        assert.deepStrictEqual(sizes(here), { old: 3 })
        const nowhere = yield* http09(["get", "127.0.0.1", String(port), "/", "-o", "no/old"], { cwd: here })
        assert.deepStrictEqual(nowhere.errors, [`http09: ${here}/no/old: no such file or directory`])
      }),
    limit
  )

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    it.live(
      `dies of ${signal} with nothing half-written left`,
      () =>
        Effect.gen(function* () {
          const here = yield* temporary
          const port = yield* scripted((socket) => socket.write(bytes))
          const running = yield* start(process.execPath, [cli, "get", "127.0.0.1", String(port), "/", "-o", "a"], {
            cwd: here
          })
          yield* running.until("> Received response:")
          assert.match(fs.readdirSync(here).join(), /^a\..*\.part$/)
          running.child.kill(signal)
          const ended = yield* Effect.timeout(running.ended, "5 seconds")
          assert.deepStrictEqual([ended.status, ended.errors, sizes(here)], [signal, [], {}])
        }),
      limit
    )
  }

  it.live(
    "gets several at once, as many as it is told, each under its own name",
    () =>
      Effect.gen(function* () {
        const here = yield* temporary
        const waiting = new Set<net.Socket>()
        let most = 0
        // Nobody is answered before three ask, and no fourth ever asks with them.
        const port = yield* scripted((socket, request) => {
          waiting.add(socket)
          most = Math.max(most, waiting.size)
          setTimeout(() => {
            waiting.delete(socket)
            socket.end(request.split(" ")[1])
          }, 300)
        })
        const urls = ["a", "b/c", "d?e", "f", "g"].map((name) => `http://127.0.0.1:${port}/${name}`)
        const got = yield* http09(["get", ...urls, "--parallel", "3", "-o", "pages"], { cwd: here })
        assert.deepStrictEqual([got.status, got.errors], [0, []])
        assert.deepStrictEqual(sizes(path.join(here, "pages")), { a: 2, c: 4, d: 4, f: 2, g: 2 })
        assert.strictEqual(most, 3)
        const same = yield* http09(["get", urls[0], urls[0], "-o", "pages"], { cwd: here })
        assert.deepStrictEqual([same.status, same.errors], [1, ["http09: two documents would be saved as a"]])
      }),
    limit
  )

  needs("script")(
    title("script", "shows on a terminal how far it is"),
    () =>
      Effect.gen(function* () {
        const here = yield* temporary
        const port = yield* scripted((socket) => {
          socket.write(bytes)
          setTimeout(() => socket.end(), 1000)
        })
        const command = `${process.execPath} ${cli} get http://127.0.0.1:${port}/a -o .`
        const running = yield* start("script", ["-qec", command, "/dev/null"], { cwd: here })
        const ended = yield* running.ended
        const shown = ended.stdout.toString()
        assert.strictEqual(ended.status, 0)
        const erase = "\r\u001b[K"
        assert.match(shown.replaceAll(erase, "|"), /\|> 1 MB, \d[\d.]* [kM]B\/s/)
        // What is drawn is gone at the end.
        assert.match(shown.replaceAll(erase, "|"), /\|> Saved 1000000 bytes as [^|]*\r\n\|$/)
      }),
    limit
  )
})
