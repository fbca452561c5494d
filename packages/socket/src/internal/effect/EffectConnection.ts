/**
 * A `Connection` over effects: fibers pull its input and push its output. What the receiver of the events throws resets
 * the connection, and is told to it as a defect.
 */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as NetAddress from "effect/net/NetAddress"
import type { Connection, ConnectionEvents } from "../../Connection.ts"
import { isNetworkError, type Reason, reasonFromCause, type NetworkError } from "../../NetworkError.ts"
import { ClockTimers } from "../ClockTimers.ts"
import { report } from "../guard.ts"

/** What one connection can do. */
export interface EffectParts {
  /** The next input. Fails with `UnexpectedEof` at its end. An interruption loses nothing. */
  readonly pull: Effect.Effect<ReadonlyArray<Uint8Array>, NetworkError>
  readonly write: (chunks: Arr.NonEmptyReadonlyArray<Uint8Array>) => Effect.Effect<void, NetworkError>
  /** Ends the output. */
  readonly end: Effect.Effect<void>
  /** Cuts the connection, as far as that can be had; `close` follows at once. */
  readonly reset: Effect.Effect<void>
  /** Gives it back. */
  readonly close: Effect.Effect<void>
}

export class EffectConnection implements Connection {
  readonly localAddress: NetAddress.SocketAddress
  readonly remoteAddress: NetAddress.SocketAddress
  readonly timers: ClockTimers
  private readonly parts: EffectParts
  private readonly run: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private readonly flowing = Latch.makeUnsafe(true)
  declare private events: ConnectionEvents
  private pulling: Fiber.Fiber<void> | undefined
  private inputEnded = false
  private outputEnded = false
  private left = false

  constructor(
    parts: EffectParts,
    localAddress: NetAddress.SocketAddress,
    remoteAddress: NetAddress.SocketAddress,
    context: Context.Context<never>,
    clock: Clock.Clock
  ) {
    this.parts = parts
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
    this.timers = new ClockTimers(context, clock)
    this.run = Effect.runForkWith(context)
  }

  attach(events: ConnectionEvents): void {
    this.events = events
    const next = Effect.flatMap(this.flowing.await, () => this.parts.pull)
    const deliver = Effect.map(next, (chunks) => {
      for (const chunk of chunks) if (chunk.length > 0 && !this.left) this.tell(() => events.data(chunk))
    })
    this.pulling = this.run(Effect.catchCause(Effect.forever(deliver, { disableYield: true }), this.stop))
  }

  pause(): void {
    this.flowing.closeUnsafe()
  }

  resume(): void {
    this.flowing.openUnsafe()
  }

  write(chunks: ReadonlyArray<Uint8Array>): boolean {
    // Effect's sockets may say that it is written while they still hold the arrays.
    const copies = chunks.map((chunk) => Uint8Array.prototype.slice.call(chunk))
    const written = this.parts.write(copies as Arr.NonEmptyArray<Uint8Array>)
    // Told in a turn of its own: the caller is not ready for it inside its call.
    const told = Effect.map(written, () => queueMicrotask(() => this.left || this.tell(() => this.events.written())))
    this.run(Effect.catchCause(told, this.stop))
    return false
  }

  end(): void {
    const ended = Effect.sync(() => {
      this.outputEnded = true
      if (this.inputEnded) this.leave()
    })
    this.run(Effect.catchCause(Effect.andThen(this.parts.end, ended), this.stop))
  }

  destroy(): void {
    this.leave()
  }

  reset(): void {
    if (this.left) return
    this.run(this.parts.reset)
    this.leave()
  }

  private tell(call: () => void): void {
    try {
      call()
    } catch (defect) {
      report(defect, (cause) => this.events.defect(cause))
      this.reset()
    }
  }

  /** The end of input leaves the rest open; anything else breaks the connection. */
  private readonly stop = (cause: Cause.Cause<NetworkError>): Effect.Effect<void> =>
    Effect.sync(() => {
      if (this.left) return
      const error = Cause.squash(cause)
      const reason = isNetworkError(error) ? error.reason : reasonFromCause(error)
      if (reason._tag !== "UnexpectedEof") return this.leave(reason)
      this.inputEnded = true
      this.tell(() => this.events.end())
      if (this.outputEnded) this.leave()
    })

  private leave(reason?: Reason): void {
    if (this.left) return
    this.left = true
    this.pulling?.interruptUnsafe()
    const told = Effect.sync(() => queueMicrotask(() => this.tell(() => this.events.closed(reason))))
    // A finalizer of theirs that dies has its part of the socket closed all the same.
    this.run(Effect.andThen(Effect.ignoreCause(this.parts.close), told))
  }
}
