/** How connections end, and what their peers see of it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as SocketStream from "../../SocketStream.ts"
import {
  blocked,
  bothWays,
  bytes,
  type Checks,
  ensure,
  eventually,
  failsWith,
  isCut,
  pattern,
  receive,
  same,
  sameBytes,
  smallMark,
  soon,
  start,
  text
} from "./Kit.ts"

/** Operations that cannot go on when their stream has ended. */
const operations: Record<string, (stream: SocketStream.SocketStream) => Effect.Effect<unknown, unknown>> = {
  read: SocketStream.read,
  readLine: (stream) => SocketStream.readLine(stream),
  readExactly: (stream) => SocketStream.readExactly(stream, 1),
  readUntil: (stream) => SocketStream.readUntil(stream, bytes("--")),
  readAll: (stream) => SocketStream.readAll(stream),
  write: (stream) => SocketStream.write(stream, "x"),
  writeLine: (stream) => SocketStream.writeLine(stream, "x")
}

/** Bytes pass both ways, so that both ends are past whatever the transport does first: a handshake, for example. */
const greet = Effect.fnUntraced(function* (near: SocketStream.SocketStream, far: SocketStream.SocketStream) {
  for (const [from, to] of [
    [near, far],
    [far, near]
  ] as const) {
    yield* SocketStream.writeLine(from, "greeting")
    yield* same(yield* SocketStream.readLine(to), Option.some("greeting"), "the greeting")
  }
})

type End = (stream: SocketStream.SocketStream) => Effect.Effect<unknown, unknown>

/** Every way in which one side can end a connection. */
const ends: ReadonlyArray<End> = [
  SocketStream.close,
  SocketStream.reset,
  () => Effect.fail("no"),
  () => Effect.die("no"),
  () => Effect.interrupt,
  SocketStream.endWrite
]

export const checks = <R>(): Checks<R> => ({
  "half-close: a peer that ended its output still gets the whole reply": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      const reply = pattern(1_000_000)
      const answering = yield* start(
        Effect.gen(function* () {
          const request = yield* SocketStream.readAll(far)
          yield* SocketStream.write(far, reply)
          yield* SocketStream.endWrite(far)
          return text(request)
        })
      )
      yield* SocketStream.write(near, "request")
      yield* SocketStream.endWrite(near)
      yield* sameBytes(yield* SocketStream.readAll(near, { maxBytes: reply.length }), reply, "the reply")
      yield* same(yield* Fiber.join(answering), "request", "the request")
    })
  ),

  "half-close: the end that finished first goes on to read": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      yield* SocketStream.endWrite(near)
      yield* same(yield* SocketStream.read(far), Option.none(), "the ended input")
      for (const line of ["one", "two", "three"]) {
        yield* SocketStream.writeLine(far, line)
        yield* same(yield* SocketStream.readLine(near), Option.some(line), "a line")
      }
      yield* failsWith(SocketStream.write(near, "x"), ["Closed"], "a write after endWrite")
    })
  ),

  "half-close and close may be repeated, and called at the same time": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      yield* SocketStream.write(near, "last")
      yield* SocketStream.endWrite(near)
      yield* SocketStream.endWrite(near)
      yield* same(text(yield* SocketStream.readAll(far)), "last", "the output")
      const closing = Effect.all([SocketStream.close(near), SocketStream.close(far), SocketStream.close(near)], {
        concurrency: "unbounded"
      })
      yield* soon(closing, "close")
      yield* soon(
        Effect.all([SocketStream.close(near), SocketStream.close(far), SocketStream.reset(near)]),
        "close again"
      )
    })
  ),

  "the end of input is none, again and again, and only after the last byte": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      const ending = yield* start(
        Effect.andThen(SocketStream.write(near, pattern(100_000)), SocketStream.endWrite(near))
      )
      yield* sameBytes(yield* SocketStream.readExactly(far, 100_000), pattern(100_000), "the output")
      yield* Fiber.join(ending)
      for (let i = 0; i < 3; i++) {
        yield* same(yield* SocketStream.read(far), Option.none(), "read")
        yield* same(yield* SocketStream.readLine(far), Option.none(), "readLine")
      }
    })
  ),

  "FIN: a stream that is closed shows its peer the end of input, after everything that was written": bothWays(
    {},
    (near, far) =>
      Effect.gen(function* () {
        const data = pattern(500_000)
        yield* SocketStream.write(near, data)
        const closing = yield* start(SocketStream.close(near))
        yield* sameBytes(yield* SocketStream.readAll(far, { maxBytes: data.length }), data, "the output")
        yield* SocketStream.close(far)
        yield* soon(Fiber.join(closing), "close")
      })
  ),

  "RST: a stream that is reset shows its peer ConnectionReset, in read and in write": (factory) =>
    bothWays<R>({}, (near, far) =>
      Effect.gen(function* () {
        yield* greet(near, far)
        const reading = yield* blocked(SocketStream.readAll(far), "readAll")
        yield* SocketStream.reset(near)
        yield* soon(isCut(factory, Fiber.join(reading), "a read of a reset connection"), "the read")
        const writing = Effect.forever(Effect.andThen(SocketStream.write(far, pattern(1000)), Effect.sleep(1)))
        yield* soon(failsWith(writing, ["ConnectionReset"], "a write to a reset connection"), "the write")
      })
    )(factory),

  "RST: a scope that fails cuts its stream, one that succeeds ends it": (factory) =>
    Effect.gen(function* () {
      for (const exit of [Exit.void, Exit.fail("no"), Exit.die("no"), Exit.interrupt(1)]) {
        const scope = yield* Scope.fork(yield* Effect.scope, "parallel")
        const [client, server] = yield* Scope.provide(factory.pair({}), scope)
        yield* greet(client, server)
        const reading = yield* start(SocketStream.readAll(server))
        // The peer of a closing stream answers FIN with FIN; its own scope closes at the same time and does.
        yield* SocketStream.write(client, "hello")
        yield* SocketStream.flush(client)
        yield* Effect.sleep(10)
        if (Exit.isSuccess(exit)) {
          const closing = yield* start(SocketStream.close(client))
          yield* same(text(yield* Fiber.join(reading)), "hello", "the output")
          yield* SocketStream.close(server)
          yield* Fiber.join(closing)
        } else {
          yield* soon(Scope.close(scope, exit), "the scope")
          yield* failsWith(Fiber.join(reading), ["ConnectionReset", "Closed"], "a stream whose scope failed")
        }
      }
    }),

  "linger: of a megabyte written the last byte arrives, though 300 kB of input were never read": (factory) =>
    bothWays<R>({ lingerTimeout: 5000, highWaterMark: smallMark }, (near, far) =>
      Effect.gen(function* () {
        const reply = pattern(1_000_000)
        const sending = yield* start(Effect.exit(SocketStream.write(far, new Uint8Array(300_000))))
        yield* SocketStream.write(near, reply)
        const closing = yield* start(Effect.exit(SocketStream.close(near)))
        yield* receive(far, reply)
        yield* Fiber.join(sending)
        yield* SocketStream.close(far)
        yield* soon(Fiber.join(closing), "close")
      })
    )(factory),

  "linger: a peer that never ends holds a closed stream no longer than lingerTimeout": bothWays(
    { lingerTimeout: 100 },
    (near, far) =>
      Effect.gen(function* () {
        yield* SocketStream.write(near, "bye")
        yield* soon(SocketStream.close(near), "close")
        yield* SocketStream.reset(far)
      })
  ),

  "a stalled peer holds a closed stream no longer than writeTimeout, and close says that output was lost": bothWays(
    { writeTimeout: 200, lingerTimeout: 100 },
    (near) =>
      Effect.gen(function* () {
        yield* SocketStream.write(near, new Uint8Array(48 * 1024 * 1024))
        yield* soon(failsWith(SocketStream.close(near), ["TimedOut"], "close"), "close")
      })
  ),

  "after close and after reset every operation fails with Closed, whatever the peer had sent": ({ pair }) =>
    Effect.gen(function* () {
      for (const end of [SocketStream.close, SocketStream.reset]) {
        const [client, server] = yield* pair({ lingerTimeout: 100 })
        yield* SocketStream.write(client, "never read")
        yield* SocketStream.endWrite(client)
        yield* Effect.sleep(10)
        yield* soon(end(server), "the end")
        for (const [name, operation] of Object.entries(operations)) {
          yield* failsWith(operation(server), ["Closed"], name)
        }
      }
    }),

  "an interrupted close goes on": bothWays({}, (near, far) =>
    Effect.gen(function* () {
      yield* SocketStream.write(near, "bye")
      const closing = yield* start(SocketStream.close(near))
      yield* Fiber.interrupt(closing)
      yield* same(text(yield* soon(SocketStream.readAll(far), "the output")), "bye", "the output")
      yield* SocketStream.close(far)
      yield* failsWith(SocketStream.write(near, "x"), ["Closed"], "a write")
    })
  ),

  "nothing stays behind": ({ openHandles, pair }) =>
    Effect.gen(function* () {
      if (openHandles === undefined) return
      const round = (first: End, second: End, read: boolean) =>
        Effect.gen(function* () {
          const [client, server] = yield* pair({ lingerTimeout: 100 })
          yield* SocketStream.write(client, "hello")
          if (read) yield* SocketStream.readExactly(server, 5)
          yield* Effect.all([first(client), second(server)], { concurrency: "unbounded" })
        }).pipe(Effect.scoped, Effect.exit)
      // What a transport sets up once is not what a connection leaves.
      yield* round(SocketStream.close, SocketStream.close, true)
      yield* Effect.sleep(50)
      const before = yield* openHandles
      for (const [i, first] of ends.entries()) {
        for (const second of ends) yield* round(first, second, i % 2 === 0)
      }
      yield* eventually(openHandles, before, "what is held")
    }),

  "reads and writes of a scope that has ended fail with Closed": ({ pair }) =>
    Effect.gen(function* () {
      const [client, server] = yield* Effect.scoped(pair({ lingerTimeout: 100 }))
      for (const stream of [client, server]) {
        yield* failsWith(SocketStream.read(stream), ["Closed"], "read")
        yield* failsWith(SocketStream.write(stream, "x"), ["Closed"], "write")
        yield* ensure(String(stream).length > 0, "a stream does not print")
      }
    })
})
