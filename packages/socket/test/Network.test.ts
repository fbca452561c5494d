import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import type { Connection } from "../src/Connection.ts"
import * as MemoryNetwork from "../src/MemoryNetwork.ts"
import * as Network from "../src/Network.ts"
import * as NodeNetwork from "../src/NodeNetwork.ts"
import { FakeConnection } from "./utils/fakeConnection.ts"
import { leavesNothing } from "./utils/leaks.ts"
import { Probe } from "./utils/memory.ts"
import { until } from "./utils/plain.ts"

const loopback = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 0)

/** Writes down what an attempt reports. */
const recorder = (receive: (connection: Connection) => void = (connection) => void new Probe(connection)) => {
  const heard: Array<string> = []
  const events: Network.DialEvents = {
    connected: (connection) => {
      heard.push("connected")
      receive(connection)
    },
    failed: (error) => void heard.push(error.message),
    defect: (cause) => void heard.push(String(cause))
  }
  return [events, heard] as const
}

/** A port that keeps what comes. */
const listening = Effect.gen(function* () {
  const network = yield* Network.Network
  const accepted: Array<Probe> = []
  const listener = yield* network.listen(loopback, {
    connection: (connection) => void accepted.push(new Probe(connection)),
    error: () => {}
  })
  return { accepted, address: listener.address, network }
})

const networks: ReadonlyArray<readonly [string, Layer.Layer<Network.Network>]> = [
  ["of this machine", NodeNetwork.layer],
  ["in memory", Layer.fresh(MemoryNetwork.layer())]
]

for (const [name, layer] of networks) {
  const dialling = (claim: string, test: Effect.Effect<void, unknown, Network.Network | Scope.Scope>) =>
    it.live(claim, () => leavesNothing(test.pipe(Effect.scoped, Effect.provide(layer))))

  describe(`an attempt on the network ${name}, in no fiber`, () => {
    dialling(
      "hands over its connection, and is no longer given up by its result then",
      Effect.gen(function* () {
        const { accepted, address, network } = yield* listening
        let connection: Connection | undefined
        const [events, heard] = recorder((opened) => {
          connection = new Probe(opened).connection
        })
        const cancel = network.dial(address, {}, events)
        yield* until(() => accepted.length === 1 && heard.length === 1)
        cancel()
        connection?.write([new Uint8Array(3)])
        yield* until(() => accepted[0].received.length === 3)
        connection?.reset()
        yield* until(() => accepted[0].log.length === 1)
        assert.deepStrictEqual(heard, ["connected"])
        assert.deepStrictEqual(accepted[0].log, ["closed ConnectionReset"])
      })
    )

    dialling(
      "tells why there is no connection",
      Effect.gen(function* () {
        const { address, network } = yield* Effect.scoped(listening)
        const [events, heard] = recorder()
        network.dial(address, {}, events)
        yield* until(() => heard.length === 1)
        assert.deepStrictEqual(heard, [`connect ${NetAddress.formatSocketAddress(address)}: connection refused`])
      })
    )

    dialling(
      "reports nothing once it is given up, twice",
      Effect.gen(function* () {
        const { accepted, address, network } = yield* listening
        const [events, heard] = recorder()
        const cancel = network.dial(address, {}, events)
        cancel()
        cancel()
        yield* Effect.sleep(30)
        assert.deepStrictEqual(heard, [])
        for (const { log } of accepted) yield* until(() => log.some((event) => event.startsWith("closed")))
      })
    )

    dialling(
      "resets a connection whose receiver throws, and tells it of that",
      Effect.gen(function* () {
        const { accepted, address, network } = yield* listening
        const [events, heard] = recorder(() => {
          throw new Error("slip")
        })
        network.dial(address, {}, events)
        yield* until(() => heard.length === 2 && accepted.length === 1)
        yield* until(() => accepted[0].log.length === 1)
        assert.deepStrictEqual(heard, ["connected", "Error: slip"])
        assert.deepStrictEqual(accepted[0].log, ["closed ConnectionReset"])
        const exit = yield* Effect.exit(network.connect(address))
        if (exit._tag === "Success") exit.value.reset()
        assert.strictEqual(exit._tag, "Success")
      })
    )
  })
}

describe("an attempt that is an effect", () => {
  const address = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 7)

  it.live("reports as any other, and a defect as one", () =>
    Effect.gen(function* () {
      const [events, heard] = recorder()
      const context = Context.empty()
      Network.dialBy(() => Effect.sync(() => new FakeConnection()), context)(address, {}, events)
      Network.dialBy(() => Effect.die("slip"), context)(address, {}, events)
      yield* until(() => heard.length === 2)
      assert.deepStrictEqual(heard, ["connected", "slip"])
    })
  )

  it.live("is interrupted when it is given up", () =>
    Effect.gen(function* () {
      const [events, heard] = recorder()
      let isInterrupted = false
      const attempt = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (isInterrupted = true)))
      const cancel = Network.dialBy(() => attempt, Context.empty())(address, {}, events)
      yield* Effect.sleep(1)
      cancel()
      yield* until(() => isInterrupted)
      assert.deepStrictEqual(heard, [])
    })
  )
})
