/** Connections that wait to be accepted: bounded, watched, first come first served. */
import * as Effect from "effect/Effect"
import type { Connection } from "../Connection.ts"
import type { ListenerEvents } from "../Network.ts"
import type { SocketError } from "../SocketError.ts"
import { StreamCore, type StreamLimits } from "./StreamCore.ts"

export class PendingQueue implements ListenerEvents {
  /** Connections that found no place. */
  refused = 0
  /** Why no more connections come. */
  failure: SocketError | undefined
  private readonly capacity: number
  private readonly limits: StreamLimits
  private readonly waiting = new Set<StreamCore>()
  private readonly acceptors = new Set<() => void>()

  constructor(capacity: number, limits: StreamLimits) {
    this.capacity = capacity
    this.limits = limits
  }

  get size(): number {
    return this.waiting.size
  }

  readonly connection = (connection: Connection): void => {
    const core = new StreamCore(connection, this.limits)
    if (this.failure !== undefined || (this.waiting.size >= this.capacity && !this.evict())) {
      this.refused++
      core.abort(closed)
      return
    }
    this.waiting.add(core)
    core.onClosed = () => this.waiting.delete(core)
    this.wake()
  }

  readonly error = (error: SocketError): void => this.close(error)

  /**
   * Makes a place by giving up a connection whose peer has ended its output without a byte: most likely it has left.
   * A place is taken from it only when somebody else needs one, since it may also wait for us to speak first.
   */
  private evict(): boolean {
    for (const core of this.waiting) {
      if (core.ended && core.input.size === 0) {
        this.waiting.delete(core)
        this.refused++
        core.onClosed = undefined
        core.abort(closed)
        return true
      }
    }
    return false
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
    for (const core of this.waiting) {
      this.refused++
      core.onClosed = undefined
      core.abort(closed)
    }
    this.waiting.clear()
    this.wake()
  }
}

const closed = { _tag: "Closed" } as const
