import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Network from "@effect-sockets/socket/Network"
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule, Stream } from "effect"
import * as NetAddress from "effect/net/NetAddress"
import * as fs from "node:fs"
import * as path from "node:path"
import * as DocumentRoot from "../../src/DocumentRoot.ts"
import type { Http09Error } from "../../src/Http09Error.ts"
import * as Client from "../../src/Http09Client.ts"
import { temporary } from "../utils/folders.ts"
import { listening, scripted } from "../utils/servers.ts"

// The examples of "The client" in docs/http09.md, word for word.

/** The page saves in the folder where it runs, which is another one here. */
let folder = ""
const Http09Client = {
  ...Client,
  download: (target: Client.Target, file: string) =>
    Effect.suspend(() => Client.download(target, path.join(folder, file)))
}

const news = Http09Client.getText("http://localhost:8080/news.txt", { maxBytes: 100_000, timeout: "10 seconds" })

const picture = Http09Client.download("http://localhost:8080/sockets.png", "sockets.png").pipe(
  Effect.provide(NodeFileSystem.layer)
)

const size = Http09Client.get("http://[::1]:8080/large", { idleTimeout: "5 seconds" }).pipe(
  Stream.runFold(
    () => 0,
    (sum, chunk) => sum + chunk.length
  )
)

const orLater = <A, R>(document: Effect.Effect<A, Http09Error | NetworkError, R>) =>
  document.pipe(
    Effect.retry({ while: (error) => error.isRetryable, times: 3, schedule: Schedule.exponential("1 second") })
  )

/** The client of a machine whose port 8080 is this one. */
const clientAt = (port: number) => {
  const network = Layer.effect(
    Network.Network,
    Network.Network.useSync((network) =>
      Network.make({
        ...network,
        dial: (address, options, events) => {
          assert.isTrue("port" in address && address.port === 8080)
          return network.dial(NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, port), options, events)
        }
      })
    )
  ).pipe(Layer.provide(NodeNetwork.layer))
  const resolver = Layer.orDie(Resolver.layerStatic({ hosts: { localhost: ["127.0.0.1"] } }))
  return Layer.provide(Client.layer, [network, resolver])
}

const site = DocumentRoot.layerMemory({ "/news.txt": "None.\n", "/sockets.png": "PNG", "/large": "x".repeat(500_000) })

describe("docs/http09.md, the client", () => {
  it.live("a document as text, as a file, as a stream", () =>
    Effect.gen(function* () {
      folder = yield* temporary
      const port = yield* listening(site)
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* news, "None.\n")
        assert.strictEqual(yield* picture, 3)
        assert.strictEqual(fs.readFileSync(path.join(folder, "sockets.png"), "utf8"), "PNG")
        assert.strictEqual(yield* size, 500_000)
      }).pipe(Effect.provide(clientAt(port)))
    })
  )

  it.live("what may succeed later is tried again, and nothing else", () =>
    Effect.gen(function* () {
      let requests = 0
      const port = yield* scripted((socket) => {
        if (++requests === 1) socket.resetAndDestroy()
        else socket.end(requests === 2 ? "None.\n" : "HTTP/0.9 401 Not found.\n")
      })
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* orLater(news), "None.\n")
        assert.strictEqual((yield* Effect.flip(orLater(news))).reason._tag, "StatusLine")
        assert.strictEqual(requests, 3)
      }).pipe(Effect.provide(clientAt(port)))
    })
  )
})
