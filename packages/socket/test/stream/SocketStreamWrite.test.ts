import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { fakeStream } from "../utils/fakeStream.ts"
import { bytes, live, pair, pattern, portOf, text } from "../utils/live.ts"
import { plainClient, plainServer, until } from "../utils/plain.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const sizes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 }))), {
  minLength: 1,
  maxLength: 30
})

/** `size` bytes that say which write they are of. */
const marked = (mark: number, size: number): Uint8Array => new Uint8Array(size).fill(mark)

/** The runs of equal bytes in what was sent: mark and length. */
const runs = (output: Uint8Array): Array<readonly [mark: number, size: number]> => {
  const found: Array<[number, number]> = []
  for (const byte of output) {
    const last = found.at(-1)
    if (last?.[0] === byte) last[1]++
    else found.push([byte, 1])
  }
  return found
}

describe("gathering", () => {
  it.effect("small writes of one run leave together, without flush", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream()
      for (const word of ["GET ", "/", "\r\n"]) yield* SocketStream.write(self, word)
      yield* SocketStream.writeLine(self, "Hällo")
      assert.deepStrictEqual(connection.sent, [])
      yield* Effect.yieldNow
      assert.deepStrictEqual(connection.sent.map(text), ["GET /\r\nHällo\r\n"])
    })
  )

  it.effect("empty writes send nothing", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream()
      yield* SocketStream.write(self, "")
      yield* SocketStream.write(self, new Uint8Array(0))
      yield* SocketStream.flush(self)
      assert.deepStrictEqual(connection.sent, [])
    })
  )

  it.effect.prop(
    "text and bytes in any mix leave in their order, text as UTF-8",
    [
      Arbitrary.array(Arbitrary.schema(Schema.Union([Schema.String, Schema.Uint8Array])), { maxLength: 20 }),
      Arbitrary.schema(Schema.Boolean)
    ],
    Effect.fnUntraced(function* ([pieces, prompt]) {
      const [self, connection] = yield* fakeStream()
      connection.prompt = prompt
      const whole = pieces.map((piece) =>
        typeof piece === "string" ? new TextEncoder().encode(piece.toWellFormed()) : piece
      )
      for (const [i, piece] of pieces.entries()) {
        yield* SocketStream.write(self, typeof piece === "string" ? piece.toWellFormed() : piece)
        if (i % 7 === 6) yield* Effect.yieldNow
      }
      yield* SocketStream.flush(self)
      assert.isTrue(Buffer.concat(whole).equals(connection.output))
    }, Effect.scoped)
  )

  it.effect("a kernel that takes all at once makes neither flush nor endWrite wait, and sets no timer", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ writeTimeout: "1 second" })
      connection.prompt = true
      yield* SocketStream.write(self, "one")
      // Nothing here gives up the fiber's turn.
      const flushed = yield* start(SocketStream.flush(self))
      assert.isTrue(flushed.pollUnsafe() !== undefined)
      assert.deepStrictEqual([self.bytesWritten, connection.sent.length], [3, 1])
      yield* SocketStream.write(self, "two")
      const ended = yield* start(SocketStream.endWrite(self))
      assert.isTrue(ended.pollUnsafe() !== undefined)
      assert.deepStrictEqual([connection.output.toString(), connection.calls], ["onetwo", ["end"]])
      assert.strictEqual(connection.timers.count, 0)
    })
  )

  it.effect("what a read's fiber answers leaves in the turn that brought the question", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream()
      const echo = Effect.flatMap(SocketStream.readLine(self), (line) =>
        SocketStream.writeLine(
          self,
          Option.getOrElse(line, () => "")
        )
      )
      yield* start(Effect.forever(echo, { disableYield: true }))
      connection.events.data(new TextEncoder().encode("a\nb\nc"))
      assert.deepStrictEqual(connection.sent.map(String), ["a\r\nb\r\n"])
    })
  )

  it.effect("text of three bytes a character counts as that towards the mark", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ highWaterMark: 3000 }, { full: true })
      yield* SocketStream.write(self, "€".repeat(999))
      yield* SocketStream.write(self, "€")
      const waiting = yield* start(SocketStream.write(self, "€"))
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      connection.release()
      yield* Fiber.join(waiting)
    })
  )

  it.effect("what fills the mark leaves in the call that wrote it, and less at the end of the turn", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ highWaterMark: 100 }, { prompt: true })
      const sizes = () => connection.sent.map(({ length }) => length)
      yield* SocketStream.write(self, marked(1, 99))
      assert.deepStrictEqual(sizes(), [])
      yield* SocketStream.write(self, marked(2, 1))
      assert.deepStrictEqual(sizes(), [100])
      yield* SocketStream.write(self, marked(3, 100))
      assert.deepStrictEqual(sizes(), [100, 100])
    })
  )

  live(
    "a hundred writes of one run are one packet to a plain peer",
    Effect.gen(function* () {
      const peers = yield* plainServer()
      const self = yield* SocketStream.open("127.0.0.1", peers.port)
      for (let i = 0; i < 100; i++) yield* SocketStream.write(self, "0123456789")
      yield* until(() => peers.peers[0]?.size === 1000)
      assert.strictEqual(peers.peers[0].chunks.length, 1)
    })
  )
})

describe("backpressure of output", () => {
  it.effect.prop(
    "writes are taken up to the mark and one chunk more, and all of them arrive in order",
    [sizes],
    Effect.fnUntraced(function* ([sizes]) {
      const highWaterMark = 500
      const [self, connection] = yield* fakeStream({ highWaterMark }, { full: true })
      const fibers = yield* Effect.forEach(sizes, (size, i) => start(SocketStream.write(self, marked(i, size))))
      for (let sentBefore = -1; sentBefore !== connection.output.length;) {
        sentBefore = connection.output.length
        const taken = fibers.filter((fiber) => fiber.pollUnsafe() !== undefined).length
        const takenBytes = sizes.slice(0, taken).reduce((sum, size) => sum + size, 0)
        const last = sizes[taken - 1]
        assert.isBelow(takenBytes - last, highWaterMark + sentBefore)
        if (taken < sizes.length) assert.isAtLeast(takenBytes, highWaterMark)
        yield* Effect.yieldNow
        connection.release()
        yield* Effect.yieldNow
      }
      assert.deepStrictEqual(
        runs(connection.output),
        sizes.map((size, i) => [i, size])
      )
    }, Effect.scoped),
    { arbitrary: { runs: rounds(200) } }
  )

  it.effect.prop(
    "an interrupted write sends nothing if it still waited, and everything otherwise",
    [sizes, Arbitrary.array(Arbitrary.schema(Schema.Boolean), { minLength: 30, maxLength: 30 })],
    Effect.fnUntraced(function* ([sizes, interrupted]) {
      const [self, connection] = yield* fakeStream({ highWaterMark: 400 }, { full: true })
      connection.prompt = interrupted[0]
      const fibers = yield* Effect.forEach(sizes, (size, i) => start(SocketStream.write(self, marked(i, size))))
      for (const [i, fiber] of fibers.entries()) {
        if (interrupted[i]) yield* Fiber.interrupt(fiber)
        if (i % 3 === 0) connection.release()
        yield* Effect.yieldNow
      }
      connection.full = false
      connection.release()
      const exits = yield* Effect.forEach(fibers, Fiber.await)
      yield* SocketStream.flush(self)
      assert.deepStrictEqual(
        runs(connection.output),
        sizes.flatMap((size, i) => (Exit.isSuccess(exits[i]) ? [[i, size] as const] : []))
      )
    }, Effect.scoped),
    { arbitrary: { runs: rounds(300) } }
  )

  live(
    "to a peer that never reads, writes stop at the mark and what the kernel takes",
    Effect.gen(function* () {
      const peers = yield* plainServer({ reads: false })
      const highWaterMark = 100_000
      const self = yield* SocketStream.open("127.0.0.1", peers.port, { highWaterMark })
      const taken = { count: 0 }
      const write = Effect.map(SocketStream.write(self, new Uint8Array(50_000)), () => void taken.count++)
      yield* Effect.timeoutOption(Effect.forever(write), 300)
      const stalled = taken.count
      yield* Effect.timeoutOption(Effect.forever(write), 100)
      assert.strictEqual(taken.count, stalled)
      // The kernel's buffers of both ends hold a few megabytes. Unbounded, this loop takes gigabytes.
      assert.isBelow(taken.count * 50_000, 32_000_000)
      yield* SocketStream.reset(self)
    })
  )

  live(
    "ten megabytes in one write arrive whole",
    Effect.gen(function* () {
      const [client, server] = yield* pair()
      const sent = pattern(10_000_000)
      const reading = yield* start(SocketStream.readExactly(server, sent.length))
      yield* SocketStream.write(client, sent)
      assert.isTrue(Buffer.from(yield* Fiber.join(reading)).equals(sent))
    })
  )

  live(
    "concurrent writers never mix inside one write, and each keeps its own order",
    Effect.gen(function* () {
      const [client, server] = yield* pair({ highWaterMark: 10_000 })
      const writers = Array.from({ length: 40 }, (_, i) => i)
      const writing = yield* start(
        Effect.andThen(
          Effect.forEach(
            writers,
            (i) =>
              Effect.forEach([1, 2, 3], (round) =>
                SocketStream.write(client, marked(i + 1, 1000 * round)).pipe(
                  Effect.andThen(SocketStream.write(client, Uint8Array.of(0)))
                )
              ),
            { concurrency: "unbounded", discard: true }
          ),
          SocketStream.endWrite(client)
        )
      )
      const output = yield* SocketStream.readAll(server, { maxBytes: 1_000_000 })
      yield* Fiber.join(writing)
      const found = runs(output)
      for (const i of writers) {
        const own = found.flatMap(([mark, size]) => (mark === i + 1 ? [size] : []))
        assert.deepStrictEqual(own, [1000, 2000, 3000])
      }
    })
  )
})

describe("flush", () => {
  it.effect("returns when the kernel has what was written before it, and not earlier", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({}, { full: true })
      yield* SocketStream.write(self, "one")
      const flushing = yield* start(SocketStream.flush(self))
      yield* Effect.yieldNow
      assert.isUndefined(flushing.pollUnsafe())
      connection.release()
      yield* Fiber.join(flushing)
      assert.strictEqual(text(connection.output), "one")
    })
  )

  it.effect("interrupted, it leaves what was written on its way", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({}, { full: true })
      yield* SocketStream.write(self, "one")
      yield* SocketStream.write(self, "two")
      yield* Fiber.interrupt(yield* start(SocketStream.flush(self)))
      yield* Effect.yieldNow
      assert.strictEqual(text(connection.output), "onetwo")
      connection.release()
      yield* SocketStream.flush(self)
    })
  )

  it.effect("a stream of writes cannot keep a flush waiting", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({}, { full: true })
      yield* SocketStream.write(self, "one")
      yield* Effect.yieldNow
      const flushing = yield* start(SocketStream.flush(self))
      const later = yield* start(SocketStream.write(self, "two"))
      connection.release()
      yield* Fiber.join(flushing)
      yield* Fiber.join(later)
      yield* Effect.yieldNow
      assert.deepStrictEqual(connection.sent.map(text), ["one", "two"])
    })
  )
})

describe("writeTimeout", () => {
  it.effect("output that stands still is cut, and whoever waits fails with TimedOut", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ writeTimeout: 1000, highWaterMark: 10 }, { full: true })
      yield* SocketStream.write(self, marked(1, 10))
      const writing = yield* start(Effect.flip(SocketStream.write(self, "x")))
      const flushing = yield* start(Effect.flip(SocketStream.flush(self)))
      yield* Effect.yieldNow
      connection.timers.advance(999)
      yield* Effect.yieldNow
      assert.isUndefined(writing.pollUnsafe())
      connection.timers.advance(1)
      assert.deepStrictEqual(connection.calls, ["reset"])
      assert.strictEqual((yield* Fiber.join(writing)).message, "write 127.0.0.1:2: timed out after 1000 ms")
      assert.strictEqual((yield* Fiber.join(flushing)).reason._tag, "TimedOut")
      assert.strictEqual((yield* Effect.flip(SocketStream.write(self, "y"))).reason._tag, "TimedOut")
    })
  )

  it.effect("output that moves is not cut, however long all of it takes", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ writeTimeout: 1000 }, { full: true })
      const size = 2_000_000
      yield* SocketStream.write(self, new Uint8Array(size))
      yield* Effect.yieldNow
      while (connection.output.length < size) {
        connection.timers.advance(900)
        connection.release()
        yield* Effect.yieldNow
      }
      assert.isAbove(connection.timers.time, 5000)
      connection.release()
      connection.timers.advance(10_000)
      yield* SocketStream.flush(self)
      assert.isTrue(connection.isOpen)
    })
  )

  it.effect("an idle stream is not cut", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ writeTimeout: 1000 })
      yield* SocketStream.write(self, "x")
      yield* SocketStream.flush(self)
      connection.timers.advance(100_000)
      yield* SocketStream.write(self, "y")
      yield* SocketStream.flush(self)
      connection.timers.advance(100_000)
      assert.isTrue(connection.isOpen)
      assert.strictEqual(connection.timers.active, 0)
    })
  )

  live(
    "a peer that stalls for good fails the writer within it",
    Effect.gen(function* () {
      const peers = yield* plainServer({ reads: false })
      const self = yield* SocketStream.open("127.0.0.1", peers.port, { writeTimeout: 200 })
      const error = yield* Effect.flip(Effect.forever(SocketStream.write(self, new Uint8Array(1_000_000))))
      assert.deepStrictEqual(error.reason, { _tag: "TimedOut", millis: 200 })
    })
  )
})

describe("a peer that has gone", () => {
  live(
    "a write that waits fails with ConnectionReset, and so does every later one",
    Effect.gen(function* () {
      const peers = yield* plainServer({ reads: false })
      const self = yield* SocketStream.open("127.0.0.1", peers.port)
      const writing = yield* start(Effect.flip(Effect.forever(SocketStream.write(self, new Uint8Array(1_000_000)))))
      yield* Effect.sleep(100)
      peers.peers[0].socket.resetAndDestroy()
      const error = yield* Fiber.join(writing)
      assert.strictEqual(error.message, `write 127.0.0.1:${peers.port}: connection reset`)
      assert.strictEqual((yield* Effect.flip(SocketStream.write(self, "x"))).reason._tag, "ConnectionReset")
      assert.strictEqual((yield* Effect.flip(SocketStream.flush(self))).reason._tag, "ConnectionReset")
      assert.strictEqual((yield* Effect.flip(SocketStream.endWrite(self))).reason._tag, "ConnectionReset")
    })
  )

  live(
    "writing to a peer that closed its socket fails with ConnectionReset, never silently",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const peer = yield* plainClient(portOf(listener))
      const self = yield* ServerSocket.accept(listener)
      peer.socket.destroy()
      assert.isTrue(Option.isNone(yield* SocketStream.read(self)))
      const error = yield* Effect.flip(Effect.forever(Effect.andThen(SocketStream.write(self, "x"), Effect.sleep(5))))
      assert.strictEqual(error.reason._tag, "ConnectionReset")
    })
  )
})

describe("endWrite", () => {
  it.effect("FIN follows the last byte, also of a write that still waits", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ highWaterMark: 3 }, { full: true })
      yield* SocketStream.write(self, "one")
      const waiting = yield* start(SocketStream.write(self, "two"))
      const ending = yield* start(SocketStream.endWrite(self))
      yield* Effect.yieldNow
      assert.deepStrictEqual(connection.calls, [])
      connection.release()
      yield* Fiber.join(waiting)
      yield* Effect.yieldNow
      assert.deepStrictEqual(connection.calls, [])
      connection.release()
      yield* Fiber.join(ending)
      assert.strictEqual(text(connection.output), "onetwo")
      assert.deepStrictEqual(connection.calls, ["end"])
    })
  )

  it.effect("after it a write fails with Closed, reading goes on, and a second endWrite is fine", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream()
      connection.stubborn = true
      yield* SocketStream.write(self, "last")
      yield* SocketStream.endWrite(self)
      yield* SocketStream.endWrite(self)
      yield* Effect.yieldNow
      assert.deepStrictEqual(connection.calls, ["end"])
      assert.strictEqual((yield* Effect.flip(SocketStream.write(self, "x"))).reason._tag, "Closed")
      yield* SocketStream.flush(self)
      connection.events.data(bytes("reply"))
      connection.finish()
      assert.strictEqual(text(yield* SocketStream.readAll(self)), "reply")
    })
  )
})
