/** Whatever waits can give up, in every way, and leaves the stream as it was. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as SocketStream from "../../SocketStream.ts"
import {
  blocked,
  bothWays,
  bytes,
  type Checks,
  chunkSize,
  ensure,
  failsWith,
  fill,
  interrupted,
  pattern,
  same,
  sameBytes,
  soon,
  start,
  text
} from "./Kit.ts"

/** Every read, on a stream to which nothing comes. */
const reads: ReadonlyArray<readonly [string, (stream: SocketStream.SocketStream) => Effect.Effect<unknown, unknown>]> =
  [
    ["read", SocketStream.read],
    ["readLine", (stream) => SocketStream.readLine(stream)],
    ["readExactly", (stream) => SocketStream.readExactly(stream, 3)],
    ["readUntil", (stream) => SocketStream.readUntil(stream, bytes("--"))],
    ["readAll", (stream) => SocketStream.readAll(stream)]
  ]

/** The stream passes bytes, after whatever was done to it. */
const stillWorks = Effect.fnUntraced(function* (near: SocketStream.SocketStream, far: SocketStream.SocketStream) {
  yield* SocketStream.writeLine(near, "still here")
  yield* same(yield* soon(SocketStream.readLine(far), "a line"), Option.some("still here"), "the next line")
})

export const checks = <R>(): Checks<R> => ({
  "ReadTimeout: a read with a time limit gives up, and the next gets what comes": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      for (const [name, read] of reads) {
        const outcome = yield* soon(Effect.timeoutOption(read(far), 20), name)
        yield* same(outcome, Option.none(), name)
      }
      yield* stillWorks(near, far)
    })
  ),

  "ReadTimeout: readTimeout bounds a whole line, though its bytes drip": bothWays({ readTimeout: 300 }, (near, far) =>
    Effect.gen(function* () {
      const drip = Effect.forever(Effect.andThen(SocketStream.write(near, "x"), Effect.sleep(20)))
      const dripping = yield* start(drip)
      yield* soon(failsWith(SocketStream.readLine(far), ["TimedOut"], "a dripping line"), "readTimeout")
      yield* interrupted(dripping, "the drip")
      yield* SocketStream.writeLine(near, "")
      yield* ensure(Option.isSome(yield* SocketStream.readLine(far)), "the dripped bytes were lost")
    })
  ),

  "WriteTimeout: a write that gives up sends nothing, and what was taken before arrives": (factory) =>
    bothWays<R>({}, (near, far) =>
      Effect.gen(function* () {
        const taken = yield* fill(factory, near)
        yield* sameBytes(yield* SocketStream.readExactly(far, taken), pattern(taken), "what was taken")
        yield* stillWorks(near, far)
      })
    )(factory),

  "WriteTimeout: writeTimeout ends a connection whose peer does not read": bothWays({ writeTimeout: 200 }, (near) =>
    Effect.gen(function* () {
      const writing = Effect.forever(SocketStream.write(near, pattern(chunkSize)))
      yield* soon(failsWith(writing, ["TimedOut"], "a write to a stalled peer"), "writeTimeout")
      yield* failsWith(SocketStream.write(near, "x"), ["TimedOut"], "a later write")
    })
  ),

  "PastTimeout: an operation whose time is over gives up at once, and what it could take is taken": bothWays(
    {},
    (near, far) =>
      Effect.gen(function* () {
        for (const [name, read] of reads) {
          yield* same(yield* soon(Effect.timeoutOption(read(far), 0), name), Option.none(), name)
        }
        yield* Effect.timeoutOption(SocketStream.flush(near), 0)
        yield* stillWorks(near, far)
      })
  ),

  "PresentTimeout: whatever waits ends when it is interrupted, and leaves the stream as it was": (factory) =>
    bothWays<R>({}, (near, far) =>
      Effect.gen(function* () {
        for (const [name, read] of reads) yield* interrupted(yield* blocked(read(far), name), name)
        yield* stillWorks(near, far)
        const taken = yield* fill(factory, near)
        for (const [name, wait] of [
          ["write", SocketStream.write(near, "never sent")],
          ["flush", SocketStream.flush(near)]
        ] as const) {
          yield* interrupted(yield* blocked(wait, name), name)
        }
        yield* sameBytes(yield* SocketStream.readExactly(far, taken), pattern(taken), "what was taken")
        yield* stillWorks(near, far)
      })
    )(factory),

  "FutureTimeout: operations of both directions wait until their time is over, and then the stream works": (factory) =>
    bothWays<R>({}, (near, far) =>
      Effect.gen(function* () {
        const taken = yield* fill(factory, near)
        const reading = yield* start(Effect.timeoutOption(SocketStream.read(near), 150))
        const writing = yield* start(Effect.timeoutOption(SocketStream.write(near, "never sent"), 150))
        yield* Effect.sleep(30)
        yield* ensure(reading.pollUnsafe() === undefined, "the read did not wait")
        yield* ensure(writing.pollUnsafe() === undefined, "the write did not wait")
        yield* same(yield* soon(Fiber.join(reading), "the read"), Option.none(), "the read")
        yield* same(yield* soon(Fiber.join(writing), "the write"), Option.none(), "the write")
        yield* sameBytes(yield* SocketStream.readExactly(far, taken), pattern(taken), "what was taken")
        yield* stillWorks(near, far)
        yield* stillWorks(far, near)
      })
    )(factory),

  "CloseTimeout: whoever waits on a stream that is closed or reset ends with Closed": ({ pair }) =>
    Effect.gen(function* () {
      for (const end of [SocketStream.close, SocketStream.reset]) {
        for (const [name, read] of reads) {
          const [client, server] = yield* pair({ lingerTimeout: 100 })
          const reading = yield* blocked(read(server), name)
          yield* start(Effect.exit(end(server)))
          yield* soon(failsWith(Fiber.join(reading), ["Closed"], name), name)
          yield* SocketStream.reset(client)
        }
      }
    }),

  "CloseTimeout: a write that waits on a stream that is reset ends with Closed": (factory) =>
    bothWays<R>({}, (near) =>
      Effect.gen(function* () {
        yield* fill(factory, near)
        const writing = yield* blocked(SocketStream.write(near, "never sent"), "write")
        const flushing = yield* blocked(SocketStream.flush(near), "flush")
        yield* SocketStream.reset(near)
        yield* soon(failsWith(Fiber.join(writing), ["Closed"], "write"), "write")
        yield* soon(failsWith(Fiber.join(flushing), ["Closed"], "flush"), "flush")
      })
    )(factory),

  "a reader that gives up loses no byte, however many times it does": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      const message = "one line, a few bytes at a time, and readers that give up between them"
      const writing = yield* start(
        Effect.gen(function* () {
          for (let at = 0; at < message.length; at += 5) {
            yield* SocketStream.write(near, message.slice(at, at + 5))
            yield* Effect.sleep(3)
          }
          yield* SocketStream.write(near, "\n")
        })
      )
      let line: Option.Option<Option.Option<string>> = Option.none()
      while (Option.isNone(line)) line = yield* Effect.timeoutOption(SocketStream.readLine(far), 2)
      yield* same(line.value, Option.some(message), "the line")
      yield* Fiber.join(writing)
    })
  ),

  "backpressure: without a reader a bounded number of bytes is taken, and all of them arrive in order": (factory) =>
    bothWays<R>({}, (near, far) =>
      Effect.gen(function* () {
        const taken = yield* fill(factory, near)
        yield* same(
          yield* Effect.timeoutOption(SocketStream.write(near, "more"), 50),
          Option.none(),
          "a write to a full stream"
        )
        const rest = pattern(chunkSize, taken)
        const writing = yield* start(Effect.andThen(SocketStream.write(near, rest), SocketStream.endWrite(near)))
        const got = yield* SocketStream.readAll(far, { maxBytes: taken + chunkSize })
        yield* Fiber.join(writing)
        yield* sameBytes(got, pattern(taken + chunkSize), "what was written")
      })
    )(factory),

  "backpressure: a full direction does not stop the other one": (factory) =>
    bothWays<R>({}, (near, far) =>
      Effect.gen(function* () {
        yield* fill(factory, near)
        yield* stillWorks(far, near)
        yield* SocketStream.write(far, "text")
        yield* same(text(yield* SocketStream.readExactly(near, 4)), "text", "the other direction")
        yield* SocketStream.reset(far)
      })
    )(factory)
})
