/**
 * A stream's model: what random events of the transport, its owner and the clock must have done to it, told by rules of
 * its own. Nothing here looks at the table of states.
 */
import { assert } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type { SecureConnection } from "../../src/Connection.ts"
import * as Decoder from "../../src/Decoder.ts"
import type { States } from "../../src/internal/stream/StateTable.ts"
import { StreamState } from "../../src/internal/stream/StreamState.ts"
import type { Reason } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeConnection } from "./fakeConnection.ts"
import { pattern } from "./live.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const only = <const Op extends string>(...ops: ReadonlyArray<Op>) => Schema.Struct({ op: Schema.Literals(ops) })
const sized = <const Op extends string>(...ops: ReadonlyArray<Op>) =>
  Schema.Struct({ op: Schema.Literals(ops), size: int(1, 40) })

const peerEvent = Schema.Union([sized("data"), sized("borrow"), only("end"), only("closed")])

const event = Schema.Union([
  peerEvent,
  peerEvent,
  only("break", "defect"),
  only("release", "full", "prompt", "release"),
  // What the peer does in the middle of a call to the transport.
  Schema.Struct({ op: Schema.Literal("during"), call: Schema.Literals(["resume", "write", "end"]), event: peerEvent }),
  only("abrupt"),
  only("read", "read", "readLine", "readThrows", "flush", "endWrite", "close", "reset", "upgrade"),
  only("forEachChunk", "forEachAnswered", "forEachEchoed", "forEachNested", "forEachSlow", "copy", "finishSlow"),
  sized("readExactly", "write", "write"),
  only("busy", "idle", "turn", "turn"),
  Schema.Struct({ op: Schema.Literal("interrupt"), index: int(0, 9) }),
  Schema.Struct({ op: Schema.Literal("advance"), millis: Schema.Literals([1, 40, 60, 100, 500]) })
])

export type Event = typeof event.Type
type PeerEvent = typeof peerEvent.Type

/** Runs of events. */
export const events = Arbitrary.array(Arbitrary.schema(event), { minLength: 4, maxLength: 50 })

const limits = { readTimeout: 100, writeTimeout: 50, lingerTimeout: 80, lingerBytes: 60, highWaterMark: 30 }
const crash = new Error("the transport's guard caught this")
const slip = new Error("a decoder's slip")
const throwing = Decoder.make((): string => {
  throw slip
})

/** A transport that notes when it is asked for what cannot be. */
class StrictConnection extends FakeConnection implements SecureConnection {
  override full = true
  override stubborn = true
  readonly faults: Array<string> = []
  readonly handshake = Effect.succeed({
    protocol: "TLSv1.3",
    alpnProtocol: undefined,
    servername: undefined,
    authorized: false,
    peerSubject: undefined
  })
  /** What happens within the next call. */
  readonly during: { [call: string]: (() => void) | undefined } = {}
  /** Whether `closed` comes within the call that gives the descriptor back. */
  abrupt = false
  finAt: number | undefined
  writtenAt: number | undefined
  isCut = false
  onEnd: () => void = () => {}
  onEarly: (early: Uint8Array) => void = () => {}

  private ask(call: string): void {
    if (!this.isOpen && !this.isCut) this.faults.push(`${call} after the end`)
    if ((call === "write" || call === "end") && this.finAt !== undefined) this.faults.push(`${call} after FIN`)
    if ((call === "write" || call === "end") && !this.isOpen) this.faults.push(`${call} after a reset`)
  }

  private interrupt(call: string): void {
    const f = this.during[call]
    this.during[call] = undefined
    if (this.isOpen) f?.()
  }

  override pause(): void {
    this.ask("pause")
    super.pause()
  }

  override resume(): void {
    this.ask("resume")
    super.resume()
    this.interrupt("resume")
  }

  override write(chunks: ReadonlyArray<Uint8Array>): boolean {
    this.ask("write")
    this.writtenAt = this.timers.time
    const taken = super.write(chunks)
    this.interrupt("write")
    if (taken) this.writtenAt = undefined
    return taken
  }

  override release(): void {
    this.writtenAt = undefined
    super.release()
  }

  override end(): void {
    this.ask("end")
    this.finAt = this.timers.time
    this.onEnd()
    super.end()
    this.interrupt("end")
  }

  override destroy(): void {
    super.destroy()
    if (this.abrupt) this.breaks()
  }

  override reset(): void {
    this.isCut = true
    super.reset()
    if (this.abrupt) this.breaks()
  }

  startTls(_: unknown, early: Uint8Array): Result.Result<SecureConnection, Reason> {
    if (!this.isOpen || this.finAt !== undefined || this.writtenAt !== undefined)
      this.faults.push("TLS on a connection that cannot take it")
    this.onEarly(early)
    return Result.succeed(this)
  }
}

interface Operation {
  readonly name: string
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly since: number
}

export class Model {
  readonly connection = new StrictConnection()
  readonly stream = new StreamState(this.connection, limits)
  private readonly sink = new FakeConnection()
  private readonly sinkStream: StreamState
  private operations: Array<Operation> = []
  private readonly scope = Scope.makeUnsafe()
  private readonly slow = new Set<() => void>()

  /** What the peer sent, while anybody could want it. */
  private delivered = 0
  /** What was handed out of it, in order. */
  private readonly taken: Array<Uint8Array> = []
  /** All writes in the order of their calls, which is that of their bytes: what is sent within one may bring the next. */
  private readonly writes: Array<{ readonly chunk: Uint8Array | string; isAccepted: boolean }> = []
  private sent = 0

  private hasFin = false
  private isReported = false
  private wasCutBeforeFin = false
  private hasClosed = false
  private wantsEnd = false
  private isLingering = false
  private isUpgrading = false
  private hasCrashed = false
  private gone = 0
  private left = 0
  private lingerSince: number | undefined

  constructor() {
    const { connection, stream } = this
    this.sink.prompt = true
    this.sinkStream = new StreamState(this.sink, { ...limits, highWaterMark: 1000 })
    const { write } = this.sink
    this.sink.write = (chunks) => {
      this.taken.push(Buffer.concat(chunks))
      return write.call(this.sink, chunks)
    }
    stream.onLeave = () => void this.left++
    stream.handTo({
      awaitsIdle: true,
      onFinSent: () => {},
      onIdle: () => assert.isTrue(stream.isIdle),
      onBroken: () => assert.isFalse(stream.readers.isWaiting),
      onGone: () => void this.gone++
    })
    connection.onEnd = () => {
      assert.isTrue(this.wantsEnd, "FIN that nobody asked for")
      if (this.hasClosed) this.linger()
    }
    connection.onEarly = (early) => {
      this.isUpgrading = false
      this.taken.push(early)
    }
    // Also by an upgrade that fails or is interrupted.
    const abort = stream.abort.bind(stream)
    stream.abort = () => {
      this.closing()
      abort()
    }
    this.watch()
  }

  /** Whoever waits is resumed once, and has left the line then. */
  private watch(): void {
    const { readers } = this.stream
    const add = readers.add.bind(readers)
    readers.add = (reader) => {
      const resume = reader.resume.bind(reader)
      let count = 0
      reader.resume = (outcome) => {
        assert.strictEqual(++count, 1, "a reader is resumed once")
        resume(outcome)
      }
      add(reader)
    }
    const write = this.stream.write.bind(this.stream)
    this.stream.write = (chunk) => {
      const entry = { chunk, isAccepted: false }
      this.writes.push(entry)
      const outcome = write(chunk)
      if (Exit.isExit(outcome)) {
        entry.isAccepted = Exit.isSuccess(outcome)
        return outcome
      }
      return Effect.tap(outcome, () =>
        Effect.sync(() => {
          entry.isAccepted = true
        })
      )
    }
    const awaitRoom = this.stream.awaitRoom.bind(this.stream)
    this.stream.awaitRoom = (writer) => {
      const { resume } = writer
      let count = 0
      const once: typeof resume = (outcome) => {
        assert.strictEqual(++count, 1, "a writer is resumed once")
        resume(outcome)
      }
      awaitRoom(Object.assign(writer, { resume: once }))
    }
  }

  // Events ---------------------------------------------------------------------------------------------------------

  run(event: Event): Effect.Effect<unknown> {
    return event.op === "turn" ? Effect.yieldNow : Effect.sync(() => this.step(event))
  }

  private step(event: Exclude<Event, { readonly op: "turn" }>): void {
    const { connection, stream } = this
    switch (event.op) {
      case "data":
      case "borrow":
      case "end":
      case "closed":
        return this.peer(event)
      case "break":
        return this.report({ _tag: "ConnectionReset" })
      case "defect":
        if (this.isReported || this.hasCrashed) return
        this.hasCrashed = true
        connection.events.defect(crash)
        return connection.reset()
      case "release":
        return connection.release()
      case "full":
        connection.full = true
        return
      case "prompt":
        connection.prompt = true
        connection.full = false
        return connection.release()
      case "during":
        connection.during[event.call] = () => this.peer(event.event)
        return
      case "abrupt":
        connection.abrupt = true
        return
      case "read":
        return this.start(
          "read",
          Effect.map(SocketStream.read(stream), (chunk) => this.takeOption(chunk))
        )
      case "readLine":
        return this.start("read", SocketStream.readLine(stream, { maxBytes: 0 }))
      case "readThrows":
        return this.start("read", Effect.sandbox(SocketStream.readFrame(stream, throwing)).pipe(Effect.ignore))
      case "readExactly":
        return this.start(
          "read",
          Effect.map(SocketStream.readExactly(stream, event.size), (it) => this.take(it))
        )
      case "forEachChunk":
        return this.drive((chunk) => Effect.sync(() => this.take(chunk)))
      case "forEachAnswered":
        return this.drive((chunk) =>
          Effect.andThen(
            Effect.sync(() => this.take(chunk)),
            SocketStream.write(stream, chunk)
          )
        )
      case "forEachEchoed":
        return this.drive((chunk) => {
          this.take(chunk)
          return SocketStream.write(stream, chunk)
        })
      case "forEachNested":
        return this.drive((chunk) =>
          Effect.andThen(
            Effect.sync(() => this.take(chunk)),
            SocketStream.forEachChunk(stream, (inner) =>
              Effect.andThen(
                Effect.sync(() => this.take(inner)),
                this.pausing
              )
            )
          )
        )
      case "forEachSlow":
        return this.drive((chunk) =>
          Effect.andThen(
            Effect.sync(() => this.take(chunk)),
            this.pausing
          )
        )
      case "finishSlow":
        for (const finish of this.slow) finish()
        return
      case "copy":
        return this.start("copy", SocketStream.copy(stream, this.sinkStream))
      case "write":
        return this.start("write", SocketStream.write(stream, pattern(event.size, (this.sent += event.size))))
      case "flush":
        return this.start("flush", SocketStream.flush(stream))
      case "endWrite":
        this.wantsEnd = true
        return this.start("endWrite", SocketStream.endWrite(stream))
      case "close":
        this.closing()
        this.start("close", SocketStream.close(stream))
        if (connection.finAt !== undefined && !this.isCut) this.linger()
        return
      case "reset":
        return this.start("close", SocketStream.reset(stream))
      case "upgrade": {
        const upgrade = SocketStream.upgradeTls(stream, { side: "client", options: {} })
        const { wantsEnd, isUpgrading } = this
        if (wantsEnd || isUpgrading || this.isCut || this.isReported) return this.start("refused", upgrade)
        this.isUpgrading = true
        return this.start("upgrade", upgrade)
      }
      case "busy":
        return this.start("busy", Scope.provide(SocketStream.busy(stream), this.scope))
      case "idle":
        return stream.lookForIdle()
      case "interrupt":
        return this.operations[event.index]?.fiber.interruptUnsafe()
      case "advance":
        return connection.timers.advance(event.millis)
    }
  }

  private linger(): void {
    this.isLingering = true
    this.lingerSince ??= this.connection.timers.time
  }

  private closing(): void {
    this.hasClosed = true
    this.wantsEnd = true
    this.isUpgrading = false
  }

  private peer(event: PeerEvent): void {
    const { connection } = this
    if (this.isReported) return
    if (event.op === "closed") return this.report(undefined)
    if (this.hasFin) return
    if (event.op === "end") {
      this.hasFin = true
      this.wasCutBeforeFin = this.isCut
      return connection.events.end()
    }
    const chunk = pattern(event.size, this.delivered)
    if (!this.hasClosed && !this.isCut) this.delivered += event.size
    if (event.op === "data") return connection.events.data(chunk)
    connection.events.borrow(chunk)
    chunk.fill(255)
  }

  private report(reason: Reason | undefined): void {
    this.connection.breaks(reason)
  }

  private start(name: string, effect: Effect.Effect<unknown, unknown>): void {
    const since = this.connection.timers.time
    const fiber = Effect.runFork(effect)
    this.operations.push({ name, fiber, since })
  }

  private drive(f: (chunk: Uint8Array) => Effect.Effect<unknown, unknown>): void {
    this.start("driver", SocketStream.forEachChunk(this.stream, f))
  }

  private readonly pausing = Effect.callback<void>((resume) => {
    const finish = (): void => {
      this.slow.delete(finish)
      resume(Effect.void)
    }
    this.slow.add(finish)
    return Effect.sync(() => this.slow.delete(finish))
  })

  private takeOption(chunk: Option.Option<Uint8Array>): void {
    if (Option.isSome(chunk)) this.take(chunk.value)
  }

  private take(chunk: Uint8Array): void {
    assert.isFalse(this.hasClosed, "input is handed out after the owner closed")
    this.taken.push(Uint8Array.from(chunk))
  }

  // What holds after each event ------------------------------------------------------------------------------------

  private get isCut(): boolean {
    return this.connection.isCut || this.hasCrashed
  }

  private get states(): States {
    const { connection, isReported } = this
    const isCut = this.isCut || isReported
    return {
      whole: isReported
        ? this.hasClosed
          ? "closed"
          : "gone"
        : this.isLingering
          ? "lingering"
          : this.hasClosed
            ? "closing"
            : this.isUpgrading
              ? "upgrading"
              : "open",
      input: this.hasFin && !this.wasCutBeforeFin ? "ended" : isCut ? "cut" : this.hasClosed ? "ending" : "open",
      output: connection.finAt !== undefined ? "ended" : isCut ? "cut" : this.wantsEnd ? "ending" : "open"
    }
  }

  check(): void {
    const { connection, stream } = this
    this.isReported = !connection.isOpen && this.gone > 0
    this.collect()
    assert.deepStrictEqual(connection.faults, [])
    assert.deepStrictEqual(stream.state, this.states)
    assert.deepStrictEqual(stream.crash, this.hasCrashed ? { cause: crash } : undefined)
    this.checkBytes()
    this.checkTime()
    if (this.isReported) this.checkEnd()
  }

  /** Operations that are over. A defect is one that the test brought in. */
  private collect(): void {
    this.operations = this.operations.filter(({ fiber, name }) => {
      const exit = fiber.pollUnsafe()
      if (exit === undefined) return true
      if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) {
        assert.strictEqual(Cause.squash(exit.cause), crash, name)
        assert.isTrue(this.hasCrashed)
      }
      return false
    })
  }

  private checkBytes(): void {
    const { connection, delivered, hasClosed, stream } = this
    const taken = Buffer.concat(this.taken)
    assert.isTrue(taken.equals(pattern(delivered).subarray(0, taken.length)), "input comes in order, whole")
    if (!hasClosed) assert.strictEqual(taken.length + stream.input.size, delivered, "no byte of input is lost")
    const accepted = Buffer.concat(
      this.writes.filter(({ isAccepted }) => isAccepted).map(({ chunk }) => Buffer.from(chunk))
    )
    const { output } = connection
    assert.isTrue(accepted.subarray(0, output.length).equals(output), "output leaves in order, whole")
    if (connection.finAt !== undefined) assert.strictEqual(output.length, accepted.length, "FIN follows the last byte")
  }

  private checkTime(): void {
    const { connection, stream } = this
    const { timers } = connection
    const isOver = this.isReported || !connection.isOpen
    if (this.isReported) return assert.strictEqual(timers.active, 0, "no timer outlives the end")
    const stalled = connection.writtenAt
    const readers = this.operations.filter(({ name }) => name === "read")
    if (!isOver && (stalled !== undefined || this.isLingering || stream.readers.isWaiting)) {
      assert.strictEqual(timers.active, 1, "one timer, while something waits for time")
    }
    assert.isAtMost(timers.active, 1)
    if (isOver) return
    const due = (since: number | undefined, limit: number, what: string): void =>
      assert.isBelow(timers.time - (since ?? timers.time), limit, what)
    due(stalled, limits.writeTimeout, "output that stands still is cut")
    due(this.lingerSince, limits.lingerTimeout, "a peer that never ends is left")
    for (const { since } of readers) due(since, limits.readTimeout, "a read has its time")
  }

  /** After the end nothing waits, and what was counted in was counted out. */
  private checkEnd(): void {
    const { stream } = this
    assert.deepStrictEqual([this.gone, this.left], [1, 1])
    assert.isFalse(stream.readers.isWaiting, "nobody waits for input")
    assert.strictEqual(stream["output"].size, 0)
    assert.isFalse(stream["output"].hasWriters, "nobody waits for room")
    const waiting = this.operations.filter(({ name }) => name !== "driver" && name !== "upgrade")
    assert.deepStrictEqual(
      waiting.map(({ name }) => name),
      []
    )
  }

  /** Ends it all, and looks a last time. */
  readonly finish = Effect.gen({ self: this }, function* () {
    yield* Scope.close(this.scope, Exit.void)
    if (!this.isReported) yield* SocketStream.reset(this.stream)
    while (this.slow.size > 0) for (const finish of this.slow) finish()
    yield* Effect.yieldNow
    this.check()
    assert.isTrue(this.isReported)
    assert.isTrue(this.stream.readers.isEmpty)
    assert.deepStrictEqual(this.operations, [])
    assert.strictEqual(this.stream["busy"], 0)
  })
}
