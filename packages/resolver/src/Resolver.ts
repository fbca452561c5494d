/**
 * Names to addresses, addresses to names, and services to ports.
 *
 * The file is long by its examples alone.
 */
// oxlint-disable max-lines -- see above
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as NetAddress from "effect/net/NetAddress"
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as AddressOrder from "./AddressOrder.ts"
import * as Hostent from "./Hostent.ts"
import * as HostName from "./HostName.ts"
import * as FamilyAnswers from "./internal/FamilyAnswers.ts"
import * as LookupSpan from "./internal/LookupSpan.ts"
import * as InvalidOption from "./InvalidOption.ts"
import { make as makeError, noAddress, type Operation, type Reason, type ResolverError } from "./ResolverError.ts"
import * as ResolverSource from "./ResolverSource.ts"
import * as Servent from "./Servent.ts"
import * as StaticZone from "./StaticZone.ts"

/**
 * A host as PORT takes it: a name, an address in text, an ipaddr, or an address.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hosts: Array<Resolver.HostInput> = ["127.0.0.1", Ipaddr.fromDottedUnsafe("127.0.0.1"), NetAddress.ipv4Loopback]
 * const found = await Effect.runPromise(Effect.forEach(hosts, (host) => Resolver.lookup(host)).pipe(Effect.provide(Resolver.layerStatic({}))))
 * found.map(String) // => ["127.0.0.1", "127.0.0.1", "127.0.0.1"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type HostInput = string | Ipaddr.Ipaddr | NetAddress.IpAddress

/**
 * Options of {@link lookup}. Without a `family`, addresses of both are given.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const zone = Resolver.layerStatic({ hosts: { "db.internal": ["10.0.0.5", "fd00::5"] }, aliases: { db: "db.internal" } })
 * const options: Resolver.LookupOptions = { family: "IPv6" }
 * const found = await Effect.runPromise(Effect.provide(Resolver.lookup("db", options), zone))
 * found.map(String) // => ["fd00::5"]
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface LookupOptions {
  readonly family?: NetAddress.IpFamily | undefined
}

/**
 * The capability to resolve names.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const zone = Resolver.layerStatic({ hosts: { "db.internal": ["10.0.0.5", "fd00::5"] }, aliases: { db: "db.internal" } })
 * const program = Resolver.Resolver.use((resolver) => resolver.lookup("db.internal"))
 * const found = await Effect.runPromise(Effect.provide(program, zone))
 * found.map(String) // => ["10.0.0.5", "fd00::5"]
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Resolver extends Context.Service<
  Resolver,
  {
    /** See {@link resolveHostIpaddr}. */
    readonly resolveHostIpaddr: (host: HostInput) => Effect.Effect<Hostent.Hostent, ResolverError>
    /** See {@link lookup}. */
    readonly lookup: (
      host: HostInput,
      options?: LookupOptions
    ) => Effect.Effect<Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>, ResolverError>
    /** See {@link answers}. */
    readonly answers: (host: HostInput) => Stream.Stream<Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>, ResolverError>
    /** See {@link serviceByName}. */
    readonly serviceByName: (name: string, protocol?: Servent.Protocol) => Effect.Effect<Servent.Servent, ResolverError>
    /** See {@link serviceByPort}. */
    readonly serviceByPort: (port: number, protocol?: Servent.Protocol) => Effect.Effect<Servent.Servent, ResolverError>
    /** What {@link make} built the operations on; layers that wrap a resolver use it. */
    readonly source?: ResolverSource.ResolverSource | undefined
  }
>()("@effect-sockets/resolver/Resolver") {}

/**
 * Gives the hostent of a host: forward for a name, reverse for a dotted or IPv6 address in text, an ipaddr or an
 * address.
 *
 * **Errors** `InvalidName` before anything is sent, `HostNotFound` for a name or an address that nobody knows, and the
 * other reasons of `ResolverError`.
 *
 * **Interruption** gives the question up; DNS queries are cancelled, a `getaddrinfo` call goes on unheard.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const zone = Resolver.layerStatic({ hosts: { "db.internal": ["10.0.0.5", "fd00::5"] }, aliases: { db: "db.internal" } })
 * const { aliases, name } = await Effect.runPromise(Effect.provide(Resolver.resolveHostIpaddr("10.0.0.5"), zone))
 * name // => "db.internal"
 * aliases // => ["db"]
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const resolveHostIpaddr = (host: HostInput): Effect.Effect<Hostent.Hostent, ResolverError, Resolver> =>
  Resolver.use((resolver) => resolver.resolveHostIpaddr(host))

/**
 * Gives the addresses of a host in the order in which to try them: the source's preference (RFC 6724), the families
 * alternating (RFC 8305, section 4). An address, in text or not, comes back as itself without a question to anybody.
 *
 * **Errors** `NoAddress` if the host has none of the family asked for; otherwise as {@link resolveHostIpaddr}.
 *
 * **Interruption** as {@link resolveHostIpaddr}.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const zone = Resolver.layerStatic({ hosts: { "db.internal": ["10.0.0.5", "fd00::5"] }, aliases: { db: "db.internal" } })
 * const found = await Effect.runPromise(Effect.provide(Resolver.lookup("db"), zone))
 * found.map(String) // => ["10.0.0.5", "fd00::5"]
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const lookup = (
  host: HostInput,
  options?: LookupOptions
): Effect.Effect<Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>, ResolverError, Resolver> =>
  Resolver.use((resolver) => resolver.lookup(host, options))

/**
 * Gives the addresses of a host as they come: one element for each family that has any, in the order in which to try
 * them, as soon as that family's answer is there (RFC 8305, section 3). Who connects need not wait for the slower family;
 * {@link lookup} waits for both. An address, in text or not, comes back as itself at once.
 *
 * **Errors** only if no family brought an address, and then as {@link lookup}.
 *
 * **Interruption**, also by leaving the stream early, gives up the questions that are not answered yet. A cache lets them
 * go on once an address of the host is known, so as to know the rest the next time.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Stream } from "effect"
 * const zone = Resolver.layerStatic({ hosts: { "db.internal": ["10.0.0.5", "fd00::5"] }, aliases: { db: "db.internal" } })
 * // Whoever comes first: the other family is not waited for.
 * const first = await Effect.runPromise(Effect.provide(Stream.runHead(Resolver.answers("db")), zone))
 * String(first) // => "some([10.0.0.5])"
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const answers = (
  host: HostInput
): Stream.Stream<Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>, ResolverError, Resolver> =>
  Stream.unwrap(Resolver.useSync((resolver) => resolver.answers(host)))

/**
 * Gives the service of that name or alias, of that protocol if one is given: from the services file, or from a small
 * built-in list where the file is missing or does not know it.
 *
 * **Errors** `ServiceNotFound`.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const http = Effect.provide(Resolver.serviceByName("http"), Resolver.layerStatic({}))
 * const { port } = await Effect.runPromise(http)
 * port // => 80
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const serviceByName = (
  name: string,
  protocol?: Servent.Protocol
): Effect.Effect<Servent.Servent, ResolverError, Resolver> =>
  Resolver.use((resolver) => resolver.serviceByName(name, protocol))

/**
 * Gives the service on a port, of that protocol if one is given, from where {@link serviceByName} looks.
 *
 * **Errors** `ServiceNotFound`.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const domain = Effect.provide(Resolver.serviceByPort(53, "udp"), Resolver.layerStatic({}))
 * const { name } = await Effect.runPromise(domain)
 * name // => "domain"
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const serviceByPort = (
  port: number,
  protocol?: Servent.Protocol
): Effect.Effect<Servent.Servent, ResolverError, Resolver> =>
  Resolver.use((resolver) => resolver.serviceByPort(port, protocol))

/**
 * Tells whether a host is an address or a name, as {@link lookup} does; fails with the reason `InvalidName`.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Result } from "effect"
 * String(Result.getOrThrow(Resolver.parseHost("WWW.example"))) // => "www.example"
 * Result.isFailure(Resolver.parseHost("127.1")) // => true
 * ```
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseHost = (host: HostInput): Result.Result<HostName.HostName, Reason> => {
  if (NetAddress.isIpAddress(host)) return Result.succeed(host)
  const parsed: Result.Result<HostName.HostName, string> =
    typeof host === "string"
      ? HostName.fromString(host)
      : Result.mapBoth(Ipaddr.fromNumber(host), { onSuccess: Ipaddr.toAddress, onFailure: (error) => error.message })
  return Result.mapError(parsed, (detail) => ({ _tag: "InvalidName", detail }))
}

const failure =
  (operation: Operation, query: string) => (error: Pick<ResolverSource.SourceError, "reason" | "cause">) =>
    makeError({ operation, query, reason: error.reason, cause: error.cause })

// No resolver says which interface such an address is of, without which it cannot be connected to.
const linkLocalLast = Order.mapInput(
  Order.Boolean,
  (address: NetAddress.IpAddress) => NetAddress.isIpv6Address(address) && NetAddress.isLinkLocal(address)
)

// Addresses of one answer, each once, in the order in which to try them.
const inOrder = (addresses: Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>) =>
  AddressOrder.interleave(Arr.sort(Arr.dedupe(addresses), linkLocalLast))

const isFamily = InvalidOption.oneOf("IPv4", "IPv6")

const spanOf = (host: HostInput) => ({ "dns.question.name": String(host) })

/**
 * Builds a resolver over a source of answers. It tells names from addresses, keeps the family that was asked for, drops
 * repeated addresses, and names the question in every error.
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
 * const found = await Effect.runPromise(Resolver.make(source).lookup("any.example"))
 * found.map(String) // => ["127.0.0.1"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (source: ResolverSource.ResolverSource): Resolver["Service"] => {
  const service = (
    operation: Operation,
    query: string,
    find: (services: ReadonlyArray<Servent.Servent>) => Option.Option<Servent.Servent>
  ) =>
    source.services.pipe(
      Effect.mapError(failure(operation, query)),
      Effect.flatMap((services) =>
        Effect.fromOption(
          Option.orElse(find(services), () => find(Servent.wellKnown)),
          () => failure(operation, query)({ reason: { _tag: "ServiceNotFound" } })
        )
      )
    )

  return Resolver.of({
    source,
    resolveHostIpaddr: (host) => {
      const fail = failure("resolveHostIpaddr", String(host))
      const parsed = parseHost(host)
      if (Result.isFailure(parsed)) return Effect.fail(fail({ reason: parsed.failure }))
      const answer = NetAddress.isIpAddress(parsed.success)
        ? source.reverse(NetAddress.toCanonical(parsed.success))
        : source.forward({ name: parsed.success, family: undefined, names: true })
      const found = Effect.mapBoth(answer, {
        onFailure: fail,
        onSuccess: ({ name, aliases, addresses }) =>
          Hostent.fromAddresses(
            name,
            Arr.dedupe(aliases).filter((alias) => alias !== name),
            Arr.dedupe(addresses)
          )
      })
      return LookupSpan.around(found, "Resolver.resolveHostIpaddr", () => spanOf(host))
    },
    lookup: (host, options) => {
      const family = options?.family
      const fail = failure("lookup", String(host))
      const invalid = family === undefined ? undefined : InvalidOption.find({ family }, { family: isFamily })
      if (invalid !== undefined) return Effect.fail(fail({ reason: invalid }))
      const parsed = parseHost(host)
      if (Result.isFailure(parsed)) return Effect.fail(fail({ reason: parsed.failure }))
      const ofFamily = (addresses: ReadonlyArray<NetAddress.IpAddress>) => {
        const kept = addresses.filter((address) => family === undefined || NetAddress.isFamily(address, family))
        return Arr.isReadonlyArrayNonEmpty(kept)
          ? Effect.succeed(inOrder(kept))
          : Effect.fail(fail({ reason: noAddress(family) }))
      }
      if (NetAddress.isIpAddress(parsed.success)) return ofFamily([parsed.success])
      const found = source.forward({ name: parsed.success, family, names: false }).pipe(
        Effect.mapError((error) =>
          fail(error.reason._tag === "NoAddress" ? { ...error, reason: noAddress(family) } : error)
        ),
        Effect.flatMap((answer) => ofFamily(answer.addresses))
      )
      return LookupSpan.around(found, "Resolver.lookup", () => spanOf(host))
    },
    answers: (host) => {
      const fail = failure("lookup", String(host))
      const parsed = parseHost(host)
      if (Result.isFailure(parsed)) return Stream.fail(fail({ reason: parsed.failure }))
      if (NetAddress.isIpAddress(parsed.success)) return Stream.succeed([parsed.success])
      const found = source.answers?.(parsed.success) ?? FamilyAnswers.of(source, parsed.success)
      return LookupSpan.aroundStream(found.pipe(Stream.map(inOrder), Stream.mapError(fail)), "Resolver.answers", () =>
        spanOf(host)
      )
    },
    serviceByName: (name, protocol) =>
      service("serviceByName", protocol === undefined ? name : `${name}/${protocol}`, (services) =>
        Servent.findByName(services, name, protocol)
      ),
    serviceByPort: (port, protocol) =>
      service("serviceByPort", protocol === undefined ? String(port) : `${port}/${protocol}`, (services) =>
        Servent.findByPort(services, port, protocol)
      )
  })
}

/**
 * The source a resolver was made from, or one that asks the resolver itself if it was made by hand.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const zone = Resolver.layerStatic({ hosts: { "db.internal": ["10.0.0.5", "fd00::5"] }, aliases: { db: "db.internal" } })
 * const source = Resolver.toSource(await Effect.runPromise(Effect.provide(Resolver.Resolver, zone)))
 * const services = await Effect.runPromise(source.services)
 * services.length // => 0
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toSource = (resolver: Resolver["Service"]): ResolverSource.ResolverSource => {
  if (resolver.source !== undefined) return resolver.source
  const hostent = (host: HostInput) => Effect.mapError(resolver.resolveHostIpaddr(host), toSourceError)
  return {
    forward: ({ family, name, names }) =>
      names && family === undefined
        ? hostent(name)
        : Effect.mapBoth(resolver.lookup(name, { family }), {
            onSuccess: (addresses) => ({ name, aliases: [], addresses }),
            onFailure: toSourceError
          }),
    reverse: hostent,
    services: Effect.succeed([])
  }
}

const toSourceError = ({ cause, reason }: ResolverError) => new ResolverSource.SourceError({ reason, cause })

/**
 * A resolver that answers from fixed data and asks nobody, for tests and for closed systems.
 *
 * **Errors** `InvalidName` if the zone holds a name or an address that is none.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const zone = Resolver.layerStatic({ hosts: { "db.internal": ["10.0.0.5"] }, aliases: { db: "db.internal" } })
 * const { name } = await Effect.runPromise(Effect.provide(Resolver.resolveHostIpaddr("db"), zone))
 * name // => "db.internal"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerStatic = (zone: StaticZone.StaticZone): Layer.Layer<Resolver, ResolverError> =>
  Layer.effect(
    Resolver,
    Effect.fromResult(
      Result.mapBoth(StaticZone.toSource(zone), {
        onSuccess: make,
        onFailure: ({ input, detail }) =>
          makeError({ operation: "layerStatic", query: input, reason: { _tag: "InvalidName", detail } })
      })
    )
  )
