import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { bytes, dial, layer, listening, pair, port80, settle } from "../utils/memory.ts"
import * as Simulation from "../../src/testing/Simulation.ts"

const reason = <A, R>(effect: Effect.Effect<A, NetworkError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason._tag)

const cut = MemoryNetwork.partition("client", "server")
const heal = MemoryNetwork.heal("client", "server")

describe("a way that is cut", () => {
  it.effect("an attempt waits for it and goes on where it was", () =>
    Effect.gen(function* () {
      const { accepted } = yield* MemoryNetwork.runOn(listening(), "server")
      yield* cut
      const attempt = yield* Effect.forkChild(MemoryNetwork.runOn(dial(), "client"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([accepted.length, attempt.pollUnsafe()], [0, undefined])
      yield* heal
      yield* TestClock.adjust(20)
      yield* Fiber.join(attempt)
      assert.strictEqual(accepted.length, 1)
    }).pipe(Effect.provide(layer({ latency: 10 })))
  )

  it.effect("an attempt times out after `retransmitTimeout`", () =>
    Effect.gen(function* () {
      yield* MemoryNetwork.runOn(listening(), "server")
      yield* cut
      const attempt = yield* Effect.forkChild(reason(MemoryNetwork.runOn(dial(), "client")))
      yield* TestClock.adjust(10_000)
      assert.strictEqual(attempt.pollUnsafe(), undefined)
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* Fiber.join(attempt), "TimedOut")
      assert.strictEqual(yield* MemoryNetwork.descriptors, 1)
    }).pipe(Effect.provide(layer({ latency: 10, retransmitTimeout: "10 seconds" })))
  )

  it.effect("bytes and FIN of both directions wait, and come whole when it is open again", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      yield* cut
      client.connection.write([bytes(500)])
      server.connection.write([bytes(300)])
      yield* settle
      client.connection.end()
      yield* settle
      assert.deepStrictEqual([client.received.length, server.received.length], [0, 0])
      yield* heal
      yield* settle
      assert.deepStrictEqual([client.received, server.received], [bytes(300), bytes(500)].map(Buffer.from))
      assert.deepStrictEqual([client.log, server.log], [[], ["end"]])
    }).pipe(Effect.provide(layer({ maxChunk: 50 })))
  )

  it.effect("it takes no more bytes than both kernels have room for", () =>
    Effect.gen(function* () {
      const { client } = yield* pair
      yield* cut
      client.connection.write([bytes(100)])
      yield* settle
      client.connection.write([bytes(1)])
      yield* settle
      assert.strictEqual(client.written_, 1)
      yield* heal
      yield* settle
      assert.strictEqual(client.written_, 2)
    }).pipe(Effect.provide(layer({ sendBuffer: 100 })))
  )

  it.effect("a sender gives up after `retransmitTimeout`; a receiver is never told", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      yield* cut
      client.connection.write([bytes(1)])
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual([client.log, server.log], [["closed TimedOut"], []])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a reset is lost: the peer hears of it when it sends next", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      yield* cut
      client.connection.reset()
      yield* settle
      yield* heal
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(server.log, [])
      server.connection.write([bytes(1)])
      yield* settle
      assert.deepStrictEqual(server.log, ["closed ConnectionReset"])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("one address of a host can be cut alone, and `open` takes the other", () =>
    Effect.gen(function* () {
      const { accepted } = yield* MemoryNetwork.runOn(
        Effect.all({
          v6: listening(NetAddress.inetAddressFromStringUnsafe("[2001:db8::2]:80")),
          v4: listening(port80)
        }),
        "server"
      ).pipe(Effect.map(({ v4 }) => v4))
      yield* MemoryNetwork.partition("client", "2001:db8::2")
      const stream = yield* MemoryNetwork.runOn(SocketStream.open("server", 80), "client")
      assert.strictEqual(NetAddress.formatSocketAddress(stream.remoteAddress), "10.0.0.2:80")
      assert.strictEqual(accepted.length, 1)
    }).pipe(Effect.scoped, Effect.provide(layer({ latency: 10 })), Simulation.simulate)
  )

  it.effect("a host that vanished is silent on every way, until it is healed", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      yield* MemoryNetwork.vanish("server")
      client.connection.write([bytes(3)])
      server.connection.write([bytes(3)])
      yield* settle
      assert.deepStrictEqual([client.received.length, server.received.length], [0, 0])
      yield* heal
      yield* settle
      assert.strictEqual(client.received.length, 0)
      yield* MemoryNetwork.heal("server")
      yield* settle
      assert.deepStrictEqual([client.received.length, server.received.length], [3, 3])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("`heal` without a place opens all", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      yield* cut
      yield* MemoryNetwork.vanish("client")
      client.connection.write([bytes(3)])
      yield* MemoryNetwork.heal()
      yield* settle
      assert.strictEqual(server.received.length, 3)
    }).pipe(Effect.provide(layer()))
  )
})

describe("faults", () => {
  it.effect("`reset` breaks both ends of every connection between two hosts", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      yield* MemoryNetwork.reset("server", "client")
      yield* settle
      assert.deepStrictEqual([client.log, server.log], [["closed ConnectionReset"], ["closed ConnectionReset"]])
      assert.strictEqual(yield* MemoryNetwork.descriptors, 1)
    }).pipe(Effect.provide(layer()))
  )

  const message = bytes(40)

  /** Both ends write the message and end; the fault strikes after so many bytes in one direction. */
  const exchange = (_tag: "Reset" | "Vanish", toward: "client" | "server", after: number) =>
    Effect.gen(function* () {
      const ends = yield* pair
      for (const { connection } of [ends.client, ends.server]) connection.write([message])
      yield* TestClock.adjust(100)
      // As it is now: when the network is released, what is still open ends too.
      const [struck, other] = [ends[toward], ends[toward === "client" ? "server" : "client"]].map((probe) => ({
        received: probe.received,
        log: [...probe.log]
      }))
      return { struck, other }
    }).pipe(Effect.scoped, Effect.provide(layer({ maxChunk: 7, seed: after, faults: () => ({ _tag, toward, after }) })))

  for (const toward of ["client", "server"] as const) {
    it.effect(`a reset strikes towards the ${toward} after any byte, and both ends see an error`, () =>
      Effect.gen(function* () {
        for (let after = 0; after <= message.length; after++) {
          const { struck, other } = yield* exchange("Reset", toward, after)
          assert.deepStrictEqual(struck.received, Buffer.from(message.subarray(0, after)))
          assert.deepStrictEqual(other.received, Buffer.from(message.subarray(0, other.received.length)))
          assert.deepStrictEqual([struck.log, other.log], [["closed ConnectionReset"], ["closed ConnectionReset"]])
        }
      })
    )

    it.effect(`a vanishing strikes towards the ${toward} after any byte, and neither end is told`, () =>
      Effect.gen(function* () {
        for (let after = 0; after <= message.length; after++) {
          const { struck, other } = yield* exchange("Vanish", toward, after)
          assert.deepStrictEqual(struck.received, Buffer.from(message.subarray(0, after)))
          assert.deepStrictEqual([struck.log, other.log], [[], []])
        }
      })
    )
  }

  it.effect("an attempt is refused though somebody listens", () =>
    Effect.gen(function* () {
      yield* MemoryNetwork.runOn(listening(), "server")
      const refused = reason(MemoryNetwork.runOn(dial(), "client"))
      yield* MemoryNetwork.runOn(dial(), "client")
      assert.strictEqual(yield* refused, "ConnectionRefused")
      yield* MemoryNetwork.runOn(dial(), "client")
    }).pipe(Effect.provide(layer({ faults: ({ connection }) => (connection === 2 ? { _tag: "Refuse" } : undefined) })))
  )

  it.effect("rates are the parts of all connections that have each fault, spread over all bytes", () =>
    Effect.gen(function* () {
      yield* MemoryNetwork.runOn(listening(port80), "server")
      const connections = 600
      let refused = 0
      for (let i = 0; i < connections; i++) {
        const client = yield* Effect.option(MemoryNetwork.runOn(dial(), "client"))
        if (Option.isNone(client)) refused++
        else {
          client.value.connection.write([bytes(9)])
          yield* settle
        }
      }
      const kinds = (yield* MemoryNetwork.trace).map(({ kind }) => kind as string)
      const count = (kind: string) => kinds.filter((other) => other === kind).length
      assert.closeTo(refused, connections * 0.2, 30)
      // Only half of them strike towards the server, and only it gets bytes.
      assert.closeTo(count("reset by fault"), connections * 0.15, 30)
      assert.closeTo(count("vanished by fault"), connections * 0.1, 30)
    }).pipe(Effect.provide(layer({ faults: { refuse: 0.2, reset: 0.3, vanish: 0.2, within: 9 } })))
  )
})
