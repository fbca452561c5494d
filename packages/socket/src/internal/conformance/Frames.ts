/** Frames and drivers: what a decoder finds is the same over every transport, and a driver is a loop. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Codec from "../../Codec.ts"
import * as SocketStream from "../../SocketStream.ts"
import { bothWays, type Checks, ensure, failsWith, fill, pattern, same, sameBytes, soon, start } from "./Kit.ts"
import * as Ways from "./Ways.ts"

const frame = Codec.lengthPrefixed("u32")

const count = 200

/** Frames from none to some thousands of bytes. */
const content = (index: number): Uint8Array => pattern((index * 7919) % 5003, index)

const writeAll = (stream: SocketStream.SocketStream) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => content(index)),
    (bytes) => SocketStream.writeFrame(stream, frame, bytes),
    { discard: true }
  )

/** Some effects take their time, most complete at once. */
const pause = (index: number): Effect.Effect<void> => (index % 37 === 0 ? Effect.sleep(1) : Effect.void)

export const checks = <R>(): Checks<R> => ({
  "drivers: frames are answered one after the other, in their order": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      let working = 0
      let most = 0
      const driving = yield* start(
        SocketStream.forEachFrame(far, frame, (bytes) =>
          Effect.gen(function* () {
            most = Math.max(most, ++working)
            yield* pause(bytes.length)
            yield* SocketStream.writeFrame(far, frame, bytes)
            working--
          })
        )
      )
      const writing = yield* start(writeAll(near))
      for (let index = 0; index < count; index++) {
        const answer = yield* SocketStream.readFrame(near, frame)
        if (Option.isNone(answer)) return yield* Effect.fail(`the answers ended after ${index}`)
        yield* sameBytes(answer.value, content(index), `answer ${index}`)
      }
      yield* same(most, 1, "effects at the same time")
      yield* Fiber.join(writing)
      yield* SocketStream.endWrite(near)
      yield* Fiber.join(driving)
    })
  ),

  "drivers: interrupted again and again, they lose no frame and hand none out twice": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      const writing = yield* start(writeAll(near))
      let taken = 0
      const drive = SocketStream.forEachFrame(far, frame, (bytes) => {
        const index = taken++
        return Effect.andThen(sameBytes(bytes, content(index), `frame ${index}`), pause(index))
      })
      for (;;) {
        const end = yield* Effect.timeoutOption(drive, 2)
        yield* ensure(Option.isNone(end), `the input ended after ${taken} frames`)
        if (taken === count) break
      }
      yield* Fiber.join(writing)
      yield* same(taken, count, "frames")
    })
  ),

  "drivers: one ends with the failure of its effect, and the next read goes on behind that frame": bothWays(
    {},
    (near, far) =>
      Effect.gen(function* () {
        yield* SocketStream.write(near, "one\ntwo\nthree\n")
        const failure = yield* Effect.flip(
          SocketStream.forEachLine(far, (line) => (line === "two" ? Effect.fail("no two" as const) : Effect.void))
        )
        yield* same(failure, "no two", "the failure")
        yield* same(yield* SocketStream.readLine(far), Option.some("three"), "the next line")
      })
  ),

  "backpressure: an effect that does not complete holds the peer back, and all that was written comes in order": (
    factory
  ) =>
    Ways.each(Ways.ofBytes, (way) =>
      bothWays<R>({}, (near, far) =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          const begun = yield* Deferred.make<void>()
          const got: Array<Uint8Array> = []
          const taking = yield* start(
            way(far, (bytes) => {
              got.push(bytes)
              return Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(gate))
            })
          )
          const taken = yield* fill(factory, near, Ways.lines)
          yield* soon(Deferred.await(begun), "an effect")
          yield* same(got.length, 1, "effects that have begun")
          yield* SocketStream.writeLine(far, "at work")
          yield* same(yield* soon(SocketStream.readLine(near), "a line"), Option.some("at work"), "the other direction")
          yield* Deferred.succeed(gate, undefined)
          yield* SocketStream.endWrite(near)
          yield* Fiber.join(taking)
          yield* sameBytes(Buffer.concat(got), Ways.lines(taken), "what was written")
        })
      )(factory)
    ),

  "backpressure: answers that the peer does not read hold it back, and all of them arrive in order": (factory) =>
    Ways.each(Ways.ofBytes, (way) =>
      bothWays<R>({}, (near, far) =>
        Effect.gen(function* () {
          const echoing = yield* start(way(far, (bytes) => SocketStream.write(far, bytes)))
          const taken = yield* fill(factory, near, Ways.lines, 2)
          const ending = yield* start(SocketStream.endWrite(near))
          yield* sameBytes(yield* SocketStream.readExactly(near, taken), Ways.lines(taken), "the answers")
          yield* Fiber.join(ending)
          yield* Fiber.join(echoing)
        })
      )(factory)
    ),

  "frames: one that announces too much fails at once, and what came stays readable": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      yield* SocketStream.write(near, Uint8Array.of(255, 255, 255, 255))
      yield* failsWith(SocketStream.readFrame(far, frame), ["FrameTooLong"], "the frame")
      yield* same((yield* SocketStream.readExactly(far, 4)).length, 4, "bytes")
    })
  )
})
