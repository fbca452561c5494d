import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Option, Stream } from "effect"
import * as NetAddress from "effect/net/NetAddress"
import { fileURLToPath } from "node:url"
import * as DocumentError from "../../src/DocumentError.ts"
import * as DocumentRoot from "../../src/DocumentRoot.ts"
import * as Http09Client from "../../src/Http09Client.ts"
import type { Http09Error } from "../../src/Http09Error.ts"
import * as Http09Server from "../../src/Http09Server.ts"
import * as Site from "../../src/NodeDocumentRoot.ts"
import { exchange } from "../utils/raw.ts"
import { listening, portOf } from "../utils/servers.ts"

// The examples of docs/http09.md, word for word.

const site = fileURLToPath(new URL("../../site", import.meta.url))
/** The page serves a folder named public, which stands elsewhere here. */
const NodeDocumentRoot = { layer: (folder: string) => Site.layer(folder === "public" ? site : folder) }

const page = (port: number) =>
  Http09Client.get({ host: "localhost", port, path: "/" }).pipe(Stream.decodeText, Stream.mkString)

const client = Layer.provide(Http09Client.layer, [NodeNetwork.layer, NodeResolver.layer])

const orNothing = <A, R>(document: Effect.Effect<A, Http09Error | NetworkError, R>) =>
  document.pipe(
    Effect.asSome,
    Effect.catchReason("Http09Error", "StatusLine", ({ code }, error) =>
      code === 401 ? Effect.succeedNone : Effect.fail(error)
    )
  )

const notes = DocumentRoot.layerMemory({ "/index.html": "<h1>Notes</h1>", "/today.txt": "Nothing yet.\n" })

const clock = Layer.succeed(DocumentRoot.DocumentRoot, {
  open: (path) =>
    path === "/now"
      ? Effect.map(DateTime.now, (now) => ({
          _tag: "Whole",
          name: path,
          bytes: new TextEncoder().encode(DateTime.formatIso(now))
        }))
      : Effect.fail(DocumentError.notFound(path))
})

const beside = Effect.gen(function* () {
  const socket = yield* ServerSocket.listen(0)
  return yield* Server.start(socket, Http09Server.handler(), { readTimeout: Http09Server.readTimeout })
})

describe("docs/http09.md", () => {
  it.live("a server is a layer, and the client reads its page", () =>
    Effect.gen(function* () {
      const server = Http09Server.layer({ address: 0 }).pipe(
        Layer.provide([NodeNetwork.layer, NodeDocumentRoot.layer("public")])
      )

      const program = Effect.gen(function* () {
        const { address } = yield* Http09Server.Http09Server
        yield* Effect.log(`Listening on ${NetAddress.formatSocketAddress(address)}`)
      })

      yield* Effect.gen(function* () {
        yield* program
        const { address } = yield* Http09Server.Http09Server
        assert.include(yield* page(portOf(address)), "HTTP/0.9")
      }).pipe(Effect.provide([server, client]))
    })
  )

  it.live("what is not there is no document", () =>
    Effect.gen(function* () {
      const port = yield* listening(notes)
      const text = (path: string) =>
        Stream.mkString(Stream.decodeText(Http09Client.get({ host: "localhost", port, path })))
      assert.deepStrictEqual(yield* orNothing(text("/")), Option.some("<h1>Notes</h1>"))
      assert.deepStrictEqual(yield* orNothing(text("/tomorrow.txt")), Option.none())
    }).pipe(Effect.provide(client))
  )

  it.live("documents need not be files", () =>
    Effect.gen(function* () {
      const port = yield* listening(clock)
      assert.match((yield* exchange(port, "GET /now\r\n")).text, /^\d{4}-\d\d-\d\dT/)
      assert.include((yield* exchange(port, "GET /then\r\n")).text, "401")
    })
  )

  it.live("the handler serves beside something else", () =>
    Effect.gen(function* () {
      const { address } = yield* beside
      assert.strictEqual((yield* exchange(portOf(address), "GET /today.txt\r\n")).text, "Nothing yet.\n")
    }).pipe(Effect.scoped, Effect.provide([NodeNetwork.layer, notes]))
  )
})
