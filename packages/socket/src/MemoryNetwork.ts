/**
 * A network inside the process, for tests: the contract of `Network` on Effect's Clock, with latency, small windows and
 * faults, all from one seed. Under `TestClock` the same seed and program give the same trace; on the real clock it runs
 * in real time.
 *
 * A host has the addresses it was given and a loopback of its own. Programs run on the host `localhost`, which has only
 * the loopback, unless `runOn` or `layerHost` places them elsewhere. Give the same record of hosts to
 * `Resolver.layerStatic` and their names work in `open`.
 *
 * Datagrams are lost, doubled and overtaken as `loss`, `duplication` and `jitter` say; a way that is cut loses them.
 *
 * Not simulated: multicast and broadcast; `noDelay` and `keepAlive` change nothing, window updates and
 * acknowledgements take no time and are never lost, closed ports are free again at once.
 *
 * The file is long by its examples alone: without them it has fewer than 400 lines.
 */
// oxlint-disable max-lines -- see above
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { DatagramNetwork } from "./Datagram.ts"
import { ClockTimers } from "./internal/ClockTimers.ts"
import { deliver, guard, report } from "./internal/guard.ts"
import type { Attempt, Draw, Fault } from "./internal/memory/Circuit.ts"
import { Datagrams } from "./internal/memory/Datagrams.ts"
import type { Endpoint } from "./internal/memory/Endpoint.ts"
import { Host } from "./internal/memory/Host.ts"
import { config } from "./internal/memory/NatureConfig.ts"
import {
  addressesOf,
  type FaultRates,
  findInvalid,
  type LinkOptions,
  natureOf,
  type Options,
  usesChance
} from "./internal/memory/NatureOptions.ts"
import { Topology } from "./internal/memory/Topology.ts"
import { formatEvent, Trace, type TraceEvent, type TraceKind } from "./internal/memory/Trace.ts"
import { findConnect, findListen } from "./internal/NetworkChecks.ts"
import { type Listener, make as makeNetwork, Network } from "./Network.ts"
import * as NetworkError from "./NetworkError.ts"

export type { Attempt, Fault, FaultRates, LinkOptions, Options, TraceEvent, TraceKind }

/**
 * The controls of the memory network. The functions of this module use it.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * const program = MemoryNetwork.MemoryNetwork.use((network) => network.descriptors)
 * await Effect.runPromise(Effect.provide(program, MemoryNetwork.layer())) // => 0
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryNetwork extends Context.Service<
  MemoryNetwork,
  {
    readonly host: (name: string) => Network["Service"]
    readonly datagrams: (name: string) => DatagramNetwork["Service"]
    readonly partition: (a: string, b: string) => Effect.Effect<void>
    readonly heal: (a?: string, b?: string) => Effect.Effect<void>
    readonly vanish: (place: string) => Effect.Effect<void>
    readonly reset: (a: string, b: string) => Effect.Effect<void>
    readonly descriptors: Effect.Effect<number>
    readonly trace: Effect.Effect<ReadonlyArray<TraceEvent>>
  }
>()("@effect-sockets/socket/MemoryNetwork") {}

// Making one ---------------------------------------------------------------------------------------------------------

const localhost = "localhost"
const defaultCapacity = 10_000
const defaultTraceLimit = 10_000

const errorAt = NetworkError.make

/** A generator is 4 KiB, and most networks leave nothing to chance. */
const noChance: Draw = () => 0

/** Each connection has draws of its own: what happens on one does not change another's. */
const drawsOf = (options: Options): ((name: number | string) => Draw) =>
  usesChance(options)
    ? (name) =>
        Effect.runSync(
          Random.Random.useSync((random) => () => random.nextDoubleUnsafe()).pipe(
            Random.withSeed(`${options.seed ?? 0}/${name}`)
          )
        )
    : () => noChance

/** The network as programs on one host have it. */
const networkOf = (topology: Topology, host: Host, draws: (name: number) => Draw, capacity: number) =>
  makeNetwork({
    capacity,
    timers: topology.timers,
    dial: (address, connectOptions, events) => {
      const failed = (reason: NetworkError.Reason): void =>
        guard(
          () => events.failed(errorAt("connect", address, reason)),
          (cause) => events.defect(cause)
        )
      const invalid = findConnect(connectOptions)
      if (invalid !== undefined) {
        failed(invalid)
        return doNothing
      }
      const number = topology.nextAttempt()
      let client: Endpoint | undefined
      try {
        client = topology.connect(host, address, connectOptions, number, draws(number), (outcome) =>
          Result.isSuccess(outcome) ? deliver(outcome.success, events) : failed(outcome.failure)
        )
      } catch (cause) {
        // `link` or `faults`: it is the end of this attempt alone.
        report(cause, (cause) => events.defect(cause))
      }
      return () => {
        // Its owner's, once it is open.
        if (client?.opening !== undefined) client.reset()
      }
    },
    listen: (address, events, listenOptions = {}) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          const invalid = findListen(listenOptions)
          if (invalid !== undefined) return Effect.fail<NetworkError.Reason>(invalid)
          return Effect.fromResult(topology.listen(host, address, events, listenOptions))
        }).pipe(
          Effect.mapBoth({
            onFailure: (reason) => errorAt("listen", address, reason),
            onSuccess: (port): Listener => ({
              address: port.address,
              close: Effect.sync(() => topology.closePort(host, port))
            })
          })
        ),
        (listener) => listener.close
      )
  })

const doNothing = (): void => {}

const make = Effect.fnUntraced(function* (options: Options) {
  const invalid = findInvalid(options)
  if (invalid !== undefined) return yield* errorAt("open", "memory network", invalid)
  const timers = new ClockTimers(yield* Effect.context(), yield* Clock.Clock)
  const hosts = new Map(
    [[localhost, []] as const, ...addressesOf(options)].map(([name, addresses]) => [name, new Host(name, addresses)])
  )
  const topology = new Topology(hosts, natureOf(options), timers, new Trace(options.traceLimit ?? defaultTraceLimit))
  const draws = drawsOf(options)
  const datagrams = new Datagrams(topology, draws)
  yield* Effect.addFinalizer(() =>
    // Whoever still has a stream hears of the end before time stands still.
    Effect.sync(() => {
      topology.close()
      datagrams.close()
    }).pipe(Effect.andThen(Effect.yieldNow), Effect.andThen(Effect.sync(() => timers.clear())))
  )
  const capacity = options.capacity ?? defaultCapacity
  const networks = new Map([...hosts].map(([name, host]) => [name, networkOf(topology, host, draws, capacity)]))
  const at = <A>(network: A | undefined, name: string): A => {
    if (network === undefined) throw new Error(`MemoryNetwork: no host is named ${name}`)
    return network
  }
  const networkAt = (name: string): Network["Service"] => at(networks.get(name), name)
  const datagramsAt = (name: string): DatagramNetwork["Service"] => {
    const host = at(hosts.get(name), name)
    return DatagramNetwork.of({ socket: (request) => datagrams.socket(host, request) })
  }

  const control = MemoryNetwork.of({
    host: networkAt,
    datagrams: datagramsAt,
    partition: (a, b) => Effect.sync(() => topology.partition(a, b)),
    heal: (a, b) => Effect.sync(() => topology.heal(a, b)),
    vanish: (place) => Effect.sync(() => topology.vanish(place)),
    reset: (a, b) => Effect.sync(() => topology.reset(a, b)),
    descriptors: Effect.sync(() => topology.descriptors + datagrams.size),
    trace: Effect.sync(() => topology.events.latest())
  })
  return Context.make(MemoryNetwork, control).pipe(
    Context.add(Network, networkAt(localhost)),
    Context.add(DatagramNetwork, datagramsAt(localhost))
  )
})

/**
 * A network with nothing on it yet, and `Network` for programs on `localhost`. It takes the clock that is there when the
 * layer is built. When the layer is released, every connection on it breaks.
 *
 * **Errors**: `open` with `InvalidOption`. What the callbacks `link` and `faults` give is looked at for each attempt, which
 * fails with `InvalidOption`; what they throw is a defect of that attempt, and nobody else's.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import * as Simulation from "@effect-sockets/socket/testing/Simulation"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const call = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")))
 * const why = Effect.map(Effect.flip(MemoryNetwork.runOn(call, "phone")), ({ reason }) => reason._tag)
 * const network = MemoryNetwork.layer({ hosts, latency: "25 millis", seed: 7 })
 * await Effect.runPromise(Simulation.simulate(Effect.provide(why, network))) // => "ConnectionRefused"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: {
  (): Layer.Layer<Network | DatagramNetwork | MemoryNetwork>
  (options: Options): Layer.Layer<Network | DatagramNetwork | MemoryNetwork, NetworkError.NetworkError>
} = (options: Options = {}): Layer.Layer<Network | DatagramNetwork | MemoryNetwork> =>
  // Without options there are none that cannot be meant.
  Layer.effectContext(make(options)) as Layer.Layer<Network | DatagramNetwork | MemoryNetwork>

/**
 * As `layer`, with what it is like read from effect's `Config`, from the environment unless the program has another
 * provider: a test suite can be run again on a worse network, or with another seed. What is configured goes before
 * `options`, which have the hosts. With the name `"NETWORK"`:
 *
 * | name | |
 * |---|---|
 * | `NETWORK_SEED` | a text or a number |
 * | `NETWORK_LATENCY`, `NETWORK_JITTER`, `NETWORK_ACCEPT_DELAY`, `NETWORK_RETRANSMIT_TIMEOUT` | durations: `25 millis` |
 * | `NETWORK_BANDWIDTH`, `NETWORK_SEND_BUFFER`, `NETWORK_RECEIVE_BUFFER`, `NETWORK_MAX_CHUNK`, `NETWORK_MTU` | bytes |
 * | `NETWORK_LOSS`, `NETWORK_DUPLICATION` | from 0 to 1 |
 * | `NETWORK_FAULTS_REFUSE`, `NETWORK_FAULTS_RESET`, `NETWORK_FAULTS_VANISH`, `NETWORK_FAULTS_WITHIN` | as `FaultRates`; they go before `faults` as a function, too |
 *
 * **Errors** as `layer`; `ConfigError` for a value that cannot be read.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { NETWORK_SEED: "7", NETWORK_FAULTS_REFUSE: "1" } }))
 * const network = Layer.provide(MemoryNetwork.layerConfig("NETWORK", { latency: "1 millis" }), env)
 * const open = Effect.flip(SocketStream.open("127.0.0.1", 80))
 * const program = Effect.scoped(Effect.provide(open, [network, Resolver.layerStatic({})]))
 * const error = await Effect.runPromise(program)
 * error.message // => "open 127.0.0.1:80: connection refused"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  name: string,
  options: Options = {}
): Layer.Layer<Network | DatagramNetwork | MemoryNetwork, NetworkError.NetworkError | Config.ConfigError> =>
  Predicate.isObject(options)
    ? Layer.unwrap(Effect.map(Config.nested(config(options), name), (configured) => layer(configured)))
    : layer(options)

/**
 * `Network` for programs on a host. A name that is not among the network's `hosts` is a defect.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import { Effect } from "effect"
 * import { Layer } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const call = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")))
 * const phone = Layer.provide(MemoryNetwork.layerHost("phone"), MemoryNetwork.layer({ hosts }))
 * const error = await Effect.runPromise(Effect.flip(Effect.provide(call, phone)))
 * error.message // => "connect 10.0.0.2:80: connection refused"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHost = (name: string): Layer.Layer<Network | DatagramNetwork, never, MemoryNetwork> =>
  Layer.effectContext(
    MemoryNetwork.useSync((network) =>
      Context.make(Network, network.host(name)).pipe(Context.add(DatagramNetwork, network.datagrams(name)))
    )
  )

/**
 * Runs a program on a host. A name that is not among the network's `hosts` is a defect.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const call = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")))
 * const network = MemoryNetwork.layer({ hosts })
 * const error = await Effect.runPromise(call.pipe(MemoryNetwork.runOn("phone"), Effect.flip, Effect.provide(network)))
 * error.reason._tag // => "ConnectionRefused"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const runOn: {
  (
    host: string
  ): <A, E, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, Exclude<R, Network | DatagramNetwork> | MemoryNetwork>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    host: string
  ): Effect.Effect<A, E, Exclude<R, Network | DatagramNetwork> | MemoryNetwork>
} = dual(
  2,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    host: string
  ): Effect.Effect<A, E, Exclude<R, Network | DatagramNetwork> | MemoryNetwork> =>
    MemoryNetwork.use((network) =>
      Effect.provideContext(
        self,
        Context.make(Network, network.host(host)).pipe(Context.add(DatagramNetwork, network.datagrams(host)))
      )
    )
)

// Trouble ------------------------------------------------------------------------------------------------------------

/**
 * Cuts the way between two hosts, both ways. Each is a host's name, or one address as text. Nothing arrives, nobody is
 * told: attempts wait, bytes wait in the kernel and are sent again after `heal`; a reset is lost for good. After
 * `retransmitTimeout` the sender fails with `TimedOut`.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import * as Simulation from "@effect-sockets/socket/testing/Simulation"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const call = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")))
 * const why = Effect.map(Effect.flip(MemoryNetwork.runOn(call, "phone")), ({ reason }) => reason._tag)
 * const program = Effect.andThen(MemoryNetwork.partition("phone", "server"), why)
 * await Effect.runPromise(Simulation.simulate(Effect.provide(program, MemoryNetwork.layer({ hosts, retransmitTimeout: "20 seconds" })))) // => "TimedOut"
 * ```
 *
 * @category faults
 * @since 0.1.0
 */
export const partition = (a: string, b: string): Effect.Effect<void, never, MemoryNetwork> =>
  MemoryNetwork.use((network) => network.partition(a, b))

/**
 * A host, or one address, falls silent as in a loss of power: nothing from it or to it arrives, its own loopback
 * included. Its program goes on; interrupt it to let it die unheard.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import * as Simulation from "@effect-sockets/socket/testing/Simulation"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const call = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")))
 * const why = Effect.map(Effect.flip(MemoryNetwork.runOn(call, "phone")), ({ reason }) => reason._tag)
 * const program = Effect.andThen(MemoryNetwork.vanish("server"), why)
 * await Effect.runPromise(Simulation.simulate(Effect.provide(program, MemoryNetwork.layer({ hosts, retransmitTimeout: "20 seconds" })))) // => "TimedOut"
 * ```
 *
 * @category faults
 * @since 0.1.0
 */
export const vanish = (place: string): Effect.Effect<void, never, MemoryNetwork> =>
  MemoryNetwork.use((network) => network.vanish(place))

/**
 * Opens a way again that `partition` cut; with one argument, gives back what `vanish` took; with none, everything. What
 * waited arrives after the latency. Bytes for a connection that has ended meanwhile are answered with a reset.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import * as Simulation from "@effect-sockets/socket/testing/Simulation"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const call = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")))
 * const why = Effect.map(Effect.flip(MemoryNetwork.runOn(call, "phone")), ({ reason }) => reason._tag)
 * const program = Effect.andThen(MemoryNetwork.partition("phone", "server"), Effect.andThen(MemoryNetwork.heal(), why))
 * await Effect.runPromise(Effect.provide(program, MemoryNetwork.layer({ hosts }))) // => "ConnectionRefused"
 * ```
 *
 * @category faults
 * @since 0.1.0
 */
export const heal = (a?: string, b?: string): Effect.Effect<void, never, MemoryNetwork> =>
  MemoryNetwork.use((network) => network.heal(a, b))

/**
 * Breaks every connection between two hosts now: both ends see a reset.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const call = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")))
 * const port = Network.use((network) => network.listen(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80"), {
 *   connection: () => {},
 *   error: () => {}
 * })).pipe(MemoryNetwork.runOn("server"))
 * const both = Effect.all([port, MemoryNetwork.runOn(call, "phone")])
 * const program = Effect.scoped(both.pipe(Effect.andThen(MemoryNetwork.reset("phone", "server")), Effect.andThen(MemoryNetwork.descriptors)))
 * await Effect.runPromise(Effect.provide(program, MemoryNetwork.layer({ hosts }))) // => 1
 * ```
 *
 * @category faults
 * @since 0.1.0
 */
export const reset = (a: string, b: string): Effect.Effect<void, never, MemoryNetwork> =>
  MemoryNetwork.use((network) => network.reset(a, b))

// Looking ------------------------------------------------------------------------------------------------------------

/**
 * Open ports and open ends of connections, on all hosts: what a test that leaks nothing ends with as it began.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const port = Network.use((network) => network.listen(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80"), {
 *   connection: () => {},
 *   error: () => {}
 * })).pipe(MemoryNetwork.runOn("server"))
 * const program = Effect.all([Effect.scoped(Effect.andThen(port, MemoryNetwork.descriptors)), MemoryNetwork.descriptors])
 * await Effect.runPromise(Effect.provide(program, MemoryNetwork.layer({ hosts }))) // => [1, 0]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const descriptors: Effect.Effect<number, never, MemoryNetwork> = MemoryNetwork.use(
  (network) => network.descriptors
)

/**
 * What happened so far, oldest first.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * const program = Effect.andThen(MemoryNetwork.vanish("localhost"), MemoryNetwork.trace)
 * const [event] = await Effect.runPromise(Effect.provide(program, MemoryNetwork.layer()))
 * event.kind // => "vanish"
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const trace: Effect.Effect<ReadonlyArray<TraceEvent>, never, MemoryNetwork> = MemoryNetwork.use(
  (network) => network.trace
)

/**
 * A trace as text, a line for each event: `    20.000 #1 10.0.0.1:49152 > 10.0.0.2:80 sent 5`.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * const program = Effect.andThen(MemoryNetwork.heal(), Effect.map(MemoryNetwork.trace, MemoryNetwork.format))
 * const text = await Effect.runPromise(Effect.provide(program, MemoryNetwork.layer()))
 * text.trim().split(" ").slice(1) // => ["everything", "heal"]
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (events: Iterable<TraceEvent>): string => Array.from(events, formatEvent).join("\n")
