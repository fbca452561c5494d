/** An open port, on one address or several: its listeners, which can be closed and opened again, and the queue behind them. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Listener } from "../../Network.ts"
import { make as makeError, type NetworkError } from "../../NetworkError.ts"
import type { SocketStream } from "../../SocketStream.ts"
import { scoped } from "../stream/scoped.ts"
import { withoutYield } from "../withoutYield.ts"
import type { AcceptQueue } from "./AcceptQueue.ts"

const TypeId = "~@effect-sockets/socket/ServerSocket" as const

/**
 * An open port.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import { Effect } from "effect"
 * const state = ({ refused }: ServerSocket.ServerSocket) => `${refused} refused`
 * const program = Effect.map(ServerSocket.listen(80), state)
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer()))) // => "0 refused"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerSocket {
  readonly [TypeId]: typeof TypeId
  /**
   * The address that was opened, with the port that the system chose where 0 was asked for. Of several it is the first, by
   * which errors and metrics name the whole.
   */
  readonly address: NetAddress.SocketAddress
  /** All addresses that were opened: one, unless it listens on a name or on several targets. */
  readonly addresses: ReadonlyArray<NetAddress.SocketAddress>
  /**
   * The number of its descriptor, for another process that shall serve the same port: the system keeps one queue of
   * connections for all that have it. None while it is closed, where the network has no descriptors, and where Node does
   * not tell: before 26.4, and of Unix-domain sockets that it opened. Of several addresses it is the first one's.
   */
  readonly descriptor: number | undefined
  /** As `descriptor`, for each of `addresses`. */
  readonly descriptors: ReadonlyArray<number | undefined>
  /** Connections that were reset before anybody accepted them, so far. */
  readonly refused: number
}

/**
 * Whether a value is a `ServerSocket`.
 *
 * ```ts
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * ServerSocket.isServerSocket({ address: "127.0.0.1:80" }) // => false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isServerSocket = (u: unknown): u is ServerSocket => Predicate.hasProperty(u, TypeId)

/** What an operation gets that comes after the port was closed. */
export const closedError = (address: NetAddress.SocketAddress): NetworkError =>
  makeError("accept", address, { _tag: "Closed" })

interface Parts {
  readonly queue: AcceptQueue
  /** Whether the program said how long the queue may be. */
  readonly isQueueGiven: boolean
  /** The network's capacity. */
  readonly capacity: number
  /** Opens all addresses again, in the scope that it is given. */
  readonly reopen: Effect.Effect<ReadonlyArray<Listener>, NetworkError, Scope.Scope>
  /** The scope of the whole. */
  readonly scope: Scope.Scope
}

export class ListeningPort implements ServerSocket {
  readonly [TypeId] = TypeId
  readonly address: NetAddress.SocketAddress
  readonly addresses: ReadonlyArray<NetAddress.SocketAddress>
  readonly parts: Parts
  /** The scope of the listeners, while the port is open. */
  private listening: Scope.Closeable | undefined
  /** One for each address. */
  private listeners: ReadonlyArray<Listener>
  /** One change at a time: a port that is being opened cannot be closed yet. */
  private readonly turn = Semaphore.makeUnsafe(1)

  constructor(listeners: ReadonlyArray<Listener>, listening: Scope.Closeable, parts: Parts) {
    this.addresses = listeners.map(({ address }) => address)
    this.address = this.addresses[0]
    this.listeners = listeners
    this.listening = listening
    this.parts = parts
  }

  get queue(): AcceptQueue {
    return this.parts.queue
  }

  get descriptor(): number | undefined {
    return this.descriptors[0]
  }

  get descriptors(): ReadonlyArray<number | undefined> {
    return this.listeners.map(({ descriptor }) => (this.listening === undefined ? undefined : descriptor))
  }

  get refused(): number {
    return this.queue.refused
  }

  toString(): string {
    return `ServerSocket(${this.addresses.map(NetAddress.formatSocketAddress).join(", ")})`
  }

  toJSON(): unknown {
    return {
      _id: "ServerSocket",
      address: NetAddress.formatSocketAddress(this.address),
      ...(this.addresses.length > 1 && { addresses: this.addresses.map(NetAddress.formatSocketAddress) }),
      state: this.queue.failure !== undefined ? "closed" : this.listening === undefined ? "suspended" : "open",
      waiting: this.queue.size,
      refused: this.refused
    }
  }

  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON()
  }

  /** Once begun it is done: nobody else knows of the listener. */
  private readonly closePort: Effect.Effect<void> = Effect.uninterruptible(
    Effect.suspend(() => {
      const { listening } = this
      this.listening = undefined
      return listening === undefined ? Effect.void : Scope.close(listening, Exit.void)
    })
  )

  readonly suspend: Effect.Effect<void> = this.turn.withPermit(this.closePort)

  readonly resume: Effect.Effect<void, NetworkError> = this.turn.withPermit(
    Effect.uninterruptibleMask((restore) => {
      if (this.queue.failure !== undefined) return Effect.fail(this.queue.failure)
      if (this.listening !== undefined) return Effect.void
      const listening = Scope.forkUnsafe(this.parts.scope)
      this.listening = listening
      return restore(Scope.provide(this.parts.reopen, listening)).pipe(
        Effect.onError(() => this.closePort),
        Effect.map((listeners) => {
          this.listeners = listeners
        })
      )
    })
  )

  readonly close: Effect.Effect<void> = Effect.andThen(
    this.suspend,
    Effect.sync(() => this.queue.close(closedError(this.address)))
  )

  /** Takes a waiting connection into the scope, if there is one: in one step, so that it always has an owner. */
  takeInto(scope: Scope.Scope): Effect.Effect<SocketStream, NetworkError> | undefined {
    const stream = this.queue.shift()
    if (stream !== undefined) return scoped(stream, scope)
    return this.queue.failure === undefined ? undefined : Effect.fail(this.queue.failure)
  }

  accept(scope: Scope.Scope): Effect.Effect<SocketStream, NetworkError> {
    const next: Effect.Effect<SocketStream, NetworkError> = withoutYield(
      () => this.takeInto(scope) ?? Effect.flatMap(this.queue.awaitConnection, () => next)
    )
    return next
  }
}
