import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { make as makeError } from "../../src/NetworkError.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import { FakeListener } from "../utils/fakeListener.ts"
import { live, portOf } from "../utils/live.ts"
import { plainClient } from "../utils/plain.ts"
import { echo, handling, ping, serving } from "../utils/serving.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Numbers that are the same each time. */
const dice = (seed: number) => () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31

describe("suspend and resume", () => {
  live(
    "in any order, many at once: the port is as the last of them says, and its server serves",
    Effect.gen(function* () {
      const { connect, listener } = yield* serving(echo)
      const next = dice(17)
      for (let round = 0; round < 30; round++) {
        const steps = Array.from({ length: 1 + Math.floor(next() * 6) }, () =>
          next() < 0.5 ? ServerSocket.suspend(listener) : ServerSocket.resume(listener)
        )
        const fibers = yield* Effect.forEach(steps, start)
        yield* Effect.forEach(fibers, Fiber.join)
        if (next() < 0.5) {
          yield* ServerSocket.resume(listener)
          yield* ping(yield* connect(), "hello")
        } else {
          yield* ServerSocket.suspend(listener)
          assert.include((yield* Effect.flip(connect())).message, "ECONNREFUSED")
        }
      }
    })
  )

  for (const ops of [2, 7, 2048]) {
    live(
      `interrupted at any moment leave the port open or closed, never in between, with ${ops} operations a turn`,
      Effect.gen(function* () {
        const { connect, listener } = yield* serving(echo)
        const next = dice(ops)
        for (let round = 0; round < 60; round++) {
          const step = next() < 0.5 ? ServerSocket.suspend(listener) : ServerSocket.resume(listener)
          const fiber = yield* start(Effect.provideService(step, Scheduler.MaxOpsBeforeYield, ops))
          for (let turn = Math.floor(next() * 8); turn > 0; turn--) {
            yield* next() < 0.3 ? Effect.promise(() => new Promise(setImmediate)) : Effect.yieldNow
          }
          yield* Fiber.interrupt(fiber)
          if (round % 2 === 0) {
            yield* ServerSocket.suspend(listener)
            assert.include((yield* Effect.flip(connect())).message, "ECONNREFUSED")
          } else {
            yield* ServerSocket.resume(listener)
            yield* ping(yield* connect(), "hello")
          }
        }
      }),
      30_000
    )
  }

  live(
    "an open port that is closed while it is being opened is closed",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      for (const end of [ServerSocket.suspend(listener), ServerSocket.close(listener)]) {
        yield* ServerSocket.suspend(listener)
        const opening = yield* start(ServerSocket.resume(listener))
        yield* end
        yield* Fiber.await(opening)
        assert.include((yield* Effect.flip(plainClient(portOf(listener)))).message, "ECONNREFUSED")
      }
    })
  )

  live(
    "with the port taken meanwhile by a server, fail as often as they are tried, and a stop of the suspended server returns",
    Effect.gen(function* () {
      const { connect, listener, server } = yield* serving(echo, { drainTimeout: "1 hour" })
      const peer = yield* connect()
      yield* ping(peer, "hello")
      yield* ServerSocket.suspend(listener)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Server.start(yield* ServerSocket.listen(portOf(listener)), echo)
          const errors = yield* Effect.all(
            Array.from({ length: 5 }, () => Effect.flip(ServerSocket.resume(listener))),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual([...new Set(errors.map(({ reason }) => reason._tag))], ["AddressInUse"])
        })
      )
      yield* ping(peer, "still here")
      assert.deepStrictEqual(yield* server.stop, { drained: 1, aborted: 0 })
      assert.strictEqual((yield* Effect.flip(ServerSocket.resume(listener))).reason._tag, "Closed")
    })
  )
})

describe("the stop of a server", () => {
  it.live("whose port broke returns with its report, and await tells why", () => {
    const network = new FakeListener()
    return Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const server = yield* Server.start(listener, echo, { drainTimeout: 0 })
      network.connect()
      yield* handling(server, 1)
      const broken = makeError("accept", listener.address, { _tag: "OutOfDescriptors" })
      const { events } = network
      events?.error(broken)
      events?.error(makeError("accept", listener.address, { _tag: "PermissionDenied" }))
      assert.strictEqual(yield* Effect.flip(server.await), broken)
      for (let i = 0; i < 2; i++) {
        const report = yield* server.stop
        assert.strictEqual(report.drained + report.aborted, 1)
      }
      yield* ServerSocket.suspend(listener)
      assert.strictEqual(yield* Effect.flip(ServerSocket.resume(listener)), broken)
    }).pipe(Effect.scoped, Effect.provide(network.layer))
  })

  live(
    "on a port that was closed before it began returns",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      yield* ServerSocket.close(listener)
      const server = yield* Server.start(listener, echo)
      assert.strictEqual((yield* Effect.flip(server.await)).reason._tag, "Closed")
      assert.deepStrictEqual(yield* server.stop, { drained: 0, aborted: 0 })
      assert.deepStrictEqual(yield* server.abort, { drained: 0, aborted: 0 })
    })
  )

  live(
    "that could not start leaves its port to another",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const exit = yield* Effect.exit(Server.start(listener, echo, { maxConnections: NaN }))
      assert.isTrue(Exit.isFailure(exit))
      yield* Server.start(listener, echo)
      yield* ping(yield* plainClient(portOf(listener)), "hello")
    })
  )
})
