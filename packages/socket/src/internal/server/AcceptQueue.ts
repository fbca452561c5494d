/**
 * From the transport to whoever handles the connection: rules first, then straight to a server that has a permit free, or
 * else a bounded queue, first come first served. What waits is watched: a connection that breaks gives its place back.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Connection, SecureConnection } from "../../Connection.ts"
import type { ListenerEvents } from "../../Network.ts"
import type { NetworkError } from "../../NetworkError.ts"
import type { Refusal } from "../../SocketMetrics.ts"
import type * as Tls from "../../Tls.ts"
import { type Linked, LinkedList } from "../LinkedList.ts"
import type { Owner } from "../stream/Owner.ts"
import type { StreamLimits } from "../stream/StreamOptions.ts"
import { StreamState } from "../stream/StreamState.ts"
import type { AdmissionRules } from "./AdmissionRules.ts"

export interface QueueOptions {
  /** Connections that may wait. */
  readonly capacity: number
  /** Milliseconds that one may wait, `Infinity` for as long as it takes. */
  readonly timeout: number
  /** Of every stream that comes from here, until a server sets its own. */
  readonly limits: StreamLimits
  /** The handshake that each connection takes, or none: clear text. */
  readonly tls: Tls.ServerOptions | undefined
}

/** A server that takes connections from here. */
export interface Taker {
  readonly rules: AdmissionRules
  /** Takes the connection and owns it from here, if it has a permit free. */
  take(stream: StreamState): boolean
  /** Hears of a handshake that has begun. */
  onHandshake(connection: SecureConnection): void
  /** Hears of a connection that is refused and about to be reset. */
  onRefused(stream: StreamState, refusal: Refusal): void
  /** Hears of a fault that ended a connection before anybody had it, and of which, if there was a stream already. */
  onDefect(cause: unknown, stream: StreamState | undefined): void
}

const nothing = new Uint8Array(0)

/** The place of a connection in the queue, which owns it while it waits there. */
class Place implements Owner<StreamState>, Linked<Place> {
  previous: Place | undefined
  next: Place | undefined
  readonly stream: StreamState
  /** When its wait ends, on its transport's timers. */
  readonly until: number
  private readonly queue: LinkedList<Place>
  readonly awaitsIdle = false

  constructor(queue: LinkedList<Place>, stream: StreamState, until: number) {
    this.queue = queue
    this.stream = stream
    this.until = until
  }

  onIdle(): void {}
  onFinSent(): void {}
  onBroken(): void {}
  onGone(): void {
    this.queue.remove(this)
  }
}

/** A fiber that waits for a connection to accept. */
interface Acceptor extends Linked<Acceptor> {
  readonly resume: () => void
}

export class AcceptQueue implements ListenerEvents {
  /** How many connections were reset before anybody had them. */
  refused = 0
  /** Why no more connections come; nothing while they do. */
  failure: NetworkError | undefined
  readonly options: QueueOptions
  /** How many may wait. A server sets it, where nobody else has: connections and queue share the descriptors. */
  capacity: number
  /** The server that takes from here, if one does. */
  private taker: Taker | undefined
  /** Those that wait, oldest first. */
  private readonly waiting = new LinkedList<Place>()
  private readonly acceptors = new LinkedList<Acceptor>()
  /** Fail the servers that serve until no more connections come. */
  private readonly closers = new Set<(failure: NetworkError) => void>()
  /** Cancels the timer of the wait that ends next, while one is set. */
  private disarm: (() => void) | undefined

  constructor(options: QueueOptions) {
    this.options = options
    this.capacity = options.capacity
  }

  /** How many connections wait. */
  get size(): number {
    return this.waiting.size
  }

  // The way of a connection ----------------------------------------------------------------------------------------

  /** It has arrived: here it is nobody's, and each way out gives it to somebody, or resets it. */
  readonly connection = (connection: Connection): void => {
    const stream = new StreamState(this.secure(connection), this.options.limits)
    try {
      this.receive(stream)
    } catch (cause) {
      stream.abort()
      this.taker?.onDefect(cause, stream)
    }
  }

  /** To its server, into the queue, or out. */
  private receive(stream: StreamState): void {
    // The rules first: who may not come in costs nobody a place.
    const refusal = this.failure === undefined ? this.taker?.rules.enter(stream) : "Stopped"
    if (refusal !== undefined) return this.refuse(stream, refusal)
    if (this.waiting.size === 0 && this.taker?.take(stream) === true) return
    if (this.waiting.size >= this.capacity && !this.evict()) return this.refuse(stream, "QueueFull")
    this.wait(stream)
  }

  /** The handshake goes on while the connection waits here. Behind a proxy's header it begins when that has been read. */
  private secure(connection: Connection): Connection {
    const { tls } = this.options
    if (tls === undefined || connection.startTls === undefined) return connection
    if (this.taker?.rules.isProxied(connection) === true) return connection
    // `listen` has seen that the options can be used.
    const secure = Result.getOrThrow(connection.startTls({ side: "server", options: tls }, nothing))
    this.taker?.onHandshake(secure)
    return secure
  }

  /** From here it is the queue's. */
  private wait(stream: StreamState): void {
    const { timers } = stream.connection
    const { timeout } = this.options
    const now = timers.now()
    const place = new Place(this.waiting, stream, now + timeout)
    stream.handTo(place)
    stream.arrivedAt = now
    this.waiting.add(place)
    this.wake()
    if (timeout !== Infinity && this.disarm === undefined && this.waiting.size > 0) this.arm(stream.connection, timeout)
  }

  /** The next connection that waits. Whoever calls owns it. */
  shift(): StreamState | undefined {
    const { first } = this.waiting
    if (first === undefined) return undefined
    this.waiting.remove(first)
    return first.stream
  }

  /** Counts it, tells the server, and resets it. */
  private refuse(stream: StreamState, refusal: Refusal): void {
    this.refused++
    try {
      this.taker?.onRefused(stream, refusal)
    } finally {
      stream.abort()
    }
  }

  /** As `refuse`, of one that waits. */
  private sendAway(place: Place, refusal: Refusal): void {
    if (this.waiting.remove(place)) this.refuse(place.stream, refusal)
  }

  /**
   * Makes a place when one is needed, at the cost of a connection whose peer has most likely left: its output has ended
   * without a byte, or so much came that no more is read and its end would not be seen.
   */
  private evict(): boolean {
    const waiting = [...this.waiting]
    const place =
      waiting.find(({ stream }) => stream.ended && stream.input.size === 0) ??
      waiting.find(({ stream }) => stream.isPaused)
    if (place === undefined) return false
    this.sendAway(place, "QueueFull")
    return true
  }

  /** One timer for all: the oldest wait ends first. */
  private arm(connection: Connection, millis: number): void {
    this.disarm = connection.timers.set(millis, () => {
      this.disarm = undefined
      const now = connection.timers.now()
      for (const place of this.waiting) {
        if (place.until > now) return this.arm(place.stream.connection, place.until - now)
        this.sendAway(place, "QueueTimeout")
      }
    })
  }

  // Those who take from here ---------------------------------------------------------------------------------------

  /** Sets the server that takes from here. Its rules hold for those that wait already, too. */
  serve(taker: Taker): void {
    this.taker = taker
    for (const place of this.waiting) {
      const refusal = taker.rules.enter(place.stream)
      if (refusal !== undefined) this.sendAway(place, refusal)
    }
  }

  readonly defect = (cause: unknown): void => {
    this.taker?.onDefect(cause, undefined)
  }

  readonly error = (error: NetworkError): void => this.close(error)

  /** Resumes when a connection waits or none will come. Another acceptor may be quicker: look again. */
  readonly awaitConnection: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const acceptor: Acceptor = { previous: undefined, next: undefined, resume: () => resume(Effect.void) }
    this.acceptors.add(acceptor)
    if (this.failure !== undefined || this.waiting.size > 0) this.wake()
    return Effect.sync(() => {
      // One that was woken and interrupted passes the call on.
      if (!this.acceptors.remove(acceptor) && this.waiting.size > 0) this.wake()
    })
  })

  /** Resumes as many acceptors as there are connections, or all of them when no more will come. */
  private wake(): void {
    for (const acceptor of this.acceptors) {
      if (this.acceptors.remove(acceptor)) acceptor.resume()
      if (this.waiting.size === 0 && this.failure === undefined) return
    }
  }

  /** Fails when no more connections come. */
  readonly awaitClose: Effect.Effect<never, NetworkError> = Effect.callback<never, NetworkError>((resume) => {
    if (this.failure !== undefined) return resume(Effect.fail(this.failure))
    const closer = (failure: NetworkError): void => resume(Effect.fail(failure))
    this.closers.add(closer)
    return Effect.sync(() => this.closers.delete(closer))
  })

  /** No more connections: those that wait are reset, acceptors and servers hear why. */
  close(failure: NetworkError): void {
    if (this.failure !== undefined) return
    this.failure = failure
    this.disarm?.()
    for (const place of this.waiting) this.sendAway(place, "Stopped")
    this.wake()
    for (const closer of this.closers) closer(failure)
    this.closers.clear()
  }
}
