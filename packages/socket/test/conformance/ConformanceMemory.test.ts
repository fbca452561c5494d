import * as Resolver from "@effect-sockets/resolver/Resolver"
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import * as Conformance from "../../src/testing/Conformance.ts"
import * as Simulation from "../../src/testing/Simulation.ts"

const cases = Conformance.cases(
  Conformance.overNetwork({
    address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0"),
    openHandles: MemoryNetwork.descriptors,
    maxBufferedBytes: 128 * 1024
  })
)

const over = (options: MemoryNetwork.Options) =>
  Effect.provide(Layer.merge(MemoryNetwork.layer(options), Layer.orDie(Resolver.layerStatic({}))))

describe("over the memory network, in real time", () => {
  for (const { name, run } of cases) it.live(name, () => run.pipe(over({})), 40_000)
})

for (const [shape, options] of [
  ["latency, jitter and pieces of any size", { latency: 3, jitter: 4, maxChunk: 5000, seed: 1 }],
  ["windows of 2999 bytes", { latency: 1, sendBuffer: 2999, receiveBuffer: 2999, seed: 2 }]
] as const) {
  describe(`over the memory network with ${shape}, in simulated time`, () => {
    for (const { name, run } of cases) it.live(name, () => run.pipe(over(options), Simulation.simulate), 40_000)
  })
}
