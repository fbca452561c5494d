/** One connection that a server handles: the server is its owner, and its handler works on it. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Linked } from "../LinkedList.ts"
import type { Owner } from "../stream/Owner.ts"
import type { StreamState } from "../stream/StreamState.ts"

/** The server, as its connections see it. */
export interface Handling {
  /** Whether the server stops. */
  readonly isStopping: boolean
  /** Whether another process serves the port on. */
  readonly isHandingOver: boolean
  /** Hears of the handler's end, before that of the connection begins. */
  exited(handled: Handled): void
  /**
   * Hears that nothing is left to do but to linger: the handler has ended, and FIN has followed everything that was
   * written, or the connection is gone without it.
   */
  settled(handled: Handled): void
  /** Hears of the end of both the handler and the connection: the place is free. */
  ended(handled: Handled): void
}

/** Milliseconds that a handler has to notice, in its finalizers, that its connection ends. */
export const noticeGrace = 1000

/** What runs a handler: a fiber, or less. */
export interface Running {
  interruptUnsafe(): void
}

export class Handled implements Owner<StreamState>, Linked<Handled> {
  previous: Handled | undefined
  next: Handled | undefined
  readonly stream: StreamState
  private readonly server: Handling
  /** The handler, once it has begun. */
  private running: Running | undefined
  /** The handler is to be interrupted. */
  private isInterrupted = false
  /** How the handler ended, once it has. */
  exit: Exit.Exit<unknown, unknown> | undefined
  /** The server found the connection between two messages and ends it: whatever the handler does then, it is in order. */
  private isEnding = false
  /** Whether the descriptor is gone. */
  private isGone = false
  /** Until when its handler may take notice of an end in order, on the server's clock. */
  private noticedBy = -Infinity
  /** Whether nothing is left to do but to linger. */
  isSettled = false
  /** Whether its failure was reported. */
  isTold = false
  /** When it was taken, on the server's clock. */
  readonly since: number
  /** When its peer was last heard, on the server's clock; kept by the sweep. */
  lastHeard: number
  /** How many bytes had come by then. */
  bytesHeard: number

  constructor(stream: StreamState, server: Handling, now: number) {
    this.stream = stream
    this.server = server
    this.since = now
    this.lastHeard = now
    this.bytesHeard = stream.bytesRead
    stream.handTo(this)
  }

  /** The handler's fiber has begun, and may have ended. */
  runBy(fiber: Fiber.Fiber<unknown, unknown>): void {
    fiber.addObserver((exit) => this.exited(exit))
    this.begun(fiber)
  }

  /** The handler has begun. What came to pass before, as in a fiber's first turn, it hears now. */
  begun(running: Running): void {
    this.running = running
    if (this.isInterrupted) running.interruptUnsafe()
  }

  private interrupt(): void {
    this.isInterrupted = true
    this.running?.interruptUnsafe()
  }

  /** The handler decides how the connection ends: FIN after success, or if the server asked for the end; RST otherwise. */
  exited(exit: Exit.Exit<unknown, unknown>): void {
    this.exit = exit
    this.server.exited(this)
    if (this.isGone) return this.end()
    if (this.isEnding || Exit.isSuccess(exit)) this.stream.beginClose()
    else this.stream.abort()
    this.settle()
  }

  /** Both the handler and the connection have ended. */
  private end(): void {
    this.settle()
    this.server.ended(this)
  }

  private settle(): void {
    if (this.isSettled || this.exit === undefined || !(this.isGone || this.stream.endedInOrder)) return
    this.isSettled = true
    this.server.settled(this)
  }

  onFinSent(): void {
    this.settle()
  }

  get awaitsIdle(): boolean {
    return this.server.isStopping
  }

  /** Between two messages, while the server stops. */
  onIdle(): void {
    // The first message is on its way: its sender knows of no stop.
    if (this.server.isHandingOver && this.stream.bytesRead === 0) return
    this.endInOrder()
  }

  /** Nobody waits for the answer: the permit comes back as soon as the handler has noticed. */
  onBroken(): void {
    this.interrupt()
  }

  onGone(): void {
    this.isGone = true
    if (this.exit !== undefined) this.end()
  }

  /** Ends it with FIN: the handler is told by interruption, and the connection lingers. */
  endInOrder(): void {
    if (this.isEnding || this.exit !== undefined) return
    this.isEnding = true
    this.interrupt()
  }

  /** Its time is over: in order if it is between two messages. What has begun to end so keeps the bounds of that end. */
  expire(now: number): void {
    if (this.stream.state.whole === "lingering" || now < this.noticedBy) return
    if (!this.isEnding && this.stream.isIdle) {
      this.noticedBy = now + noticeGrace
      this.endInOrder()
    } else this.endNow()
  }

  /** Resets it. */
  cut(): void {
    this.stream.abort()
    this.interrupt()
  }

  /** Gives it no more time: what has sent FIN has had its linger, the rest is reset. */
  endNow(): void {
    this.stream.endNow()
    this.interrupt()
  }

  /** What there is to report of its end, if anything is: a fault of a call, or why the handler failed. */
  get failure(): Cause.Cause<unknown> | undefined {
    const { exit, stream } = this
    if (stream.crash !== undefined) return Cause.die(stream.crash.cause)
    return exit === undefined || Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? undefined : exit.cause
  }
}
