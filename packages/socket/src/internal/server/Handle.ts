/** A running server, as its program sees it. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import { make as makeError, type NetworkError } from "../../NetworkError.ts"
import { closedError, type ServerSocket } from "./ListeningPort.ts"
import type { Report } from "./Report.ts"
import type { ServerLoop } from "./ServerLoop.ts"

/**
 * A running server.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect } from "effect"
 * const program = Effect.gen(function* () {
 *   const server: Server.Server = yield* Effect.flatMap(ServerSocket.listen(80), Server.start(SocketStream.readLine))
 *   yield* server.setMaxConnections(100)
 *   yield* SocketStream.open(server.address)
 *   yield* Effect.yieldNow
 *   return yield* server.connections
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => 1
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Server {
  /** Where it listens: the first of `addresses`. */
  readonly address: NetAddress.SocketAddress
  /** All addresses that its server socket has. */
  readonly addresses: ReadonlyArray<NetAddress.SocketAddress>
  /** Connections that are being handled now. */
  readonly connections: Effect.Effect<number>
  /**
   * Changes `maxConnections`, to an integer of at least 1. Connections beyond a smaller bound go on; new ones wait for
   * their end. **Errors**: `InvalidOption`.
   */
  readonly setMaxConnections: (maxConnections: number) => Effect.Effect<void, NetworkError>
  /** The connections that are being handled now. */
  readonly snapshot: Effect.Effect<ReadonlyArray<ConnectionSnapshot>>
  /**
   * Stops in order and tells how, as soon as no connection is in use any more; those that have sent FIN linger on, as long
   * as the scope of the server or `drainTimeout` lets them. A second call gives the same report. **Interruption**: the
   * stop goes on.
   */
  readonly stop: Effect.Effect<Report>
  /**
   * As `stop`, where another process serves the port on (`ServerSocket.fromDescriptor`): no client is to notice. This side
   * closes its descriptor; connections that wait still get their turn, and one whose peer has sent nothing yet is not
   * taken for idle, all of them within `drainTimeout`. A `stop` that comes meanwhile ends that; after one this is the same.
   * It ends within `drainTimeout` and two seconds. **Interruption**: it goes on.
   */
  readonly handOver: Effect.Effect<Report>
  /**
   * Stops at once, whatever `drainTimeout` is: every connection is reset, so that no peer takes its end for an orderly
   * one. Handlers get a second to notice. It may end a `stop` that is under way. **Interruption**: it goes on.
   */
  readonly abort: Effect.Effect<Report>
  /** Never succeeds; fails when the listener breaks, or with `Closed` when the server is stopped. */
  readonly await: Effect.Effect<never, NetworkError>
}

/**
 * One connection of a running server, as it was at one moment.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Server from "@effect-sockets/socket/Server"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const text = ({ bytesRead, remoteAddress }: Server.ConnectionSnapshot) =>
 *   `${bytesRead} bytes of ${NetAddress.formatSocketAddress(remoteAddress).split(":")[0]}`
 * const program = Effect.gen(function* () {
 *   const server = yield* Effect.flatMap(ServerSocket.listen(80), Server.start(SocketStream.readLine))
 *   const stream = yield* SocketStream.open(server.address)
 *   yield* SocketStream.write(stream, "half a line")
 *   yield* Effect.sleep("10 millis")
 *   return (yield* server.snapshot).map(text)
 * })
 * const scoped = program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))
 * await Effect.runPromise(scoped) // => ["11 bytes of 127.0.0.1"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectionSnapshot {
  readonly localAddress: NetAddress.SocketAddress
  readonly remoteAddress: NetAddress.SocketAddress
  /** How long the server has had it, in milliseconds. */
  readonly age: number
  /**
   * For how long nothing has come from the peer, in milliseconds: since it came, if it has said nothing yet. What the server
   * sends does not count.
   */
  readonly idleTime: number
  /** Bytes of the peer that have come so far. */
  readonly bytesRead: number
  /** Bytes that the kernel has taken so far. */
  readonly bytesWritten: number
  /** Whether it is between two messages. */
  readonly isIdle: boolean
  /** `"open"`, or on which way to its end it is. */
  readonly state: "open" | "upgrading" | "closing" | "lingering" | "gone" | "closed"
}

export class Handle<R> implements Server {
  readonly address: NetAddress.SocketAddress
  readonly addresses: ReadonlyArray<NetAddress.SocketAddress>
  readonly connections: Effect.Effect<number>
  readonly setMaxConnections: (maxConnections: number) => Effect.Effect<void, NetworkError>
  readonly snapshot: Effect.Effect<ReadonlyArray<ConnectionSnapshot>>
  readonly stop: Effect.Effect<Report>
  readonly handOver: Effect.Effect<Report>
  readonly abort: Effect.Effect<Report>
  readonly await: Effect.Effect<never, NetworkError>
  readonly #server: ServerLoop<R>

  constructor({ address, addresses }: ServerSocket, server: ServerLoop<R>, fiber: Fiber.Fiber<never, NetworkError>) {
    this.address = address
    this.addresses = addresses
    this.#server = server
    this.connections = Effect.sync(() => server.handled.size)
    this.setMaxConnections = (maxConnections) => {
      const invalid = InvalidOption.find({ maxConnections }, { maxConnections: InvalidOption.integer(1) })
      return invalid === undefined ? server.resize(maxConnections) : Effect.fail(makeError("accept", address, invalid))
    }
    this.snapshot = Effect.clockWith((clock) =>
      Effect.sync(() => {
        const now = clock.currentTimeMillisUnsafe()
        return Array.from(server.handled, ({ since, stream }) => ({
          localAddress: stream.localAddress,
          remoteAddress: stream.remoteAddress,
          age: now - since,
          idleTime: Math.round(stream.connection.timers.now() - stream.heardAt),
          bytesRead: stream.bytesRead,
          bytesWritten: stream.bytesWritten,
          isIdle: stream.isIdle,
          state: stream.state.whole
        }))
      })
    )
    const end = (how: () => void) =>
      Effect.andThen(
        Effect.sync(() => {
          how()
          fiber.interruptUnsafe()
        }),
        Deferred.await(server.report)
      )
    this.stop = end(() => {
      server.isHandingOver = false
    })
    this.handOver = end(() => {
      if (!server.isStopping) server.isHandingOver = true
    })
    this.abort = end(() => {
      server.cutAll()
      server.isHandingOver = false
    })
    this.await = Effect.catchCauseIf(Fiber.join(fiber), Cause.hasInterruptsOnly, () =>
      Effect.fail(closedError(address))
    )
  }

  toString(): string {
    return `Server(${this.addresses.map(NetAddress.formatSocketAddress).join(", ")})`
  }

  toJSON(): unknown {
    return {
      _id: "Server",
      address: NetAddress.formatSocketAddress(this.address),
      ...(this.addresses.length > 1 && { addresses: this.addresses.map(NetAddress.formatSocketAddress) }),
      state: this.#server.isStopping ? "stopping" : "serving",
      connections: this.#server.handled.size
    }
  }

  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON()
  }
}
