/** Connections that wait to be accepted: bounded, watched, first come first served. */
import * as Effect from "effect/Effect"
import type { Connection } from "../Connection.ts"
import type { ListenerEvents } from "../Network.ts"
import type { SocketError } from "../SocketError.ts"
import type * as Tls from "../Tls.ts"
import { StreamCore, type StreamLimits } from "./StreamCore.ts"

export class PendingQueue implements ListenerEvents {
  /** Connections that found no place. */
  refused = 0
  /** Why no more connections come. */
  failure: SocketError | undefined
  private readonly capacity: number
  readonly limits: StreamLimits
  private readonly waiting = new Set<StreamCore>()
  private readonly acceptors = new Set<() => void>()

  private readonly tls: Tls.Server | undefined

  constructor(capacity: number, limits: StreamLimits, tls: Tls.Server | undefined) {
    this.capacity = capacity
    this.limits = limits
    this.tls = tls
  }

  get size(): number {
    return this.waiting.size
  }

  readonly connection = (connection: Connection): void => {
    const core = new StreamCore(this.secure(connection), this.limits)
    if (this.failure !== undefined || (this.waiting.size >= this.capacity && !this.evict())) {
      this.refuse(core)
      return
    }
    this.waiting.add(core)
    core.onClosed = () => this.waiting.delete(core)
    this.wake()
  }

  /** The handshake goes on while the connection waits here, and harms nobody but itself. */
  private secure(connection: Connection): Connection {
    return this.tls === undefined || connection.startTls === undefined
      ? connection
      : connection.startTls({ side: "server", options: this.tls })
  }

  readonly error = (error: SocketError): void => this.close(error)

  /**
   * Makes a place when one is needed, at the cost of a connection whose peer has most likely left: its output has ended
   * without a byte, or so much came that no more is read and its end would not be seen.
   */
  private evict(): boolean {
    const waiting = [...this.waiting]
    const core =
      waiting.find(({ ended, input }) => ended && input.size === 0) ?? waiting.find(({ isPaused }) => isPaused)
    if (core === undefined) return false
    this.waiting.delete(core)
    this.refuse(core)
    return true
  }

  private refuse(core: StreamCore): void {
    this.refused++
    core.onClosed = undefined
    core.abort()
  }

  /** The next connection. Whoever calls owns it. */
  shift(): StreamCore | undefined {
    for (const core of this.waiting) {
      this.waiting.delete(core)
      core.onClosed = undefined
      return core
    }
    return undefined
  }

  /** Resumes when a connection waits or none will come. Another acceptor may be quicker: look again. */
  readonly awaitConnection: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const acceptor = (): void => resume(Effect.void)
    this.acceptors.add(acceptor)
    if (this.failure !== undefined || this.waiting.size > 0) this.wake()
    return Effect.sync(() => {
      // One that was woken and interrupted passes the call on.
      if (!this.acceptors.delete(acceptor) && this.waiting.size > 0) this.wake()
    })
  })

  private wake(): void {
    for (const acceptor of this.acceptors) {
      this.acceptors.delete(acceptor)
      acceptor()
      if (this.waiting.size === 0 && this.failure === undefined) return
    }
  }

  /** No more connections: those that wait are reset, acceptors fail. */
  close(failure: SocketError): void {
    if (this.failure !== undefined) return
    this.failure = failure
    for (const core of this.waiting) this.refuse(core)
    this.waiting.clear()
    this.wake()
  }
}
