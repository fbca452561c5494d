import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import * as Conformance from "../../src/testing/Conformance.ts"
import { broken, layer, Wrapped } from "../utils/brokenNetwork.ts"
import * as Simulation from "../../src/testing/Simulation.ts"

const cases = Conformance.cases(
  Conformance.overNetwork({
    address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0"),
    openHandles: MemoryNetwork.descriptors,
    maxBufferedBytes: 128 * 1024
  })
)

/** The case on a network of this kind, in simulated time: nothing, or what is wrong. */
const outcome = ({ run }: (typeof cases)[number], Kind: typeof Wrapped) => {
  const memory = MemoryNetwork.layer({ latency: 1 })
  const network = Layer.provideMerge(
    layer((connection) => new Kind(connection)),
    memory
  )
  return run.pipe(
    Effect.flip,
    Effect.option,
    Effect.provide(Layer.merge(network, Layer.orDie(Resolver.layerStatic({})))),
    Simulation.simulate
  )
}

describe("the suite", () => {
  it("has a name for every case, and no name twice", () => {
    assert.strictEqual(new Set(cases.map(({ name }) => name)).size, cases.length)
  })

  it.live("finds nothing wrong with a network that is only wrapped", () =>
    Effect.forEach(cases, (each) =>
      Effect.map(outcome(each, Wrapped), (failure) => assert.isTrue(failure._tag === "None", String(failure)))
    )
  )

  for (const [Kind, names] of broken) {
    it.live(`notices a network that ${Kind.name.replaceAll(/(?!^)([A-Z])/g, " $1").toLowerCase()}`, () =>
      Effect.gen(function* () {
        const blind: Array<string> = []
        for (const name of names) {
          const [found] = cases.filter((each) => each.name.startsWith(name))
          const failure = yield* outcome(found, Kind)
          if (failure._tag === "None") blind.push(name)
          else assert.strictEqual(failure.value.name, found.name)
        }
        assert.deepStrictEqual(blind, [])
      })
    )
  }
})
