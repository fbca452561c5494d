/** Operations that are interrupted while they wait, in programs whose fibers' turns are short, long and in between. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Codec from "../../src/Codec.ts"
import type { StreamState } from "../../src/internal/stream/StreamState.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeConnection } from "../utils/fakeConnection.ts"
import { fakeStream } from "../utils/fakeStream.ts"
import { bytes, text } from "../utils/live.ts"

/** Operations until a fiber lets others run: the default is 2048. */
const turns = [3, 7, 20, 2048]
/** When something happens, counted in turns of the test's fiber. */
const moments = [0, 1, 2, 3, 4]

type Stream = SocketStream.SocketStream
const some = <A>(f: (value: A) => string) => Option.match({ onNone: () => "", onSome: f })

/** Each read, as the text that it takes from the front of "one\ntwo\n". */
const reads: Record<string, (self: Stream) => Effect.Effect<string, NetworkError>> = {
  read: (self) => Effect.map(SocketStream.read(self), some(text)),
  readExactly: (self) => Effect.map(SocketStream.readExactly(self, 5), text),
  readLine: (self) =>
    Effect.map(
      SocketStream.readLine(self),
      some((line) => `${line}\n`)
    ),
  readUntil: (self) =>
    Effect.map(
      SocketStream.readUntil(self, bytes("t")),
      some((piece) => `${text(piece)}t`)
    ),
  readFrame: (self) => Effect.map(SocketStream.readFrame(self, Codec.bytes(6)), some(text)),
  readAll: (self) => Effect.map(SocketStream.readAll(self), text)
}

/** Each driver, with what it gave to its effects. */
const drivers: Record<string, (self: Stream, got: Array<string>) => Effect.Effect<unknown, NetworkError>> = {
  forEachChunk: (self, got) => SocketStream.forEachChunk(self, (chunk) => Effect.sync(() => got.push(text(chunk)))),
  forEachLine: (self, got) => SocketStream.forEachLine(self, (line) => Effect.sync(() => got.push(`${line}\n`))),
  "forEachLine at work": (self, got) =>
    SocketStream.forEachLine(self, (line) =>
      Effect.andThen(
        Effect.sync(() => got.push(`${line}\n`)),
        Effect.never
      )
    ),
  withFrame: (self, got) =>
    SocketStream.withFrame(self, Codec.bytes(3), (frame) =>
      Effect.sync(() => Option.isSome(frame) && got.push(text(frame.value)))
    ),
  "withFrame at work": (self, got) =>
    SocketStream.withFrame(self, Codec.bytes(3), (frame) =>
      Effect.andThen(
        Effect.sync(() => Option.isSome(frame) && got.push(text(frame.value))),
        Effect.never
      )
    ),
  "forEachFrame that yields": (self, got) =>
    SocketStream.forEachFrame(self, Codec.bytes(3), (frame) =>
      Effect.andThen(
        Effect.sync(() => got.push(text(frame))),
        Effect.yieldNow
      )
    )
}

const start = <A, E>(effect: Effect.Effect<A, E>, ops: number) =>
  Effect.forkChild(Effect.provideService(effect, Scheduler.MaxOpsBeforeYield, ops), { startImmediately: true })

/** Runs both at their moments, and interrupts in between. */
const meeting = Effect.fnUntraced(function* (
  at: number,
  act: () => void,
  until: number,
  fiber: Fiber.Fiber<unknown, unknown>
) {
  for (let moment = 0; moment <= Math.max(...moments); moment++) {
    if (moment === at) act()
    if (moment === until) fiber.interruptUnsafe()
    yield* Effect.yieldNow
  }
  return yield* Effect.timeout(Fiber.await(fiber), 1000)
})

for (const ops of turns) {
  describe(`with turns of ${ops} operations`, () => {
    const each = Object.entries(reads).map(([name, read]) => {
      const run: (typeof drivers)[string] = (self, got) => Effect.map(read(self), (taken) => void got.push(taken))
      return [name, run] as const
    })
    for (const [name, run] of [...each, ...Object.entries(drivers)]) {
      it.effect(`an interrupted ${name} loses no byte and leaves the line, whenever input comes`, () =>
        Effect.gen(function* () {
          for (const at of moments) {
            for (const until of moments) {
              const [self, connection] = yield* fakeStream()
              const got: Array<string> = []
              const fiber = yield* start(run(self, got), ops)
              yield* meeting(at, () => connection.events.data(bytes("one\ntwo\n")), until, fiber)
              assert.isTrue((self as StreamState).readers.isEmpty)
              connection.events.end()
              const rest = text(yield* SocketStream.readAll(self))
              assert.strictEqual(got.join("") + rest, "one\ntwo\n", `input at ${at}, interrupted at ${until}`)
            }
          }
        })
      )
    }

    it.effect("an interrupted copy has each byte here or there, whether it waits for input or for the kernel", () =>
      Effect.gen(function* () {
        for (const full of [false, true]) {
          for (const at of moments) {
            for (const until of moments) {
              const [from, source] = yield* fakeStream()
              const [to, sink] = yield* fakeStream(undefined, { full, prompt: !full })
              source.events.data(bytes("one"))
              const fiber = yield* start(SocketStream.copy(from, to), ops)
              yield* meeting(at, () => source.events.data(bytes("two")), until, fiber)
              assert.isTrue((from as StreamState).readers.isEmpty)
              sink.full = false
              sink.release()
              source.events.end()
              const rest = text(yield* SocketStream.readAll(from))
              yield* SocketStream.flush(to)
              assert.strictEqual(text(sink.output) + rest, "onetwo")
            }
          }
        }
      })
    )

    it.effect("an interrupted write has sent all or nothing, and whoever waits behind it goes on", () =>
      Effect.gen(function* () {
        for (const at of moments) {
          for (const until of moments) {
            const [self, connection] = yield* fakeStream({ highWaterMark: 4 }, { full: true })
            yield* SocketStream.write(self, "1234")
            const fiber = yield* start(SocketStream.write(self, "5678"), ops)
            const flushing = yield* start(SocketStream.flush(self), ops)
            const behind = yield* start(SocketStream.write(self, "behind"), ops)
            const free = (): void => {
              connection.full = false
              connection.release()
            }
            const exit = yield* meeting(at, free, until, fiber)
            yield* Effect.timeout(Effect.all([Fiber.join(flushing), Fiber.join(behind)]), 1000)
            yield* SocketStream.close(self)
            const sent = text(connection.output)
            // It may be interrupted when all of it has gone, but never succeed without.
            const possible = Exit.isSuccess(exit) ? ["12345678behind"] : ["1234behind", "12345678behind"]
            assert.include(possible, sent, `room at ${at}, interrupted at ${until}`)
          }
        }
      })
    )

    for (const [name, run] of Object.entries<(self: Stream) => Effect.Effect<unknown, NetworkError>>({
      flush: SocketStream.flush,
      endWrite: SocketStream.endWrite,
      close: SocketStream.close
    })) {
      it.effect(`an interrupted ${name} leaves what was written on its way`, () =>
        Effect.gen(function* () {
          for (const at of moments) {
            for (const until of moments) {
              const [self, connection] = yield* fakeStream(undefined, { full: true })
              yield* SocketStream.write(self, "written")
              const fiber = yield* start(run(self), ops)
              const free = (): void => {
                connection.full = false
                connection.release()
              }
              yield* meeting(at, free, until, fiber)
              yield* SocketStream.close(self)
              assert.strictEqual(text(connection.output), "written")
              assert.deepStrictEqual(connection.calls, ["end"])
              assert.strictEqual(connection.timers.active, 0)
            }
          }
        })
      )
    }

    it.effect("an interrupted upgradeTls cuts the connection", () =>
      Effect.gen(function* () {
        for (const until of moments) {
          const [self, connection] = yield* fakeStream(undefined, { full: true })
          Object.assign(connection, { startTls: () => assert.fail("what was written has not left") })
          yield* SocketStream.write(self, "go ahead")
          const fiber = yield* start(SocketStream.upgradeTls(self, { side: "client", options: {} }), ops)
          yield* meeting(-1, () => {}, until, fiber)
          assert.deepStrictEqual(connection.calls, ["pause", "reset"])
          assert.strictEqual(connection.timers.active, 0)
        }
      })
    )

    it.effect("an interrupted make leaves no connection without an owner", () =>
      Effect.gen(function* () {
        for (let moment = 0; moment < 12; moment++) {
          const connection = new FakeConnection()
          const scope = yield* Scope.make()
          const making = yield* start(Scope.provide(SocketStream.make(connection), scope), ops)
          for (let i = 0; i < moment; i++) yield* Effect.yieldNow
          yield* Fiber.interrupt(making)
          yield* Scope.close(scope, Exit.void)
          if (connection.attached !== undefined) assert.isFalse(connection.isOpen, `interrupted at ${moment}`)
        }
      })
    )
  })
}
