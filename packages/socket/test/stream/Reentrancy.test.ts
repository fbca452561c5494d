import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Codec from "../../src/Codec.ts"
import { InputQueue, type Reader } from "../../src/internal/stream/InputQueue.ts"
import * as Decoder from "../../src/Decoder.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { fakeStream } from "../utils/fakeStream.ts"
import { bytes, text } from "../utils/live.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("a driver's effect", () => {
  it.effect(
    "that has its driver interrupted gets no more frames, is interrupted itself, and leaves the rest to be read",
    () =>
      Effect.gen(function* () {
        for (const goesOn of [false, true]) {
          const [self, connection] = yield* fakeStream()
          const lines: Array<string> = []
          let wasInterrupted = false
          const driving: Fiber.Fiber<unknown, unknown> = yield* start(
            SocketStream.forEachLine(self, (line) => {
              lines.push(line)
              if (line !== "two") return Effect.void
              driving.interruptUnsafe()
              return goesOn
                ? Effect.onInterrupt(Effect.never, () => Effect.sync(() => (wasInterrupted = true)))
                : Effect.void
            })
          )
          connection.events.data(bytes("one\ntwo\nthree\n"))
          yield* Effect.timeout(Fiber.await(driving), 1000)
          assert.deepStrictEqual(lines, ["one", "two"])
          assert.strictEqual(wasInterrupted, goesOn)
          assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("three"))
        }
      })
  )
})

/** Whatever a program may do to the stream from within. */
const acts: Record<string, (self: SocketStream.SocketStream) => Effect.Effect<unknown, NetworkError>> = {
  read: SocketStream.read,
  close: SocketStream.close,
  reset: SocketStream.reset,
  endWrite: SocketStream.endWrite,
  "a driver": (self) => SocketStream.forEachChunk(self, () => Effect.void),
  "a read of one frame": (self) => SocketStream.withFrame(self, Codec.bytes(1), () => SocketStream.write(self, "one")),
  "a driver that closes": (self) => SocketStream.forEachChunk(self, () => SocketStream.close(self)),
  "a copy to itself": (self) => SocketStream.copy(self, self),
  "a TLS handshake": (self) => SocketStream.upgradeTls(self, { side: "client", options: {} })
}

describe("an effect that a driver runs", () => {
  for (const [name, act] of Object.entries(acts)) {
    it.effect(`may begin ${name} on the same stream, and all of it ends`, () =>
      Effect.gen(function* () {
        const [self, connection] = yield* fakeStream(undefined, { prompt: true })
        const driving = yield* start(SocketStream.forEachChunk(self, () => act(self)))
        for (let i = 0; i < 3 && connection.isOpen; i++) connection.events.data(bytes("more"))
        yield* Effect.yieldNow
        if (connection.isOpen) connection.events.end()
        yield* start(SocketStream.close(self))
        const exit = yield* Effect.timeout(Fiber.await(driving), 1000)
        assert.isFalse(Exit.isFailure(exit) && Cause.hasDies(exit.cause), String(exit))
        yield* Effect.yieldNow
        assert.strictEqual(connection.timers.active, 0)
      })
    )
  }
})

describe("readers whose time is over together", () => {
  it("are resumed once each, also if the first ends the waits of the others", () => {
    const queue = new InputQueue()
    const outcomes: Array<string> = []
    const reader = (name: string): Reader => ({
      deadline: 100,
      isBusy: false,
      attempt: () => (outcomes.length > 0 ? Effect.void : undefined),
      resume(outcome) {
        outcomes.push(`${name} ${outcome === Effect.void ? "served" : "timed out"}`)
        queue.serve()
      }
    })
    queue.add(reader("first"))
    queue.add(reader("second"))
    queue.expire(100, () => Effect.never)
    assert.deepStrictEqual(outcomes, ["first timed out", "second served"])
  })
})

describe("a decoder that throws", () => {
  const slip = new Error("a slip")
  const throwing = Decoder.make((): string => {
    throw slip
  })

  for (const early of [true, false]) {
    it.effect(
      `costs its own reader, and neither a byte nor the stream, ${early ? "at once" : "when it has waited"}`,
      () =>
        Effect.gen(function* () {
          const [self, connection] = yield* fakeStream()
          if (early) connection.events.data(bytes("line\nmore\n"))
          const reading = yield* start(SocketStream.readFrame(self, throwing))
          const driving = yield* start(SocketStream.forEachFrame(self, throwing, () => Effect.void))
          const waiting = yield* start(SocketStream.readLine(self))
          if (!early) connection.events.data(bytes("line\nmore\n"))
          for (const exit of [yield* Fiber.await(reading), yield* Fiber.await(driving)]) {
            assert.strictEqual(exit._tag === "Failure" && Cause.squash(exit.cause), slip)
          }
          assert.deepStrictEqual(yield* Fiber.join(waiting), Option.some("line"))
          assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("more"))
          yield* SocketStream.write(self, "still here")
          yield* SocketStream.flush(self)
          assert.strictEqual(text(connection.output), "still here")
        })
    )
  }
})

describe("what cannot be meant", () => {
  for (const count of [NaN, 1.5, -1, Infinity]) {
    it.effect(`readExactly(${count}) fails with InvalidOption, and takes no byte`, () =>
      Effect.gen(function* () {
        const [self, connection] = yield* fakeStream()
        for (const content of ["", "line\n"]) {
          if (content !== "") connection.events.data(bytes(content))
          const { reason } = yield* Effect.flip(Effect.timeout(SocketStream.readExactly(self, count), 1000)).pipe(
            Effect.map((error) => (error._tag === "NetworkError" ? error : assert.fail("it waits")))
          )
          assert.strictEqual(reason._tag, "InvalidOption")
        }
        assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("line"))
      })
    )
  }

  it.effect("a length of 64 bits that a peer sends is a length, which the input ends before", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream()
      connection.events.data(bytes("few"))
      connection.events.end()
      const { reason } = yield* Effect.flip(SocketStream.readExactly(self, Number(2n ** 64n - 1n)))
      assert.deepStrictEqual(reason, { _tag: "UnexpectedEof", expected: 2 ** 64, received: 3 })
      assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("few"))
    })
  )

  for (const [name, read] of Object.entries<(self: SocketStream.SocketStream) => Effect.Effect<unknown, NetworkError>>({
    readLine: (self) => SocketStream.readLine(self, { maxBytes: NaN }),
    readUntil: (self) => SocketStream.readUntil(self, bytes("\n"), { maxBytes: -1 }),
    "readUntil of nothing": (self) => SocketStream.readUntil(self, bytes("")),
    readAll: (self) => SocketStream.readAll(self, { maxBytes: 1.5 }),
    forEachLine: (self) => SocketStream.forEachLine(self, () => Effect.void, { maxBytes: NaN }),
    withFrame: (self) => SocketStream.withFrame(self, Codec.line({ maxBytes: NaN }), () => Effect.void)
  })) {
    it.effect(`${name} with such a bound fails with InvalidOption, at once, and takes no byte`, () =>
      Effect.gen(function* () {
        const [self, connection] = yield* fakeStream()
        const early = yield* start(Effect.flip(read(self)))
        assert.strictEqual((yield* Fiber.join(early)).reason._tag, "InvalidOption")
        connection.events.data(bytes("line\n"))
        assert.strictEqual((yield* Effect.flip(read(self))).reason._tag, "InvalidOption")
        assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("line"))
        yield* start(SocketStream.close(self))
      })
    )
  }
})
