import * as Http09Server from "@effect-sockets/http09/Http09Server"
import type { DocumentRoot } from "@effect-sockets/http09/DocumentRoot"
import * as NodeDocumentRoot from "@effect-sockets/http09/NodeDocumentRoot"
import type { Network } from "@effect-sockets/socket/Network"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { execFileSync } from "node:child_process"
import * as net from "node:net"
import * as path from "node:path"
import { temporary, write } from "../../packages/http09/test/utils/folders.ts"
import { collect, connect, exchange } from "../../packages/http09/test/utils/raw.ts"
import { portOf } from "../../packages/http09/test/utils/servers.ts"
import { folder as examples } from "./utils/examples.ts"
import { root } from "./utils/sources.ts"

/** The programs of the page. */
interface Page {
  readonly http09Server: (port: number, root: string) => Layer.Layer<Http09Server.Http09Server, unknown>
  readonly httpGet: (server: string, port: number, path: string) => Effect.Effect<string, unknown>
  readonly byHand: (port: number) => Effect.Effect<void, NetworkError, Network | DocumentRoot>
}

const { byHand, http09Server, httpGet }: Page = await import(path.join(root, examples, "docs/from-the-book/page.ts"))

const hosts = "127.0.0.1 localhost\nno end"
const picture = Uint8Array.from({ length: 200_000 }, (_, index) => index % 256)

const folder = Effect.gen(function* () {
  const folder = yield* temporary
  yield* write(folder, { "root/hosts": hosts, "root/picture": picture, "root/below/x": "x", "root/a b*[?": "wild" })
  yield* write(folder, { secret: "secret" })
  const root = path.join(folder, "root")
  execFileSync("mkfifo", [path.join(root, "fifo")])
  return root
})

const freePort = Effect.callback<number>((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as net.AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

const notFound = "HTTP/0.9 401 Not found.\n"
const invalid = "HTTP/0.9 400 Invalid HTTP Request.\r\n"

/** What ended the book's server, held it up or fooled it, and what it gets here. */
const failures: Readonly<Record<string, readonly [request: string, answer: string]>> = {
  "the form of 1991": ["GET /hosts\r\n", hosts],
  "no blank line": ["GET /hosts HTTP/0.9\n", hosts],
  "one line end more than the server reads": ["GET /hosts HTTP/0.9\n\n\r\n", hosts],
  "another method": ["DELETE /hosts HTTP/0.9\n\n", invalid],
  "no space at all": ["hosts\n\n", invalid],
  "an escaped name": ["GET /a%20b%2A%5B%3F HTTP/0.9\n\n", "wild"],
  "a name with wild cards": ["GET /* HTTP/0.9\n\n", notFound],
  "a folder": ["GET /below HTTP/0.9\n\n", notFound],
  "a FIFO": ["GET /fifo HTTP/0.9\n\n", notFound],
  "a way out of the root": ["GET /../secret HTTP/0.9\n\n", invalid]
}

const servers = {
  "the finished server": (root: string) =>
    Effect.gen(function* () {
      const context = yield* Layer.build(http09Server(0, root))
      const server = yield* Effect.provideContext(Http09Server.Http09Server, context)
      return portOf(server.address)
    }),
  "the server by hand": (root: string) =>
    Effect.gen(function* () {
      const port = yield* freePort
      yield* Effect.forkScoped(byHand(port).pipe(Effect.provide([NodeNetwork.layer, NodeDocumentRoot.layer(root)])))
      yield* Effect.sleep("100 millis")
      return port
    })
}

for (const [name, serve] of Object.entries(servers)) {
  describe(`docs/from-the-book.md: ${name}`, () => {
    it.live("outlives what the book's does not", () =>
      Effect.gen(function* () {
        const port = yield* serve(yield* folder)
        yield* connect(port)
        for (const [what, [request, answer]] of Object.entries(failures)) {
          assert.deepInclude(yield* exchange(port, request), { text: answer, ending: "fin" }, what)
        }
        const socket = yield* connect(port)
        socket.end("GET /hosts HTTP/0.9\n")
        assert.deepInclude(yield* collect(socket), { text: hosts, ending: "fin" })
        assert.strictEqual(yield* httpGet("localhost", port, "/hosts"), hosts)
      }).pipe(Effect.scoped)
    )

    it.live("sends a picture whole, though the client sends more than it need", () =>
      Effect.gen(function* () {
        const port = yield* serve(yield* folder)
        const { bytes, ending } = yield* exchange(port, "GET /picture HTTP/0.9\n", "\n\r\n")
        assert.strictEqual(ending, "fin")
        assert.strictEqual(Buffer.compare(bytes, picture), 0)
      }).pipe(Effect.scoped)
    )
  })
}
