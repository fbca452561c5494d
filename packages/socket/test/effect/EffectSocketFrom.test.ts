import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as EffectSocket from "../../src/EffectSocket.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { ending, fill, inMemory, onEach, start } from "../utils/effectSocket.ts"
import * as effectNode from "../utils/effectSocketNode.ts"
import { bytes, live, pair, pattern } from "../utils/live.ts"

/** A stream of ours over effect's socket over a stream of ours, and the peer's stream. */
const twice = (options: Parameters<typeof pair>[0] = {}) =>
  Effect.gen(function* () {
    const [near, peer] = yield* pair(options)
    return { stream: yield* EffectSocket.fromSocket(EffectSocket.toSocket(near), options), peer }
  })

/** Effect's socket made of two effects. */
const socketOf = (
  pull: Socket.Reader["pull"],
  write: Socket.Writer["write"] = () => Effect.void,
  closed: Effect.Effect<void> = Effect.void
) =>
  Socket.make({
    reader: Effect.acquireRelease(
      Effect.succeed({ pull, upgrade: Socket.SocketUpgradeError.unsupported }),
      () => closed
    ),
    writer: Effect.succeed({ write, writeAll: (chunks) => Effect.forEach(chunks, write, { discard: true }) })
  })

/** Effect's socket that gives these batches, then ends by a close code. */
const socketOfBatches = (batches: ReadonlyArray<Socket.Reader["pull"]>, code: number) => {
  const left = [...batches]
  const end = Effect.fail(new Socket.SocketError({ reason: new Socket.SocketCloseError({ code }) }))
  return socketOf(Effect.suspend(() => left.shift() ?? end))
}

it.live("what was flushed may be changed, though effect's socket says that it is written and holds it still", () =>
  Effect.gen(function* () {
    const held: Array<Uint8Array> = []
    const socket = socketOf(Effect.never, (chunk) =>
      Effect.sync(() => {
        if (chunk instanceof Uint8Array) held.push(chunk)
      })
    )
    const stream = yield* EffectSocket.fromSocket(socket)
    const chunk = Buffer.from("what was meant")
    yield* SocketStream.write(stream, chunk)
    yield* SocketStream.flush(stream)
    chunk.fill(0)
    yield* SocketStream.reset(stream)
    assert.deepStrictEqual(Buffer.concat(held).toString(), "what was meant")
  }).pipe(Effect.scoped)
)

const speak = (stream: SocketStream.SocketStream, peer: SocketStream.SocketStream) =>
  Effect.gen(function* () {
    const large = pattern(3_000_000)
    const saying = Effect.gen(function* () {
      yield* SocketStream.writeLine(stream, "añb")
      yield* SocketStream.write(stream, large)
      yield* SocketStream.endWrite(stream)
    })
    const said = yield* start(saying)
    assert.deepStrictEqual(yield* SocketStream.readLine(peer), Option.some("añb"))
    assert.deepStrictEqual(yield* SocketStream.readAll(peer, { maxBytes: Infinity }), large)
    yield* Fiber.join(said)
    // Half-closed: the answer comes back.
    yield* SocketStream.write(peer, "answer")
    yield* SocketStream.endWrite(peer)
    assert.strictEqual(yield* ending(stream), "answer, FIN")
  })

describe("fromSocket", () => {
  onEach(
    "over our own transports: lines, bulk, half-close, in both directions",
    Effect.gen(function* () {
      const there = yield* twice()
      yield* speak(there.stream, there.peer)
      const back = yield* twice()
      yield* speak(back.peer, back.stream)
    })
  )

  live(
    "over effect's NodeSocket: lines, bulk, half-close, in both directions, if it allows half-open connections",
    Effect.gen(function* () {
      const [client, server] = yield* effectNode.pair({ allowHalfOpen: true })
      yield* speak(client, server)
      const [client2, server2] = yield* effectNode.pair({ allowHalfOpen: true })
      yield* speak(server2, client2)
    })
  )

  inMemory(
    "a peer that does not read holds the writer back, and one that is not read is held back",
    Effect.gen(function* () {
      const { peer, stream } = yield* twice({ highWaterMark: 1000 })
      // Marks of both streams on this side, the network's buffers, the peer's mark, and a chunk for each.
      const bound = 1000 + 1000 + 500 + 500 + 1000 + 4 * 300
      assert.isAtMost(yield* fill((chunk) => SocketStream.write(stream, chunk), 300), bound)
      assert.isAtMost(yield* fill((chunk) => SocketStream.write(peer, chunk), 300), bound)
      // Nobody waits for output that nobody reads.
      yield* SocketStream.reset(peer)
    }),
    { sendBuffer: 500, receiveBuffer: 500 }
  )

  const ends: ReadonlyArray<readonly [string, Effect.Effect<void, unknown>, string]> = [
    ["success", Effect.void, "all, FIN"],
    ["interruption", Effect.interrupt, "ConnectionReset"],
    ["a failure", Effect.fail("mine"), "ConnectionReset"]
  ]
  for (const [name, end, seen] of ends) {
    onEach(
      `a scope that ends by ${name} shows the peer what every stream does: ${seen}`,
      Effect.gen(function* () {
        const [near, peer] = yield* pair()
        const program = Effect.gen(function* () {
          const stream = yield* EffectSocket.fromSocket(EffectSocket.toSocket(near))
          yield* SocketStream.write(stream, "all")
          yield* SocketStream.flush(stream)
          yield* end
        })
        const ended = yield* start(Effect.exit(Effect.scoped(program)))
        assert.strictEqual(yield* ending(peer), seen)
        yield* Effect.exit(SocketStream.close(peer))
        yield* Fiber.join(ended)
      })
    )
  }

  onEach(
    "a reset of the peer is ConnectionReset, after what came before",
    Effect.gen(function* () {
      const { peer, stream } = yield* twice()
      yield* SocketStream.write(peer, "before")
      assert.deepStrictEqual(yield* SocketStream.readExactly(stream, 6), bytes("before"))
      yield* SocketStream.reset(peer)
      for (const operation of [SocketStream.read(stream), SocketStream.write(stream, "x")]) {
        assert.strictEqual((yield* Effect.flip(operation)).reason._tag, "ConnectionReset")
      }
    })
  )

  onEach(
    "reads that are interrupted lose no byte",
    Effect.gen(function* () {
      const { peer, stream } = yield* twice()
      const sent = pattern(20_000)
      const drip = Effect.forEach(
        Array.from({ length: 200 }, (_, i) => sent.subarray(i * 100, i * 100 + 100)),
        (part) => Effect.andThen(SocketStream.write(peer, part), Effect.sleep(0))
      )
      yield* start(Effect.andThen(drip, SocketStream.endWrite(peer)))
      const received: Array<number> = []
      for (let done = false; !done;) {
        const chunk = yield* Effect.timeoutOption(SocketStream.read(stream), Math.random() * 2)
        if (Option.isNone(chunk)) continue
        if (Option.isNone(chunk.value)) done = true
        else received.push(...chunk.value.value)
      }
      assert.deepStrictEqual(Uint8Array.from(received), sent)
    })
  )

  onEach(
    "a connection that is refused fails with our reason; one that is interrupted leaves nothing",
    Effect.gen(function* () {
      const { address } = yield* Effect.scoped(ServerSocket.listen(0))
      const socket = yield* EffectSocket.make(SocketStream.open(address))
      const error = yield* Effect.flip(EffectSocket.fromSocket(socket))
      assert.strictEqual(error.reason._tag, "ConnectionRefused")
      const never = yield* EffectSocket.make(Effect.never)
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(EffectSocket.fromSocket(never), 10)))
    })
  )

  it.live("text and bytes arrive as bytes, empty chunks as nothing, close code 1000 as the end", () =>
    Effect.gen(function* () {
      const batches = [Effect.succeed(["añ", "", bytes("b")] as const), Effect.succeed([bytes("c")] as const)]
      const stream = yield* EffectSocket.fromSocket(socketOfBatches(batches, 1000))
      assert.strictEqual(yield* ending(stream), "añbc, FIN")
    }).pipe(Effect.scoped)
  )

  for (const [code, tag] of [
    [1006, "ConnectionReset"],
    [1009, "Unknown"]
  ] as const) {
    it.live(`close code ${code} is ${tag}, never the end of input`, () =>
      Effect.gen(function* () {
        const stream = yield* EffectSocket.fromSocket(socketOfBatches([Effect.succeed([bytes("cut")])], code))
        assert.deepStrictEqual(yield* SocketStream.readExactly(stream, 3), bytes("cut"))
        assert.strictEqual(yield* ending(stream), tag)
      }).pipe(Effect.scoped)
    )
  }

  it.live("a defect in effect's socket ends its stream with Unknown, and nothing else", () =>
    Effect.gen(function* () {
      const pulling = yield* EffectSocket.fromSocket(socketOf(Effect.die("odd")))
      const writing = yield* EffectSocket.fromSocket(socketOf(Effect.never, () => Effect.die("odd")))
      yield* SocketStream.write(writing, "x")
      for (const stream of [pulling, writing]) assert.strictEqual(yield* ending(stream), "Unknown")
    }).pipe(Effect.scoped)
  )

  it.live("finalizers of effect's socket that die end its stream all the same", () =>
    Effect.gen(function* () {
      const stream = yield* EffectSocket.fromSocket(socketOf(Effect.never, undefined, Effect.die("odd")), {
        lingerTimeout: 50
      })
      yield* Effect.timeout(SocketStream.close(stream), 1000)
    }).pipe(Effect.scoped)
  )

  it.live("options that cannot be meant fail before the socket is connected", () =>
    Effect.gen(function* () {
      let acquired = 0
      const socket = Socket.make({
        reader: Effect.suspend(() => (acquired++, Effect.never)),
        writer: Effect.suspend(() => (acquired++, Effect.never))
      })
      for (const options of [{ highWaterMark: 0 }, { readTimeout: NaN }, { lingerBytes: -1 }]) {
        const { reason } = yield* Effect.flip(EffectSocket.fromSocket(socket, options))
        assert.strictEqual(reason._tag, "InvalidOption")
      }
      assert.strictEqual(acquired, 0)
    }).pipe(Effect.scoped)
  )

  it.live("twenty thousand writes that wait for each other all go out, over a socket that never waits", () =>
    Effect.gen(function* () {
      let taken = 0
      const eager = socketOf(Effect.never, () => Effect.sync(() => void taken++))
      const stream = yield* EffectSocket.fromSocket(eager, { highWaterMark: 1 })
      const writes = Array.from({ length: 20_000 }, () => SocketStream.write(stream, "x"))
      yield* Effect.all(writes, { concurrency: "unbounded", discard: true })
      yield* SocketStream.flush(stream)
      assert.strictEqual(taken, 20_000)
      yield* SocketStream.reset(stream)
    }).pipe(Effect.scoped)
  )

  it.live("reset sends a CloseEvent of 4000, and the socket is released also if its pull never hears of it", () =>
    Effect.gen(function* () {
      const written: Array<unknown> = []
      const released = yield* Deferred.make<void>()
      const deaf = socketOf(
        Effect.never,
        (chunk) => Effect.sync(() => void written.push(chunk)),
        Effect.asVoid(Deferred.succeed(released, undefined))
      )
      const stream = yield* EffectSocket.fromSocket(deaf)
      yield* SocketStream.reset(stream)
      yield* Deferred.await(released)
      assert.deepStrictEqual(written, [new Socket.CloseEvent(4000, "reset")])
    }).pipe(Effect.scoped)
  )

  it.effect("deadlines run on Effect's Clock", () =>
    Effect.gen(function* () {
      const stream = yield* EffectSocket.fromSocket(socketOf(Effect.never), {
        readTimeout: "3 minutes",
        lingerTimeout: 0
      })
      const reading = yield* start(Effect.flip(SocketStream.read(stream)))
      yield* TestClock.adjust("3 minutes")
      assert.deepStrictEqual((yield* Fiber.join(reading)).reason, { _tag: "TimedOut", millis: 180_000 })
      const closing = yield* start(SocketStream.close(stream))
      yield* TestClock.adjust(1)
      yield* Fiber.join(closing)
    }).pipe(Effect.scoped)
  )

  live(
    "handlers of effect's own server can use it",
    Effect.gen(function* () {
      const { accepted, client } = yield* effectNode.sockets({ allowHalfOpen: true })
      const shout = (socket: Socket.Socket) =>
        Effect.flatMap(EffectSocket.fromSocket(socket), (stream) =>
          SocketStream.lines(stream).pipe(
            Stream.runForEach((line) => SocketStream.writeLine(stream, line.toUpperCase()))
          )
        )
      yield* start(Effect.scoped(Effect.flatMap(accepted, shout)))
      const stream = yield* EffectSocket.fromSocket(client)
      yield* SocketStream.write(stream, "one\ntwo\n")
      yield* SocketStream.endWrite(stream)
      assert.strictEqual(yield* ending(stream), "ONE\r\nTWO\r\n, FIN")
    })
  )
})
