import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Codec from "../../src/Codec.ts"
import * as Decoder from "../../src/Decoder.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { fakeStream } from "../utils/fakeStream.ts"
import { bytes, text } from "../utils/live.ts"
import { content, sizes, split } from "../utils/readModel.ts"
import { connected, limits, transports } from "../utils/transports.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** How a program treats one frame: `now`; after turns of other fibers; by reading on by itself; by failing. */
const treatments = Arbitrary.array(
  Arbitrary.schema(Schema.Literals(["now", "now", "later", "much later", "reads", "fails"])),
  { minLength: 1, maxLength: 8 }
)

const decoders = {
  lines: Codec.line({ maxBytes: 12 }),
  pieces: Decoder.map(Codec.delimited(bytes("--"), { maxBytes: 20 }), text),
  threes: Decoder.map(Codec.bytes(3), text)
}

describe("a driver is a loop of readFrame", () => {
  it.effect.prop(
    "whatever comes, however it is cut, and whatever its effects do",
    [content, sizes, treatments, Arbitrary.schema(Schema.Literals(["lines", "pieces", "threes"]))],
    Effect.fnUntraced(function* ([content, sizes, treatments, kind]) {
      const decoder: Decoder.Decoder<string> = decoders[kind]
      const observed = [false, true].map(
        Effect.fnUntraced(function* (isDriver: boolean) {
          const [self, connection] = yield* fakeStream(undefined, { prompt: true })
          const log: Array<string> = []
          let count = 0
          const treat = Effect.fnUntraced(function* (frame: string) {
            log.push(`begins ${frame}`)
            const treatment = treatments[count++ % treatments.length]
            if (treatment === "fails" && count > 5) return yield* Effect.fail(`no ${frame}`)
            if (treatment === "later") yield* Effect.yieldNow
            if (treatment === "much later") for (let i = 0; i < 10; i++) yield* Effect.yieldNow
            if (treatment === "reads")
              log.push(
                `reads ${String(Option.map(yield* SocketStream.readExactly(self, 1).pipe(Effect.option), text))}`
              )
            yield* SocketStream.write(self, `${frame};`)
            log.push(`ends ${frame}`)
          })
          const loop = Effect.gen(function* () {
            while (true) {
              const frame = yield* SocketStream.readFrame(self, decoder)
              if (Option.isNone(frame)) return
              yield* treat(frame.value)
            }
          })
          const fiber = yield* start(isDriver ? SocketStream.forEachFrame(self, decoder, treat) : loop)
          for (const part of split(content, sizes)) {
            connection.events.data(part)
            yield* Effect.yieldNow
          }
          connection.events.end()
          const exit = yield* Fiber.await(fiber)
          log.push(Exit.isSuccess(exit) ? "success" : String(Cause.squash(exit.cause)))
          log.push(`left ${text(yield* SocketStream.readAll(self))}`, `written ${text(connection.output)}`)
          return log
        })
      )
      const [loop, driver] = yield* Effect.all(observed)
      assert.deepStrictEqual(driver, loop)
    }, Effect.scoped),
    { arbitrary: { runs: rounds(300), size: 40 } }
  )
})

/** What the effect of one frame does. */
const treatment = Arbitrary.schema(Schema.Literals(["now", "later", "reads", "drives", "fails", "dies"]))

describe("withFrame is flatMap over readFrame", () => {
  it.effect.prop(
    "whatever comes, however it is cut, and whatever its effect does",
    [content, sizes, treatment, Arbitrary.schema(Schema.Literals(["lines", "pieces", "threes"]))],
    Effect.fnUntraced(function* ([content, sizes, treatment, kind]) {
      const decoder: Decoder.Decoder<string> = decoders[kind]
      const observed = [false, true].map(
        Effect.fnUntraced(function* (isOne: boolean) {
          const [self, connection] = yield* fakeStream(undefined, { prompt: true })
          const log: Array<string> = []
          const treat = Effect.fnUntraced(function* (frame: Option.Option<string>) {
            log.push(`begins ${String(frame)}`)
            if (treatment === "fails") return yield* Effect.fail("no")
            if (treatment === "dies") return yield* Effect.die("bug")
            if (treatment === "later") for (let i = 0; i < 10; i++) yield* Effect.yieldNow
            if (treatment === "reads") log.push(`reads ${String(yield* Effect.option(SocketStream.readLine(self)))}`)
            if (treatment === "drives")
              yield* Effect.ignore(
                SocketStream.forEachFrame(self, decoders.threes, (three) => Effect.sync(() => log.push(three)))
              )
            yield* SocketStream.write(self, `${String(frame)};`)
            return `answered ${String(frame)}`
          })
          const fiber = yield* start(
            isOne
              ? SocketStream.withFrame(self, decoder, treat)
              : Effect.flatMap(SocketStream.readFrame(self, decoder), treat)
          )
          for (const part of split(content, sizes)) {
            connection.events.data(part)
            yield* Effect.yieldNow
          }
          connection.events.end()
          const exit = yield* Fiber.await(fiber)
          log.push(Exit.isSuccess(exit) ? exit.value : String(Cause.squash(exit.cause)))
          log.push(`left ${text(yield* SocketStream.readAll(self))}`, `written ${text(connection.output)}`)
          return log
        })
      )
      const [flatMap, withFrame] = yield* Effect.all(observed)
      assert.deepStrictEqual(withFrame, flatMap)
    }, Effect.scoped),
    { arbitrary: { runs: rounds(300), size: 40 } }
  )
})

const wait = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow)

describe("a driver", () => {
  it.effect("holds the peer back while an effect works, and asks for more when there is room again", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ highWaterMark: 8 })
      const gate = yield* Deferred.make<void>()
      const lines: Array<string> = []
      yield* start(
        SocketStream.forEachLine(self, (line) =>
          Effect.andThen(
            Effect.sync(() => lines.push(line)),
            Deferred.await(gate)
          )
        )
      )
      connection.events.data(bytes("one\n"))
      connection.events.data(bytes("two\n"))
      assert.notInclude(connection.calls, "pause")
      connection.events.data(bytes("three\nfo"))
      assert.strictEqual(connection.calls.at(-1), "pause")
      assert.deepStrictEqual(lines, ["one"])
      yield* Deferred.succeed(gate, undefined)
      yield* wait
      assert.deepStrictEqual(lines, ["one", "two", "three"])
      assert.strictEqual(connection.calls.at(-1), "resume")
    })
  )

  it.effect("that is interrupted interrupts its effect, waits for its end, and loses no byte", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream()
      const log: Array<string> = []
      const driving = yield* start(
        SocketStream.forEachLine(self, (line) =>
          Effect.onInterrupt(Effect.never, () =>
            Effect.andThen(
              wait,
              Effect.sync(() => log.push(`interrupted ${line}`))
            )
          )
        )
      )
      connection.events.data(bytes("one\ntwo\nthr"))
      yield* Fiber.interrupt(driving)
      assert.deepStrictEqual(log, ["interrupted one"])
      assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("two"))
      connection.events.data(bytes("ee\n"))
      assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("three"))
    })
  )

  it.effect("ends with the failure, the defect or the interruption of its effect as it is, at once or later", () =>
    Effect.gen(function* () {
      for (const delay of [Effect.void, wait]) {
        for (const outcome of [Effect.fail("mine"), Effect.die("bug"), Effect.interrupt]) {
          const [self, connection] = yield* fakeStream()
          const driving = yield* start(SocketStream.forEachChunk(self, () => Effect.andThen(delay, outcome)))
          connection.events.data(bytes("a"))
          const exit = yield* Fiber.await(driving)
          const expected = yield* Effect.exit(outcome)
          assert.isTrue(Exit.isFailure(exit) && Exit.isFailure(expected))
          if (Exit.isFailure(exit) && Exit.isFailure(expected)) {
            assert.deepStrictEqual(
              exit.cause.reasons.map(({ _tag }) => _tag),
              expected.cause.reasons.map(({ _tag }) => _tag)
            )
          }
          connection.events.data(bytes("b"))
          assert.deepStrictEqual(yield* SocketStream.read(self), Option.some(bytes("b")))
        }
      }
    })
  )

  it.effect("fails by a reset after the frames that came before it, and within a frame by the end of input", () =>
    Effect.gen(function* () {
      for (const end of ["reset", "end"] as const) {
        const [self, connection] = yield* fakeStream()
        const frames: Array<string> = []
        connection.events.data(bytes("abcdef"))
        connection.events.data(bytes("gh"))
        if (end === "reset") connection.breaks({ _tag: "ConnectionReset" })
        else connection.events.end()
        const error = yield* Effect.flip(
          SocketStream.forEachFrame(self, decoders.threes, (frame) => Effect.sync(() => frames.push(frame)))
        )
        assert.deepStrictEqual(frames, ["abc", "def"])
        assert.strictEqual(error.reason._tag, end === "reset" ? "ConnectionReset" : "UnexpectedEof")
      }
    })
  )

  it.effect("gives each frame its readTimeout, in which the time of effects does not count", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ readTimeout: 100 })
      const gate = yield* Deferred.make<void>()
      const driving = yield* start(
        SocketStream.forEachLine(self, (line) => (line === "slow" ? Deferred.await(gate) : Effect.void))
      )
      for (const line of ["a\n", "b\n", "slow\n"]) {
        connection.timers.advance(90)
        connection.events.data(bytes(line))
      }
      connection.timers.advance(1000)
      yield* Deferred.succeed(gate, undefined)
      yield* wait
      connection.timers.advance(90)
      connection.events.data(bytes("half"))
      assert.isUndefined(driving.pollUnsafe())
      connection.timers.advance(20)
      const error = yield* Effect.flip(Fiber.join(driving))
      assert.deepStrictEqual(error.reason, { _tag: "TimedOut", millis: 100 })
      assert.deepStrictEqual(yield* SocketStream.readExactly(self, 4), bytes("half"))
    })
  )

  it.effect("of one frame gives that its readTimeout, and its effect as long as it takes", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ readTimeout: 100 })
      const gate = yield* Deferred.make<string>()
      const answering = yield* start(SocketStream.withFrame(self, Codec.line(), () => Deferred.await(gate)))
      connection.timers.advance(90)
      connection.events.data(bytes("one\ntwo\n"))
      connection.timers.advance(1000)
      yield* Deferred.succeed(gate, "done")
      assert.strictEqual(yield* Fiber.join(answering), "done")
      assert.deepStrictEqual(yield* SocketStream.readLine(self), Option.some("two"))
      const late = yield* start(Effect.flip(SocketStream.withFrame(self, Codec.line(), () => Effect.void)))
      connection.timers.advance(110)
      assert.deepStrictEqual((yield* Fiber.join(late)).reason, { _tag: "TimedOut", millis: 100 })
    })
  )

  it.effect("whose decoder throws dies, and nobody else: the next read has what that one saw", () =>
    Effect.gen(function* () {
      const thrower = Decoder.make<string>((input) => {
        input.skip(1)
        throw new Error("a bug")
      })
      for (const run of [
        (self: SocketStream.SocketStream) => SocketStream.forEachFrame(self, thrower, () => Effect.void),
        (self: SocketStream.SocketStream) => SocketStream.readFrame(self, thrower)
      ]) {
        const [self, connection] = yield* fakeStream()
        const dying = yield* start(run(self))
        const reading = yield* start(SocketStream.readLine(self))
        connection.events.data(bytes("one\n"))
        const exit = yield* Fiber.await(dying)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.deepStrictEqual(yield* Fiber.join(reading), Option.some("one"))
      }
    })
  )
})

describe("the delimited reads are their decoders", () => {
  it.effect.prop(
    "readLine, readUntil, readExactly and readAll give what readFrame gives of their codecs, failures too",
    [content, Arbitrary.schema(int(0, 12))],
    Effect.fnUntraced(function* ([content, max]) {
      const limited = { maxBytes: max }
      const pairs = [
        [(self: SocketStream.SocketStream) => SocketStream.readLine(self, limited), Codec.line(limited)],
        [
          (self: SocketStream.SocketStream) => SocketStream.readUntil(self, bytes("--"), limited),
          Codec.delimited(bytes("--"), limited)
        ],
        [
          (self: SocketStream.SocketStream) => Effect.asSome(SocketStream.readExactly(self, max + 1)),
          Codec.bytes(max + 1)
        ],
        [(self: SocketStream.SocketStream) => Effect.asSome(SocketStream.readAll(self, limited)), Codec.rest(max)]
      ] as const
      for (const [read, codec] of pairs) {
        const outcomes = [read, (self: SocketStream.SocketStream) => SocketStream.readFrame<unknown>(self, codec)].map(
          Effect.fnUntraced(function* (one) {
            const [self, connection] = yield* fakeStream()
            if (content.length > 0) connection.events.data(content.slice())
            connection.events.end()
            const result = yield* Effect.result(one(self) as Effect.Effect<Option.Option<unknown>, { reason: unknown }>)
            return [result, yield* SocketStream.readAll(self)]
          })
        )
        const [first, second] = yield* Effect.all(outcomes)
        // An input without a byte has no frame, but the bytes that were asked for by count or to the end.
        if (content.length > 0) assert.deepStrictEqual(JSON.stringify(first), JSON.stringify(second))
      }
    }, Effect.scoped),
    { arbitrary: { runs: rounds(100), size: 40 } }
  )
})

describe.each(Object.entries(transports))("over %s", (_, transport) => {
  it.live(
    "a driver answers in order, holds a fast peer back, goes on after an interruption and ends with the input",
    () =>
      transport.run(
        Effect.gen(function* () {
          const { far, near } = yield* connected(transport)
          const count = 300
          const sent = Array.from({ length: count }, (_, i) => `${i} ${"x".repeat(i)}`)
          const writing = yield* start(
            Effect.andThen(
              Effect.forEach(sent, (line) => SocketStream.writeLine(near, line)),
              SocketStream.endWrite(near)
            )
          )
          const got: Array<string> = []
          const driver = (line: string) =>
            Effect.gen(function* () {
              got.push(line)
              if (got.length % 40 === 0) yield* Effect.sleep(1)
              yield* SocketStream.write(far, `${line.length}\n`)
            })
          const answers = yield* start(SocketStream.readAll(near))
          const first = yield* start(SocketStream.forEachLine(far, driver))
          yield* Effect.sleep(2)
          yield* Fiber.interrupt(first)
          yield* SocketStream.forEachLine(far, driver)
          assert.deepStrictEqual(got, sent)
          yield* Fiber.join(writing)
          yield* SocketStream.endWrite(far)
          const lengths = text(yield* Fiber.join(answers))
            .trim()
            .split("\n")
          // The answer of the line whose effect was interrupted may not have been written.
          assert.isAtLeast(lengths.length, count - 1)
        })
      )
  )

  it.live(
    "a server that stops ends what waits in a driver by FIN, and gives an effect that runs its drainTimeout",
    () =>
      transport.run(
        Effect.gen(function* () {
          const port = yield* ServerSocket.listen(transport.address(), { ...transport.listen, ...limits })
          const working = yield* Deferred.make<void>()
          const server = yield* Server.start(
            port,
            (stream) =>
              SocketStream.forEachLine(stream, (line) =>
                Effect.gen(function* () {
                  if (line === "slow") {
                    yield* Deferred.succeed(working, undefined)
                    yield* Effect.sleep(150)
                  }
                  yield* SocketStream.writeLine(stream, line)
                })
              ),
            { drainTimeout: "10 seconds" }
          )
          const open = () => SocketStream.open(port.address, { ...transport.open, ...limits })
          const [idle, busy] = [yield* open(), yield* open()]
          for (const peer of [idle, busy]) {
            yield* SocketStream.writeLine(peer, "quick")
            assert.deepStrictEqual(yield* SocketStream.readLine(peer), Option.some("quick"))
          }
          yield* SocketStream.writeLine(busy, "slow")
          yield* Deferred.await(working)
          const stopping = yield* start(server.stop)
          assert.deepStrictEqual(yield* SocketStream.readLine(idle), Option.none())
          assert.deepStrictEqual(yield* SocketStream.readLine(busy), Option.some("slow"))
          assert.deepStrictEqual(yield* SocketStream.readLine(busy), Option.none())
          yield* Effect.all([SocketStream.close(idle), SocketStream.close(busy)], { concurrency: 2 })
          yield* Fiber.join(stopping)
        })
      )
  )
})
