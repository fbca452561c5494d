/**
 * An open port, from which connections are accepted one by one. `Server.serve` is the loop that most programs want.
 *
 * Accepted by the system, connections wait here in a bounded queue; a connection that finds it full is reset and
 * counted. Waiting connections are watched: one that breaks gives its place back.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as NetAddress from "effect/net/NetAddress"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type { HostInput, Resolver } from "@effect-sockets/resolver/Resolver"
import { isServerSocket, type ListeningPort, type ServerSocket } from "./internal/server/ListeningPort.ts"
import { type AddressTarget, type HostTarget, labelOf, type Target } from "./internal/server/ListenTargets.ts"
import { open, type Options } from "./internal/server/OpenPort.ts"
import { withoutYield } from "./internal/withoutYield.ts"
import type { Network } from "./Network.ts"
import { make as makeError, type NetworkError } from "./NetworkError.ts"
import type { SocketStream } from "./SocketStream.ts"

export {
  /** Whether a value is a `ServerSocket`. */
  isServerSocket
}

export type {
  /** What can be listened on without a resolver: a port of 127.0.0.1, an address, or a descriptor that listens already. */
  AddressTarget,
  /** A port of a host: of all its addresses. */
  HostTarget,
  /** How a port is opened, and the limits of the streams that come from it. */
  Options,
  /** An open port. */
  ServerSocket,
  /** What can be listened on. */
  Target
}

/**
 * How a descriptor is taken, and the limits of the streams that come from it.
 *
 * ```ts
 * import type * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * const options: ServerSocket.DescriptorOptions = { queue: 100, readTimeout: "30 seconds" }
 * options.queue // => 100
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export type DescriptorOptions = Omit<Options, "reusePort" | "ipv6Only">

const portOf = (self: ServerSocket): ListeningPort => self as ListeningPort

/**
 * Opens a port until the scope closes. A number is a port of 127.0.0.1, with 0 for any free one: nothing is exposed to
 * the network unless an address says so. With a host and a port it listens on all addresses of the host, as `listenAll`
 * tells; `localhost` is both loopbacks.
 *
 * **Errors**: `AddressInUse`, `PermissionDenied` (a privileged port), `AddressNotAvailable`, `InvalidAddress`,
 * `InvalidOption`; `Tls` for an identity that cannot be used; `Resolution` for a name.
 * **Interruption** leaves the port closed.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const everywhere = NetAddress.inetAddressFromStringUnsafe("0.0.0.0:80")
 * const twice = Effect.andThen(ServerSocket.listen(everywhere), ServerSocket.listen(80))
 * const error = await Effect.runPromise(Effect.flip(twice).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer())))
 * error.message // => "listen 127.0.0.1:80: address already in use"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const listen: {
  (
    host: HostInput,
    port: number,
    options?: Options
  ): Effect.Effect<ServerSocket, NetworkError, Network | Resolver | Scope.Scope>
  (
    target: number | NetAddress.SocketAddress,
    options?: Options
  ): Effect.Effect<ServerSocket, NetworkError, Network | Scope.Scope>
} = (
  target: HostInput | number | NetAddress.SocketAddress,
  second?: number | Options,
  third?: Options
): Effect.Effect<ServerSocket, NetworkError, Network | Scope.Scope> =>
  typeof second === "number" || !isAddressTarget(target)
    ? // Its type says that a name needs a resolver.
      (open([{ host: target as HostInput, port: second as number }], third) as Effect.Effect<
        ServerSocket,
        NetworkError,
        Network | Scope.Scope
      >)
    : listenAll([target], second)

const isAddressTarget = (target: unknown): target is number | NetAddress.SocketAddress =>
  typeof target === "number" || NetAddress.isSocketAddress(target)

/**
 * Opens several addresses, ports and hosts until the scope closes, as one server socket: one queue, one `close`, one
 * server with one set of bounds and one report. All are open, or none: the failure names the address.
 *
 * - Port 0 is a free port, the same one on all addresses that ask for it.
 * - A host is all its addresses, and `localhost` both loopbacks, whatever the resolver says (RFC 6761, section 6.3). Of a
 *   host, what a machine without IPv6 or IPv4 cannot have is left out; an address by itself must be there.
 * - What comes twice is opened once. When one of them breaks, all are closed.
 *
 * Connections know where they came in: `localAddress`.
 *
 * **Errors**: as `listen` and `fromDescriptor`; `InvalidOption` for no target at all.
 * **Interruption** leaves all of them closed.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect, Layer } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const admin = NetAddress.unixPathAddress("/run/admin.sock")
 * const program = ServerSocket.listenAll([{ host: "localhost", port: 80 }, 8080, admin])
 * const network = Layer.merge(MemoryNetwork.layer(), Resolver.layerStatic({}))
 * const text = await Effect.runPromise(Effect.map(program, String).pipe(Effect.scoped, Effect.provide(network)))
 * text // => "ServerSocket(127.0.0.1:80, [::1]:80, 127.0.0.1:8080, /run/admin.sock)"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const listenAll: {
  (
    targets: ReadonlyArray<AddressTarget>,
    options?: Options
  ): Effect.Effect<ServerSocket, NetworkError, Network | Scope.Scope>
  (
    targets: ReadonlyArray<Target>,
    options?: Options
  ): Effect.Effect<ServerSocket, NetworkError, Network | Resolver | Scope.Scope>
} = (targets: ReadonlyArray<Target>, options?: Options) =>
  // Without a name the resolver is not asked for.
  open(targets, options) as Effect.Effect<ServerSocket, NetworkError, Network | Scope.Scope>

/**
 * What is listened on, in words, as errors have it.
 *
 * ```ts
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * ServerSocket.formatTarget(80) // => "127.0.0.1:80"
 * ServerSocket.formatTarget({ host: "localhost", port: 80 }) // => "localhost:80"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatTarget = (target: Target): string => labelOf(target)

/**
 * Takes a port that another process opened: the number of a descriptor that listens, TCP or Unix-domain, which this
 * process has inherited. `SocketActivation` says which ones a service manager passes. From 3 on: those below are the
 * standard streams. Connections that came before wait in it.
 *
 * The descriptor is the scope's from here on, and of nobody else in this process: the scope closes it, and so does a
 * failure. The port itself goes on as long as another process has it; the file of a Unix-domain socket stays.
 * `suspend` closes the descriptor for good. `listenAll` takes several of them. What is bound and does not listen yet is made to. `backlog` counts for all
 * that have the port.
 *
 * **Errors**: `InvalidAddress` for a number that is not open, not a socket, bound to no port, one that cannot listen, or
 * in use by this process already; `InvalidOption`; `Tls`; `Unsupported` on a network without descriptors.
 * **Interruption** closes the descriptor.
 *
 * ```ts
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect } from "effect"
 * const program = Effect.flip(ServerSocket.fromDescriptor(1_000_000))
 * const error = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(NodeNetwork.layer)))
 * error.message // => "listen descriptor 1000000: invalid address: it is not open"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDescriptor = (
  descriptor: number,
  options?: DescriptorOptions
): Effect.Effect<ServerSocket, NetworkError, Network | Scope.Scope> => listenAll([{ descriptor }], options)

/**
 * Waits for a connection and accepts it. The scope owns it: closed with success it ends with FIN, otherwise with RST.
 *
 * **Errors**: `Closed` when the port is closed; why the listener broke.
 * **Interruption**: no connection is lost, the next `accept` gets it.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Option } from "effect"
 * const program = Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(80)
 *   const client = yield* SocketStream.open(socket.address)
 *   yield* SocketStream.writeLine(client, "hello")
 *   return yield* Effect.flatMap(ServerSocket.accept(socket), SocketStream.readLine)
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => Option.some("hello")
 * ```
 *
 * @category accepting
 * @since 0.1.0
 */
export const accept = (self: ServerSocket): Effect.Effect<SocketStream, NetworkError, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => portOf(self).accept(scope))

/**
 * As `accept`, but gives up after `duration` with none (PORT's `:wait`). Zero takes a connection only if one waits.
 *
 * **Interruption**, and the end of the wait, lose no connection.
 * **Errors** as `accept`; `InvalidOption` for a duration that cannot be meant.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect, Option } from "effect"
 * const program = Effect.flatMap(ServerSocket.listen(80), ServerSocket.acceptWithin("10 millis"))
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))) // => Option.none()
 * ```
 *
 * @category accepting
 * @since 0.1.0
 */
export const acceptWithin: {
  (
    duration: Duration.Input
  ): (self: ServerSocket) => Effect.Effect<Option.Option<SocketStream>, NetworkError, Scope.Scope>
  (self: ServerSocket, duration: Duration.Input): Effect.Effect<Option.Option<SocketStream>, NetworkError, Scope.Scope>
} = dual(
  2,
  (
    self: ServerSocket,
    duration: Duration.Input
  ): Effect.Effect<Option.Option<SocketStream>, NetworkError, Scope.Scope> =>
    Effect.flatMap(Effect.scope, (scope) => {
      const port = portOf(self)
      const invalid = InvalidOption.find({ duration }, { duration: InvalidOption.duration })
      if (invalid !== undefined) return Effect.fail(makeError("accept", port.address, invalid))
      const { queue } = port
      // Only the wait is timed: a connection is taken where nothing can come between it and its scope.
      const ready: Effect.Effect<void> = Effect.suspend(() =>
        queue.size > 0 || queue.failure !== undefined ? Effect.void : Effect.flatMap(queue.awaitConnection, () => ready)
      )
      return Effect.flatMap(Effect.timeoutOption(ready, duration), () =>
        withoutYield(() => {
          const stream = port.takeInto(scope)
          return stream === undefined ? Effect.succeedNone : Effect.asSome(stream)
        })
      )
    })
)

/**
 * The connections as they come, until the port is closed. The scope owns them, each until it ends by itself.
 *
 * **Errors**: why the listener broke. **Interruption**: no connection is lost, the next `accept` gets it.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect, Option, Stream } from "effect"
 * const program = Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(80)
 *   const first = yield* SocketStream.open(socket.address)
 *   const second = yield* SocketStream.open(socket.address)
 *   yield* Effect.forEach([first, second], SocketStream.writeLine("hello"))
 *   const lines = Stream.mapEffect(ServerSocket.connections(socket), (stream) => SocketStream.readLine(stream))
 *   return yield* Stream.runCollect(Stream.take(lines, 2))
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => [Option.some("hello"), Option.some("hello")]
 * ```
 *
 * @category accepting
 * @since 0.1.0
 */
export const connections = (self: ServerSocket): Stream.Stream<SocketStream, NetworkError, Scope.Scope> =>
  Stream.fromPull(
    Effect.succeed(
      accept(self).pipe(
        Effect.map(Arr.of),
        Effect.catchReason("NetworkError", "Closed", () => Cause.done())
      )
    )
  )

/**
 * Closes the port for a while, on all its addresses: new connections are refused by the system, those that wait can still be accepted. May be
 * run again.
 *
 * **Interruption**: what has begun is done.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(80)
 *   yield* ServerSocket.suspend(socket)
 *   return (yield* Effect.flip(SocketStream.open(socket.address))).reason._tag
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => "ConnectionRefused"
 * ```
 *
 * @category accepting
 * @since 0.1.0
 */
export const suspend = (self: ServerSocket): Effect.Effect<void> => portOf(self).suspend

/**
 * Opens a suspended port again, at the same addresses: all of them or none. May be run again.
 *
 * **Errors**: as `listen`; `Closed` after `close`.
 * **Interruption** leaves the port closed.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(80)
 *   yield* ServerSocket.suspend(socket)
 *   yield* ServerSocket.resume(socket)
 *   const stream = yield* SocketStream.open(socket.address)
 *   return SocketStream.hostPort(stream)[3]
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => 80
 * ```
 *
 * @category accepting
 * @since 0.1.0
 */
export const resume = (self: ServerSocket): Effect.Effect<void, NetworkError> => portOf(self).resume

/**
 * Closes the port, on all its addresses: new connections are refused, waiting ones are reset, accepted ones live on. May be run again.
 *
 * **Interruption**: what has begun is done; a second call does the rest.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(80)
 *   yield* ServerSocket.close(socket)
 *   return yield* Effect.flip(ServerSocket.accept(socket))
 * })
 * const error = await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer())))
 * error.message // => "accept 127.0.0.1:80: the socket is closed"
 * ```
 *
 * @category closing
 * @since 0.1.0
 */
export const close = (self: ServerSocket): Effect.Effect<void> => portOf(self).close
