/** Connections that wait to be accepted: admitted by rules, bounded, watched, first come first served. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Connection } from "../../Connection.ts"
import type { ListenerEvents } from "../../Network.ts"
import type { NetworkError } from "../../NetworkError.ts"
import type * as Tls from "../../Tls.ts"
import type { AdmissionRules, Refusal } from "./AdmissionRules.ts"
import { StreamCore, type StreamLimits } from "../stream/StreamState.ts"

export interface QueueOptions {
  readonly capacity: number
  /** Milliseconds a connection may wait, `Infinity` for as long as it takes. */
  readonly timeout: number
  readonly limits: StreamLimits
  readonly tls: Tls.ServerOptions | undefined
}

export class AcceptQueue implements ListenerEvents {
  /** Connections that were not let in, or not for long enough. */
  refused = 0
  /** Why no more connections come. */
  failure: NetworkError | undefined
  private admission: AdmissionRules | undefined
  /** Hears of each refusal. */
  onRefused: ((core: StreamCore, refusal: Refusal) => void) | undefined
  readonly options: QueueOptions
  /** Each with the time at which its wait ends, oldest first. */
  private readonly waiting = new Map<StreamCore, number>()
  private readonly acceptors = new Set<() => void>()
  private disarm: (() => void) | undefined

  constructor(options: QueueOptions) {
    this.options = options
  }

  get size(): number {
    return this.waiting.size
  }

  readonly connection = (connection: Connection): void => {
    const core = new StreamCore(this.secure(connection), this.options.limits)
    const refusal = this.enter(core)
    if (refusal !== undefined) return this.refuse(core, refusal)
    const { timeout } = this.options
    this.waiting.set(core, timeout === Infinity ? Infinity : connection.timers.now() + timeout)
    core.onClosed = () => this.waiting.delete(core)
    this.wake()
    if (timeout !== Infinity && this.disarm === undefined && this.waiting.size > 0) this.arm(connection, timeout)
  }

  readonly error = (error: NetworkError): void => this.close(error)

  /** Sets the rules of the server that accepts from here. They hold for those that wait already, too. */
  admit(admission: AdmissionRules): void {
    this.admission = admission
    for (const core of this.waiting.keys()) {
      const refusal = admission.enter(core)
      if (refusal === undefined) continue
      this.waiting.delete(core)
      this.refuse(core, refusal)
    }
  }

  private enter(core: StreamCore): Refusal | undefined {
    if (this.failure !== undefined) return "Stopped"
    // The rules first: who may not come in costs nobody a place.
    const refusal = this.admission?.enter(core)
    if (refusal !== undefined) return refusal
    return this.waiting.size >= this.options.capacity && !this.evict() ? "QueueFull" : undefined
  }

  /** The handshake goes on while the connection waits here, and harms nobody but itself. */
  private secure(connection: Connection): Connection {
    const { tls } = this.options
    if (tls === undefined || connection.startTls === undefined) return connection
    // `listen` has seen that the options can be used.
    return Result.getOrThrow(connection.startTls({ side: "server", options: tls }, nothing))
  }

  /**
   * Makes a place when one is needed, at the cost of a connection whose peer has most likely left: its output has ended
   * without a byte, or so much came that no more is read and its end would not be seen.
   */
  private evict(): boolean {
    const waiting = [...this.waiting.keys()]
    const core =
      waiting.find(({ ended, input }) => ended && input.size === 0) ?? waiting.find(({ isPaused }) => isPaused)
    if (core === undefined) return false
    this.waiting.delete(core)
    this.refuse(core, "QueueFull")
    return true
  }

  private refuse(core: StreamCore, refusal: Refusal): void {
    this.refused++
    this.onRefused?.(core, refusal)
    core.onClosed = undefined
    core.abort()
  }

  /** One timer for all: the oldest wait ends first. */
  private arm(connection: Connection, millis: number): void {
    this.disarm = connection.timers.set(millis, () => {
      this.disarm = undefined
      const now = connection.timers.now()
      for (const [core, until] of this.waiting) {
        if (until > now) return this.arm(connection, until - now)
        this.waiting.delete(core)
        this.refuse(core, "QueueTimeout")
      }
    })
  }

  /** The next connection. Whoever calls owns it. */
  shift(): StreamCore | undefined {
    for (const core of this.waiting.keys()) {
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
  close(failure: NetworkError): void {
    if (this.failure !== undefined) return
    this.failure = failure
    this.disarm?.()
    for (const core of this.waiting.keys()) this.refuse(core, "Stopped")
    this.waiting.clear()
    this.wake()
  }
}

const nothing = new Uint8Array(0)
