/**
 * Effect's `Dns` and `AddressResolver` from a {@link Resolver.Resolver}. The other way: `ResolverDns`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Dns from "effect/net/Dns"
import type * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import type { Reason, ResolverError } from "./ResolverError.ts"
import * as Resolver from "./Resolver.ts"

const toDnsReason: Readonly<Record<Reason["_tag"], Dns.DnsErrorReason>> = {
  HostNotFound: "NotFound",
  NoAddress: "NotFound",
  ServiceNotFound: "NotFound",
  TryAgain: "Temporary",
  Timeout: "Timeout",
  Refused: "Refused",
  ServerFailure: "ServerFailure",
  InvalidName: "BadName",
  InvalidResponse: "InvalidResponse",
  OutOfDescriptors: "Temporary",
  InvalidOption: "Unknown",
  Unsupported: "Unsupported",
  Unknown: "Unknown"
}

const toDnsError =
  (method: Dns.DnsError["method"], hostname: string, recordType?: Dns.RecordType) => (cause: ResolverError) =>
    new Dns.DnsError({ reason: toDnsReason[cause.reason._tag], method, hostname, recordType, cause })

/**
 * An effect `Dns` that answers from a resolver: lookups, reverse lookups, and A and AAAA records, which are the addresses
 * of a lookup. Other types are `Unsupported`.
 *
 * **Errors** are `DnsError`s with the `ResolverError` as their cause.
 *
 * ```ts
 * import * as EffectDns from "@effect-sockets/resolver/EffectDns"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const zone = Resolver.layerStatic({ hosts: { "db.internal": ["10.0.0.5", "fd00::5"] }, aliases: { db: "db.internal" } })
 * const dns = EffectDns.toDns(await Effect.runPromise(Effect.provide(Resolver.Resolver, zone)))
 * const found = await Effect.runPromise(dns.lookup("db"))
 * found.map(String) // => ["10.0.0.5", "fd00::5"]
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toDns = (resolver: Resolver.Resolver["Service"]): Dns.Dns["Service"] => {
  const lookup = (
    name: Host.DomainName,
    family: NetAddress.IpFamily | undefined,
    type?: Dns.RecordType
  ): Effect.Effect<ReadonlyArray<NetAddress.IpAddress>, Dns.DnsError> =>
    Effect.mapError(
      resolver.lookup(name, { family }),
      toDnsError(type === undefined ? "lookup" : "resolve", name, type)
    )

  const records: {
    readonly [T in Dns.RecordType]?: (
      name: Host.DomainName
    ) => Effect.Effect<ReadonlyArray<Dns.DnsRecord>, Dns.DnsError>
  } = {
    A: (name) =>
      Effect.map(lookup(name, "IPv4", "A"), (addresses) =>
        addresses.filter(NetAddress.isIpv4Address).map((address) => Dns.makeRecordUnsafe("A", { address }))
      ),
    AAAA: (name) =>
      Effect.map(lookup(name, "IPv6", "AAAA"), (addresses) =>
        addresses.filter(NetAddress.isIpv6Address).map((address) => Dns.makeRecordUnsafe("AAAA", { address }))
      )
  }

  return Dns.make({
    lookup,
    resolve: (name, type) =>
      records[type]?.(name) ??
      Effect.fail(new Dns.DnsError({ reason: "Unsupported", method: "resolve", hostname: name, recordType: type })),
    reverse: (address) =>
      Effect.mapBoth(resolver.resolveHostIpaddr(address), {
        onSuccess: ({ aliases, name }) => [name, ...aliases],
        onFailure: toDnsError("reverse", NetAddress.formatIp(address))
      })
  })
}

/**
 * An effect `Dns` over the resolver.
 *
 * ```ts
 * import * as EffectDns from "@effect-sockets/resolver/EffectDns"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 * import * as Dns from "effect/net/Dns"
 * const zone = Resolver.layerStatic({ hosts: { "db.internal": ["10.0.0.5", "fd00::5"] }, aliases: { db: "db.internal" } })
 * const names = Dns.Dns.use((dns) => dns.reverse("10.0.0.5"))
 * await Effect.runPromise(Effect.provide(names, Layer.provide(EffectDns.layerDns, zone))) // => ["db.internal", "db"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDns: Layer.Layer<Dns.Dns, never, Resolver.Resolver> = Layer.effect(
  Dns.Dns,
  Resolver.Resolver.useSync(toDns)
)

/**
 * An effect `AddressResolver` over the resolver, for `host:port` endpoints. Zones of IPv6 literals may be numeric; for
 * names of interfaces give `scopeId`.
 *
 * ```ts
 * import * as EffectDns from "@effect-sockets/resolver/EffectDns"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 * import { AddressResolver } from "effect/net/AddressResolver"
 * const zone = Resolver.layerStatic({ hosts: { "db.internal": ["10.0.0.5", "fd00::5"] }, aliases: { db: "db.internal" } })
 * const resolve = AddressResolver.use((resolver) => resolver.resolve("db:5432"))
 * const found = await Effect.runPromise(Effect.provide(resolve, Layer.provide(EffectDns.layerAddressResolver(), zone)))
 * found.map(String) // => ["10.0.0.5:5432", "[fd00::5]:5432"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAddressResolver = (
  options?: AddressResolver.MakeOptions
): Layer.Layer<AddressResolver.AddressResolver, never, Resolver.Resolver> =>
  Layer.effect(
    AddressResolver.AddressResolver,
    Resolver.Resolver.useSync((resolver) => AddressResolver.make(toDns(resolver), options))
  )
