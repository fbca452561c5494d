import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import { dial, hosts, layer, listening, port80 } from "../utils/memory.ts"

const named = <A, R>(effect: Effect.Effect<A, NetworkError, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => (reason._tag === "InvalidOption" ? reason.option : reason._tag))

/** Gives each of these once. */
const once =
  <A>(...values: Array<A>) =>
  () =>
    values.shift()

/** Options that cannot be meant, each with the name that the failure gives. */
const wrong: ReadonlyArray<readonly [name: string, options: MemoryNetwork.Options]> = [
  ["latency", { latency: NaN }],
  ["latency", { latency: -1 }],
  ["latency", { latency: Infinity }],
  ["jitter", { jitter: -1 }],
  ["jitter", { jitter: "a while" as "1 second" }],
  ["bandwidth", { bandwidth: 0 }],
  ["bandwidth", { bandwidth: NaN }],
  ["sendBuffer", { sendBuffer: 0 }],
  ["sendBuffer", { sendBuffer: Infinity }],
  ["receiveBuffer", { receiveBuffer: 1.5 }],
  ["maxChunk", { maxChunk: 0 }],
  ["seed", { seed: NaN }],
  ["link", { link: {} as () => undefined }],
  ["faults", { faults: 1 as never }],
  ["faults.refuse", { faults: { refuse: NaN } }],
  ["faults.reset", { faults: { reset: 1.1 } }],
  ["faults.vanish", { faults: { vanish: -0.1 } }],
  ["faults.within", { faults: { within: NaN } }],
  ["faults", { faults: { refuse: 0.6, reset: 0.6 } }],
  ["acceptDelay", { acceptDelay: -1 }],
  ["retransmitTimeout", { retransmitTimeout: 0 }],
  ["capacity", { capacity: 0 }],
  ["traceLimit", { traceLimit: -1 }],
  ["hosts.server", { hosts: { server: ["10.0.0.256"] } }],
  ["hosts.server", { hosts: { server: "10.0.0.1" as never } }],
  ["hosts.server", { hosts: { server: null as never } }],
  ["hosts", { hosts: null as never }],
  ["options", null as never]
]

describe("options", () => {
  it.effect("that cannot be meant are a typed failure of the layer, by name", () =>
    Effect.gen(function* () {
      for (const [name, options] of wrong) {
        assert.strictEqual(yield* Effect.scoped(named(Layer.build(MemoryNetwork.layer(options)))), name)
      }
    })
  )

  it.effect("at their ends are taken", () =>
    Effect.scoped(
      Layer.build(
        MemoryNetwork.layer({
          bandwidth: Infinity,
          maxChunk: Infinity,
          retransmitTimeout: "Infinity",
          faults: { refuse: 0.7, reset: 0.2, vanish: 0.1, within: 0 },
          traceLimit: 0,
          capacity: 1,
          seed: "a text"
        })
      )
    )
  )

  it.effect("that `link` and `faults` give are looked at for each attempt, which alone fails", () =>
    Effect.gen(function* () {
      yield* MemoryNetwork.runOn(listening(), "server")
      const attempt = MemoryNetwork.runOn(dial(), "client")
      for (const name of ["link().latency", "link().sendBuffer", "faults().after", "faults().toward"]) {
        assert.strictEqual(yield* named(attempt), name)
      }
      yield* attempt
      assert.strictEqual(yield* MemoryNetwork.descriptors, 3)
    }).pipe(
      Effect.provide(
        layer({
          link: once<MemoryNetwork.LinkOptions>({ latency: NaN }, { sendBuffer: 0 }),
          faults: once<MemoryNetwork.Fault>(
            { _tag: "Reset", toward: "client", after: NaN },
            { _tag: "Vanish", toward: "nobody" as "client", after: 1 }
          )
        })
      )
    )
  )

  it.effect("of an attempt and of a port are looked at", () =>
    Effect.gen(function* () {
      for (const [name, options] of [
        ["localPort", { localPort: 0 }],
        ["localPort", { localPort: 65_536 }],
        ["keepAlive", { keepAlive: NaN }],
        ["noDelay", { noDelay: "yes" as never }]
      ] as const) {
        assert.strictEqual(yield* named(MemoryNetwork.runOn(dial(port80, options), "client")), name)
      }
      for (const [name, options] of [
        ["backlog", { backlog: 0 }],
        ["backlog", { backlog: NaN }],
        ["keepAlive", { keepAlive: -1 }],
        ["reusePort", { reusePort: 1 as never }],
        ["ipv6Only", { ipv6Only: "no" as never }]
      ] as const) {
        assert.strictEqual(yield* Effect.scoped(named(MemoryNetwork.runOn(listening(port80, options), "server"))), name)
      }
      assert.strictEqual(yield* MemoryNetwork.descriptors, 0)
    }).pipe(Effect.provide(layer()))
  )
})

describe("simulate", () => {
  it.live("takes no limit that cannot be meant, and an infinite one is none", () =>
    Effect.gen(function* () {
      for (const limit of [NaN, 0, -1]) {
        assert.strictEqual(yield* named(Simulation.simulate(Effect.void, { limit })), "limit")
      }
      assert.strictEqual(yield* Simulation.simulate(Effect.succeed(1), { limit: Infinity }), 1)
    })
  )
})

describe("layerConfig", () => {
  const environment = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

  /** How an attempt goes, and how long it takes in simulated time. */
  const outcome = (env: Record<string, string>, options: MemoryNetwork.Options = {}) =>
    Effect.timed(Effect.exit(MemoryNetwork.runOn(dial(), "client"))).pipe(
      Effect.map(([time, exit]) => `${exit._tag} after ${Duration.toMillis(time)}`),
      Effect.provide(Layer.provide(MemoryNetwork.layerConfig("NET", { hosts, ...options }), environment(env))),
      Simulation.simulate
    )

  it.live("takes what the network is like from the configuration, before its options", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* outcome({}), "Failure after 0")
      assert.strictEqual(yield* outcome({}, { latency: 5 }), "Failure after 10")
      assert.strictEqual(yield* outcome({ NET_LATENCY: "20 millis" }, { latency: 5 }), "Failure after 40")
      const refused = MemoryNetwork.runOn(dial(), "client").pipe(Effect.flip)
      const network = Layer.provide(
        MemoryNetwork.layerConfig("NET", { hosts, faults: () => undefined }),
        environment({ NET_FAULTS_REFUSE: "1" })
      )
      const error = yield* Effect.andThen(MemoryNetwork.runOn(listening(), "server"), refused).pipe(
        Effect.scoped,
        Effect.provide(network)
      )
      assert.strictEqual(error.reason._tag, "ConnectionRefused")
    })
  )

  it.live("draws the same from a seed of the configuration as from one of the program", () =>
    Effect.gen(function* () {
      const times = yield* Effect.all([
        outcome({ NET_SEED: "7" }, { latency: 5, jitter: 100 }),
        outcome({}, { seed: 7, latency: 5, jitter: 100 }),
        outcome({ NET_SEED: "8" }, { seed: 7, latency: 5, jitter: 100 })
      ])
      assert.strictEqual(times[0], times[1])
      assert.notStrictEqual(times[0], times[2])
    })
  )

  it.live("fails for what cannot be read or meant", () =>
    Effect.gen(function* () {
      const tagOf = (env: Record<string, string>, given?: MemoryNetwork.Options) =>
        Effect.scoped(Layer.build(Layer.provide(MemoryNetwork.layerConfig("NET", given), environment(env)))).pipe(
          Effect.flip,
          Effect.map((error) => (error._tag === "NetworkError" ? error.message : error._tag))
        )
      assert.strictEqual(yield* tagOf({ NET_LATENCY: "soon" }), "ConfigError")
      assert.strictEqual(
        yield* tagOf({ NET_LOSS: "2" }),
        "open memory network: loss is 2, and must be a number from 0 to 1"
      )
      assert.match(yield* tagOf({ NET_FAULTS_RESET: "-1" }), /faults\.reset is -1/)
      assert.match(yield* tagOf({ NET_MTU: "0" }), /mtu is 0/)
      assert.match(yield* tagOf({}, { faults: null as never }), /faults is null/)
      assert.match(yield* tagOf({}, null as never), /options is null, and must be an object/)
    })
  )
})
