/**
 * The HTTP/0.9 server as a layer: a port, and `Http09Handler` for each connection.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type { Resolver } from "@effect-sockets/resolver/Resolver"
import type { Network } from "@effect-sockets/socket/Network"
import * as NetworkError from "@effect-sockets/socket/NetworkError"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as Arr from "effect/Array"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as NetAddress from "effect/net/NetAddress"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
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
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Http09Handler.HandlerOptions, ServerSocket.Options, Server.Options {
  /** What to listen on, or several of it. A number is a port of 127.0.0.1; 0 takes a free one. */
  readonly address: ServerSocket.AddressTarget | ReadonlyArray<ServerSocket.AddressTarget>
  /** How long a client may take for its whole request line; then it is reset. Default 15 seconds. */
  readonly readTimeout?: Duration.Input | undefined
  /**
   * How long a connection may last, whatever it does; then it is reset. Default 1 hour, in which 10 Mbit/s carry 4 GB:
   * nothing else bounds a client that reads a little now and then.
   */
  readonly maxAge?: Duration.Input | undefined
}

/**
 * The same, for who listens on a host or on several: all of its addresses.
 *
 * ```ts
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * const options: Http09Server.HostOptions = { address: [{ host: "localhost", port: 8080 }, 8081] }
 * const server = Http09Server.layer(options)
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface HostOptions extends Omit<Options, "address"> {
  /** What to listen on, or several of it. */
  readonly address: ServerSocket.Target | ReadonlyArray<ServerSocket.Target>
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
 *
 * @category services
 * @since 0.1.0
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
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: {
  (options: Options): Layer.Layer<Http09Server, NetworkError.NetworkError, Network | DocumentRoot>
  (options: HostOptions): Layer.Layer<Http09Server, NetworkError.NetworkError, Network | Resolver | DocumentRoot>
} = (options: HostOptions) =>
  // Without a name the resolver is not asked for.
  Layer.effect(Http09Server, listenAndStart(options)) as Layer.Layer<
    Http09Server,
    NetworkError.NetworkError,
    Network | DocumentRoot
  >

const listenAndStart = Effect.fnUntraced(function* (options: HostOptions) {
  const targets = Predicate.isObject(options) ? Arr.ensure(options.address) : []
  const limits = yield* limitsOf(options, targets.map(ServerSocket.formatTarget).join(", "))
  return yield* start(yield* ServerSocket.listenAll(targets, limits), options)
})

/**
 * Serves the document root on a port that the program opened, until the scope closes, which is the graceful stop: for a
 * port that another process passed to this one (`ServerSocket.fromDescriptor`).
 *
 * **Errors**: `InvalidOption`; nothing is served then.
 * **Interruption**: it is done at once; the scope has the server.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect } from "effect"
 * const root = DocumentRoot.layerMemory({ "/index.html": "<h1>Hello</h1>" })
 * const program = Effect.gen(function* () {
 *   const server = yield* Http09Server.start(yield* ServerSocket.listen(0), { readTimeout: "5 seconds" })
 *   return yield* server.stop
 * })
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide([NodeNetwork.layer, root]))) // => { drained: 0, aborted: 0 }
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const start = Effect.fnUntraced(function* (
  socket: ServerSocket.ServerSocket,
  options: Omit<Options, "address"> = {}
): Effect.fn.Return<Server.Server, NetworkError.NetworkError, DocumentRoot | Scope.Scope> {
  const limits = yield* limitsOf(options, socket.address)
  return yield* Server.start(socket, Http09Handler.handlerFor(yield* DocumentRoot, options), limits)
})

const limitsOf = <A extends Omit<Options, "address">>(
  options: A,
  place: NetAddress.SocketAddress | string
): Effect.Effect<A, NetworkError.NetworkError> =>
  Effect.suspend(() => {
    const invalid =
      InvalidOption.find<Omit<Options, "address">>(options, deadlines) ?? Http09Handler.invalidOption(options)
    if (invalid !== undefined) return Effect.fail(NetworkError.make("listen", place, invalid))
    return Effect.succeed({
      ...options,
      readTimeout: options.readTimeout ?? Http09Handler.readTimeout,
      maxAge: options.maxAge ?? Http09Handler.maxAge
    })
  })

const deadlines = {
  readTimeout: InvalidOption.positiveDuration,
  writeTimeout: InvalidOption.positiveDuration,
  maxAge: InvalidOption.positiveDuration
}

/** What `layerConfig` reads; what is not configured is what the program gives it. */
const configured = (options: Omit<Options, "address">) =>
  Config.all({
    server: Server.config({ port: 8080, ...options }),
    text: Config.withDefault(Config.Boolean("TEXT"), options.text),
    dialect: Config.withDefault(Config.Literals(["book", "1991"], "DIALECT"), options.dialect)
  }).pipe(Config.nested("HTTP09"))

/**
 * As `layer`, with what operators decide read from effect's `Config`: from the environment, unless the program has
 * another provider. `options` are the program's own: what is configured goes before them, and what is not is as they say, or as `layer` has it.
 *
 * | name | default |
 * |---|---|
 * | `HTTP09_HOST` | `127.0.0.1`; names and addresses, with commas between them |
 * | `HTTP09_PORT` | 8080; 0 takes a free one |
 * | `HTTP09_TEXT` | `false` |
 * | `HTTP09_DIALECT` | `book` |
 * | `HTTP09_READ_TIMEOUT` | `15 seconds` |
 * | `HTTP09_MAX_AGE` | `1 hour` |
 * | the other names of `Server.layerConfig`, as `HTTP09_MAX_CONNECTIONS` | as `Server` has them |
 *
 * **Errors** as `layer`; `ConfigError` for a value that cannot be read.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as Http09Server from "@effect-sockets/http09/Http09Server"
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * const environment = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { HTTP09_HOST: "::1", HTTP09_PORT: "0" } }))
 * const server = Http09Server.layerConfig().pipe(
 *   Layer.provide([NodeNetwork.layer, NodeResolver.layer, DocumentRoot.layerMemory({}), environment])
 * )
 * const address = Http09Server.Http09Server.pipe(Effect.map((server) => server.address), Effect.provide(server))
 * ;(await Effect.runPromise(address))._tag // => "InetAddressV6"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Omit<Options, "address"> = {}
): Layer.Layer<Http09Server, NetworkError.NetworkError | Config.ConfigError, Network | Resolver | DocumentRoot> =>
  Predicate.isObject(options)
    ? Layer.effect(
        Http09Server,
        Effect.flatMap(configured(options), ({ dialect, server, text }) =>
          listenAndStart({ ...options, ...server.options, dialect, text, address: server.targets })
        )
      )
    : layer(options)
