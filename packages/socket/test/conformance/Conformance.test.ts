/** The contract, over every transport: one table of factories. */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import type { Network } from "../../src/Network.ts"
import * as Conformance from "../../src/testing/Conformance.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import { broken, layer as wrapping, Wrapped } from "../utils/brokenNetwork.ts"
import { authority, server } from "../utils/certificates.ts"
import { openSockets } from "../utils/leaks.ts"
import { layer as live } from "../utils/live.ts"

const anyPort = NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0")

const overMemory = Conformance.cases(
  Conformance.overNetwork({
    address: anyPort,
    openHandles: MemoryNetwork.descriptors,
    maxBufferedBytes: 128 * 1024
  })
)

type MemoryCase = (typeof overMemory)[number]

const names = Layer.orDie(Resolver.layerStatic({}))

const inMemory =
  (options: MemoryNetwork.Options) =>
  ({ run }: MemoryCase) =>
    Effect.provide(run, Layer.merge(MemoryNetwork.layer(options), names))

const simulated = (options: MemoryNetwork.Options) => (each: MemoryCase) => Simulation.simulate(inMemory(options)(each))

let paths = 0

const overTcp = (options: Omit<Conformance.OverNetwork<Network | Resolver.Resolver>, "openHandles">) =>
  Conformance.cases(Conformance.overNetwork({ ...options, openHandles: Effect.sync(openSockets) })).map(
    ({ name, run }) => ({ name, run: Effect.provide(run, live) })
  )

const onMemory = (run: (each: MemoryCase) => Effect.Effect<void, unknown>) =>
  overMemory.map((each) => ({ name: each.name, run: run(each) }))

/** Every transport, with the cases of the suite as they run on it. */
const transports = {
  "TCP on IPv4": overTcp({ address: anyPort }),
  "TCP on IPv6": overTcp({ address: NetAddress.inetAddressFromStringUnsafe("[::1]:0") }),
  "Unix-domain sockets": overTcp({
    address: Effect.sync(() =>
      NetAddress.unixPathAddress(join(tmpdir(), `effect-sockets-${process.pid}-${paths++}.sock`))
    ),
    // A peer that cuts such a connection is seen as one that ended it.
    signalsReset: false
  }),
  TLS: overTcp({
    address: anyPort,
    listen: { tls: { identity: server } },
    open: { tls: { ca: authority, servername: "socket.test" } }
  }),
  "the memory network, in real time": onMemory(inMemory({})),
  "the memory network with latency, jitter and pieces of any size, in simulated time": onMemory(
    simulated({ latency: 3, jitter: 4, maxChunk: 5000, seed: 1 })
  ),
  "the memory network with windows of 2999 bytes, in simulated time": onMemory(
    simulated({ latency: 1, sendBuffer: 2999, receiveBuffer: 2999, seed: 2 })
  )
}

for (const [transport, cases] of Object.entries(transports)) {
  describe(`over ${transport}`, () => {
    for (const { name, run } of cases) it.live(name, () => run, 40_000)
  })
}

/** The case on a network of this kind, in simulated time: nothing, or what is wrong. */
const outcome = ({ run }: MemoryCase, Kind: typeof Wrapped) =>
  run.pipe(
    Effect.flip,
    Effect.option,
    Effect.provide(
      Layer.merge(
        Layer.provideMerge(
          wrapping((connection) => new Kind(connection)),
          MemoryNetwork.layer({ latency: 1 })
        ),
        names
      )
    ),
    Simulation.simulate
  )

describe("the suite", () => {
  it("has a name for every case, and no name twice", () => {
    assert.strictEqual(new Set(overMemory.map(({ name }) => name)).size, overMemory.length)
  })

  it.live("finds nothing wrong with a network that is only wrapped", () =>
    Effect.forEach(overMemory, (each) =>
      Effect.map(outcome(each, Wrapped), (failure) => assert.isTrue(failure._tag === "None", String(failure)))
    )
  )

  for (const [Kind, names] of broken) {
    it.live(`notices a network that ${Kind.name.replaceAll(/(?!^)([A-Z])/g, " $1").toLowerCase()}`, () =>
      Effect.gen(function* () {
        const blind: Array<string> = []
        for (const name of names) {
          const [found] = overMemory.filter((each) => each.name.startsWith(name))
          const failure = yield* outcome(found, Kind)
          if (failure._tag === "None") blind.push(name)
          else assert.strictEqual(failure.value.name, found.name)
        }
        assert.deepStrictEqual(blind, [])
      })
    )
  }

  it.effect(
    "reports what a hook of the factory throws, and an option that cannot be meant, as that case's failure",
    () =>
      Effect.gen(function* () {
        const fail = (): never => {
          throw new Error("on purpose")
        }
        for (const [factory, detail] of [
          [{ pair: fail }, "it threw: Error: on purpose"],
          [{ pair: fail, maxBufferedBytes: NaN }, "maxBufferedBytes is NaN, and must be an integer of at least 1"],
          [{ pair: fail, signalsReset: 1 as never }, "signalsReset is 1, and must be true or false"]
        ] as const) {
          const [first] = Conformance.cases(factory)
          assert.deepStrictEqual(
            { ...(yield* Effect.flip(first.run)) },
            { ...Conformance.ConformanceFailure.make({ name: first.name, detail }) }
          )
        }
      })
  )
})
