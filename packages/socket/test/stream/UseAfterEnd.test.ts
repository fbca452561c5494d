import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Codec from "../../src/Codec.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeConnection } from "../utils/fakeConnection.ts"
import { fakeStream } from "../utils/fakeStream.ts"
import { bytes } from "../utils/live.ts"

type Operation = (self: SocketStream.SocketStream) => Effect.Effect<unknown, NetworkError>

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const upgradeTls: Operation = (self) => SocketStream.upgradeTls(self, { side: "client", options: {} })

const reads: Record<string, Operation> = {
  read: SocketStream.read,
  readInto: (self) => SocketStream.readInto(self, new Uint8Array(8)),
  readExactly: (self) => SocketStream.readExactly(self, 1),
  readLine: (self) => SocketStream.readLine(self),
  readAll: (self) => SocketStream.readAll(self),
  readFrame: (self) => SocketStream.readFrame(self, Codec.netstring()),
  forEachChunk: (self) => SocketStream.forEachChunk(self, () => Effect.void),
  forEachLine: (self) => SocketStream.forEachLine(self, () => Effect.void),
  withFrame: (self) => SocketStream.withFrame(self, Codec.netstring(), () => Effect.void),
  "copy from it": (self) => Effect.flatMap(fakeStream(), ([to]) => SocketStream.copy(self, to)).pipe(Effect.scoped)
}

const writes: Record<string, Operation> = {
  write: (self) => SocketStream.write(self, "late"),
  writeLine: (self) => SocketStream.writeLine(self, "late"),
  writeFrame: (self) => SocketStream.writeFrame(self, Codec.netstring(), bytes("late")),
  upgradeTls,
  "copy to it": (self) =>
    Effect.flatMap(fakeStream(), ([from, source]) => {
      source.events.data(bytes("late"))
      return SocketStream.copy(from, self)
    }).pipe(Effect.scoped)
}

const flushes: Record<string, Operation> = { flush: SocketStream.flush, endWrite: SocketStream.endWrite }

type End = readonly [
  name: string,
  end: (self: SocketStream.SocketStream, connection: FakeConnection) => Effect.Effect<unknown, unknown>,
  closed: Record<string, Operation>
]

const ends: ReadonlyArray<End> = [
  ["close", (self) => SocketStream.close(self), { ...reads, ...writes, ...flushes }],
  ["reset", (self) => SocketStream.reset(self), { ...reads, ...writes, ...flushes }],
  [
    "close while it lingers",
    (self, connection) => {
      connection.stubborn = true
      return Effect.andThen(start(SocketStream.close(self)), Effect.yieldNow)
    },
    { ...reads, ...writes, ...flushes }
  ],
  [
    "close while its output leaves",
    (self, connection) => {
      connection.full = true
      return SocketStream.write(self, "slow").pipe(
        Effect.andThen(start(SocketStream.close(self))),
        Effect.andThen(Effect.yieldNow)
      )
    },
    { ...reads, ...writes, ...flushes }
  ],
  ["endWrite", (self) => SocketStream.endWrite(self), writes]
]

describe("each operation", () => {
  for (const [name, end, closed] of ends) {
    for (const [operation, run] of Object.entries(closed)) {
      it.effect(`after ${name}, ${operation} fails with Closed, at once`, () =>
        Effect.gen(function* () {
          const [self, connection] = yield* fakeStream()
          yield* end(self, connection)
          const running = yield* start(Effect.flip(run(self)))
          yield* Effect.yieldNow
          const exit = running.pollUnsafe()
          assert.isTrue(exit !== undefined && Exit.isSuccess(exit), "it waits")
          assert.strictEqual((yield* Fiber.join(running)).reason._tag, "Closed")
          connection.stubborn = false
          if (connection.isOpen) yield* SocketStream.reset(self)
        })
      )
    }
  }

  for (const [operation, run] of Object.entries({ ...reads, ...writes, ...flushes })) {
    it.effect(`after the peer's reset, ${operation} fails with ConnectionReset, at once`, () =>
      Effect.gen(function* () {
        const [self, connection] = yield* fakeStream()
        connection.breaks({ _tag: "ConnectionReset" })
        const running = yield* start(Effect.flip(run(self)))
        yield* Effect.yieldNow
        assert.isDefined(running.pollUnsafe(), "it waits")
        assert.strictEqual((yield* Fiber.join(running)).reason._tag, "ConnectionReset")
      })
    )
  }

  it.effect("two closes, two resets, and one after the other, all return", () =>
    Effect.gen(function* () {
      for (const [first, second] of [
        [SocketStream.close, SocketStream.close],
        [SocketStream.reset, SocketStream.reset],
        [SocketStream.reset, SocketStream.close],
        [SocketStream.close, SocketStream.reset]
      ]) {
        const [self, connection] = yield* fakeStream()
        const both = yield* start(Effect.all([first(self), second(self)], { concurrency: 2 }))
        yield* Effect.timeout(Fiber.await(both), 1000)
        yield* Effect.timeout(Effect.exit(second(self)), 1000)
        assert.isFalse(connection.isOpen)
        assert.strictEqual(connection.timers.active, 0)
      }
    })
  )
})

describe("closing while others are at work", () => {
  it.effect("a write that waits for room still goes, before FIN", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ highWaterMark: 4 }, { full: true })
      yield* SocketStream.write(self, "1234")
      const waiting = yield* start(SocketStream.write(self, "5678"))
      const closing = yield* start(SocketStream.close(self))
      yield* Effect.yieldNow
      connection.full = false
      connection.release()
      yield* Fiber.join(waiting)
      yield* Fiber.join(closing)
      assert.strictEqual(connection.output.toString(), "12345678")
      assert.deepStrictEqual(connection.calls, ["end"])
    })
  )

  for (const [name, act] of [
    ["close", SocketStream.close],
    ["reset", SocketStream.reset],
    ["endWrite", SocketStream.endWrite]
  ] as const) {
    it.effect(`${name} while an upgrade waits for what was written ends it with Closed`, () =>
      Effect.gen(function* () {
        const connection = new FakeConnection()
        const startTls = (): never => assert.fail("there is nothing left to take a handshake on")
        const self = yield* SocketStream.make(Object.assign(connection, { startTls }))
        connection.full = true
        yield* SocketStream.write(self, "go ahead\n")
        const upgrading = yield* start(Effect.flip(upgradeTls(self)))
        const acting = yield* start(Effect.exit(act(self)))
        yield* Effect.yieldNow
        connection.full = false
        connection.release()
        assert.strictEqual((yield* Fiber.join(upgrading)).reason._tag, "Closed")
        yield* Fiber.join(acting)
      })
    )
  }

  it.effect("the streams of one scope linger side by side: two hundred silent peers cost one linger", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const connections: Array<FakeConnection> = []
      for (let i = 0; i < 200; i++) {
        const connection = new FakeConnection()
        connection.stubborn = true
        connections.push(connection)
        yield* Scope.provide(SocketStream.make(connection, { lingerTimeout: 2000 }), scope)
      }
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* Effect.yieldNow
      assert.isTrue(connections.every(({ calls }) => calls.join() === "end"))
      for (const { timers } of connections) timers.advance(1999)
      yield* Effect.yieldNow
      assert.isUndefined(closing.pollUnsafe())
      for (const { timers } of connections) timers.advance(1)
      yield* Effect.timeout(Fiber.join(closing), 1000)
      assert.isTrue(connections.every(({ calls }) => calls.join() === "end,destroy"))
    })
  )
})
