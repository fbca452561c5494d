/**
 * The client against servers that are not ours: nginx (Debian's nginx-light), Apache httpd (apache2), Python (python3),
 * and the bytes of the book's own server.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Http09Client from "../../src/Http09Client.ts"
import { temporary, write } from "../utils/folders.ts"
import { http09 } from "../utils/processes.ts"
import { needs, serverOf, title } from "../utils/programs.ts"
import { client, scripted } from "../utils/servers.ts"

const bytes = Buffer.from(Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 31) % 256))
const files = { "index.html": "<p>Hello\n", "a b.txt": "spaces\n", bytes, empty: "", "folder/index.html": "folder\n" }
const limit = 30_000

/** A folder with the files, which servers may read whoever they run as. */
const folderOf = temporary.pipe(
  Effect.tap((folder) => write(folder, files)),
  Effect.tap((folder) => Effect.sync(() => fs.chmodSync(folder, 0o755)))
)

type Dialect = Http09Client.Options["dialect"]

const get = (port: number, target: string, dialect: Dialect, options: Http09Client.Options = {}) =>
  Http09Client.get(`http://127.0.0.1:${port}${target}`, { dialect, timeout: "10 seconds", ...options }).pipe(
    Stream.runCollect,
    Effect.map((chunks) => Buffer.concat(chunks))
  )

/** All that the folder has comes as it is. */
const getsAll = Effect.fnUntraced(function* (port: number, dialect: Dialect) {
  assert.strictEqual(Buffer.compare(yield* get(port, "/bytes", dialect), bytes), 0)
  assert.strictEqual((yield* get(port, "/a b.txt", dialect)).toString(), "spaces\n")
  assert.strictEqual((yield* get(port, "/a%20b.txt?query#part", dialect)).toString(), "spaces\n")
  assert.strictEqual((yield* get(port, "/empty", dialect)).length, 0)
  assert.strictEqual((yield* get(port, "/folder/", dialect)).toString(), "folder\n")
  assert.strictEqual((yield* get(port, "", dialect)).toString(), "<p>Hello\n")
})

/** A server that wants a version above 0.9 says so, in its own version. */
const refusesBook = Effect.fnUntraced(function* (port: number) {
  const error = yield* Effect.flip(get(port, "/", "book"))
  assert.strictEqual(error.message, `get http://127.0.0.1:${port}/: the server answered 400 Bad Request in HTTP/1.1`)
})

/** In the form of 1991 an error is a page like others: nothing tells it from one. */
const explains = (port: number, dialect: Dialect) =>
  Effect.map(get(port, "/missing", dialect), (page) => assert.match(page.toString(), /^<!?(DOCTYPE|html)[^]*404/i))

const nginx = (folder: string) => (port: number) => {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  const config = `
    daemon off; master_process off; pid ${folder}/pid; error_log stderr; user root;
    events {}
    http {
      access_log off; ${paths.map((name) => `${name}_temp_path ${folder}/${name};`).join(" ")}
      server { listen 127.0.0.1:${port}; root ${folder}; }
    }`
  fs.writeFileSync(path.join(folder, "nginx.conf"), config)
  return ["-e", "stderr", "-c", path.join(folder, "nginx.conf")]
}

const apache = (folder: string) => (port: number) => {
  const module = (name: string) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`
  const config = `
    ServerRoot ${folder}
    ServerName localhost
    Listen 127.0.0.1:${port}
    PidFile ${folder}/pid
    ErrorLog ${folder}/error.log
    User www-data
    Group www-data
    ${["mpm_event", "authz_core", "dir"].map(module).join("\n")}
    HttpProtocolOptions Allow0.9
    DocumentRoot ${folder}
    DirectoryIndex index.html`
  fs.writeFileSync(path.join(folder, "apache.conf"), config)
  return ["-d", folder, "-f", path.join(folder, "apache.conf"), "-X"]
}

describe("the client gets what others serve", () => {
  needs("nginx")(
    title("nginx", "nginx, in the form of 1991"),
    () =>
      Effect.gen(function* () {
        const port = yield* serverOf("nginx", nginx(yield* folderOf))
        yield* getsAll(port, "1991")
        yield* explains(port, "1991")
        yield* refusesBook(port)
      }).pipe(Effect.provide(client)),
    limit
  )

  needs("apache2")(
    title("apache2", "Apache httpd that allows 0.9, in the form of 1991"),
    () =>
      Effect.gen(function* () {
        const port = yield* serverOf("apache2", apache(yield* folderOf))
        yield* getsAll(port, "1991")
        yield* explains(port, "1991")
        yield* refusesBook(port)
      }).pipe(Effect.provide(client)),
    limit
  )

  needs("python3")(
    title("python3", "Python's http.server, in the long form, also from the command line into a file"),
    () =>
      Effect.gen(function* () {
        const folder = yield* folderOf
        const port = yield* serverOf("python3", (port) => [
          "-m",
          "http.server",
          String(port),
          "--bind",
          "127.0.0.1",
          "--directory",
          folder
        ])
        yield* getsAll(port, "book")
        yield* explains(port, "book")
        // It reads headers up to a blank line, which the form of 1991 has not.
        const late = yield* Effect.flip(get(port, "/", "1991", { firstByteTimeout: "300 millis" }))
        assert.include(late.message, "no answer after 300 ms")
        const got = yield* http09(["get", `http://127.0.0.1:${port}/bytes`, "-o", path.join(folder, "copy")])
        assert.deepStrictEqual([got.status, got.errors], [0, []])
        assert.strictEqual(Buffer.compare(fs.readFileSync(path.join(folder, "copy")), bytes), 0)
      }).pipe(Effect.provide(client)),
    limit
  )
})

describe("the client takes what the book's server sends", () => {
  // The book's server reads one line, answers in lines that its stream writes one by one, and closes.
  const request = "GET /hosts HTTP/0.9\r\n\r\n"
  const document = ["127.0.0.1 localhost\r\n", "\r\n", "::1 localhost\r\n"]

  /** The book's server: this answer, in these writes, whoever asks as its own client does. */
  const book = (...writes: ReadonlyArray<string>) =>
    scripted((socket, line) => {
      const pieces = line === request ? [...writes] : ["HTTP/0.9 400 Invalid HTTP Request.\r\n"]
      const next = (): void => {
        const piece = pieces.shift()
        if (piece === undefined) socket.end()
        else socket.write(piece, () => setTimeout(next, 2))
      }
      socket.setNoDelay(true)
      next()
    })

  const answer = (port: number) =>
    get(port, "/hosts", "book").pipe(
      Effect.map((document) => document.toString()),
      Effect.catchReason("Http09Error", "StatusLine", ({ code, text, version }) =>
        Effect.succeed(`${version}: ${code}: ${text}`)
      )
    )

  it.live("a document in lines with CR LF, byte by byte", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* answer(yield* book(...document)), document.join(""))
      assert.strictEqual(yield* answer(yield* book()), "")
    }).pipe(Effect.provide(client))
  )

  const lines = [
    ["HTTP/0.9 401 Not found.\n", "0.9: 401: Not found."],
    ["HTTP/0.9 400 Invalid HTTP Request.\r\n", "0.9: 400: Invalid HTTP Request."]
  ] as const
  for (const [line, reason] of lines) {
    it.live(`${JSON.stringify(line)} as a failure, wherever it is split`, () =>
      Effect.gen(function* () {
        for (let at = 0; at <= line.length; at++) {
          const port = yield* book(...[line.slice(0, at), line.slice(at)].filter((piece) => piece !== ""))
          assert.strictEqual(yield* answer(port), reason)
        }
      }).pipe(Effect.provide(client))
    )
  }

  it.live("a document that begins like its failures as a document, wherever it is split", () =>
    Effect.gen(function* () {
      const alike = "HTTP/0.9 40 is not 401\r\n"
      for (let at = 1; at < alike.length; at++) {
        assert.strictEqual(yield* answer(yield* book(alike.slice(0, at), alike.slice(at))), alike)
      }
    }).pipe(Effect.provide(client))
  )
})
