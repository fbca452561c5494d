import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as SocketStream from "../../src/SocketStream.ts"
import { fakeStream } from "../utils/fakeStream.ts"
import { connected, transports } from "../utils/transports.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("writeTimeout and writes of which the kernel takes a part", () => {
  it.effect("a part that the kernel takes is progress, also when the rest of its write waits for longer", () =>
    Effect.gen(function* () {
      const [self, connection] = yield* fakeStream({ writeTimeout: 1000 }, { full: true })
      let sent = 0
      Object.assign(connection, { sentBytes: () => sent })
      yield* SocketStream.write(self, new Uint8Array(1000))
      yield* Effect.yieldNow
      for (let turn = 0; turn < 10; turn++) {
        connection.timers.advance(900)
        sent += 10
      }
      assert.isTrue(connection.isOpen)
      // Seen at the next look, from which the time counts.
      connection.timers.advance(250)
      connection.timers.advance(999)
      assert.isTrue(connection.isOpen)
      connection.timers.advance(1)
      assert.deepStrictEqual(connection.calls, ["reset"])
    })
  )

  // What a peer reads at once, and its pauses, so that all takes longer than the time allowed for one step.
  const paces = {
    memory: { size: 400_000, pause: 10, writeTimeout: 500 },
    TCP: { size: 40_000_000, pause: 3, writeTimeout: 1500 },
    TLS: { size: 40_000_000, pause: 3, writeTimeout: 1500 }
  }
  it.live.each(Object.entries(paces))(
    "over %s a peer that reads slowly but steadily is served whole, however long it takes",
    ([name, { pause, size, writeTimeout }]) =>
      transports[name].run(
        Effect.gen(function* () {
          const transport = transports[name]
          const { far, near } = yield* connected({ ...transport, open: { ...transport.open, writeTimeout } })
          const startedAt = performance.now()
          const writing = yield* start(
            Effect.andThen(SocketStream.write(near, new Uint8Array(size)), SocketStream.endWrite(near))
          )
          let count = 0
          for (let chunk = yield* SocketStream.read(far); Option.isSome(chunk); chunk = yield* SocketStream.read(far)) {
            count += chunk.value.length
            yield* Effect.sleep(pause)
          }
          yield* Fiber.join(writing)
          assert.strictEqual(count, size)
          assert.isAbove(performance.now() - startedAt, writeTimeout)
        })
      ),
    20_000
  )

  it.live.each(Object.keys(transports))(
    "over %s a peer that reads nothing is cut once the time is over",
    (name) =>
      transports[name].run(
        Effect.gen(function* () {
          const transport = transports[name]
          const { near } = yield* connected({ ...transport, open: { ...transport.open, writeTimeout: 400 } })
          const startedAt = performance.now()
          const error = yield* Effect.flip(Effect.forever(SocketStream.write(near, new Uint8Array(1_000_000))))
          assert.deepStrictEqual(error.reason, { _tag: "TimedOut", millis: 400 })
          const took = performance.now() - startedAt
          assert.isTrue(took >= 399 && took < 3000, String(took))
        })
      ),
    20_000
  )
})
