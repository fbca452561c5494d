/**
 * The HTTP/0.9 server as a layer: a port, and `Http09Handler` for each connection.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type { Network } from "@effect-sockets/socket/Network"
import * as NetworkError from "@effect-sockets/socket/NetworkError"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { DocumentRoot } from "./DocumentRoot.ts"
import * as Http09Handler from "./Http09Handler.ts"

/**
 * How a server is run.
 *
 * ```ts
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * const options: Http09Server.Options = { address: 8080, maxConnections: 1000, readTimeout: "5 seconds", dialect: "1991" }
 * const server = Http09Server.layer(options)
 * ```
 */
export interface Options extends Http09Handler.HandlerOptions, ServerSocket.Options, Server.Options {
  /** What to listen on. A number is a port of 127.0.0.1; 0 takes a free one. */
  readonly address: number | NetAddress.SocketAddress
  /** How long a client may take for its whole request line; then it is reset. Default 15 seconds. */
  readonly readTimeout?: Duration.Input | undefined
  /**
   * How long a connection may last, whatever it does; then it is reset. Default 1 hour, in which 10 Mbit/s carry 4 GB:
   * nothing else bounds a client that reads a little now and then.
   */
  readonly maxAge?: Duration.Input | undefined
}

/**
 * The running server: its `address`, `connections`, `stop` and `await`.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import { Effect, Layer } from "effect"
 * const root = DocumentRoot.layerMemory({ "/index.html": "<h1>Hello</h1>" })
 * const server = Http09Server.layer({ address: 0 }).pipe(Layer.provide([NodeNetwork.layer, root]))
 * const program = Effect.gen(function* () {
 *   const server = yield* Http09Server.Http09Server
 *   return yield* server.stop
 * })
 * await Effect.runPromise(Effect.provide(program, server)) // => { drained: 0, aborted: 0 }
 * ```
 */
export class Http09Server extends Context.Service<Http09Server, Server.Server>()(
  "@effect-sockets/http09/Http09Server"
) {}

/**
 * Listens and serves the document root until the layer is released, which is the graceful stop: the port closes at
 * once, downloads get `drainTimeout`, the rest are reset.
 *
 * **Errors**: `AddressInUse`, `PermissionDenied` (a privileged port), `AddressNotAvailable`, `InvalidAddress`;
 * `InvalidOption` for what cannot be meant, before the port is opened.
 *
 * **Interruption** while it starts leaves no port open.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import { Effect, Layer } from "effect"
 * const root = DocumentRoot.layerMemory({ "/index.html": "<h1>Hello</h1>" })
 * const server = Http09Server.layer({ address: 0 }).pipe(Layer.provide([NodeNetwork.layer, root]))
 * const address = Http09Server.Http09Server.pipe(Effect.map((server) => server.address), Effect.provide(server))
 * ;(await Effect.runPromise(address))._tag // => "InetAddressV4"
 * ```
 */
export const layer = (options: Options): Layer.Layer<Http09Server, NetworkError.NetworkError, Network | DocumentRoot> =>
  Layer.effect(Http09Server, start(options))

const start = Effect.fnUntraced(function* (options: Options) {
  const { address } = options
  const invalid = InvalidOption.find<Options>(options, deadlines) ?? Http09Handler.invalidOption(options)
  if (invalid !== undefined) {
    return yield* NetworkError.make("listen", typeof address === "number" ? `127.0.0.1:${address}` : address, invalid)
  }
  const limits = {
    ...options,
    readTimeout: options.readTimeout ?? Http09Handler.readTimeout,
    maxAge: options.maxAge ?? Http09Handler.maxAge
  }
  const handler = Http09Handler.handlerFor(yield* DocumentRoot, options)
  const socket = yield* ServerSocket.listen(address, limits)
  return yield* Server.start(socket, handler, limits)
})

const deadlines = {
  readTimeout: InvalidOption.positiveDuration,
  writeTimeout: InvalidOption.positiveDuration,
  maxAge: InvalidOption.positiveDuration
}

/** What `layerConfig` reads; what is not configured is what the program gives it. */
const configured = (options: Omit<Options, "address">) =>
  Config.all({
    host: Config.withDefault(Config.String("HOST"), "127.0.0.1"),
    port: Config.withDefault(Config.Int("PORT"), 8080),
    text: Config.withDefault(Config.Boolean("TEXT"), options.text),
    dialect: Config.withDefault(Config.Literals(["book", "1991"], "DIALECT"), options.dialect),
    maxConnections: Config.withDefault(Config.Int("MAX_CONNECTIONS"), options.maxConnections),
    maxPerPeer: Config.withDefault(Config.Int("MAX_PER_PEER"), options.maxPerPeer),
    readTimeout: Config.withDefault(Config.Duration("READ_TIMEOUT"), options.readTimeout),
    writeTimeout: Config.withDefault(Config.Duration("WRITE_TIMEOUT"), options.writeTimeout),
    maxAge: Config.withDefault(Config.Duration("MAX_AGE"), options.maxAge),
    drainTimeout: Config.withDefault(Config.Duration("DRAIN_TIMEOUT"), options.drainTimeout)
  }).pipe(Config.nested("HTTP09"))

/**
 * As `layer`, with what operators decide read from effect's `Config`: from the environment, unless the program has
 * another provider. `options` are the program's own: what is configured goes before them, and what is not is as they say, or as `layer` has it.
 *
 * | name | default |
 * |---|---|
 * | `HTTP09_HOST` | `127.0.0.1`; an address, not a name |
 * | `HTTP09_PORT` | 8080; 0 takes a free one |
 * | `HTTP09_TEXT` | `false` |
 * | `HTTP09_DIALECT` | `book` |
 * | `HTTP09_MAX_CONNECTIONS`, `HTTP09_MAX_PER_PEER` | as `Server` has them |
 * | `HTTP09_READ_TIMEOUT` | `15 seconds` |
 * | `HTTP09_WRITE_TIMEOUT`, `HTTP09_DRAIN_TIMEOUT` | as `Server` has them |
 * | `HTTP09_MAX_AGE` | `1 hour` |
 *
 * **Errors** as `layer`; `ConfigError` for a value that cannot be read; `InvalidAddress` for a host that is no address.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * const environment = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { HTTP09_HOST: "::1", HTTP09_PORT: "0" } }))
 * const server = Http09Server.layerConfig().pipe(
 *   Layer.provide([NodeNetwork.layer, DocumentRoot.layerMemory({}), environment])
 * )
 * const address = Http09Server.Http09Server.pipe(Effect.map((server) => server.address), Effect.provide(server))
 * ;(await Effect.runPromise(address))._tag // => "InetAddressV6"
 * ```
 */
export const layerConfig = (
  options: Omit<Options, "address"> = {}
): Layer.Layer<Http09Server, NetworkError.NetworkError | Config.ConfigError, Network | DocumentRoot> =>
  Layer.effect(
    Http09Server,
    Effect.gen(function* () {
      const { host, port, ...settings } = yield* configured(options)
      const ip = NetAddress.ipFromString(host)
      const address = Result.flatMap(ip, (ip) => NetAddress.inetAddress(ip, port))
      if (Result.isFailure(address)) {
        const detail = "HTTP09_HOST and HTTP09_PORT are no address"
        return yield* NetworkError.make("listen", `${host}:${port}`, { _tag: "InvalidAddress", detail })
      }
      return yield* start({ ...options, ...settings, address: address.success })
    })
  )
