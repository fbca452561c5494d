import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import { Network } from "../../src/Network.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { dial, layer, listening, port80, settle } from "../utils/memory.ts"
import * as Simulation from "../../src/testing/Simulation.ts"

describe("simulate", () => {
  it.live("waits of hours are over at once, and the outcome is the program's", () =>
    Effect.gen(function* () {
      const hours = Effect.andThen(Effect.sleep("30 hours"), Clock.currentTimeMillis)
      assert.strictEqual(yield* Simulation.simulate(hours, { limit: "2 days" }), 30 * 3_600_000)
      assert.strictEqual(yield* Effect.flip(Simulation.simulate(Effect.fail("no"))), "no")
    })
  )

  it.live("a program that hangs is a defect that says so, also if it cannot be interrupted", () =>
    Effect.gen(function* () {
      for (const hung of [Effect.never, Effect.uninterruptible(Effect.never)]) {
        const exit = yield* Effect.exit(Simulation.simulate(hung, { limit: "1 minute" }))
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "still running after 1m")
      }
    })
  )

  it.live("interrupted, it interrupts the program", () =>
    Effect.gen(function* () {
      let interrupted = false
      const program = Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true)))
      const fiber = yield* Effect.forkChild(Simulation.simulate(program, { limit: "Infinity" }))
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.isTrue(interrupted)
    })
  )

  it.live("a server that stops is waited for", () =>
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(port80)
      const server = yield* Server.start(socket, () => Effect.never, { drainTimeout: "5 minutes" })
      yield* MemoryNetwork.runOn(SocketStream.open(port80), "client")
      yield* Effect.sleep("1 second")
      assert.deepStrictEqual(yield* server.stop, { drained: 0, aborted: 1 })
    }).pipe(MemoryNetwork.runOn("server"), Effect.scoped, Effect.provide(layer({ latency: 5 })), Simulation.simulate)
  )
})

describe("layerHost", () => {
  it.effect("puts what is built on it on that host", () => {
    const onClient = Layer.fresh(MemoryNetwork.layerHost("client"))
    return Effect.gen(function* () {
      yield* MemoryNetwork.runOn(listening(), "server")
      const client = yield* Effect.provide(dial(), onClient)
      assert.strictEqual(NetAddress.formatSocketAddress(client.connection.localAddress), "10.0.0.1:49152")
      assert.strictEqual((yield* Network).capacity, 7)
    }).pipe(Effect.provide(layer({ capacity: 7 })))
  })
})
