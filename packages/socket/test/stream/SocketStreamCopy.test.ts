import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SocketStream from "../../src/SocketStream.ts"
import { fakeStream } from "../utils/fakeStream.ts"
import { live, pattern } from "../utils/live.ts"
import { serving } from "../utils/serving.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const stream = (options?: SocketStream.Options) => fakeStream(options, { prompt: true })

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const sizes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 90_000 }))), {
  maxLength: 12
})

describe("copy", () => {
  it.effect.prop(
    "interrupted at any time, whatever the kernel takes: each byte is written once or still to be read",
    [sizes, Arbitrary.array(Arbitrary.schema(Schema.Literals(["full", "free", "interrupt"])), { minLength: 12 })],
    Effect.fnUntraced(function* ([sizes, turns]) {
      const [from, source] = yield* stream()
      const [to, sink] = yield* stream()
      const input: Array<Uint8Array> = []
      let copying = yield* start(SocketStream.copy(from, to))
      for (const [i, size] of sizes.entries()) {
        const chunk = pattern(size, i)
        input.push(chunk)
        source.events.borrow(Uint8Array.from(chunk))
        if (turns[i] === "interrupt") {
          yield* Fiber.interrupt(copying)
          copying = yield* start(SocketStream.copy(from, to))
        } else sink.full = turns[i] === "full"
        if (!sink.full) sink.release()
        yield* Effect.yieldNow
      }
      yield* Fiber.interrupt(copying)
      sink.full = false
      sink.release()
      source.events.end()
      const rest = yield* SocketStream.readAll(from, { maxBytes: 2_000_000 })
      yield* SocketStream.flush(to)
      assert.isTrue(Buffer.concat([sink.output, rest]).equals(Buffer.concat(input)))
    }, Effect.scoped),
    { arbitrary: { runs: rounds(200) } }
  )

  it.effect("counts what it copied, and ends neither stream", () =>
    Effect.gen(function* () {
      const [from, source] = yield* stream()
      const [to, sink] = yield* stream()
      source.events.data(pattern(100_000))
      source.events.end()
      assert.strictEqual(yield* SocketStream.copy(from, to), 100_000)
      assert.deepStrictEqual(sink.output, Buffer.from(pattern(100_000)))
      assert.deepStrictEqual([source.calls, sink.calls], [["pause", "resume"], []])
    }).pipe(Effect.scoped)
  )

  it.effect("fails as the stream does that fails, and takes nothing for one that takes nothing", () =>
    Effect.gen(function* () {
      const [from, source] = yield* stream()
      const [to, sink] = yield* stream()
      yield* SocketStream.endWrite(to)
      source.events.data(pattern(10))
      const closed = yield* Effect.flip(SocketStream.copy(from, to))
      assert.deepStrictEqual([closed.operation, closed.reason._tag], ["write", "Closed"])
      assert.strictEqual(sink.output.length, 0)
      source.breaks({ _tag: "ConnectionReset" })
      const [open] = yield* stream()
      const reset = yield* Effect.flip(SocketStream.copy(from, open))
      assert.deepStrictEqual([reset.operation, reset.reason._tag], ["read", "ConnectionReset"])
    }).pipe(Effect.scoped)
  )

  it.effect("what still leaves an output that is ended meanwhile is not written over by the next copy", () =>
    Effect.gen(function* () {
      const [from, source] = yield* stream()
      const [to, sink] = yield* fakeStream(undefined, { full: true })
      const { write } = sink
      sink.write = (chunks) => {
        const isTaken = write.call(sink, chunks)
        // In the middle of the call, as an answer to it may do.
        Effect.runFork(SocketStream.endWrite(to))
        return isTaken
      }
      source.events.data(pattern(1000))
      source.events.data(pattern(10))
      yield* start(Effect.exit(SocketStream.copy(from, to)))
      const [other, otherSource] = yield* stream()
      const [otherTo] = yield* stream()
      otherSource.events.data(new Uint8Array(1000).fill(255))
      otherSource.events.end()
      yield* SocketStream.copy(other, otherTo)
      sink.full = false
      sink.release()
      assert.deepStrictEqual([...sink.output], [...pattern(1000), ...pattern(10)].slice(0, sink.output.length))
      assert.isAbove(sink.output.length, 0)
    })
  )

  it.effect("holds what it read while the kernel has not taken it", () =>
    Effect.gen(function* () {
      const [from, source] = yield* stream()
      const [to, sink] = yield* stream()
      sink.full = true
      const copying = yield* start(SocketStream.copy(from, to))
      const [other, elsewhere] = yield* stream()
      const [onward, kept] = yield* stream()
      yield* start(SocketStream.copy(other, onward))
      source.events.data(pattern(1000, 1))
      // Another copy that ran through would use the same buffer, if it were free.
      elsewhere.events.data(pattern(1000, 2))
      source.events.end()
      assert.isUndefined(copying.pollUnsafe())
      sink.full = false
      sink.release()
      assert.strictEqual(yield* Fiber.join(copying), 1000)
      assert.deepStrictEqual([sink.output, kept.output], [Buffer.from(pattern(1000, 1)), Buffer.from(pattern(1000, 2))])
    }).pipe(Effect.scoped)
  )

  live(
    "as an echo is idle between two messages, so that a server stops at once",
    Effect.gen(function* () {
      const { connect, server } = yield* serving((stream) => SocketStream.copy(stream, stream), {
        drainTimeout: "1 hour"
      })
      const peer = yield* connect()
      peer.socket.write("hello")
      yield* Effect.sleep(50)
      assert.strictEqual(peer.text, "hello")
      assert.deepStrictEqual(yield* Effect.timeout(server.stop, 2000), { drained: 1, aborted: 0 })
    })
  )
})

describe("readInto", () => {
  it.effect("fills what the caller gives, and no more", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* stream()
      const buffer = new Uint8Array(4)
      const next = Effect.map(SocketStream.readInto(self, buffer), Option.map(String))
      const waiting = yield* start(next)
      connection.events.data(Uint8Array.of(1, 2))
      connection.events.data(Uint8Array.of(3, 4, 5, 6, 7))
      assert.deepStrictEqual(yield* Fiber.join(waiting), Option.some("1,2"))
      assert.deepStrictEqual(yield* next, Option.some("3,4,5,6"))
      assert.deepStrictEqual(yield* SocketStream.readInto(self, new Uint8Array(0)), Option.some(new Uint8Array(0)))
      connection.events.end()
      assert.deepStrictEqual(yield* next, Option.some("7"))
      assert.deepStrictEqual([...buffer], [7, 4, 5, 6])
      assert.deepStrictEqual(yield* next, Option.none())
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(next)))
    }).pipe(Effect.scoped)
  )
})
