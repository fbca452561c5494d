/**
 * One socket stream: what came, what is to leave, who waits for either, and the way to its end. All of it is plain
 * synchronous calls; `SocketStream` puts effects around them. `StateTable` says what may happen when.
 *
 * Readers and writers are resumed synchronously, in the call that takes their bytes: there is no moment at which bytes
 * have left the buffer and no fiber has them, so interruption cannot lose any.
 *
 * Longer than other modules: it is the one place in which both directions, their deadlines and the end meet; what each
 * of them is by itself stands in the modules that it imports.
 */
// oxlint-disable max-lines -- see above
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type { Connection, ConnectionEvents } from "../../Connection.ts"
import { make as makeError, type NetworkError, type Operation, type Reason } from "../../NetworkError.ts"
import { TypeId } from "../typeId.ts"
import { withoutYield } from "../withoutYield.ts"
import { Deadlines } from "./Deadlines.ts"
import { InputBuffer } from "./InputBuffer.ts"
import { InputQueue, type Outcome, type Reader } from "./InputQueue.ts"
import { append, none, remove } from "./lists.ts"
import { OutputQueue, type Writer } from "./OutputQueue.ts"
import { nobody, type Owner } from "./Owner.ts"
import { type Event, initial, next, type States } from "./StateTable.ts"
import type { StreamLimits } from "./StreamOptions.ts"

/** Takes from the buffer what one read wants: the read's outcome, or nothing while there is not enough input. */
export type ReadAttempt<A> = (stream: StreamState) => Outcome<A> | undefined

/** The ends of the connection to the proxy in front of this process, as its header names them. */
export interface ProxiedEnds {
  readonly source: NetAddress.SocketAddress
  readonly destination: NetAddress.SocketAddress
}

const closed: Reason = { _tag: "Closed" }
const microtask = Promise.resolve()

/** What the outcome of a read that had to wait passes through, so that its fiber gets it before its turn ends. */
type Late = <A>(outcome: Outcome<A>) => Outcome<A>

/** A fiber that waits for one read. */
class Waiting implements Reader {
  deadline: number
  readonly isBusy = false
  private readonly stream: StreamState
  private readonly look: ReadAttempt<unknown>
  private readonly late: Late
  readonly resumeFiber: (outcome: Outcome<never>) => void

  constructor(
    stream: StreamState,
    look: ReadAttempt<unknown>,
    late: Late,
    resumeFiber: (outcome: Outcome<never>) => void
  ) {
    this.stream = stream
    this.look = look
    this.late = late
    this.resumeFiber = resumeFiber
    this.deadline = stream.readDeadline()
  }

  attempt(): Outcome<unknown> | undefined {
    return this.stream.attempt(this.look)
  }

  resume(outcome: Outcome<unknown>): void {
    // The look that gave the outcome is of the type that the fiber waits for.
    this.resumeFiber(this.late(outcome as Outcome<never>))
  }
}

export class StreamState implements ConnectionEvents {
  readonly [TypeId] = TypeId
  /** What came and no read has taken. */
  readonly input = new InputBuffer()
  /** Reads and drivers that wait for more. */
  readonly readers = new InputQueue()
  private readonly output = new OutputQueue()
  /** The one timer of this stream, for all that has a deadline. */
  private readonly deadlines = new Deadlines(this)
  private states: States = initial
  /** The transport. Another one takes its place when a TLS handshake begins. */
  connection: Connection
  /** Times in milliseconds, `Infinity` for none. A server that takes the stream sets its own. */
  limits: StreamLimits
  /** Who hears of its end. `handTo` sets it. */
  private owner: Owner<StreamState> = nobody
  /**
   * Gives back the place of the peer among those of its address; called once, when the descriptor is gone. Set by the
   * rules of a server that count peers.
   */
  onLeave: (() => void) | undefined
  /** Hears of the peer's FIN, before readers do. Set by a pool, whose streams nobody reads while they wait there. */
  onFin: (() => void) | undefined
  /** The ends that a PROXY header names. Set by the server that read it; without it they are the connection's own. */
  proxied: ProxiedEnds | undefined
  /** Bytes of the peer that have come, read or not. */
  bytesRead = 0
  /** Bytes that the kernel has taken. */
  bytesWritten = 0
  /** When bytes of the peer last came, on its transport's timers; from the start the start. */
  heardAt: number
  /**
   * When the connection arrived, on its transport's timers, if it had to wait in a queue since: its first read counts
   * from there. Set by the queue, cleared by that read.
   */
  arrivedAt: number | undefined

  /** The transport was asked to hold input back: neither FIN nor RST would be seen. */
  private paused = false
  /**
   * A read had bytes, and nothing was written since: the peer most likely waits for an answer. A driver clears it when its
   * effect has completed.
   */
  awaitingReply = false
  /** How many of its owner's tasks have said that they are at work on this stream. */
  private busy = 0
  /** Whether a send is due: at the end of the turn in which something was written. */
  private scheduled = false
  /** Whether readers are being served by `takeTurn`, which itself sends what they write. */
  private inTurn = false
  /** When output last moved, on the transport's timers, while some waits. */
  private progressAt = 0
  /** What the transport counted as sent by then. */
  private progress = 0
  /** Bytes of input that were dropped since the owner closed: at most `lingerBytes`. */
  private drained = 0
  /** Both sides have ended, and the transport has given the descriptor back: it says so next, and nothing can go wrong. */
  private isGivenBack = false
  /** When the wait for the peer's FIN ends, on the transport's timers. */
  private lingerUntil = Infinity
  /** When the connection is cut, whatever it does, on the transport's timers. */
  private expiresAt = Infinity
  /** The time after which that is, in milliseconds, for the error. */
  private maxAge = Infinity
  /** Why the connection broke, if it did. */
  private cause: Reason | undefined
  /** This side cut the connection. */
  private isReset = false
  /** What a call threw that came from the transport, if one did. */
  crash: { readonly cause: unknown } | undefined
  /** Whether the connection went with something unsent. */
  private hasLost = false
  /** Those who wait for the descriptor to be given back. */
  private closers: Array<() => void> = none

  constructor(connection: Connection, limits: StreamLimits) {
    this.connection = connection
    this.limits = limits
    this.heardAt = connection.timers.now()
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

  toJSON(): unknown {
    const { bytesRead, bytesWritten, localAddress, remoteAddress, states } = this
    return {
      _id: "SocketStream",
      localAddress: NetAddress.formatSocketAddress(localAddress),
      remoteAddress: NetAddress.formatSocketAddress(remoteAddress),
      state: states.whole,
      bytesRead,
      bytesWritten
    }
  }

  [Symbol.for("nodejs.util.inspect.custom")](): unknown {
    return this.toJSON()
  }

  error(operation: Operation, reason: Reason): NetworkError {
    return makeError(operation, this.connection.remoteAddress, reason)
  }

  // States ---------------------------------------------------------------------------------------------------------

  private step(event: Event): void {
    this.states = next(this.states, event)
  }

  /** The state as a whole and of both directions. */
  get state(): States {
    return this.states
  }

  /** The peer's FIN came. */
  get ended(): boolean {
    return this.states.input === "ended"
  }

  /** The descriptor is gone. */
  get gone(): boolean {
    const { whole } = this.states
    return whole === "gone" || whole === "closed"
  }

  /** Nothing passes any more: the descriptor is gone, or about to be. */
  private get isOver(): boolean {
    return this.cause !== undefined || this.gone
  }

  /** Its owner has closed it or has it no more: reads and writes fail. */
  private get isClosed(): boolean {
    const { whole } = this.states
    return whole === "closing" || whole === "lingering" || whole === "closed"
  }

  /** It ended in order: FIN followed everything that was written, and no reset of this side's came after it. */
  get endedInOrder(): boolean {
    return this.states.output === "ended" && !this.isReset
  }

  /** Takes the stream. Who had it before hears no more of it. */
  handTo(owner: Owner<StreamState>): void {
    this.owner = owner
  }

  // Input ----------------------------------------------------------------------------------------------------------

  /** From the transport: bytes to keep. */
  data(chunk: Uint8Array): void {
    if (!this.receive(chunk.length)) return
    this.input.push(chunk)
    this.takeTurn()
    this.holdBack()
  }

  /** From the transport: bytes of an array that it uses again. */
  borrow(chunk: Uint8Array): void {
    if (!this.receive(chunk.length)) return
    this.input.borrow(chunk)
    try {
      this.takeTurn()
    } finally {
      this.input.endBorrow()
    }
    this.holdBack()
  }

  /** Lets who waits have its input, and sends what it answers at once. */
  takeTurn(): void {
    this.inTurn = true
    try {
      this.serveReaders()
    } finally {
      this.inTurn = false
    }
    if (this.scheduled) this.send()
  }

  /** Counts bytes that have come, and drops them where nobody can want them any more. Whether somebody may. */
  private receive(count: number): boolean {
    this.heardAt = this.connection.timers.now()
    this.bytesRead += count
    const { input, output, whole } = this.states
    if (input === "open") return true
    if (input === "ended" || this.gone)
      throw new Error(`input cannot come to a stream that is ${whole}, its input ${input}`)
    if (input === "cut") return false
    this.drained += count
    const { lingerBytes } = this.limits
    if (this.drained > lingerBytes) {
      // Before FIN there is output that is lost with the connection.
      if (output === "ended") this.connection.destroy()
      else this.cut({ _tag: "InputTooLong", limit: lingerBytes })
    }
    return false
  }

  /** Asks the transport for no more while the mark is reached and nobody waits for more. */
  private holdBack(): void {
    if (this.input.size < this.limits.highWaterMark || this.paused || this.readers.isWaiting || this.isOver) return
    this.paused = true
    this.connection.pause()
  }

  /** Asks for input again that was held back, unless a handshake is about to take it. */
  private askForMore(): void {
    if (!this.paused || this.isOver || this.states.whole === "upgrading") return
    this.paused = false
    this.connection.resume()
  }

  /** From the transport: the peer's FIN. */
  end(): void {
    this.step("fin")
    this.onFin?.()
    this.takeTurn()
  }

  /** More input came than the mark holds, so no more is asked for: neither FIN nor RST would be seen. */
  get isPaused(): boolean {
    return this.paused
  }

  /** Why no more input will come, if the connection broke. */
  inputError(): NetworkError | undefined {
    return this.cause === undefined ? undefined : this.error("read", this.cause)
  }

  /** What a read gets that finds too little: nothing yet, or the reason why there will never be more. */
  inputFailure(): Effect.Effect<never, NetworkError> | undefined {
    if (this.crash !== undefined) return Effect.die(this.crash.cause)
    const error = this.inputError()
    return error === undefined ? undefined : Effect.fail(error)
  }

  /** One look at the input. A look that throws is a defect of its reader, and of nobody else. */
  attempt<A>(attempt: ReadAttempt<A>): Outcome<A> | undefined
  /** As `attempt`, with who looks as an argument. */
  attempt<A, B>(attempt: (stream: StreamState, who: B) => Outcome<A> | undefined, who: B): Outcome<A> | undefined
  attempt<A, B>(attempt: (stream: StreamState, who: B) => Outcome<A> | undefined, who?: B): Outcome<A> | undefined {
    if (this.isClosed) return Effect.fail(this.error("read", closed))
    if (this.states.whole === "upgrading") return undefined
    // Set before, since a copy to the same stream writes in its attempt.
    const { awaitingReply } = this
    this.awaitingReply = true
    try {
      const outcome = attempt(this, who as B)
      // What it answered meanwhile counts.
      if (outcome === undefined && this.awaitingReply) this.awaitingReply = awaitingReply
      return outcome
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  read<A>(attempt: ReadAttempt<A>): Effect.Effect<A, NetworkError> {
    return withoutYield((late) => {
      if (!this.readers.isWaiting) {
        const outcome = this.attempt(attempt)
        if (outcome !== undefined) {
          this.unpause()
          return outcome
        }
      }
      return this.waitForInput(attempt, late)
    })
  }

  private waitForInput<A>(attempt: ReadAttempt<A>, late: Late): Effect.Effect<A, NetworkError> {
    return Effect.callback<A, NetworkError>((resume) => {
      const reader = new Waiting(this, attempt, late, resume as Waiting["resumeFiber"])
      this.enqueue(reader)
      return Effect.sync(() => this.dequeue(reader))
    })
  }

  /** Puts a reader in line, and lets it look at what is there already. */
  enqueue(reader: Reader): void {
    this.readers.add(reader)
    if (reader.deadline !== Infinity) this.deadlines.arm(this.connection.timers, reader.deadline)
    // Input may have come since the reader last looked.
    this.serveReaders()
    // A reader that wants more than the mark holds must still get it.
    if (this.readers.isWaiting) this.askForMore()
    this.lookForIdle()
  }

  /** A reader that was busy has done its work, and looks at what has come meanwhile. */
  goOn(): void {
    this.guard(() => {
      this.takeTurn()
      if (this.readers.isWaiting) this.askForMore()
      this.lookForIdle()
    })
  }

  /** Takes out a reader that gives up. The next in line may want less than it. */
  dequeue(reader: Reader): void {
    this.readers.remove(reader)
    this.serveReaders()
  }

  /** When a read that begins now must have what it wants, on the transport's timers. */
  readDeadline(): number {
    const { readTimeout } = this.limits
    if (readTimeout === Infinity) return Infinity
    const hasWritten = this.bytesWritten > 0 || this.output.size > 0
    const start = this.arrivedAt !== undefined && !hasWritten ? this.arrivedAt : this.connection.timers.now()
    this.arrivedAt = undefined
    return start + readTimeout
  }

  /** The reader's deadline is counted anew. */
  renew(reader: Reader): void {
    reader.deadline = this.readDeadline()
    if (reader.deadline !== Infinity) this.deadlines.arm(this.connection.timers, reader.deadline)
  }

  private serveReaders(): void {
    this.readers.serve()
  }

  /** A reader has taken input: there may be room for more. */
  unpause(): void {
    if (this.paused && this.input.size * 2 <= this.limits.highWaterMark) this.askForMore()
  }

  // Between two messages -------------------------------------------------------------------------------------------

  /**
   * Between two messages, as far as bytes and the owner's word can tell: a read waits, nothing is buffered in either
   * direction, nobody said that it is at work, and something was written since the last read had its bytes. Without the
   * last, a handler that reads on while it works on its answer would look idle.
   */
  get isIdle(): boolean {
    return (
      this.readers.isWaiting &&
      !this.awaitingReply &&
      this.busy === 0 &&
      this.input.size === 0 &&
      this.output.size === 0
    )
  }

  /** Open both ways, nothing unread, and nobody waits for more: another exchange may begin. */
  get isReusable(): boolean {
    const { input, output, whole } = this.states
    const isOpen = whole === "open" && input === "open" && output === "open"
    return isOpen && this.input.size === 0 && this.readers.isEmpty
  }

  /** Whether somebody has said that they are at work. */
  get isBusy(): boolean {
    return this.busy > 0
  }

  /** Somebody begins to work on this stream, whatever its bytes look like. */
  beginWork(): void {
    this.busy++
  }

  /** The end of that work. */
  endWork(): void {
    this.busy--
    this.lookForIdleLater()
  }

  /** Tells an owner that wants to know, if the stream is between two messages now. */
  lookForIdle(): void {
    if (this.owner.awaitsIdle && this.isIdle) this.owner.onIdle(this)
  }

  /** After the turn of the fiber that runs: it may have more to write. */
  private lookForIdleLater(): void {
    if (this.owner.awaitsIdle) void microtask.then(() => this.guard(() => this.lookForIdle()))
  }

  // Output ---------------------------------------------------------------------------------------------------------

  /** Why nothing can be asked of the socket any more, if so. */
  goneError(operation: Operation): NetworkError | undefined {
    return this.isClosed || this.gone ? this.error(operation, (!this.isClosed && this.cause) || closed) : undefined
  }

  /** Why no output is taken, if none is. */
  outputError(operation: Operation): NetworkError | undefined {
    if (this.isClosed) return this.error(operation, closed)
    if (this.cause !== undefined) return this.error(operation, this.cause)
    return this.states.output === "open" ? undefined : this.error(operation, closed)
  }

  write(chunk: Uint8Array | string): Effect.Effect<void, NetworkError> {
    const error = this.outputError("write")
    if (error !== undefined) return Effect.fail(error)
    if (chunk.length === 0) return Effect.void
    if (!this.output.hasWriters) {
      if (this.scheduled && !this.hasRoom) {
        // The kernel may have room for what only waits for the turn's end, or the connection break now.
        this.sendNow()
        const failure = this.outputError("write")
        if (failure !== undefined) return Effect.fail(failure)
      }
      if (this.hasRoom) {
        this.takeOutput(chunk)
        // What fills the mark by itself has nothing to wait for.
        if (this.hasRoom || this.inTurn) this.schedule()
        else this.sendNow()
        return Effect.void
      }
    }
    return this.waitForOutput(chunk)
  }

  private get hasRoom(): boolean {
    return this.output.size < this.limits.highWaterMark
  }

  flush(operation: Operation): Effect.Effect<void, NetworkError> {
    // Sends what is due, and may find the connection broken.
    const { isFlushed } = this
    const reason = this.isClosed ? closed : this.cause
    if (reason !== undefined) return Effect.fail(this.error(operation, reason))
    return isFlushed ? Effect.void : this.waitForOutput(undefined)
  }

  /** Whether the kernel has all that was written; what only waits for the turn's end is sent for it. */
  get isFlushed(): boolean {
    if (this.scheduled) this.sendNow()
    return this.output.size === 0
  }

  private waitForOutput(chunk: Uint8Array | string | undefined): Effect.Effect<void, NetworkError> {
    return Effect.callback<void, NetworkError>((resume) => {
      const writer: Writer = { chunk, resume }
      this.awaitRoom(writer)
      return Effect.sync(() => this.leave(writer))
    })
  }

  /** Puts a writer in line. */
  awaitRoom(writer: Writer): void {
    this.output.add(writer)
    // The transport may have moved on since the caller looked.
    if (this.gone) this.failWriters()
    else this.serveWriters()
  }

  /** Takes out a writer that gives up. */
  leave(writer: Writer): void {
    this.output.remove(writer)
    this.serveWriters()
    // FIN may have waited for it.
    this.push()
  }

  /** Takes a chunk, whatever waits: who calls looks at `outputError` before, and at the mark. */
  put(chunk: Uint8Array | string): void {
    this.takeOutput(chunk)
    this.schedule()
  }

  private takeOutput(chunk: Uint8Array | string): void {
    this.awaitingReply = false
    this.output.put(chunk)
  }

  /** One send for all that is written before this turn ends. */
  private schedule(): void {
    if (this.scheduled || this.output.inFlight > 0) return
    this.scheduled = true
    if (!this.inTurn) void microtask.then(() => this.guard(() => this.send()))
  }

  /** Sends what is due, where no fiber has its turn: what was written is complete, so the stream may be idle now. */
  private send(): void {
    this.push()
    this.lookForIdle()
  }

  /** Sends what is due, within a fiber's turn: it may write more, so whether the stream is idle is looked at later. */
  private sendNow(): void {
    this.push()
    this.lookForIdleLater()
  }

  /** Gives the transport what is pending, one write at a time, and FIN behind the last. */
  private push(): void {
    this.scheduled = false
    const { output } = this
    while (output.inFlight === 0 && output.hasPending && !this.isOver) {
      if (!this.connection.write(output.next())) return this.awaitProgress()
      this.taken()
    }
    if (output.inFlight > 0 || this.isOver) return
    if (this.states.output === "ending" && !output.hasWriters) this.sendFin()
  }

  /** The transport has a write that the kernel has not taken: `writeTimeout` begins. */
  private awaitProgress(): void {
    if (this.limits.writeTimeout === Infinity || this.isOver) return
    const { timers } = this.connection
    this.progressAt = timers.now()
    this.progress = this.connection.sentBytes?.() ?? 0
    this.deadlines.arm(timers, this.nextLookAtProgress(this.progressAt))
  }

  /** The kernel does not say when it takes a part of a write: it is asked four times within the write's deadline. */
  private nextLookAtProgress(now: number): number {
    const { writeTimeout } = this.limits
    const stalledAt = this.progressAt + writeTimeout
    return this.connection.sentBytes === undefined ? stalledAt : Math.min(stalledAt, now + writeTimeout / 4)
  }

  /** From the transport: the kernel has the last write. */
  written(): void {
    this.taken()
    this.send()
  }

  /** The kernel has what was in flight. */
  private taken(): void {
    this.bytesWritten += this.output.taken()
    this.serveWriters()
  }

  private serveWriters(): void {
    while (!this.isOver) {
      const writer = this.output.shift(this.limits.highWaterMark)
      if (writer === undefined) return
      if (writer.chunk !== undefined) this.put(writer.chunk)
      writer.resume(Effect.void)
    }
  }

  private failWriters(): void {
    this.output.fail(() => this.error("write", this.isClosed ? closed : (this.cause ?? closed)))
  }

  // The end --------------------------------------------------------------------------------------------------------

  /** No more output: FIN follows what was written. */
  endWrite(): void {
    this.step("endWrite")
    if (this.states.output === "ending") this.sendNow()
  }

  private sendFin(): void {
    this.step("finSent")
    const isLast = this.connection.end() === true
    if (this.states.whole === "closing") this.linger(isLast)
    this.owner.onFinSent(this)
  }

  /** A bounded wait for the peer's FIN, unless the transport has nothing to wait for. */
  private linger(isLast = false): void {
    this.step("linger")
    this.isGivenBack = isLast
    if (isLast) return
    const { lingerTimeout } = this.limits
    if (lingerTimeout === 0) return this.connection.destroy()
    const { timers } = this.connection
    this.lingerUntil = timers.now() + lingerTimeout
    this.deadlines.arm(timers, this.lingerUntil)
  }

  /** FIN after what was written, then a bounded wait for the peer's FIN, then gone. */
  beginClose(): void {
    const { whole } = this.states
    this.step("close")
    if (this.states.whole === whole) return
    this.drained = this.input.size
    this.input.clear()
    this.serveReaders()
    this.askForMore()
    // Readers and the transport may have gone on meanwhile, to the end.
    if (this.isOver) return
    if (this.states.output === "ended") this.linger()
    else this.endWrite()
  }

  /** Whatever FIN has been sent has had its time: the descriptor is given back. The rest is cut. */
  endNow(): void {
    if (this.gone) return
    if (this.states.whole === "lingering") this.connection.destroy()
    else this.abort()
  }

  /** Resolves when the descriptor is gone. */
  awaitGone(): Effect.Effect<void> {
    if (this.gone || this.isGivenBack) return Effect.void
    return Effect.callback<void>((resume) => {
      if (this.gone) return resume(Effect.void)
      const closer = (): void => resume(Effect.void)
      this.closers = append(this.closers, closer)
      return Effect.sync(() => remove(this.closers, closer))
    })
  }

  /** The reason for which output was lost, if any was. */
  get lostOutput(): Reason | undefined {
    return this.hasLost ? (this.cause ?? closed) : undefined
  }

  /** Cuts the connection now: the owner has done with it. */
  abort(): void {
    this.step("close")
    this.input.clear()
    this.cut(closed)
  }

  /** Cuts the connection, for `reason`. What came before can still be read. */
  private cut(reason: Reason): void {
    if (this.breakOff(reason)) this.connection.reset()
  }

  /** Nothing passes from now on, for `reason`. Whether it did until now. */
  private breakOff(reason: Reason): boolean {
    if (this.isOver) return false
    this.step("cut")
    this.isReset = true
    this.cause = reason
    return true
  }

  /** From the transport, or a guard: a call threw. Whoever says so resets the connection. */
  defect(cause: unknown): void {
    this.crash ??= { cause }
    this.breakOff({ _tag: "ConnectionReset" })
  }

  /** What happens outside a call of the transport has its guard here. */
  private guard(call: () => void): void {
    try {
      call()
    } catch (defect) {
      this.defect(defect)
      if (!this.gone) this.connection.reset()
    }
  }

  /** From the transport, once and last: the descriptor is gone. */
  closed(reason: Reason | undefined): void {
    const isOrderly = this.states.output === "ended" && this.states.input === "ended"
    this.hasLost = this.output.size > 0
    this.step("gone")
    // Gone without a word from either side's end: an orderly end needs both.
    if (reason !== undefined) this.cause ??= reason
    else if (!isOrderly && this.states.whole === "gone") this.cause ??= { _tag: "ConnectionReset" }
    this.deadlines.stop()
    this.scheduled = false
    const isUnheard = this.states.whole === "gone" && !this.readers.isWaiting && !this.output.hasWriters
    // Those who count connections first: whoever waits for the end may ask them.
    const { onLeave, owner } = this
    this.onLeave = undefined
    onLeave?.()
    owner.onGone(this)
    this.serveReaders()
    this.failWriters()
    if (isUnheard && this.cause !== undefined) owner.onBroken(this)
    const { closers } = this
    this.closers = none
    for (const closer of closers) closer()
  }

  // TLS ------------------------------------------------------------------------------------------------------------

  /** Begins an upgrade: input is held back from now on. Why it cannot be, if it cannot. */
  beginUpgrade(): NetworkError | undefined {
    const error = this.outputError("tls")
    if (error !== undefined) return error
    if (this.connection.startTls === undefined) {
      const detail = "handshake" in this.connection ? "TLS inside of TLS" : "TLS on this network"
      return this.error("tls", { _tag: "Unsupported", detail })
    }
    if (this.states.whole === "upgrading") {
      return this.error("tls", { _tag: "Tls", code: "ALREADY_UPGRADING", detail: "a handshake has begun already" })
    }
    this.step("upgrade")
    this.paused = true
    this.connection.pause()
    return undefined
  }

  /** Puts the TLS transport in place. What came since the upgrade began is the peer's part of the handshake. */
  upgrade(secure: Connection): void {
    this.step("upgraded")
    this.connection = secure
    this.paused = false
    secure.attach(this)
    this.takeTurn()
  }

  // Deadlines ------------------------------------------------------------------------------------------------------

  /** Cuts the connection after `millis`, whatever it does until then. */
  expireAfter(millis: number): void {
    if (millis === Infinity || this.gone) return
    const { timers } = this.connection
    this.maxAge = millis
    this.expiresAt = timers.now() + millis
    this.deadlines.arm(timers, this.expiresAt)
  }

  /** The timer fired: some deadline has most likely passed. */
  onDue(): void {
    this.guard(() => this.lookAtDeadlines())
  }

  /** Does what is due, and sets the timer for the earliest deadline that is left. */
  private lookAtDeadlines(): void {
    const { timers } = this.connection
    const now = timers.now()
    if (this.expiresAt <= now) return this.cut({ _tag: "TimedOut", millis: this.maxAge })
    let earliest = this.expiresAt
    if (this.output.inFlight > 0) {
      const { writeTimeout } = this.limits
      const progress = this.connection.sentBytes?.() ?? 0
      if (progress > this.progress) this.progressAt = now
      this.progress = progress
      if (this.progressAt + writeTimeout <= now) return this.cut({ _tag: "TimedOut", millis: writeTimeout })
      earliest = Math.min(earliest, this.nextLookAtProgress(now))
    }
    // Until FIN, the write's deadline bounds the close.
    if (this.states.whole === "lingering") {
      if (this.lingerUntil <= now) return this.connection.destroy()
      earliest = Math.min(earliest, this.lingerUntil)
    }
    const timedOut = (): Effect.Effect<never, NetworkError> =>
      Effect.fail(this.error("read", { _tag: "TimedOut", millis: this.limits.readTimeout }))
    // The next in the queue may want less than those that left.
    if (this.readers.expire(now, timedOut)) this.serveReaders()
    earliest = Math.min(earliest, this.readers.deadline)
    if (!this.gone) this.deadlines.arm(timers, earliest)
  }
}
