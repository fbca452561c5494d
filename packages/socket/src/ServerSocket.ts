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
import type * as NetAddress from "effect/net/NetAddress"
import { inetAddressUnsafe, ipv4Loopback } from "effect/net/NetAddress"
import type * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import { AcceptQueue } from "./internal/server/AcceptQueue.ts"
import { isServerSocket, ListeningPort, type ServerSocket } from "./internal/server/ListeningPort.ts"
import { checks, limitsFrom, type Options as StreamOptions } from "./internal/stream/StreamOptions.ts"
import { portProblem } from "./internal/port.ts"
import { withoutYield } from "./internal/withoutYield.ts"
import { type Listener, type ListenOptions, Network } from "./Network.ts"
import { make as makeError, type NetworkError, type Reason } from "./NetworkError.ts"
import type { SocketStream } from "./SocketStream.ts"
import type * as Tls from "./Tls.ts"

export {
  /** Whether a value is a `ServerSocket`. */
  isServerSocket
}

export type {
  /** An open port. */
  ServerSocket
}

/**
 * How a port is opened, and the limits of the streams that come from it.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect } from "effect"
 * const options: ServerSocket.Options = { queue: 100, queueTimeout: "5 seconds", readTimeout: "30 seconds" }
 * const program = Effect.map(ServerSocket.listen(80, options), String)
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => "ServerSocket(127.0.0.1:80)"
 * ```
 */
export interface Options extends ListenOptions, StreamOptions {
  /**
   * Connections that wait to be accepted, at least 1. Each holds a descriptor. Default: a third of the network's capacity,
   * at most 1024; a server takes what its own bound leaves.
   */
  readonly queue?: number | undefined
  /** How long one may wait before it is refused. Default: as long as it takes. */
  readonly queueTimeout?: Duration.Input | undefined
  /**
   * Serve under TLS. Connections are accepted while their handshake goes on, as `SocketStream.handshake` tells; one that
   * fails or takes longer than `handshakeTimeout` ends only itself. `Unsupported` on a network without TLS.
   */
  readonly tls?: Tls.ServerOptions | undefined
}

/**
 * How a descriptor is taken, and the limits of the streams that come from it.
 *
 * ```ts
 * import type * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * const options: ServerSocket.DescriptorOptions = { queue: 100, readTimeout: "30 seconds" }
 * options.queue // => 100
 * ```
 */
export type DescriptorOptions = Omit<Options, "reusePort" | "ipv6Only">

const portOf = (self: ServerSocket): ListeningPort => self as ListeningPort

/** Connections that wait, where nobody says how many: each needs a descriptor that no handler has then. */
const defaultQueue = (capacity: number): number => Math.max(1, Math.min(1024, Math.floor(capacity / 3)))

const listenAddress = (
  target: number | NetAddress.SocketAddress
): Effect.Effect<NetAddress.SocketAddress, NetworkError> =>
  Effect.suspend(() => {
    if (typeof target !== "number") return Effect.succeed(target)
    const problem = portProblem(target, 0)
    return problem === undefined
      ? Effect.succeed(inetAddressUnsafe(ipv4Loopback, target))
      : Effect.fail(makeError("listen", String(target), problem))
  })

/**
 * Opens a port until the scope closes. A number is a port of 127.0.0.1, with 0 for any free one: nothing is exposed to
 * the network unless an address says so.
 *
 * **Errors**: `AddressInUse`, `PermissionDenied` (a privileged port), `AddressNotAvailable`, `InvalidAddress`; `Tls` for
 * an identity that cannot be used.
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
 */
export const listen = Effect.fnUntraced(function* (
  target: number | NetAddress.SocketAddress,
  options: Options = {}
): Effect.fn.Return<ServerSocket, NetworkError, Network | Scope.Scope> {
  const network = yield* Network
  const address = yield* listenAddress(target)
  return yield* open(network, address, options, {
    first: (queue) => network.listen(address, queue, options),
    again: (queue, opened) => network.listen(opened, queue, options)
  })
})

/**
 * Takes a port that another process opened: the number of a descriptor that listens, TCP or Unix-domain, which this
 * process has inherited. `SocketActivation` says which ones a service manager passes. From 3 on: those below are the
 * standard streams. Connections that came before wait in it.
 *
 * The descriptor is the scope's from here on, and of nobody else in this process: the scope closes it, and so does a
 * failure. The port itself goes on as long as another process has it; the file of a Unix-domain socket stays.
 * `suspend` closes the descriptor for good. What is bound and does not listen yet is made to. `backlog` counts for all
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
 */
export const fromDescriptor = Effect.fnUntraced(function* (
  descriptor: number,
  options: DescriptorOptions = {}
): Effect.fn.Return<ServerSocket, NetworkError, Network | Scope.Scope> {
  const network = yield* Network
  const place = `descriptor ${descriptor}`
  const { listenOn } = network
  const fail = (detail: string) => makeError("listen", place, { _tag: "Unsupported", detail })
  if (listenOn === undefined) return yield* fail("descriptors on this network")
  return yield* open(network, place, options, {
    first: (queue) => listenOn(descriptor, queue, options),
    // Its number may be another's by now.
    again: () => fail("a descriptor that was closed is not opened again")
  })
})

/** How a listener is opened, and opened again after it was closed for a while. */
interface Opening {
  readonly first: (queue: AcceptQueue) => Effect.Effect<Listener, NetworkError, Scope.Scope>
  readonly again: (
    queue: AcceptQueue,
    address: NetAddress.SocketAddress
  ) => Effect.Effect<Listener, NetworkError, Scope.Scope>
}

const open = Effect.fnUntraced(function* (
  network: Network["Service"],
  place: NetAddress.SocketAddress | string,
  options: Options,
  { first, again }: Opening
): Effect.fn.Return<ServerSocket, NetworkError, Scope.Scope> {
  const scope = yield* Effect.scope
  const reason = InvalidOption.find(options, { ...checks, ...queueChecks }) ?? tlsProblem(network, options.tls)
  if (reason !== undefined) return yield* makeError("listen", place, reason)
  const queue = new AcceptQueue({
    capacity: options.queue ?? defaultQueue(network.capacity),
    timeout: InvalidOption.toMillis(options.queueTimeout),
    limits: limitsFrom(options),
    tls: options.tls
  })
  // Released in reverse: first the port closes, then what still waits is reset.
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => queue.close(makeError("accept", place, { _tag: "Closed" })))
  )
  const listening = Scope.forkUnsafe(scope)
  const listener = yield* Scope.provide(first(queue), listening)
  const reopen = again(queue, listener.address)
  const isQueueGiven = options.queue !== undefined
  return new ListeningPort(listener, listening, { queue, isQueueGiven, capacity: network.capacity, reopen, scope })
})

const queueChecks = { queue: InvalidOption.integer(1), queueTimeout: InvalidOption.positiveDuration } as const

/** Options that cannot be used must fail here, not at each connection. */
const tlsProblem = (network: Network["Service"], tls: Tls.ServerOptions | undefined): Reason | undefined => {
  if (tls === undefined) return undefined
  return network.checkTls === undefined
    ? { _tag: "Unsupported", detail: "TLS on this network" }
    : Result.getOrUndefined(Result.flip(network.checkTls(tls)))
}

/**
 * Waits for a connection and accepts it. The scope owns it: closed with success it ends with FIN, otherwise with RST.
 *
 * **Errors**: `Closed` when the port is closed; why the listener broke.
 * **Interruption**: no connection is lost, the next `accept` gets it.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
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
 * const scoped = program.pipe(Effect.scoped, Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({})]))
 * await Effect.runPromise(scoped) // => Option.some("hello")
 * ```
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
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
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
 * const scoped = program.pipe(Effect.scoped, Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({})]))
 * await Effect.runPromise(scoped) // => [Option.some("hello"), Option.some("hello")]
 * ```
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
 * Closes the port for a while: new connections are refused by the system, those that wait can still be accepted. May be
 * run again.
 *
 * **Interruption**: what has begun is done.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const socket = yield* ServerSocket.listen(80)
 *   yield* ServerSocket.suspend(socket)
 *   return (yield* Effect.flip(SocketStream.open(socket.address))).reason._tag
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({})]))
 * await Effect.runPromise(scoped) // => "ConnectionRefused"
 * ```
 */
export const suspend = (self: ServerSocket): Effect.Effect<void> => portOf(self).suspend

/**
 * Opens a suspended port again, at the same address. May be run again.
 *
 * **Errors**: as `listen`; `Closed` after `close`.
 * **Interruption** leaves the port closed.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
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
 * const scoped = program.pipe(Effect.scoped, Effect.provide([MemoryNetwork.layer(), Resolver.layerStatic({})]))
 * await Effect.runPromise(scoped) // => 80
 * ```
 */
export const resume = (self: ServerSocket): Effect.Effect<void, NetworkError> => portOf(self).resume

/**
 * Closes the port: new connections are refused, waiting ones are reset, accepted ones live on. May be run again.
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
 */
export const close = (self: ServerSocket): Effect.Effect<void> => portOf(self).close
