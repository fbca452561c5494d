import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeConnection } from "../utils/fakeConnection.ts"
import { bytes, live, pair, pattern, portOf, text } from "../utils/live.ts"
import { plainClient, until } from "../utils/plain.ts"
import { content, ReadModel, requests, sizes, split } from "../utils/readModel.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const stream = Effect.fnUntraced(function* (options?: SocketStream.Options) {
  const connection = new FakeConnection()
  return [yield* SocketStream.make(connection, options), connection] as const
})

/** Every second piece is only borrowed, and overwritten afterwards. */
const deliver = ({ events }: FakeConnection, part: Uint8Array, index: number): void => {
  if (index % 2 === 0) return events.data(part)
  const borrowed = Uint8Array.from(part)
  events.borrow(borrowed)
  borrowed.fill(255)
}

/** Reads of `input`, which comes in these pieces and ends. */
const given = Effect.fnUntraced(function* (...input: ReadonlyArray<string | Uint8Array>) {
  const [self, connection] = yield* stream()
  for (const [i, piece] of input.entries()) deliver(connection, typeof piece === "string" ? bytes(piece) : piece, i)
  connection.events.end()
  return self
})

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const feed = Effect.fnUntraced(function* (connection: FakeConnection, parts: ReadonlyArray<Uint8Array>) {
  for (const [i, part] of parts.entries()) {
    deliver(connection, part, i)
    yield* Effect.yieldNow
  }
  connection.events.end()
})

describe("any mix of reads", () => {
  it.effect.prop(
    "lines, delimiters, counts and chunks mix freely, however the input is cut: nothing is lost, doubled or moved",
    [content, sizes, requests],
    Effect.fnUntraced(function* ([content, sizes, requests]) {
      const [self, connection] = yield* stream()
      yield* start(feed(connection, split(content, sizes)))
      const model = new ReadModel(content)
      for (const request of requests) yield* model.check(self, request)
      assert.deepStrictEqual([...(yield* SocketStream.readAll(self))], [...model.rest])
    }, Effect.scoped),
    { arbitrary: { runs: rounds(600), size: 40 } }
  )

  it.effect.prop(
    "a read that is interrupted loses no byte",
    [content, sizes],
    Effect.fnUntraced(function* ([content, sizes]) {
      const [self, connection] = yield* stream()
      const got: Array<string> = []
      for (const part of split(content, sizes)) {
        const reading = yield* start(SocketStream.readUntil(self, Uint8Array.of(10)))
        connection.events.data(part)
        yield* Fiber.interrupt(reading)
        const exit = yield* Fiber.await(reading)
        if (Exit.isSuccess(exit)) got.push(`${Buffer.from(Option.getOrThrow(exit.value)).toString("latin1")}\n`)
      }
      connection.events.end()
      got.push(Buffer.from(yield* SocketStream.readAll(self)).toString("latin1"))
      assert.strictEqual(got.join(""), Buffer.from(content).toString("latin1"))
    }, Effect.scoped),
    { arbitrary: { runs: rounds(300), size: 40 } }
  )
})

describe("lines", () => {
  for (const [input, ...expected] of [
    ["a\r\nb\nc", "a", "b", "c"],
    ["a\r\nb\r\n", "a", "b"],
    ["\r\n\n", "", ""],
    ["a\rb\r\r\n", "a\rb\r"],
    ["last", "last"],
    ["\uFEFFbom\n", "\uFEFFbom"],
    [""]
  ]) {
    it.effect(`${JSON.stringify(input)} is ${JSON.stringify(expected)}, then none`, () =>
      Effect.gen(function* () {
        const self = yield* given(...(input === "" ? [] : [input]))
        assert.deepStrictEqual(yield* Stream.runCollect(SocketStream.lines(self)), expected)
        assert.isTrue(Option.isNone(yield* SocketStream.readLine(self)))
        assert.isTrue(Option.isNone(yield* SocketStream.read(self)))
      })
    )
  }

  it.effect("a line is whole wherever its characters and its end are cut", () =>
    Effect.gen(function* () {
      const line = "zwölf € 😀 \u0000 ende"
      const raw = bytes(`${line}\r\nnext`)
      for (let cut = 1; cut < raw.length; cut++) {
        const self = yield* given(raw.slice(0, cut), raw.slice(cut))
        assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some(line), `cut at ${cut}`)
        assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("next"))
      }
      const dripped = yield* given(...[...raw].map((byte) => Uint8Array.of(byte)))
      assert.deepStrictEqual(yield* SocketStream.readLine(dripped), Option.some(line))
    })
  )

  for (const end of ["\n", "\r\n", ""]) {
    it.effect(`with ${JSON.stringify(end)}, a line of maxBytes passes and one more fails, however it is cut`, () =>
      Effect.gen(function* () {
        for (const [line, fits] of [
          ["abcd", true],
          ["abcde", false]
        ] as const) {
          const raw = bytes(line + end)
          for (let cut = 0; cut <= raw.length; cut++) {
            const [self, { events }] = yield* stream()
            const reading = yield* start(SocketStream.readLine(self, { maxBytes: 4 }))
            for (const part of [raw.slice(0, cut), raw.slice(cut)]) if (part.length > 0) events.data(part)
            events.end()
            const exit = yield* Fiber.await(reading)
            assert.strictEqual(Exit.isSuccess(exit), fits, `${line} cut at ${cut}`)
            if (fits) continue
            const error = yield* Effect.flip(Fiber.join(reading))
            assert.deepStrictEqual(error.reason, { _tag: "LineTooLong", limit: 4 })
            assert.strictEqual(text(yield* SocketStream.readAll(self)), line + end)
          }
        }
      })
    )
  }

  it.effect("a limit of 0 takes empty lines only", () =>
    Effect.gen(function* () {
      const self = yield* given("\r\n\nx\n")
      assert.deepStrictEqual(yield* SocketStream.readLine(self, { maxBytes: 0 }), Option.some(""))
      assert.deepStrictEqual(yield* SocketStream.readLine(self, { maxBytes: 0 }), Option.some(""))
      assert.strictEqual((yield* Effect.flip(SocketStream.readLine(self, { maxBytes: 0 }))).reason._tag, "LineTooLong")
    })
  )

  live(
    "a line without end fails at its limit and the sender is held back: the memory it takes is bounded",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const { socket } = yield* plainClient(portOf(listener))
      const server = yield* ServerSocket.accept(listener)
      const total = 64 * 1024 * 1024
      socket.write(new Uint8Array(total).fill(65))
      const error = yield* Effect.flip(SocketStream.readLine(server, { maxBytes: 1000 }))
      assert.strictEqual(error.message.replace(/:\d+:/, ":"), "read 127.0.0.1: no end of line within 1000 bytes")
      yield* Effect.sleep(200)
      // What the process holds is what neither the sender's process nor a few buffers of the kernel do.
      assert.isAbove(socket.writableLength, total / 2)
      assert.deepStrictEqual([...(yield* SocketStream.readExactly(server, 3))], [65, 65, 65])
      yield* SocketStream.reset(server)
    })
  )
})

describe("counts and ends", () => {
  it.effect("readExactly short of its count says how much came, and leaves it", () =>
    Effect.gen(function* () {
      const self = yield* given("ab", "c")
      const error = yield* Effect.flip(SocketStream.readExactly(self, 10))
      assert.deepStrictEqual(error.reason, { _tag: "UnexpectedEof", expected: 10, received: 3 })
      assert.strictEqual(error.message, "read 127.0.0.1:2: input ended after 3 of 10 bytes")
      assert.strictEqual(text(yield* SocketStream.readExactly(self, 3)), "abc")
      assert.strictEqual((yield* SocketStream.readExactly(self, 0)).length, 0)
    })
  )

  it.effect("readAll passes at its limit, fails one byte above it, and leaves the bytes", () =>
    Effect.gen(function* () {
      const fits = yield* given("abc", "d")
      assert.strictEqual(text(yield* SocketStream.readAll(fits, { maxBytes: 4 })), "abcd")
      const [tooLong, { events }] = yield* stream()
      const reading = yield* start(Effect.flip(SocketStream.readAll(tooLong, { maxBytes: 4 })))
      events.data(bytes("abcde"))
      assert.deepStrictEqual((yield* Fiber.join(reading)).reason, { _tag: "InputTooLong", limit: 4 })
      assert.strictEqual(text(yield* SocketStream.readExactly(tooLong, 5)), "abcde")
    })
  )

  it.effect("what came before a reset is read first, then the reset: never an end of input", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* stream()
      connection.events.data(bytes("one\ntw"))
      connection.breaks({ _tag: "ConnectionReset" })
      assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("one"))
      assert.strictEqual((yield* Effect.flip(SocketStream.readLine(self))).reason._tag, "ConnectionReset")
      assert.strictEqual((yield* Effect.flip(SocketStream.readAll(self))).reason._tag, "ConnectionReset")
      assert.strictEqual((yield* Effect.flip(SocketStream.readExactly(self, 3))).reason._tag, "ConnectionReset")
      assert.strictEqual(text(Option.getOrThrow(yield* SocketStream.read(self))), "tw")
      assert.strictEqual((yield* Effect.flip(SocketStream.read(self))).reason._tag, "ConnectionReset")
    })
  )
})

describe("several readers", () => {
  it.effect("readers of one stream are served in the order in which they came", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      const readers = yield* Effect.forEach([3, 1, 2], (count) => start(SocketStream.readExactly(self, count)))
      for (const letter of "abcdef") events.data(bytes(letter))
      const got = yield* Effect.forEach(readers, (reader) => Effect.map(Fiber.join(reader), text))
      assert.deepStrictEqual(got, ["abc", "d", "ef"])
    })
  )

  it.effect("a reader that wants less does not overtake one that waits for more", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      events.data(bytes("abc"))
      const first = yield* start(SocketStream.readExactly(self, 5))
      const second = yield* start(SocketStream.readExactly(self, 1))
      assert.isUndefined(second.pollUnsafe())
      events.data(bytes("def"))
      assert.strictEqual(text(yield* Fiber.join(first)), "abcde")
      assert.strictEqual(text(yield* Fiber.join(second)), "f")
    })
  )

  it.effect("when the first reader is interrupted, the next gets what is there", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      const first = yield* start(SocketStream.readExactly(self, 10))
      const second = yield* start(SocketStream.read(self))
      events.data(bytes("hello"))
      yield* Fiber.interrupt(first)
      assert.strictEqual(text(Option.getOrThrow(yield* Fiber.join(second))), "hello")
    })
  )

  it.effect("when the first reader times out, the next gets what is there", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* stream({ readTimeout: 100 })
      const first = yield* start(Effect.flip(SocketStream.readExactly(self, 10)))
      connection.timers.advance(50)
      const second = yield* start(SocketStream.read(self))
      connection.events.data(bytes("hello"))
      connection.timers.advance(50)
      assert.deepStrictEqual((yield* Fiber.join(first)).reason, { _tag: "TimedOut", millis: 100 })
      assert.strictEqual(text(Option.getOrThrow(yield* Fiber.join(second))), "hello")
    })
  )

  it.effect("at the end of input every waiting reader hears of it", () =>
    Effect.gen(function* () {
      const [self, { events }] = yield* stream()
      const chunk = yield* start(SocketStream.read(self))
      const line = yield* start(SocketStream.readLine(self))
      const count = yield* start(Effect.flip(SocketStream.readExactly(self, 1)))
      events.end()
      assert.isTrue(Option.isNone(yield* Fiber.join(chunk)))
      assert.isTrue(Option.isNone(yield* Fiber.join(line)))
      assert.strictEqual((yield* Fiber.join(count)).reason._tag, "UnexpectedEof")
    })
  )
})

describe("readTimeout", () => {
  it.effect("a drip of single bytes does not extend it, and no byte is lost", () =>
    Effect.gen(function* () {
      const [self, { events, timers }] = yield* stream({ readTimeout: 1000 })
      const reading = yield* start(Effect.flip(SocketStream.readLine(self)))
      for (let i = 0; i < 9; i++) {
        timers.advance(110)
        events.data(bytes(String(i)))
      }
      assert.isUndefined(reading.pollUnsafe())
      timers.advance(10)
      const error = yield* Fiber.join(reading)
      assert.strictEqual(error.message, "read 127.0.0.1:2: timed out after 1000 ms")
      events.data(bytes("\n"))
      assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("012345678"))
    })
  )

  it.effect("a thousand reads share one timer", () =>
    Effect.gen(function* () {
      const [self, { events, timers }] = yield* stream({ readTimeout: 1000 })
      for (let i = 0; i < 1000; i++) {
        const reading = yield* start(SocketStream.read(self))
        events.data(bytes("x"))
        yield* Fiber.join(reading)
      }
      assert.strictEqual(timers.count, 1)
    })
  )

  it.effect("each read has its own full time, also after one that was quick", () =>
    Effect.gen(function* () {
      const [self, { events, timers }] = yield* stream({ readTimeout: 100 })
      const quick = yield* start(SocketStream.read(self))
      timers.advance(90)
      events.data(bytes("x"))
      yield* Fiber.join(quick)
      const slow = yield* start(Effect.flip(SocketStream.read(self)))
      timers.advance(99)
      assert.isUndefined(slow.pollUnsafe())
      timers.advance(1)
      assert.strictEqual((yield* Fiber.join(slow)).reason._tag, "TimedOut")
    })
  )

  it.effect("a time beyond 32 bits does not fire at once, nor again and again", () =>
    Effect.gen(function* () {
      const [self, { timers }] = yield* stream({ readTimeout: "100 days" })
      const reading = yield* start(Effect.flip(SocketStream.read(self)))
      const day = 24 * 3600 * 1000
      timers.advance(99 * day)
      assert.isUndefined(reading.pollUnsafe())
      timers.advance(day)
      assert.strictEqual((yield* Fiber.join(reading)).reason._tag, "TimedOut")
      assert.isBelow(timers.count, 10)
    })
  )

  live(
    "on a real connection a dripping peer meets it",
    Effect.gen(function* () {
      const [client, server] = yield* pair({ server: { readTimeout: 150 } })
      const drip = Effect.forever(Effect.andThen(SocketStream.write(client, "x"), Effect.sleep(20)))
      yield* Effect.forkChild(Effect.ignore(drip))
      assert.deepStrictEqual((yield* Effect.flip(SocketStream.readLine(server))).reason, {
        _tag: "TimedOut",
        millis: 150
      })
      assert.isTrue(Option.isSome(yield* SocketStream.read(server)))
    })
  )
})

describe("backpressure of input", () => {
  it.effect("the peer is held back at the high-water mark and let go at half of it", () =>
    Effect.gen(function* () {
      const [self, { calls, events }] = yield* stream({ highWaterMark: 1000 })
      events.data(pattern(999))
      assert.deepStrictEqual(calls, [])
      events.data(pattern(1, 999))
      assert.deepStrictEqual(calls, ["pause"])
      yield* SocketStream.readExactly(self, 499)
      assert.deepStrictEqual(calls, ["pause"])
      yield* SocketStream.readExactly(self, 1)
      assert.deepStrictEqual(calls, ["pause", "resume"])
    })
  )

  it.effect("a read that wants more than the mark holds gets it", () =>
    Effect.gen(function* () {
      const [self, { calls, events }] = yield* stream({ highWaterMark: 10 })
      events.data(pattern(15))
      const reading = yield* start(SocketStream.readExactly(self, 100))
      assert.deepStrictEqual(calls, ["pause", "resume"])
      events.data(pattern(85, 15))
      assert.deepStrictEqual(yield* Fiber.join(reading), pattern(100))
    })
  )

  live(
    "a stream that nobody reads takes a bounded part of what is sent, and all of it arrives when somebody does",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const { socket } = yield* plainClient(portOf(listener))
      const server = yield* ServerSocket.accept(listener)
      const total = 32 * 1024 * 1024
      const sent = pattern(total)
      socket.end(sent)
      yield* Effect.sleep(200)
      assert.isAbove(socket.writableLength, total / 4)
      const got = yield* SocketStream.readAll(server, { maxBytes: total })
      assert.isTrue(Buffer.from(got).equals(sent))
      yield* until(() => socket.writableFinished)
    })
  )
})
