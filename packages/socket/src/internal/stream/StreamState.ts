/**
 * The state of one socket stream: input buffer, output queue, waiting readers and writers, deadlines, and the way to
 * its end. All transitions are plain synchronous calls; `SocketStream` puts effects around them.
 *
 * Readers and writers are resumed synchronously, in the call that takes their bytes: there is no moment at which bytes
 * have left the buffer and no fiber has them, so interruption cannot lose any.
 */
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type { Connection, ConnectionEvents } from "../../Connection.ts"
import { type Operation, type Reason, NetworkError } from "../../NetworkError.ts"
import type { SocketStream } from "../../SocketStream.ts"
import { encodeAll, join, sizeOf, splitOff } from "./Bytes.ts"
import { InputBuffer } from "./InputBuffer.ts"
import { TypeId } from "../typeId.ts"
import { withoutYield } from "../withoutYield.ts"

/** The limits of one stream, times in milliseconds, `Infinity` for none. */
export interface StreamLimits {
  readonly readTimeout: number
  readonly writeTimeout: number
  readonly lingerTimeout: number
  readonly lingerBytes: number
  readonly highWaterMark: number
}

/** Takes from the buffer what one read wants: the read's outcome, or nothing while there is not enough input. */
export type ReadAttempt<A> = (core: StreamCore) => Effect.Effect<A, NetworkError> | undefined

interface Reader {
  readonly attempt: ReadAttempt<never>
  readonly resume: (outcome: Effect.Effect<never, NetworkError>) => void
  readonly deadline: number
}

/** A write that waits for room, or (without bytes) a flush that waits for the kernel to have what came before it. */
interface Writer {
  readonly chunk: Uint8Array | string | undefined
  readonly resume: (outcome: Effect.Effect<void, NetworkError>) => void
}

/** One write to the transport at most: it bounds the wait for progress, so that a slow peer is told from a dead one. */
const largestWrite = 256 * 1024
/** Small writes are joined up to this size; above it one system call with several arrays is cheaper than the copy. */
const largestJoin = 16 * 1024

/** The longest that timers of 32 bits can be set for; a later deadline is looked at again then. */
const longestTimer = 2 ** 31 - 1

/** UTF-8 bytes of one UTF-16 unit, at most. */
const longestUtf8 = 3

const microtask = Promise.resolve()

export class StreamCore implements ConnectionEvents, SocketStream {
  readonly [TypeId] = TypeId
  readonly input = new InputBuffer()
  connection: Connection
  limits: StreamLimits
  /** Runs each time a read starts to wait with nothing buffered either way; a draining server ends such streams. */
  onIdle: ((core: StreamCore) => void) | undefined
  /** Runs once, when the descriptor is gone. */
  onClosed: (() => void) | undefined
  /** As `onClosed`, for the count of connections of one peer. */
  onLeave: (() => void) | undefined
  /** The ends of the connection to the proxy in front of us. */
  proxied: { readonly source: NetAddress.SocketAddress; readonly destination: NetAddress.SocketAddress } | undefined
  bytesRead = 0
  /** Bytes that the kernel has taken. */
  bytesWritten = 0
  /** Runs when the connection breaks and nobody waits here who would hear of it. */
  onBroken: (() => void) | undefined
  /** Whether the peer sent anything since somebody last set this to `false`. */
  heard = true

  private readers: Array<Reader> = none
  /** A read had bytes, and nothing was written since. */
  private owing = false
  private paused = false
  /** The peer's FIN came. */
  ended = false

  private writers: Array<Writer> = none
  private pending: Array<Uint8Array | string> = none
  /** At least the bytes that are pending: text is counted at its longest until it is encoded. */
  private pendingBytes = 0
  private inFlight = 0
  private scheduled = false
  /** Whether `takeTurn` will send. */
  private inTurn = false
  /** When output last moved, while some waits. */
  private progressAt = 0

  /** `endWrite` or `close` was called: no more output is taken. FIN follows the last byte. */
  private ending = false
  private finSent = false
  private closing = false
  private drained = 0
  private lingerUntil = Infinity
  /** The descriptor is gone. */
  gone = false
  /** Why the connection broke, if it did. */
  private failure: Reason | undefined
  private closers: Array<() => void> = none
  /** What a call of the transport threw, if one did. */
  crash: { readonly cause: unknown } | undefined

  private expiresAt = Infinity
  private lifetime = Infinity
  private armedFor = Infinity
  private disarm: (() => void) | undefined

  constructor(connection: Connection, limits: StreamLimits) {
    this.connection = connection
    this.limits = limits
    connection.attach(this)
  }

  get localAddress(): NetAddress.SocketAddress {
    return this.proxied?.destination ?? this.connection.localAddress
  }

  get remoteAddress(): NetAddress.SocketAddress {
    return this.proxied?.source ?? this.connection.remoteAddress
  }

  toString(): string {
    const [local, remote] = [this.localAddress, this.remoteAddress].map(NetAddress.formatSocketAddress)
    return `SocketStream([${local}] to [${remote}])`
  }

  error(operation: Operation, reason: Reason): NetworkError {
    return NetworkError.make({
      operation,
      address: NetAddress.formatSocketAddress(this.connection.remoteAddress),
      reason
    })
  }

  /** Puts a transport in place of the one below. The old one reports no more. */
  replace(connection: Connection): void {
    this.connection = connection
    this.paused = false
    connection.attach(this)
  }

  // Input ----------------------------------------------------------------------------------------------------------

  data(chunk: Uint8Array): void {
    if (!this.hear(chunk.length)) return
    this.input.push(chunk)
    this.takeTurn()
    this.holdBack()
  }

  borrow(chunk: Uint8Array): void {
    if (!this.hear(chunk.length)) return
    this.input.borrow(chunk)
    this.takeTurn()
    this.input.endBorrow()
    this.holdBack()
  }

  /** Lets who waits have its input, and sends what it answers at once. */
  private takeTurn(): void {
    this.inTurn = true
    this.serveReaders()
    this.inTurn = false
    if (this.scheduled) this.send()
  }

  /** Whether anybody may still want the bytes. */
  private hear(count: number): boolean {
    this.heard = true
    this.bytesRead += count
    if (!this.closing) return true
    this.drained += count
    const { lingerBytes } = this.limits
    if (this.drained > lingerBytes) {
      // Before FIN there is output that is lost with the connection.
      if (this.finSent) this.connection.destroy()
      else this.cut({ _tag: "InputTooLong", limit: lingerBytes })
    }
    return false
  }

  private holdBack(): void {
    if (!this.paused && this.readers.length === 0 && this.input.size >= this.limits.highWaterMark) {
      this.paused = true
      this.connection.pause()
    }
  }

  end(): void {
    this.ended = true
    this.serveReaders()
  }

  /** More input came than the mark holds, so no more is asked for: neither FIN nor RST would be seen. */
  get isPaused(): boolean {
    return this.paused
  }

  /** Why no more input will come, if the connection broke. */
  inputError(): NetworkError | undefined {
    return this.failure === undefined ? undefined : this.error("read", this.failure)
  }

  /** What a read gets that finds too little: nothing yet, or the reason why there will never be more. */
  inputFailure(): Effect.Effect<never, NetworkError> | undefined {
    const error = this.inputError()
    return error === undefined ? undefined : Effect.fail(error)
  }

  private try<A>(attempt: ReadAttempt<A>): Effect.Effect<A, NetworkError> | undefined {
    if (this.closing) return Effect.fail(this.error("read", closed))
    // Before the attempt, since a copy to the same stream writes in it.
    const { owing } = this
    this.owing = true
    const outcome = attempt(this)
    if (outcome === undefined) this.owing = owing
    return outcome
  }

  read<A>(attempt: ReadAttempt<A>): Effect.Effect<A, NetworkError> {
    return withoutYield(() => {
      if (this.readers.length === 0) {
        const outcome = this.try(attempt)
        if (outcome !== undefined) {
          this.unpause()
          return outcome
        }
      }
      return this.waitForInput(attempt as ReadAttempt<never>)
    })
  }

  private waitForInput(attempt: ReadAttempt<never>): Effect.Effect<never, NetworkError> {
    return Effect.callback<never, NetworkError>((resume) => {
      const timeout = this.limits.readTimeout
      const deadline = timeout === Infinity ? Infinity : this.connection.timers.now() + timeout
      const reader: Reader = { attempt, resume, deadline }
      this.readers = append(this.readers, reader)
      if (deadline !== Infinity) this.arm(deadline)
      // Input may have come since the attempt in `read`, if the fiber yielded in between.
      this.serveReaders()
      // A reader that wants more than the mark holds must still get it.
      if (this.paused && this.readers.length > 0) {
        this.paused = false
        this.connection.resume()
      }
      this.lookForIdle()
      return Effect.sync(() => {
        remove(this.readers, reader)
        // The next in the queue may want less than the one that left.
        this.serveReaders()
      })
    })
  }

  /**
   * Between two messages, as far as bytes can tell: a read waits, nothing is buffered in either direction, and something
   * was written since the last read had its bytes. Without the last, a handler that reads on while it works on its
   * answer would look idle.
   */
  get isIdle(): boolean {
    return (
      this.readers.length > 0 && !this.owing && this.input.size === 0 && this.inFlight === 0 && this.pendingBytes === 0
    )
  }

  private serveReaders(): void {
    while (this.readers.length > 0) {
      const reader = this.readers[0]
      const outcome = this.try(reader.attempt)
      if (outcome === undefined) return
      this.readers.shift()
      reader.resume(outcome)
    }
  }

  private unpause(): void {
    if (this.paused && this.input.size * 2 <= this.limits.highWaterMark) {
      this.paused = false
      this.connection.resume()
    }
  }

  // Output ---------------------------------------------------------------------------------------------------------

  /** Why no output is taken, if none is. */
  outputError(operation: Operation): NetworkError | undefined {
    if (this.failure !== undefined) return this.error(operation, this.failure)
    return this.ending || this.gone ? this.error(operation, closed) : undefined
  }

  write(chunk: Uint8Array | string): Effect.Effect<void, NetworkError> {
    const error = this.outputError("write")
    if (error !== undefined) return Effect.fail(error)
    if (chunk.length === 0) return Effect.void
    if (this.writers.length === 0) {
      // The kernel may have room for what only waits for the turn's end.
      if (this.scheduled && !this.hasRoom) this.sendNow()
      if (this.hasRoom) {
        this.accept(chunk)
        return Effect.void
      }
    }
    return this.waitForOutput(chunk)
  }

  private get hasRoom(): boolean {
    return this.pendingBytes + this.inFlight < this.limits.highWaterMark
  }

  flush(operation: Operation): Effect.Effect<void, NetworkError> {
    if (this.failure !== undefined) return Effect.fail(this.error(operation, this.failure))
    if (this.scheduled) this.sendNow()
    if (this.pendingBytes === 0 && this.inFlight === 0 && this.writers.length === 0) return Effect.void
    if (this.gone) return Effect.fail(this.error(operation, closed))
    return this.waitForOutput(undefined)
  }

  private waitForOutput(chunk: Uint8Array | string | undefined): Effect.Effect<void, NetworkError> {
    return Effect.callback<void, NetworkError>((resume) => {
      const writer: Writer = { chunk, resume }
      this.writers = append(this.writers, writer)
      // The transport may have moved on since the caller looked, if the fiber yielded in between.
      if (this.gone) this.failWriters()
      else this.serveWriters()
      return Effect.sync(() => {
        remove(this.writers, writer)
        this.serveWriters()
      })
    })
  }

  /** Takes a chunk, whatever waits: who calls looks at `outputError` before, and at the mark. */
  accept(chunk: Uint8Array | string): void {
    this.owing = false
    const { pending } = this
    const last = pending.length - 1
    // Texts that leave together are encoded together: that is most of the cost of a short one.
    if (typeof chunk === "string" && last >= 0 && typeof pending[last] === "string") pending[last] += chunk
    else this.pending = append(pending, chunk)
    this.pendingBytes += typeof chunk === "string" ? chunk.length * longestUtf8 : chunk.length
    // One send for all that is written before this turn ends.
    if (!this.scheduled && this.inFlight === 0) {
      this.scheduled = true
      if (!this.inTurn) void microtask.then(() => this.send())
    }
  }

  /** Between two turns of fibers. */
  private send(): void {
    this.push()
    this.lookForIdle()
  }

  /** In a fiber's turn: it may have more to write, so whether the stream is idle then shows after it. */
  private sendNow(): void {
    this.push()
    if (this.onIdle !== undefined) void microtask.then(() => this.lookForIdle())
  }

  private lookForIdle(): void {
    if (this.onIdle !== undefined && this.isIdle) this.onIdle(this)
  }

  private push(): void {
    this.scheduled = false
    while (this.inFlight === 0 && this.pendingBytes > 0 && this.failure === undefined) {
      const chunks = encodeAll(this.pending)
      const all = sizeOf(chunks)
      const rest = all > largestWrite ? splitOff(chunks, largestWrite) : none
      this.pending = rest
      this.pendingBytes = sizeOf(rest)
      const size = all - this.pendingBytes
      this.inFlight = size
      if (!this.connection.write(chunks.length > 1 && size <= largestJoin ? [join(chunks, size)] : chunks)) {
        return this.awaitProgress()
      }
      this.taken()
    }
    if (this.inFlight > 0 || this.gone || this.failure !== undefined) return
    if (this.ending && !this.finSent && this.writers.length === 0) this.sendFin()
  }

  private awaitProgress(): void {
    if (this.limits.writeTimeout === Infinity) return
    this.progressAt = this.connection.timers.now()
    this.arm(this.progressAt + this.limits.writeTimeout)
  }

  written(): void {
    this.taken()
    this.send()
  }

  /** The kernel has what was in flight. */
  private taken(): void {
    this.bytesWritten += this.inFlight
    this.inFlight = 0
    if (!this.gone && this.failure === undefined) this.serveWriters()
  }

  private serveWriters(): void {
    while (this.writers.length > 0) {
      const { chunk, resume } = this.writers[0]
      if (chunk === undefined ? this.pendingBytes + this.inFlight > 0 : !this.hasRoom) return
      this.writers.shift()
      if (chunk !== undefined) this.accept(chunk)
      resume(Effect.void)
    }
  }

  private failWriters(): void {
    for (const { resume } of this.writers.splice(0)) {
      resume(Effect.fail(this.error("write", this.failure ?? closed)))
    }
  }

  // The end --------------------------------------------------------------------------------------------------------

  /** No more output: FIN follows what was written. */
  endWrite(): void {
    if (this.ending || this.gone) return
    this.ending = true
    this.sendNow()
  }

  private sendFin(): void {
    this.finSent = true
    this.connection.end()
    if (this.closing) this.linger()
  }

  private linger(): void {
    this.lingerUntil = this.connection.timers.now() + this.limits.lingerTimeout
    this.arm(this.lingerUntil)
  }

  /** FIN after what was written, then a bounded wait for the peer's FIN, then gone. */
  beginClose(): void {
    if (this.closing || this.gone) return
    this.closing = true
    this.drained = this.input.size
    this.input.clear()
    this.serveReaders()
    if (this.gone) return
    if (this.paused) {
      this.paused = false
      this.connection.resume()
    }
    if (this.finSent) this.linger()
    else this.endWrite()
  }

  /** Resolves when the descriptor is gone. */
  awaitGone(): Effect.Effect<void> {
    if (this.gone) return Effect.void
    return Effect.callback<void>((resume) => {
      const closer = (): void => resume(Effect.void)
      this.closers = append(this.closers, closer)
      return Effect.sync(() => remove(this.closers, closer))
    })
  }

  /** The reason for which output was lost, if any was. */
  get lostOutput(): Reason | undefined {
    return this.finSent ? undefined : this.failure
  }

  /** Cuts the connection now: the owner has done with it. */
  abort(): void {
    this.closing = true
    this.input.clear()
    this.cut(closed)
  }

  /** Cuts the connection, for `reason`. What came before can still be read. */
  private cut(reason: Reason): void {
    if (this.gone) return
    this.failure ??= reason
    this.connection.reset()
  }

  /** FIN without a wait for the peer's: for streams between two messages, when a server stops. */
  endNow(): void {
    this.beginClose()
    if (!this.gone && this.finSent) this.connection.destroy()
  }

  defect(cause: unknown): void {
    this.crash = { cause }
  }

  closed(reason: Reason | undefined): void {
    this.gone = true
    if (this.failure === undefined) {
      if (reason !== undefined) this.failure = reason
      // Gone without a word from either side's end: an orderly end needs both.
      else if (!(this.finSent && this.ended) && !this.closing) this.failure = { _tag: "ConnectionReset" }
    }
    this.disarm?.()
    this.disarm = undefined
    this.armedFor = 0
    this.pending = none
    this.pendingBytes = 0
    this.inFlight = 0
    // Those who count connections first: whoever waits for the end may ask them.
    this.onClosed?.()
    this.onLeave?.()
    const unheard = !this.closing && this.readers.length === 0 && this.writers.length === 0
    this.serveReaders()
    this.failWriters()
    if (unheard && this.failure !== undefined) this.onBroken?.()
    for (const closer of this.closers.splice(0)) closer()
  }

  // Deadlines ------------------------------------------------------------------------------------------------------

  /** Cuts the connection after `millis`, whatever it does until then. */
  expireAfter(millis: number): void {
    if (millis === Infinity || this.gone) return
    this.lifetime = millis
    this.expiresAt = this.connection.timers.now() + millis
    this.arm(this.expiresAt)
  }

  /** One timer a stream, set for the earliest deadline and looked at again only when it fires. */
  private arm(at: number): void {
    if (at >= this.armedFor) return
    this.disarm?.()
    this.armedFor = at
    const millis = Math.min(Math.max(0, at - this.connection.timers.now()), longestTimer)
    this.disarm = this.connection.timers.set(millis, () => this.onTimer())
  }

  private onTimer(): void {
    this.disarm = undefined
    this.armedFor = Infinity
    const now = this.connection.timers.now()
    if (this.expiresAt <= now) return this.cut({ _tag: "TimedOut", millis: this.lifetime })
    let next = this.expiresAt
    if (this.inFlight > 0) {
      const stalledAt = this.progressAt + this.limits.writeTimeout
      if (stalledAt <= now) return this.cut({ _tag: "TimedOut", millis: this.limits.writeTimeout })
      next = Math.min(next, stalledAt)
    }
    // Until FIN, the write's deadline bounds the close.
    if (this.closing && this.finSent) {
      if (this.lingerUntil <= now) return this.connection.destroy()
      next = Math.min(next, this.lingerUntil)
    }
    const late = this.readers.filter((reader) => reader.deadline <= now)
    for (const reader of late) {
      remove(this.readers, reader)
      reader.resume(Effect.fail(this.error("read", { _tag: "TimedOut", millis: this.limits.readTimeout })))
    }
    // The next in the queue may want less than those that left.
    if (late.length > 0) this.serveReaders()
    for (const reader of this.readers) next = Math.min(next, reader.deadline)
    if (next !== Infinity && !this.gone) this.arm(next)
  }
}

const closed: Reason = { _tag: "Closed" }

/** Where nothing waits, as mostly: a stream that is idle has no lists of its own. Never changed. */
const none: Array<never> = []

/** The first item makes a list as small as it can be. */
const append = <A>(items: Array<A>, item: A): Array<A> => {
  if (items.length === 0) return [item]
  items.push(item)
  return items
}

const remove = <A>(items: Array<A>, item: A): void => {
  const index = items.indexOf(item)
  if (index !== -1) items.splice(index, 1)
}
