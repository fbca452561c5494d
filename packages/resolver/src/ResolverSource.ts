/**
 * Where a resolver's answers come from: the part that differs between the system, DNS, a fixed zone and a cache.
 */
import * as Arr from "effect/Array"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import type * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as HostName from "./HostName.ts"
import { noAddress, type Reason } from "./ResolverError.ts"
import type * as Servent from "./Servent.ts"

/**
 * What a source says of a host. `ttl` is how long it may be remembered, where the source knows.
 *
 * ```ts
 * import * as ResolverSource from "@effect-sockets/resolver/ResolverSource"
 * import { Duration } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const answer: ResolverSource.Answer = {
 *   name: "db.internal",
 *   aliases: ["db"],
 *   addresses: [NetAddress.ipFromStringUnsafe("10.0.0.5")],
 *   ttl: Duration.minutes(5)
 * }
 * String(answer.addresses) // => "10.0.0.5"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly name: string
  readonly aliases: ReadonlyArray<string>
  readonly addresses: Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>
  readonly ttl?: Duration.Duration | undefined
}

/**
 * What a source is asked of a name.
 *
 * ```ts
 * import * as ResolverSource from "@effect-sockets/resolver/ResolverSource"
 * import { Effect } from "effect"
 * import { domainNameFromStringUnsafe } from "effect/net/Host"
 * import * as NetAddress from "effect/net/NetAddress"
 * const source: ResolverSource.ResolverSource = {
 *   forward: ({ name }) => Effect.succeed({ name, aliases: [], addresses: [NetAddress.ipv4Loopback] }),
 *   reverse: () => ResolverSource.fail({ _tag: "HostNotFound" }),
 *   services: Effect.succeed([])
 * }
 * const question: ResolverSource.Question = { name: domainNameFromStringUnsafe("a.example"), family: "IPv4", names: false }
 * String((await Effect.runPromise(source.forward(question))).addresses) // => "127.0.0.1"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Question {
  readonly name: Host.DomainName
  /** Addresses of which family; of both when undefined. */
  readonly family: NetAddress.IpFamily | undefined
  /** Whether the canonical name and the aliases matter, which may cost queries of their own. */
  readonly names: boolean
}

/**
 * Why a source has no answer. `ttl` is how long an absence may be remembered, where the source knows.
 *
 * ```ts
 * import * as ResolverSource from "@effect-sockets/resolver/ResolverSource"
 * import { Duration } from "effect"
 * const absent = new ResolverSource.SourceError({ reason: { _tag: "HostNotFound" }, ttl: Duration.minutes(5) })
 * ResolverSource.isAbsence(absent) // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class SourceError extends Data.TaggedError("SourceError")<{
  readonly reason: Reason
  readonly ttl?: Duration.Duration | undefined
  readonly cause?: unknown
}> {}

/**
 * The operations a resolver is built on.
 *
 * - `forward` is asked for names only, never for addresses written out.
 * - `reverse` gives the answer for an address, which must be the first in its `addresses`. It is never asked for a mapped
 *   IPv4 address, but for the IPv4 address.
 * - `services` lists what is in the services file.
 * - `answers` gives the addresses of a name family by family, the preferred one first if both are there. Without it,
 *   `forward` is asked for each family, both at the same time.
 *
 * **Interruption** of an operation ends the work it started, as far as the platform can.
 *
 * ```ts
 * import * as ResolverSource from "@effect-sockets/resolver/ResolverSource"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const source: ResolverSource.ResolverSource = {
 *   forward: ({ name }) => Effect.succeed({ name, aliases: [], addresses: [NetAddress.ipv4Loopback] }),
 *   reverse: () => ResolverSource.fail({ _tag: "HostNotFound" }),
 *   services: Effect.succeed([])
 * }
 * String(await Effect.runPromise(Resolver.make(source).lookup("any.example"))) // => "127.0.0.1"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ResolverSource {
  readonly forward: (question: Question) => Effect.Effect<Answer, SourceError>
  readonly reverse: (address: NetAddress.IpAddress) => Effect.Effect<Answer, SourceError>
  readonly answers?:
    | ((name: Host.DomainName) => Stream.Stream<Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>, SourceError>)
    | undefined
  readonly services: Effect.Effect<ReadonlyArray<Servent.Servent>, SourceError>
}

/**
 * An effect that fails with a reason.
 *
 * ```ts
 * import * as ResolverSource from "@effect-sockets/resolver/ResolverSource"
 * import { Effect } from "effect"
 * const error = await Effect.runPromise(Effect.flip(ResolverSource.fail({ _tag: "Timeout" })))
 * error.reason // => { _tag: "Timeout" }
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const fail = (reason: Reason, cause?: unknown): Effect.Effect<never, SourceError> =>
  Effect.fail(new SourceError(cause === undefined ? { reason } : { reason, cause }))

/**
 * Whether a failure says that the name, or what was asked of it, does not exist.
 *
 * ```ts
 * import * as ResolverSource from "@effect-sockets/resolver/ResolverSource"
 * ResolverSource.isAbsence({ reason: { _tag: "NoAddress" } }) // => true
 * ResolverSource.isAbsence({ reason: { _tag: "Timeout" } }) // => false
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isAbsence = ({ reason }: Pick<SourceError, "reason">): boolean =>
  reason._tag === "HostNotFound" || reason._tag === "NoAddress"

/**
 * Why a host has no address, from why it has none of either family. NXDOMAIN is of the name, whatever the type (RFC
 * 8020); NODATA is of one type.
 *
 * ```ts
 * import * as ResolverSource from "@effect-sockets/resolver/ResolverSource"
 * const ofA = new ResolverSource.SourceError({ reason: { _tag: "NoAddress", family: "IPv4" } })
 * const ofAaaa = new ResolverSource.SourceError({ reason: { _tag: "Timeout" } })
 * ResolverSource.ofBoth([ofA, ofAaaa]).reason // => { _tag: "Timeout" }
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const ofBoth = (errors: ReadonlyArray<SourceError>): SourceError =>
  errors.find(({ reason }) => reason._tag === "HostNotFound") ??
  errors.find((error) => !isAbsence(error)) ??
  new SourceError({ reason: noAddress(undefined), ttl: shortest(errors) })

const shortest = (errors: ReadonlyArray<SourceError>): Duration.Duration | undefined =>
  errors.reduce<Duration.Duration | undefined>(
    (shortest, { ttl }) =>
      shortest === undefined || ttl === undefined ? (ttl ?? shortest) : Duration.min(ttl, shortest),
    undefined
  )

/**
 * The addresses if there are any, and the reason otherwise.
 *
 * ```ts
 * import * as ResolverSource from "@effect-sockets/resolver/ResolverSource"
 * import { Effect } from "effect"
 * const error = await Effect.runPromise(Effect.flip(ResolverSource.orFail([], { _tag: "NoAddress" })))
 * error.reason // => { _tag: "NoAddress" }
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const orFail = (
  addresses: ReadonlyArray<NetAddress.IpAddress>,
  reason: Reason
): Effect.Effect<Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>, SourceError> =>
  Arr.isReadonlyArrayNonEmpty(addresses) ? Effect.succeed(addresses) : fail(reason)

/**
 * Completes a reverse answer: the owner of an address chooses the name it gives, so the other names and addresses of
 * that name are added only if they lead back to the address. A name that is none is an `InvalidResponse`.
 *
 * ```ts
 * import * as ResolverSource from "@effect-sockets/resolver/ResolverSource"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const source: ResolverSource.ResolverSource = {
 *   forward: ({ name }) => Effect.succeed({ name, aliases: [], addresses: [NetAddress.ipv4Loopback] }),
 *   reverse: () => ResolverSource.fail({ _tag: "HostNotFound" }),
 *   services: Effect.succeed([])
 * }
 * const mine = ResolverSource.confirmed(NetAddress.ipv4Loopback, "mine.example", source.forward)
 * const { name } = await Effect.runPromise(mine)
 * name // => "mine.example"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const confirmed = (
  address: NetAddress.IpAddress,
  hostname: string,
  forward: ResolverSource["forward"]
): Effect.Effect<Answer, SourceError> => {
  const name = HostName.nameFromString(hostname)
  if (Result.isFailure(name)) {
    return fail({ _tag: "InvalidResponse", detail: "the name of the address is not a host name" }, name.failure)
  }
  const bare: Answer = { name: HostName.toRelative(name.success), aliases: [], addresses: [address] }
  return forward({ name: name.success, family: undefined, names: true }).pipe(
    Effect.map((answer): Answer =>
      answer.addresses.some((other) => Equal.equals(NetAddress.toCanonical(other), address))
        ? { name: bare.name, aliases: [answer.name, ...answer.aliases], addresses: [address, ...answer.addresses] }
        : bare
    ),
    Effect.orElseSucceed(() => bare)
  )
}
