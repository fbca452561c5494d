/**
 * The HTTP/0.9 client: one line out, one document in.
 */
import { Resolver } from "@effect-sockets/resolver/Resolver"
import { Network } from "@effect-sockets/socket/Network"
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { FileSystem } from "effect/FileSystem"
import { pipe } from "effect/Function"
import * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as Stream from "effect/Stream"
import type { Http09Error } from "./Http09Error.ts"
import type { Options, Target } from "./internal/client/ClientOptions.ts"
import { exchange } from "./internal/client/exchange.ts"
import { saveAs } from "./internal/client/saveAs.ts"

export type { Event, Options, Target } from "./internal/client/ClientOptions.ts"

/**
 * Gets documents.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, Layer, Stream } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const machine = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * const root = DocumentRoot.layerMemory({ "/hello.txt": "Hello" })
 * const server = Http09Server.layer({ address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80") })
 * const both = Layer.merge(server, Http09Client.layer).pipe(Layer.provide([machine, root]))
 * const size = Http09Client.Http09Client.pipe(
 *   Effect.flatMap((client) => Stream.runFold(client.get("http://127.0.0.1/hello.txt"), () => 0, (sum, { length }) => sum + length))
 * )
 * await Effect.runPromise(Effect.provide(size, both)) // => 5
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Http09Client extends Context.Service<
  Http09Client,
  {
    /** See {@link get}. */
    readonly get: (target: Target, options?: Options) => Stream.Stream<Uint8Array, Http09Error | NetworkError>
  }
>()("@effect-sockets/http09/Http09Client") {}

/**
 * The client over a network.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, Layer } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const machine = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * const root = DocumentRoot.layerMemory({ "/hello.txt": "Hello" })
 * const server = Http09Server.layer({ address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80") })
 * const both = Layer.merge(server, Http09Client.layer).pipe(Layer.provide([machine, root]))
 * await Effect.runPromise(Effect.provide(Http09Client.getText("http://127.0.0.1/hello.txt"), both)) // => "Hello"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Http09Client, never, Network | Resolver> = Layer.effect(
  Http09Client,
  Effect.gen(function* () {
    // No more than these two: the context here has the layer's own scope, but a connection belongs to its stream's.
    const context = Context.pick(Network, Resolver)(yield* Effect.context<Network | Resolver>())
    return {
      get: (target, options = {}) => Stream.unwrap(Effect.provideContext(exchange(target, options), context))
    }
  })
)

/**
 * The document's bytes as they come. Its end is the server's FIN. The connection is open as long as the stream runs.
 *
 * **Errors**: `Http09Error` for a URL or path that cannot be asked for, a status line instead of a document, a deadline
 * that passed (it says which) and a document longer than `maxBytes` (so many bytes of it have come then);
 * `NetworkError` if no connection could be had, or it broke: `ConnectionReset` in the middle says that the document is
 * not whole.
 * **Interruption**, and a consumer that takes no more, closes the connection.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, Layer, Stream } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const machine = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * const root = DocumentRoot.layerMemory({ "/hello.txt": "Hello" })
 * const server = Http09Server.layer({ address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80") })
 * const both = Layer.merge(server, Http09Client.layer).pipe(Layer.provide([machine, root]))
 * const chunks = Http09Client.get({ host: "127.0.0.1", port: 80, path: "/hello.txt" })
 * await Effect.runPromise(chunks.pipe(Stream.decodeText, Stream.mkString, Effect.provide(both))) // => "Hello"
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const get = (
  target: Target,
  options?: Options
): Stream.Stream<Uint8Array, Http09Error | NetworkError, Http09Client> =>
  Stream.unwrap(Effect.map(Http09Client, (client) => client.get(target, options)))

const textBytes = 16 * 1024 * 1024

/**
 * The whole document as text. Bytes that are not UTF-8 come out as U+FFFD.
 *
 * **Errors** as {@link get}; at most `maxBytes` (default 16 MiB) are kept. **Interruption** closes the connection.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, Layer } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const machine = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * const root = DocumentRoot.layerMemory({ "/hello.txt": "Hello" })
 * const server = Http09Server.layer({ address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80") })
 * const both = Layer.merge(server, Http09Client.layer).pipe(Layer.provide([machine, root]))
 * const missing = Http09Client.getText("http://127.0.0.1/nowhere").pipe(Effect.flip, Effect.provide(both))
 * ;(await Effect.runPromise(missing)).message // => "get http://127.0.0.1/nowhere: the server answered 401 Not found."
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const getText = (
  target: Target,
  options?: Options
): Effect.Effect<string, Http09Error | NetworkError, Http09Client> =>
  get(target, { maxBytes: textBytes, ...options }).pipe(Stream.decodeText, Stream.mkString)

/**
 * Saves the document as a file and gives its size in bytes. It is written beside (`file.….part`), and takes its name,
 * from whatever had it, when it is complete and on the disk. What is no plain file, such as a terminal or a pipe, is
 * written to as it is.
 *
 * **Errors** as {@link get}, and `PlatformError` if the file cannot be written; nothing half-written is left.
 * **Interruption** closes the connection and leaves nothing half-written either.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect, FileSystem, Layer } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
 * const machine = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * const root = DocumentRoot.layerMemory({ "/hello.txt": "Hello" })
 * const server = Http09Server.layer({ address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:80") })
 * const both = Layer.merge(server, Http09Client.layer).pipe(Layer.provide([machine, root]))
 * const size = Effect.gen(function* () {
 *   const files = yield* FileSystem.FileSystem
 *   const file = `${yield* files.makeTempDirectoryScoped()}/hello.txt`
 *   return yield* Http09Client.download("http://127.0.0.1/hello.txt", file)
 * }).pipe(Effect.scoped, Effect.provide([both, NodeFileSystem.layer]))
 * await Effect.runPromise(size) // => 5
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const download = (
  target: Target,
  file: string,
  options?: Options
): Effect.Effect<number, Http09Error | NetworkError | PlatformError, Http09Client | FileSystem> =>
  pipe(get(target, options), saveAs(file))
