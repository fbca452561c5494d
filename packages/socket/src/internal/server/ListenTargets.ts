/**
 * Where a server socket listens: what a program names, as the addresses to open, and all of them opened or none.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { loopbackOf } from "@effect-sockets/resolver/HostName"
import { type HostInput, lookup, parseHost, type Resolver } from "@effect-sockets/resolver/Resolver"
import type { Listener } from "../../Network.ts"
import { make as makeError, type NetworkError, type Reason } from "../../NetworkError.ts"
import { label } from "../client/Target.ts"
import { portProblem } from "../port.ts"

/**
 * What can be listened on: a port of 127.0.0.1, an address, a port of a host, or a descriptor that listens already.
 *
 * ```ts
 * import type * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as NetAddress from "effect/net/NetAddress"
 * const targets: ReadonlyArray<ServerSocket.Target> = [
 *   { host: "localhost", port: 80 },
 *   NetAddress.unixPathAddress("/run/app.sock")
 * ]
 * targets.length // => 2
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Target = AddressTarget | HostTarget

/**
 * What can be listened on without a resolver: a port of 127.0.0.1, an address, or a descriptor that listens already.
 *
 * ```ts
 * import type * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * const targets: ReadonlyArray<ServerSocket.AddressTarget> = [80, { descriptor: 3 }]
 * targets.length // => 2
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type AddressTarget = number | NetAddress.SocketAddress | { readonly descriptor: number }

/**
 * A port of a host: of all its addresses. `localhost` and names in it are both loopbacks.
 *
 * ```ts
 * import type * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * const target: ServerSocket.HostTarget = { host: "localhost", port: 0 }
 * target.port // => 0
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface HostTarget {
  readonly host: HostInput
  /** 0 to 65535. 0 is a free port, the same one on all addresses that ask for it. */
  readonly port: number
}

/** One thing to open. */
export interface Place {
  readonly at: NetAddress.SocketAddress | { readonly descriptor: number }
  /** It is one of a name's: left out where this machine lacks its family. */
  readonly isNamed: boolean
}

/** What is to be opened, in words. */
export const labelOf = (target: Target): string =>
  typeof target === "number"
    ? label({ host: NetAddress.ipv4Loopback, port: target })
    : "descriptor" in target
      ? `descriptor ${target.descriptor}`
      : label(target)

/** A number that is no port stands for itself. */
const fail = (target: Target, reason: Reason) =>
  Effect.fail(makeError("listen", typeof target === "number" ? String(target) : labelOf(target), reason))

const exactly = (at: Place["at"]): ReadonlyArray<Place> => [{ at, isNamed: false }]

/** IPv4's comes first: it is the one that every machine has. */
const bothLoopbacks = [NetAddress.ipv4Loopback, NetAddress.ipv6Loopback] as const

/** No resolver says which interface a link-local address of IPv6 is of, without which it cannot be bound. */
const hasNoZone = (address: NetAddress.IpAddress): boolean =>
  NetAddress.isIpv4Address(address) || !NetAddress.isLinkLocal(address)

const placesOf = (target: Target): Effect.Effect<ReadonlyArray<Place>, NetworkError, Resolver> => {
  if (typeof target !== "number" && !("host" in target)) return Effect.succeed(exactly(target))
  const { host, port } = typeof target === "number" ? { host: NetAddress.ipv4Loopback, port: target } : target
  const problem = portProblem(port, 0)
  if (problem !== undefined) return fail(target, problem)
  const parsed = parseHost(host)
  const name = Result.isSuccess(parsed) ? parsed.success : undefined
  if (NetAddress.isIpAddress(name)) return Effect.succeed(exactly(NetAddress.inetAddressUnsafe(name, port)))
  const addresses: Effect.Effect<ReadonlyArray<NetAddress.IpAddress>, NetworkError, Resolver> = name !== undefined &&
  loopbackOf(name, undefined) !== undefined
    ? Effect.succeed(bothLoopbacks)
    : Effect.catch(lookup(host), (error) => fail(target, { _tag: "Resolution", error }))
  return Effect.map(addresses, (all) => {
    const usable = all.filter(hasNoZone)
    return (usable.length > 0 ? usable : all).map((address) => ({
      at: NetAddress.inetAddressUnsafe(address, port),
      isNamed: true
    }))
  })
}

const textOf = ({ at }: Place): string => labelOf(at)

/** The places that the targets stand for, each once. */
export const resolve = (targets: ReadonlyArray<Target>): Effect.Effect<ReadonlyArray<Place>, NetworkError, Resolver> =>
  Effect.map(Effect.forEach(targets, placesOf), (all) => {
    const places = new Map<string, Place>()
    for (const place of all.flat()) {
      const text = textOf(place)
      // What is also asked for by its address may not be left out.
      if (!place.isNamed || !places.has(text)) places.set(text, place)
    }
    return [...places.values()]
  })

/** Whether this machine has no such family. A loopback that is not there says so, too. */
const lacksFamily = ({ at, isNamed }: Place, { _tag }: Reason): boolean =>
  isNamed &&
  !("descriptor" in at) &&
  NetAddress.isInetAddress(at) &&
  (_tag === "Unsupported" || (_tag === "AddressNotAvailable" && NetAddress.isLoopback(at.address)))

/** The address that asks for a free port, if it does. */
const wantsPort = (at: Place["at"]): NetAddress.InetAddress | undefined =>
  !("descriptor" in at) && NetAddress.isInetAddress(at) && at.port === 0 ? at : undefined

/**
 * How often a free port is looked for that is free on all addresses. A port that the system chose for one address is seldom
 * taken on another.
 */
const mostTries = 10

type Open = (at: Place["at"]) => Effect.Effect<Listener, NetworkError, Scope.Scope>

const openOnce = Effect.fnUntraced(function* (places: ReadonlyArray<Place>, open: Open) {
  const listeners: Array<Listener> = []
  let chosen: number | undefined
  let lacking: NetworkError | undefined
  for (const place of places) {
    const free = wantsPort(place.at)
    const at =
      free === undefined || chosen === undefined ? place.at : NetAddress.inetAddressUnsafe(free.address, chosen)
    const opened = yield* Effect.result(open(at))
    if (Result.isSuccess(opened)) {
      const { address } = opened.success
      listeners.push(opened.success)
      if (free !== undefined && NetAddress.isInetAddress(address)) chosen = address.port
    } else if (lacksFamily(place, opened.failure.reason)) lacking ??= opened.failure
    else return yield* opened.failure
  }
  return listeners.length === 0 && lacking !== undefined ? yield* lacking : listeners
})

/**
 * Opens all places in the scope, or none: after a failure, which names its address, and an interruption those are closed
 * that were open. Those that ask for a free port get the same one.
 */
export const openAll = (
  places: ReadonlyArray<Place>,
  open: Open
): Effect.Effect<ReadonlyArray<Listener>, NetworkError, Scope.Scope> => {
  const asked = new Set(places.map(textOf))
  return Effect.flatMap(Effect.scope, (scope) => {
    const attempt = Scope.forkUnsafe(scope)
    return Effect.onExit(Scope.provide(openOnce(places, open), attempt), (exit) =>
      Exit.isFailure(exit) ? Scope.close(attempt, exit) : Effect.void
    )
  }).pipe(
    Effect.retry({
      times: mostTries - 1,
      // The port is one that the system chose for another address.
      while: (error) => error.reason._tag === "AddressInUse" && !asked.has(error.address)
    })
  )
}
