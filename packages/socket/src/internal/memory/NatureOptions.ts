/** What a memory network is told about itself, and what it makes of it. Pure. */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type * as Duration from "effect/Duration"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Attempt, Draw, Fault, Nature, Plan, Way } from "./Circuit.ts"

/**
 * How a way between two hosts behaves, in each direction.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Network } from "@effect-sockets/socket/Network"
 * import * as Simulation from "@effect-sockets/socket/testing/Simulation"
 * import { Duration, Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }
 * const call = Network.use((network) => network.connect(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")))
 * const why = Effect.map(Effect.flip(MemoryNetwork.runOn(call, "phone")), ({ reason }) => reason._tag)
 * const slow: MemoryNetwork.LinkOptions = { latency: "2 seconds" }
 * const program = Effect.map(Effect.timed(why), ([time]) => Duration.format(time))
 * await Effect.runPromise(Simulation.simulate(Effect.provide(program, MemoryNetwork.layer({ hosts, ...slow })))) // => "4s"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface LinkOptions {
  /** How long a segment is under way. Default 0: it arrives in a later turn, with the clock standing still. */
  readonly latency?: Duration.Input | undefined
  /** Up to so much longer, drawn for each segment; none overtakes another, but datagrams do. Default 0. */
  readonly jitter?: Duration.Input | undefined
  /** Bytes per second, above 0. Default: no limit. */
  readonly bandwidth?: number | undefined
  /** Bytes that the sender's kernel takes before they have arrived, at least 1. Default 64 KiB, as small as Linux's. */
  readonly sendBuffer?: number | undefined
  /** Bytes that the receiver's kernel keeps for a program that does not read, at least 1. Default 64 KiB. */
  readonly receiveBuffer?: number | undefined
  /** Bytes travel in pieces of 1 to so many, drawn for each. Default: as they were written, if the window allows. */
  readonly maxChunk?: number | undefined
  /** The part of all datagrams that is lost, from 0 to 1. Default 0. Connections mend their losses themselves. */
  readonly loss?: number | undefined
  /** The part of all datagrams, of those not lost, that arrives twice, from 0 to 1. Default 0. */
  readonly duplication?: number | undefined
  /** The longest datagram that passes, in bytes of its payload, at least 1: a longer one fails. Default 65,507, UDP's own. */
  readonly mtu?: number | undefined
}

/**
 * How often faults strike, each from 0 to 1 and together at most 1: the part of all connections that has that fault.
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
 * const faults: MemoryNetwork.FaultRates = { refuse: 0.5, reset: 0.2, within: 100 }
 * const program = why
 * await Effect.runPromise(Simulation.simulate(Effect.provide(program, MemoryNetwork.layer({ hosts, faults, seed: 7 })))) // => "ConnectionRefused"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
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

/**
 * What a memory network is like.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import { Effect } from "effect"
 * const options: MemoryNetwork.Options = { seed: "tuesday", latency: -20, maxChunk: 3 }
 * const layer = MemoryNetwork.layer(options)
 * const error = await Effect.runPromise(Effect.flip(Effect.provide(Effect.void, layer)))
 * error.message.split(":")[1].startsWith(" latency is -20, and must be") // => true
 * ```
 *
 * @category options
 * @since 0.1.0
 */
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

const { callback, duration, integer, integerOrInfinity, positiveDuration } = InvalidOption

const positive: InvalidOption.Check = (value) =>
  typeof value === "number" && value > 0 ? undefined : "a number above 0, or Infinity for no limit"

const rate: InvalidOption.Check = (value) =>
  typeof value === "number" && value >= 0 && value <= 1 ? undefined : "a number from 0 to 1"

const seed: InvalidOption.Check = (value) =>
  typeof value === "string" || Number.isFinite(value) ? undefined : "a finite number, or a text"

/** An infinite latency is a way on which nothing arrives: `partition` says that better. */
const finiteDuration: InvalidOption.Check = (value) =>
  duration(value) === undefined && InvalidOption.toMillis(value as Duration.Input) < Infinity
    ? undefined
    : "a finite duration that is not negative"

const linkChecks = {
  latency: finiteDuration,
  jitter: finiteDuration,
  bandwidth: positive,
  sendBuffer: integer(1),
  receiveBuffer: integer(1),
  maxChunk: integerOrInfinity(1),
  loss: rate,
  duplication: rate,
  mtu: integerOrInfinity(1)
} as const

const faultsCheck: InvalidOption.Check = (value) =>
  typeof value === "object" && value !== null ? undefined : callback(value)

const checks = {
  ...linkChecks,
  seed,
  link: callback,
  faults: faultsCheck,
  acceptDelay: finiteDuration,
  retransmitTimeout: positiveDuration,
  capacity: integer(1),
  traceLimit: integer(0)
} as const

const rateChecks = { refuse: rate, reset: rate, vanish: rate, within: integer(0) } as const

const findRates = (rates: FaultRates): InvalidOption.InvalidOption | undefined => {
  const { refuse = 0, reset = 0, vanish = 0 } = rates
  const sum = refuse + reset + vanish
  return (
    InvalidOption.find(rates, rateChecks, "faults.") ??
    // 0.7 + 0.2 + 0.1 is a little more than 1.
    (sum <= 1 + 1e-9
      ? undefined
      : { _tag: "InvalidOption", option: "faults", value: `${sum} together`, mustBe: "at most 1 together" })
  )
}

const isAddress = (input: NetAddress.IpAddressInput): boolean => {
  try {
    NetAddress.ipFromInputUnsafe(input)
    return true
  } catch {
    return false
  }
}

/** The first option that cannot be meant, or nothing. */
export const findInvalid = (options: Options): InvalidOption.InvalidOption | undefined => {
  const invalid = InvalidOption.find(options, checks)
  if (invalid !== undefined) return invalid
  const { faults, hosts = {} } = options
  const wrongRates = typeof faults === "object" ? findRates(faults) : undefined
  if (wrongRates !== undefined) return wrongRates
  const notHosts = InvalidOption.find(hosts, {}, "hosts.")
  if (notHosts !== undefined) return notHosts
  for (const [name, addresses] of Object.entries(hosts)) {
    const wrong: unknown = Array.isArray(addresses) ? addresses.find((address) => !isAddress(address)) : addresses
    if (wrong === undefined) continue
    return { _tag: "InvalidOption", option: `hosts.${name}`, value: String(wrong), mustBe: "addresses of IPv4 or IPv6" }
  }
  return undefined
}

const defaultBuffer = 64 * 1024
const defaultWithin = 4096
const defaultRetransmitTimeout = 120_000

const shapeOf = (options: LinkOptions): Way => ({
  latency: InvalidOption.toMillis(options.latency, 0),
  jitter: InvalidOption.toMillis(options.jitter, 0),
  bandwidth: options.bandwidth ?? Infinity,
  sendBuffer: options.sendBuffer ?? defaultBuffer,
  receiveBuffer: options.receiveBuffer ?? defaultBuffer,
  maxChunk: options.maxChunk ?? Infinity,
  loss: options.loss ?? 0,
  duplication: options.duplication ?? 0,
  mtu: options.mtu ?? Infinity
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

const findFault = (fault: Fault | undefined): InvalidOption.InvalidOption | undefined =>
  fault === undefined || fault._tag === "Refuse"
    ? undefined
    : InvalidOption.find(
        fault,
        { after: integerOrInfinity(0), toward: InvalidOption.oneOf("client", "server") },
        "faults()."
      )

/** Whether anything is left to chance. */
export const usesChance = ({ duplication, faults, jitter, link, loss, maxChunk }: Options): boolean =>
  [duplication, faults, jitter, link, loss, maxChunk].some((option) => option !== undefined)

/** The network's behaviour, from options that were looked at. What its callbacks give is looked at each time. */
export const natureOf = (options: Options): Nature => {
  const { faults, link } = options
  const shape = shapeOf(options)
  const faultOf = typeof faults === "function" ? faults : faults === undefined ? () => undefined : faultBy(faults)
  const shapeFor = (
    from: NetAddress.SocketAddress,
    to: NetAddress.SocketAddress
  ): Result.Result<Way, InvalidOption.InvalidOption> => {
    const own = link?.(from, to)
    if (own === undefined) return Result.succeed(shape)
    const invalid = InvalidOption.find(own, linkChecks, "link().")
    return invalid === undefined ? Result.succeed(shapeOf({ ...options, ...own })) : Result.fail(invalid)
  }
  return {
    acceptDelay: InvalidOption.toMillis(options.acceptDelay, 0),
    retransmitTimeout: InvalidOption.toMillis(options.retransmitTimeout, defaultRetransmitTimeout),
    way: shapeFor,
    plan: (attempt, draw): Result.Result<Plan, InvalidOption.InvalidOption> => {
      const { from, to } = attempt
      const out = shapeFor(from, to)
      if (Result.isFailure(out)) return Result.fail(out.failure)
      const back = shapeFor(to, from)
      if (Result.isFailure(back)) return Result.fail(back.failure)
      const fault = faultOf(attempt, draw)
      const invalid = findFault(fault)
      return invalid === undefined
        ? Result.succeed({ toServer: out.success, toClient: back.success, fault })
        : Result.fail(invalid)
    }
  }
}

/** The addresses of each host by its name, from options that were looked at. */
export const addressesOf = (options: Options): ReadonlyArray<readonly [string, ReadonlyArray<NetAddress.IpAddress>]> =>
  Object.entries(options.hosts ?? {}).map(([name, addresses]) => [name, addresses.map(NetAddress.ipFromInputUnsafe)])
