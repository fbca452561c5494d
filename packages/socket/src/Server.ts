/**
 * The loop of a server: accept, and handle each connection in a fiber of its own under a bounded number of permits.
 *
 * A connection goes straight to its handler while a permit is free, and waits in the port's queue until one is. It has
 * one owner at a time; its handler's exit decides how it ends:
 *
 * - the handler succeeds: FIN after everything that was written, then a bounded linger;
 * - it fails, dies or is interrupted: RST, so that the peer can tell;
 * - the server ends it between two messages (it waits for input, nothing is buffered in either direction, and what it
 *   read last was answered): FIN.
 *
 * A connection that breaks fails the read or write that waits on it. If its handler is busy elsewhere, it is
 * interrupted: nobody waits for its answer, and its permit comes back.
 */
import * as Arr from "effect/Array"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { type ConnectionSnapshot, Handle, type Server } from "./internal/server/Handle.ts"
import { isServerSocket, type ListeningPort, type ServerSocket } from "./internal/server/ListeningPort.ts"
import type { AddressTarget, Target } from "./internal/server/ListenTargets.ts"
import { config as makeConfig, type Configured, type LayerOptions } from "./internal/server/ServerConfig.ts"
import type { AcceptRate } from "./internal/server/AcceptRate.ts"
import type { Alarm } from "./internal/server/LoadAlarm.ts"
import type { Report } from "./internal/server/Report.ts"
import { ServerLoop } from "./internal/server/ServerLoop.ts"
import { type Handler, type Options, problem } from "./internal/server/ServerOptions.ts"
import type { Resolver } from "@effect-sockets/resolver/Resolver"
import type { Network } from "./Network.ts"
import { make as makeError, type NetworkError } from "./NetworkError.ts"
import { listenAll } from "./ServerSocket.ts"

export type {
  /** How many connections may come in a time. */
  AcceptRate,
  /** A server has come near its bound, or is away from it again. */
  Alarm,
  /** What was configured: where to listen, and how. */
  Configured,
  /** One connection of a running server, as it was at one moment. */
  ConnectionSnapshot,
  /** What a server does with each connection. Its scope ends with the connection. */
  Handler,
  /** How a layer opens its port and serves the connections. */
  LayerOptions,
  /** How connections are served. */
  Options,
  /** How the connections ended that were open when a server was stopped. */
  Report,
  /** A running server. */
  Server
}
export type {
  /** Why a connection was refused. */
  Refusal
} from "./SocketMetrics.ts"

/** The server, unless an option cannot be meant. */
const loop = <R>(
  socket: ServerSocket,
  handler: Handler<R>,
  options: Options<R> = {}
): Effect.Effect<ServerLoop<R>, NetworkError> =>
  Effect.suspend(() => {
    const invalid = problem(options)
    return invalid === undefined
      ? Effect.succeed(new ServerLoop(socket as ListeningPort, handler, options))
      : Effect.fail(makeError("accept", socket.address, invalid))
  })

/**
 * Accepts connections for ever and handles each in a fiber of its own. A handler's failure, defect or interruption ends
 * its own connection and nothing else. Where the program has a tracer, each connection is a span, and its handler runs
 * within it. `SocketMetrics` counts.
 *
 * **Errors**: `Closed` when the port is closed by somebody else; why the listener broke; `InvalidOption`.
 * **Interruption** is the graceful stop: the port closes at once, connections between two messages end with FIN, those
 * in use get `drainTimeout`, the rest are reset. It ends within `drainTimeout` and a second.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(80)
 *   yield* Effect.forkScoped(Server.serve(socket, SocketStream.writeLine("good day")))
 *   return yield* Effect.flatMap(SocketStream.open(socket.address), SocketStream.readLine)
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => Option.some("good day")
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const serve: {
  <R>(
    handler: Handler<R>,
    options?: Options<R>
  ): (self: ServerSocket) => Effect.Effect<never, NetworkError, Exclude<R, Scope.Scope>>
  <R>(
    self: ServerSocket,
    handler: Handler<R>,
    options?: Options<R>
  ): Effect.Effect<never, NetworkError, Exclude<R, Scope.Scope>>
} = dual(
  (args) => isServerSocket(args[0]),
  <R>(
    self: ServerSocket,
    handler: Handler<R>,
    options?: Options<R>
  ): Effect.Effect<never, NetworkError, Exclude<R, Scope.Scope>> =>
    // Each connection brings the handler's scope.
    Effect.flatMap(loop(self, handler, options), (server) => server.run) as Effect.Effect<
      never,
      NetworkError,
      Exclude<R, Scope.Scope>
    >
)

/**
 * Serves in the background until the scope closes, which stops the server as an interruption of `serve` does.
 *
 * **Errors**: `InvalidOption`; nothing is served then.
 * **Interruption**: it is done at once; the scope has the server.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(80)
 *   const server = yield* Server.start(socket, SocketStream.forEachLine(() => Effect.void))
 *   yield* SocketStream.open(socket.address)
 *   return yield* server.stop
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => { drained: 1, aborted: 0 }
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const start: {
  <R>(
    handler: Handler<R>,
    options?: Options<R>
  ): (self: ServerSocket) => Effect.Effect<Server, NetworkError, R | Scope.Scope>
  <R>(
    self: ServerSocket,
    handler: Handler<R>,
    options?: Options<R>
  ): Effect.Effect<Server, NetworkError, R | Scope.Scope>
} = dual(
  (args) => isServerSocket(args[0]),
  Effect.fnUntraced(function* <R>(self: ServerSocket, handler: Handler<R>, options?: Options<R>) {
    const server = yield* loop(self, handler, options)
    const fiber = yield* Effect.forkScoped(server.run, { startImmediately: true })
    return new Handle(self, server, fiber)
  })
)

/**
 * The server that a layer runs.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import { Effect, Layer } from "effect"
 * const server = Layer.provide(Server.layer(80, () => Effect.void), MemoryNetwork.layer())
 * const stop = Server.Running.use((server) => server.stop)
 * await Effect.runPromise(Effect.provide(stop, server)) // => { drained: 0, aborted: 0 }
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Running extends Context.Service<Running, Server>()("@effect-sockets/socket/Server/Running") {}

/**
 * A server as a layer: it listens when the layer is built, and its release is the graceful stop. It listens on one target
 * or on several, as `ServerSocket.listen` and `listenAll` do; a number is a port of 127.0.0.1. A program with several
 * servers gives each a service of its own, over `ServerSocket.listen` and `start`.
 *
 * **Errors**: as `ServerSocket.listenAll` and `start`.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Layer, Option } from "effect"
 * const echo = Server.layer(80, (stream) => SocketStream.copy(stream, stream), { maxConnections: 100 })
 * const ask = Effect.gen(function* () {
 *   const stream = yield* SocketStream.open((yield* Server.Running).address)
 *   yield* SocketStream.writeLine(stream, "hello")
 *   return yield* SocketStream.readLine(stream)
 * })
 * const network = MemoryNetwork.layer()
 * const answer = await Effect.runPromise(ask.pipe(Effect.scoped, Effect.provide(Layer.provideMerge(echo, network))))
 * answer // => Option.some("hello")
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: {
  <R = never>(
    targets: AddressTarget | ReadonlyArray<AddressTarget>,
    handler: Handler<R>,
    options?: LayerOptions<R>
  ): Layer.Layer<Running, NetworkError, Network | Exclude<R, Scope.Scope>>
  <R = never>(
    targets: Target | ReadonlyArray<Target>,
    handler: Handler<R>,
    options?: LayerOptions<R>
  ): Layer.Layer<Running, NetworkError, Network | Resolver | Exclude<R, Scope.Scope>>
} = <R = never>(targets: Target | ReadonlyArray<Target>, handler: Handler<R>, options: LayerOptions<R> = {}) =>
  Layer.effect(
    Running,
    Effect.flatMap(listenAll(Arr.ensure(targets), options), (socket) => start(socket, handler, options))
    // Without a name the resolver is not asked for.
  ) as Layer.Layer<Running, NetworkError, Network | Exclude<R, Scope.Scope>>

/**
 * What operators decide about a server, as effect's `Config`: for a program that reads more beside it. `layerConfig` is it
 * under a name. What is configured goes before what is given; without a `port` there, one must be configured.
 *
 * ```ts
 * import * as Server from "@effect-sockets/socket/Server"
 * import { Config, ConfigProvider, Effect } from "effect"
 * const config = Config.all({ motd: Config.String("MOTD"), server: Server.config({ port: 70 }) }).pipe(Config.nested("GOPHER"))
 * const env = { GOPHER_MOTD: "hello", GOPHER_HOST: "localhost, 192.0.2.1", GOPHER_QUEUE: "10" }
 * const { server } = await Effect.runPromise(config.parse(ConfigProvider.fromEnv({ env })))
 * server.targets // => [{ host: "localhost", port: 70 }, { host: "192.0.2.1", port: 70 }]
 * server.options.queue // => 10
 * ```
 *
 * @category config
 * @since 0.1.0
 */
export const config = <R = never>(
  given: LayerOptions<R> & { readonly port?: number | undefined } = {}
): Config.Config<Configured<R>> => makeConfig(given)

/**
 * As `layer`, with what operators decide read from effect's `Config`: from the environment, unless the program has
 * another provider. What is configured goes before `options`. With the name `"ECHO"`:
 *
 * | name | default |
 * |---|---|
 * | `ECHO_HOST` | `127.0.0.1`; names and addresses, with commas between them |
 * | `ECHO_PORT` | none: it must be there; 0 takes a free one |
 * | `ECHO_ACCEPT_RATE`, `ECHO_ACCEPT_BURST` | the `limit` and `burst` of `acceptRate` |
 * | `ECHO_ACCEPT_RATE_PER_PEER`, `ECHO_ACCEPT_BURST_PER_PEER` | those of `acceptRatePerPeer` |
 * | `ECHO_ALARM_AT`, `ECHO_ALARM_COOLDOWN` | as `options` and `Server` have them |
 * | `ECHO_MAX_CONNECTIONS`, `ECHO_MAX_PER_PEER`, `ECHO_QUEUE`, `ECHO_QUEUE_TIMEOUT` | as `options` and `Server` have them |
 * | `ECHO_READ_TIMEOUT`, `ECHO_WRITE_TIMEOUT`, `ECHO_IDLE_TIMEOUT`, `ECHO_MAX_AGE`, `ECHO_DRAIN_TIMEOUT` | as `options` and `Server` have them |
 *
 * **Errors**: as `layer`; `ConfigError` for a value that cannot be read.
 *
 * ```ts
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * const environment = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ECHO_HOST: "::1", ECHO_PORT: "0" } }))
 * const echo = Server.layerConfig("ECHO", (stream) => SocketStream.copy(stream, stream))
 * const address = Server.Running.pipe(Effect.map((server) => server.address._tag))
 * const machine = Layer.mergeAll(NodeNetwork.layer, NodeResolver.layer, environment)
 * await Effect.runPromise(Effect.provide(address, Layer.provide(echo, machine))) // => "InetAddressV6"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = <R = never>(
  name: string,
  handler: Handler<R>,
  options: LayerOptions<R> = {}
): Layer.Layer<Running, NetworkError | Config.ConfigError, Network | Resolver | Exclude<R, Scope.Scope>> =>
  Predicate.isObject(options)
    ? Layer.unwrap(
        Effect.map(Config.nested(config(options), name), ({ options, targets }) => layer(targets, handler, options))
      )
    : layer(0, handler, options)
