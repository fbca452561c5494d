/**
 * A small reliable transfer over datagrams, on a network that loses, doubles and overtakes: for every seed the whole text
 * arrives, once and in order. `SIMULATION_SEED=17` replays one.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Datagram from "../../src/Datagram.ts"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import { bytes, hosts } from "../utils/memory.ts"
import { patience, seedsOf } from "../../../../test/utils/rounds.ts"
import { blockSize, receiveAll, sendAll } from "../utils/stopAndWait.ts"

const port69 = NetAddress.inetAddressFromStringUnsafe("10.0.0.2:69")

const transfer = (seed: number) =>
  Effect.gen(function* () {
    const text = bytes((seed * 37) % 1500)
    const server = yield* Effect.forkChild(
      Effect.flatMap(Datagram.bind(port69), receiveAll).pipe(Effect.scoped, MemoryNetwork.runOn("server"))
    )
    const cut = Effect.gen(function* () {
      yield* Effect.sleep((seed * 13) % 1000)
      yield* MemoryNetwork.partition("client", "server")
      yield* Effect.sleep((seed * 29) % 3000)
      yield* MemoryNetwork.heal("client", "server")
    })
    yield* Effect.forkChild(cut)
    // Nobody may listen yet.
    yield* Effect.sleep(1)
    yield* Effect.flatMap(Datagram.connect(port69), (socket) => sendAll(socket, text)).pipe(
      Effect.scoped,
      MemoryNetwork.runOn("client")
    )
    assert.deepStrictEqual(yield* Fiber.join(server), Buffer.from(text))
    yield* Effect.sleep("1 minute")
    assert.strictEqual(yield* MemoryNetwork.descriptors, 0)
    return MemoryNetwork.format(yield* MemoryNetwork.trace)
  }).pipe(
    Effect.provide(
      MemoryNetwork.layer({
        hosts,
        seed,
        latency: "10 millis",
        jitter: (seed * 7) % 300,
        loss: (seed % 5) / 10,
        duplication: (seed % 4) / 10,
        mtu: blockSize + 4
      })
    ),
    Simulation.simulate
  )

const seeds = seedsOf(200)

describe(`stop-and-wait over a bad network, for ${seeds.length} seeds`, () => {
  it.live(
    "the whole text arrives, once and in order",
    () =>
      Effect.forEach(seeds, (seed) => Effect.mapError(transfer(seed), (error) => `seed ${seed}: ${String(error)}`), {
        discard: true
      }),
    patience(seeds)
  )

  it.live("a seed replays: the same trace each time, with datagrams lost, doubled and overtaken", () =>
    Effect.gen(function* () {
      const trace = yield* transfer(19)
      assert.strictEqual(yield* transfer(19), trace)
      assert.include(trace, "lost datagram")
      const count = (kind: string) => trace.split(kind).length - 1
      assert.isAbove(count("got datagram") + count("lost datagram"), count("sent datagram"), "doubled")
    })
  )
})

describe("the memory network", () => {
  const question = (options: MemoryNetwork.Options, count: number) =>
    Effect.gen(function* () {
      const server = yield* MemoryNetwork.runOn(Datagram.bind(port69), "server")
      const client = yield* MemoryNetwork.runOn(Datagram.connect(port69), "client")
      for (let i = 0; i < count; i++) yield* Datagram.send(client, String(i))
      yield* Effect.sleep("10 seconds")
      const got: Array<number> = []
      for (;;) {
        const next = yield* Effect.timeoutOption(Datagram.receive(server), 0)
        if (next._tag === "None") return got
        got.push(Number(new TextDecoder().decode(next.value.payload)))
      }
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer({ hosts, latency: 5, ...options })), Simulation.simulate)

  it.live("loses the part that it was told", () =>
    Effect.map(question({ loss: 0.3 }, 1000), (got) => assert.closeTo(got.length, 700, 60))
  )

  it.live("doubles the part that it was told", () =>
    Effect.map(question({ duplication: 0.2 }, 800), (got) => assert.closeTo(got.length, 960, 60))
  )

  it.live("lets datagrams overtake each other by its jitter, and loses none", () =>
    Effect.gen(function* () {
      const got = yield* question({ jitter: 100 }, 500)
      const inOrder = Array.from({ length: 500 }, (_, i) => i)
      assert.notDeepEqual(got, inOrder)
      assert.deepStrictEqual(
        got.toSorted((a, b) => a - b),
        inOrder
      )
      assert.deepStrictEqual(yield* question({}, 500), inOrder)
    })
  )

  it.live("loses what meets a way that is cut, on the way as well, and passes what comes after", () =>
    Effect.gen(function* () {
      const server = yield* MemoryNetwork.runOn(Datagram.bind(port69), "server")
      const client = yield* MemoryNetwork.runOn(Datagram.connect(port69), "client")
      yield* Datagram.send(client, "under way")
      yield* MemoryNetwork.partition("client", "server")
      yield* Datagram.send(client, "into the cut")
      yield* Effect.sleep(20)
      yield* MemoryNetwork.heal()
      yield* Datagram.send(client, "after it")
      assert.deepStrictEqual((yield* Datagram.receive(server)).payload, new TextEncoder().encode("after it"))
      assert.strictEqual(yield* MemoryNetwork.descriptors, 2)
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer({ hosts, latency: 5 })), Simulation.simulate)
  )

  it.live("fails a datagram beyond the MTU of its way, and no other", () =>
    Effect.gen(function* () {
      const client = yield* MemoryNetwork.runOn(Datagram.connect(port69), "client")
      yield* Datagram.send(client, new Uint8Array(1472))
      const error = yield* Effect.flip(Datagram.send(client, new Uint8Array(1473)))
      assert.strictEqual(error.message, "write 10.0.0.2:69: message too long")
    }).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer({ hosts, latency: 5, mtu: 1472 })), Simulation.simulate)
  )

  it.live("gives up with `Closed` whoever waits when it is released", () =>
    Effect.gen(function* () {
      const address = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:69")
      const waiting = yield* Effect.scoped(
        Effect.gen(function* () {
          const socket = yield* Datagram.bind(address)
          return yield* Effect.forkDetach(Effect.flip(Datagram.receive(socket)), { startImmediately: true })
        })
      ).pipe(Effect.provide(MemoryNetwork.layer()))
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "Closed")
    })
  )
})
