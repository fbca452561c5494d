/**
 * An open port, from which connections are accepted one by one. `Server.serve` is the loop that most programs want.
 *
 * Accepted by the system, connections wait here in a bounded queue; a connection that finds it full is reset and
 * counted. Waiting connections are watched: one that breaks gives its place back.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { AcceptQueue } from "./internal/server/AcceptQueue.ts"
import { own } from "./internal/stream/scoped.ts"
import type { StreamCore } from "./internal/stream/StreamState.ts"
import { withoutYield } from "./internal/withoutYield.ts"
import { type Listener, type ListenOptions, Network } from "./Network.ts"
import { type Reason, NetworkError } from "./NetworkError.ts"
import type * as Tls from "./Tls.ts"
import { limitsFrom, type Options as StreamOptions, type SocketStream } from "./SocketStream.ts"

const TypeId = "~@effect-sockets/socket/ServerSocket" as const

/** An open port. */
export interface ServerSocket {
  readonly [TypeId]: typeof TypeId
  /** The address that was opened, with the port that the system chose where 0 was asked for. */
  readonly address: NetAddress.SocketAddress
  /** Connections that were reset before anybody accepted them, so far. */
  readonly refused: number
}

/** How a port is opened, and the limits of the streams that come from it. */
export interface Options extends ListenOptions, StreamOptions {
  /** Connections that wait to be accepted, at least 1. Default 1024, or the network's capacity if that is less. */
  readonly queue?: number | undefined
  /** How long one may wait before it is refused. Default: as long as it takes. */
  readonly queueTimeout?: Duration.Input | undefined
  /**
   * Serve under TLS. Connections are accepted while their handshake goes on, as `SocketStream.handshake` tells; one that
   * fails or takes longer than `handshakeTimeout` ends only itself. `Unsupported` on a network without TLS.
   */
  readonly tls?: Tls.ServerOptions | undefined
}

/** @internal */
export class ServerSocketImpl implements ServerSocket {
  readonly [TypeId] = TypeId
  readonly address: NetAddress.SocketAddress
  readonly queue: AcceptQueue
  readonly capacity: number
  /** Opens the port again, in the scope that it is given. */
  readonly reopen: Effect.Effect<Listener, NetworkError, Scope.Scope>
  private readonly scope: Scope.Scope
  private port: Scope.Closeable | undefined

  constructor(
    listener: Listener,
    port: Scope.Closeable,
    parts: Pick<ServerSocketImpl, "queue" | "capacity" | "reopen"> & { readonly scope: Scope.Scope }
  ) {
    this.address = listener.address
    this.port = port
    this.queue = parts.queue
    this.capacity = parts.capacity
    this.reopen = parts.reopen
    this.scope = parts.scope
  }

  get refused(): number {
    return this.queue.refused
  }

  readonly suspend: Effect.Effect<void> = Effect.suspend(() => {
    const { port } = this
    this.port = undefined
    return port === undefined ? Effect.void : Scope.close(port, Exit.void)
  })

  readonly resume: Effect.Effect<void, NetworkError> = Effect.suspend(() => {
    if (this.queue.failure !== undefined) return Effect.fail(this.queue.failure)
    if (this.port !== undefined) return Effect.void
    const port = Scope.forkUnsafe(this.scope)
    this.port = port
    return this.reopen.pipe(
      Scope.provide(port),
      Effect.onError(() => this.suspend),
      Effect.asVoid
    )
  })
}

/** Whether a value is a `ServerSocket`. */
export const isServerSocket = (u: unknown): u is ServerSocket => Predicate.hasProperty(u, TypeId)

const implOf = (self: ServerSocket): ServerSocketImpl => self as ServerSocketImpl

const defaultQueue = 1024

const listenAddress = (
  target: number | NetAddress.SocketAddress
): Effect.Effect<NetAddress.SocketAddress, NetworkError> =>
  typeof target !== "number"
    ? Effect.succeed(target)
    : Number.isInteger(target) && target >= 0 && target <= 65_535
      ? Effect.succeed(NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, target))
      : Effect.fail(
          NetworkError.make({
            operation: "listen",
            address: String(target),
            reason: { _tag: "InvalidAddress", detail: "a port is an integer from 0 to 65535" }
          })
        )

/**
 * Opens a port until the scope closes. A number is a port of 127.0.0.1, with 0 for any free one: nothing is exposed to
 * the network unless an address says so.
 *
 * **Errors**: `AddressInUse`, `PermissionDenied` (a privileged port), `AddressNotAvailable`, `InvalidAddress`; `Tls` for
 * an identity that cannot be used.
 * **Interruption** leaves the port closed.
 */
export const listen = Effect.fnUntraced(function* (
  target: number | NetAddress.SocketAddress,
  options: Options = {}
): Effect.fn.Return<ServerSocket, NetworkError, Network | Scope.Scope> {
  const network = yield* Network
  const scope = yield* Effect.scope
  const address = yield* listenAddress(target)
  if (options.tls !== undefined) yield* checkTls(network, address, options.tls)
  const queue = new AcceptQueue({
    capacity: options.queue ?? Math.min(defaultQueue, network.capacity),
    timeout: options.queueTimeout === undefined ? Infinity : Duration.toMillis(options.queueTimeout),
    limits: limitsFrom(options),
    tls: options.tls
  })
  // Released in reverse: first the port closes, then what still waits is reset.
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => queue.close(closedError(address)))
  )
  const port = Scope.forkUnsafe(scope)
  const listener = yield* Scope.provide(network.listen(address, queue, options), port)
  const reopen = network.listen(listener.address, queue, options)
  return new ServerSocketImpl(listener, port, { queue, capacity: network.capacity, reopen, scope })
})

/** Options that cannot be used must fail here, not at each connection. */
const checkTls = (network: Network["Service"], address: NetAddress.SocketAddress, tls: Tls.ServerOptions) => {
  const reason: Reason | undefined =
    network.checkTls === undefined
      ? { _tag: "Unsupported", detail: "TLS on this network" }
      : Result.getOrUndefined(Result.flip(network.checkTls(tls)))
  return reason === undefined
    ? Effect.void
    : Effect.fail(NetworkError.make({ operation: "listen", address: NetAddress.formatSocketAddress(address), reason }))
}

/** @internal */
export const closedError = (address: NetAddress.SocketAddress): NetworkError =>
  NetworkError.make({
    operation: "accept",
    address: NetAddress.formatSocketAddress(address),
    reason: { _tag: "Closed" }
  })

/**
 * Waits for the next connection and takes it from the queue, without an owner yet: run it where nothing can interrupt
 * between this and the next owner.
 *
 * @internal
 */
export const take = (
  self: ServerSocketImpl,
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<StreamCore, NetworkError> =>
  Effect.suspend(() => {
    const core = self.queue.shift()
    if (core !== undefined) return Effect.succeed(core)
    if (self.queue.failure !== undefined) return Effect.fail(self.queue.failure)
    return Effect.flatMap(restore(self.queue.awaitConnection), () => take(self, restore))
  })

/** Takes a waiting connection into the scope, if there is one: in one step, so that it always has an owner. */
const takeInto = (
  self: ServerSocketImpl,
  scope: Scope.Scope
): Effect.Effect<SocketStream, NetworkError> | undefined => {
  const core = self.queue.shift()
  if (core !== undefined) return own(core, scope)
  return self.queue.failure === undefined ? undefined : Effect.fail(self.queue.failure)
}

/**
 * Waits for a connection and accepts it. The scope owns it: closed with success it ends with FIN, otherwise with RST.
 *
 * **Errors**: `Closed` when the port is closed; why the listener broke.
 * **Interruption**: no connection is lost, the next `accept` gets it.
 */
export const accept = (self: ServerSocket): Effect.Effect<SocketStream, NetworkError, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => {
    const impl = implOf(self)
    const next: Effect.Effect<SocketStream, NetworkError> = withoutYield(
      () => takeInto(impl, scope) ?? Effect.flatMap(impl.queue.awaitConnection, () => next)
    )
    return next
  })

/**
 * As `accept`, but gives up after `duration` with none (PORT's `:wait`). Zero takes a connection only if one waits.
 *
 * **Interruption**, and the end of the wait, lose no connection.
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
      const impl = implOf(self)
      const { queue } = impl
      // Only the wait is timed: a connection is taken where nothing can come between it and its scope.
      const ready: Effect.Effect<void> = Effect.suspend(() =>
        queue.size > 0 || queue.failure !== undefined ? Effect.void : Effect.flatMap(queue.awaitConnection, () => ready)
      )
      return Effect.flatMap(Effect.timeoutOption(ready, duration), () =>
        withoutYield(() => {
          const stream = takeInto(impl, scope)
          return stream === undefined ? Effect.succeedNone : Effect.asSome(stream)
        })
      )
    })
)

/** The connections as they come, until the port is closed. The scope owns them, each until it ends by itself. */
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
 */
export const suspend = (self: ServerSocket): Effect.Effect<void> => implOf(self).suspend

/**
 * Opens a suspended port again, at the same address. May be run again.
 *
 * **Errors**: as `listen`; `Closed` after `close`.
 */
export const resume = (self: ServerSocket): Effect.Effect<void, NetworkError> => implOf(self).resume

/** Closes the port: new connections are refused, waiting ones are reset, accepted ones live on. May be run again. */
export const close = (self: ServerSocket): Effect.Effect<void> =>
  Effect.suspend(() => {
    const impl = implOf(self)
    return Effect.andThen(
      impl.suspend,
      Effect.sync(() => impl.queue.close(closedError(self.address)))
    )
  })
