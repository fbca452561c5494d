/**
 * A network inside the process, for tests: the contract of `Network` on Effect's Clock, with latency, small windows and
 * faults, all from one seed. Under `TestClock` the same seed and program give the same trace; on the real clock it runs
 * in real time.
 *
 * A host has the addresses it was given and a loopback of its own. Programs run on the host `localhost`, which has only
 * the loopback, unless `runOn` or `layerHost` places them elsewhere. Give the same record of hosts to
 * `Resolver.layerStatic` and their names work in `open`.
 *
 * Not simulated: `noDelay` and `keepAlive` change nothing, window updates and acknowledgements take no time and are never
 * lost, closed ports are free again at once.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import { deliver, guard } from "./internal/guard.ts"
import { Host } from "./internal/memory/Host.ts"
import { ClockTimers } from "./internal/ClockTimers.ts"
import { formatEvent, Trace, type TraceEvent, type TraceKind } from "./internal/memory/Trace.ts"
import type { Attempt, Draw, Fault } from "./internal/memory/Circuit.ts"
import { Topology } from "./internal/memory/Topology.ts"
import type { WireShape } from "./internal/memory/Wire.ts"
import { type Listener, make as makeNetwork, Network } from "./Network.ts"
import { type Operation, type Reason, NetworkError } from "./NetworkError.ts"

export type { Attempt, Fault, TraceEvent, TraceKind }

/** How a way between two hosts behaves, in each direction. */
export interface LinkOptions {
  /** How long a segment is under way. Default 0: it arrives in a later turn, with the clock standing still. */
  readonly latency?: Duration.Input | undefined
  /** Up to so much longer, drawn for each segment; none overtakes another. Default 0. */
  readonly jitter?: Duration.Input | undefined
  /** Bytes per second, above 0. Default: no limit. */
  readonly bandwidth?: number | undefined
  /** Bytes that the sender's kernel takes before they have arrived, at least 1. Default 64 KiB, as small as Linux's. */
  readonly sendBuffer?: number | undefined
  /** Bytes that the receiver's kernel keeps for a program that does not read, at least 1. Default 64 KiB. */
  readonly receiveBuffer?: number | undefined
  /** Bytes travel in pieces of 1 to so many, drawn for each. Default: as they were written, if the window allows. */
  readonly maxChunk?: number | undefined
}

/** How often faults strike, each from 0 to 1 and together at most 1: the part of all connections that has that fault. */
export interface FaultRates {
  /** Refused, whoever listens. */
  readonly refuse?: number | undefined
  /** Reset on the way, for both ends. */
  readonly reset?: number | undefined
  /** Silent from some byte on: nothing passes, and neither end is told. */
  readonly vanish?: number | undefined
  /** A reset or a vanishing comes after 0 to so many bytes of either direction. Default 4096. */
  readonly within?: number | undefined
}

/** What a memory network is like. */
export interface Options extends LinkOptions {
  /** Where chance begins: the same seed draws the same. Default 0. */
  readonly seed?: number | string | undefined
  /** Hosts by name, besides `localhost`, each with its addresses. */
  readonly hosts?: { readonly [name: string]: ReadonlyArray<NetAddress.IpAddressInput> } | undefined
  /** What is different from one address to another, in that direction. */
  readonly link?:
    | ((from: NetAddress.SocketAddress, to: NetAddress.SocketAddress) => LinkOptions | undefined)
    | undefined
  /** Faults by rate, or one by one: what happens to this attempt. Default: none. */
  readonly faults?: FaultRates | ((attempt: Attempt) => Fault | undefined) | undefined
  /** How long a connection waits in the listener's backlog before it is reported. Default 0. */
  readonly acceptDelay?: Duration.Input | undefined
  /**
   * How long a kernel sends again over a way that is cut, before the attempt or the connection fails with `TimedOut`.
   * Default 2 minutes, about Linux's for an attempt (it is more patient with a connection).
   */
  readonly retransmitTimeout?: Duration.Input | undefined
  /** `Network.capacity`. Default 10,000. */
  readonly capacity?: number | undefined
  /** How many of the latest events the trace keeps. Default 10,000: the end of a long test tells more than its beginning. */
  readonly traceLimit?: number | undefined
}

/** The controls of the memory network. The functions of this module use it. */
export class MemoryNetwork extends Context.Service<
  MemoryNetwork,
  {
    readonly host: (name: string) => Network["Service"]
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
const defaultBuffer = 64 * 1024
const defaultWithin = 4096

const millis = (input: Duration.Input | undefined, otherwise = 0): number =>
  input === undefined ? otherwise : Duration.toMillis(input)

const shapeOf = (options: LinkOptions): WireShape => ({
  latency: millis(options.latency),
  jitter: millis(options.jitter),
  bandwidth: options.bandwidth ?? Infinity,
  sendBuffer: options.sendBuffer ?? defaultBuffer,
  receiveBuffer: options.receiveBuffer ?? defaultBuffer,
  maxChunk: options.maxChunk ?? Infinity
})

const faultBy =
  ({ refuse = 0, reset = 0, vanish = 0, within = defaultWithin }: FaultRates) =>
  (_: Attempt, draw: Draw): Fault | undefined => {
    const chance = draw()
    if (chance < refuse) return { _tag: "Refuse" }
    if (chance >= refuse + reset + vanish) return undefined
    return {
      _tag: chance < refuse + reset ? "Reset" : "Vanish",
      toward: draw() < 0.5 ? "client" : "server",
      after: Math.floor(draw() * (within + 1))
    }
  }

const hostsOf = (options: Options): ReadonlyMap<string, Host> =>
  new Map(
    [[localhost, []] as const, ...Object.entries(options.hosts ?? {})].map(([name, addresses]) => [
      name,
      new Host(name, addresses.map(NetAddress.ipFromInputUnsafe))
    ])
  )

const errorAt = (operation: Operation, address: NetAddress.SocketAddress, reason: Reason): NetworkError =>
  NetworkError.make({ operation, address: NetAddress.formatSocketAddress(address), reason })

const make = Effect.fnUntraced(function* (options: Options) {
  const timers = new ClockTimers(yield* Effect.context(), yield* Clock.Clock)
  const hosts = hostsOf(options)
  const shape = shapeOf(options)
  const { faults, link } = options
  const topology = new Topology(
    hosts,
    {
      shape: (from, to) => (link === undefined ? shape : shapeOf({ ...options, ...link(from, to) })),
      fault: faults === undefined || typeof faults === "function" ? (faults ?? (() => undefined)) : faultBy(faults),
      acceptDelay: millis(options.acceptDelay),
      retransmitTimeout: millis(options.retransmitTimeout, 120_000)
    },
    timers,
    new Trace(options.traceLimit ?? 10_000)
  )
  yield* Effect.addFinalizer(() =>
    // Whoever still has a stream hears of the end before time stands still.
    Effect.sync(() => topology.close()).pipe(
      Effect.andThen(Effect.yieldNow),
      Effect.andThen(Effect.sync(() => timers.clear()))
    )
  )

  // A generator is 4 KiB, and most networks leave nothing to chance.
  const usesChance = [options.jitter, options.maxChunk, faults, link].some((option) => option !== undefined)
  /** Each connection has draws of its own: what happens on one does not change another's. */
  const draws = (number: number): Draw =>
    usesChance
      ? Effect.runSync(
          Random.Random.useSync((random) => () => random.nextDoubleUnsafe()).pipe(
            Random.withSeed(`${options.seed ?? 0}/${number}`)
          )
        )
      : () => 0

  const networkOf = (host: Host): Network["Service"] =>
    makeNetwork({
      capacity: options.capacity ?? 10_000,
      timers,
      dial: (address, connectOptions, events) => {
        const number = topology.nextAttempt()
        const client = topology.connect(host, address, connectOptions, number, draws(number), (outcome) => {
          if (Result.isSuccess(outcome)) deliver(outcome.success, events)
          else guard(() => events.failed(errorAt("connect", address, outcome.failure)), events.defect)
        })
        return () => {
          // Its owner's, once it is open.
          if (client?.opening !== undefined) client.reset()
        }
      },
      listen: (address, events, listenOptions = {}) =>
        Effect.acquireRelease(
          Effect.suspend(() => Effect.fromResult(topology.listen(host, address, events, listenOptions))).pipe(
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

  const networks = new Map([...hosts].map(([name, host]) => [name, networkOf(host)]))
  const networkAt = (name: string): Network["Service"] => {
    const network = networks.get(name)
    if (network === undefined) throw new Error(`MemoryNetwork: no host is named ${name}`)
    return network
  }

  const control = MemoryNetwork.of({
    host: networkAt,
    partition: (a, b) => Effect.sync(() => topology.partition(a, b)),
    heal: (a, b) => Effect.sync(() => topology.heal(a, b)),
    vanish: (place) => Effect.sync(() => topology.vanish(place)),
    reset: (a, b) => Effect.sync(() => topology.reset(a, b)),
    descriptors: Effect.sync(() => topology.descriptors),
    trace: Effect.sync(() => topology.events.latest())
  })
  return Context.make(MemoryNetwork, control).pipe(Context.add(Network, networkAt(localhost)))
})

/**
 * A network with nothing on it yet, and `Network` for programs on `localhost`. It takes the clock that is there when the
 * layer is built. When the layer is released, every connection on it breaks.
 *
 * Addresses in `hosts` that are none are a defect: they are the test's own mistake.
 *
 * @example
 * const network = MemoryNetwork.layer({ seed: 7, latency: "20 millis", maxChunk: 3, faults: { reset: 0.1 } })
 */
export const layer = (options: Options = {}): Layer.Layer<Network | MemoryNetwork> => Layer.effectContext(make(options))

/** `Network` for programs on a host. A name that is not among the network's `hosts` is a defect. */
export const layerHost = (name: string): Layer.Layer<Network, never, MemoryNetwork> =>
  Layer.effect(
    Network,
    MemoryNetwork.useSync((network) => network.host(name))
  )

/** Runs a program on a host. A name that is not among the network's `hosts` is a defect. */
export const runOn: {
  (host: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Network> | MemoryNetwork>
  <A, E, R>(self: Effect.Effect<A, E, R>, host: string): Effect.Effect<A, E, Exclude<R, Network> | MemoryNetwork>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, host: string): Effect.Effect<A, E, Exclude<R, Network> | MemoryNetwork> =>
    Effect.provideServiceEffect(
      self,
      Network,
      MemoryNetwork.useSync((network) => network.host(host))
    )
)

// Trouble ------------------------------------------------------------------------------------------------------------

/**
 * Cuts the way between two hosts, both ways. Each is a host's name, or one address as text. Nothing arrives, nobody is
 * told: attempts wait, bytes wait in the kernel and are sent again after `heal`; a reset is lost for good. After `retransmitTimeout`
 * the sender fails with `TimedOut`.
 */
export const partition = (a: string, b: string): Effect.Effect<void, never, MemoryNetwork> =>
  MemoryNetwork.use((network) => network.partition(a, b))

/**
 * A host, or one address, falls silent as in a loss of power: nothing from it or to it arrives, its own loopback
 * included. Its program goes on; interrupt it to let it die unheard.
 */
export const vanish = (place: string): Effect.Effect<void, never, MemoryNetwork> =>
  MemoryNetwork.use((network) => network.vanish(place))

/**
 * Opens a way again that `partition` cut; with one argument, gives back what `vanish` took; with none, everything. What
 * waited arrives after the latency. Bytes for a connection that has ended meanwhile are answered with a reset.
 */
export const heal = (a?: string, b?: string): Effect.Effect<void, never, MemoryNetwork> =>
  MemoryNetwork.use((network) => network.heal(a, b))

/** Breaks every connection between two hosts now: both ends see a reset. */
export const reset = (a: string, b: string): Effect.Effect<void, never, MemoryNetwork> =>
  MemoryNetwork.use((network) => network.reset(a, b))

// Looking ------------------------------------------------------------------------------------------------------------

/** Open ports and open ends of connections, on all hosts: what a test that leaks nothing ends with as it began. */
export const descriptors: Effect.Effect<number, never, MemoryNetwork> = MemoryNetwork.use(
  (network) => network.descriptors
)

/** What happened so far, oldest first. */
export const trace: Effect.Effect<ReadonlyArray<TraceEvent>, never, MemoryNetwork> = MemoryNetwork.use(
  (network) => network.trace
)

/** A trace as text, a line for each event: `    20.000 #1 10.0.0.1:49152 > 10.0.0.2:80 sent 5`. */
export const format = (events: Iterable<TraceEvent>): string => Array.from(events, formatEvent).join("\n")
