/**
 * Effect's `Dns` and `AddressResolver` from a {@link Resolver.Resolver}, and a resolver from a `Dns`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as CanonicalName from "./internal/CanonicalName.ts"
import { noAddress, type Reason, ResolverError } from "./ResolverError.ts"
import * as Resolver from "./Resolver.ts"
import * as ResolverSource from "./ResolverSource.ts"

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
  Unsupported: "Unsupported",
  Unknown: "Unknown"
}

const fromDnsReason: Readonly<Record<Dns.DnsErrorReason, Reason>> = {
  NotFound: { _tag: "HostNotFound" },
  Temporary: { _tag: "TryAgain" },
  Timeout: { _tag: "Timeout" },
  Refused: { _tag: "Refused" },
  ServerFailure: { _tag: "ServerFailure" },
  BadName: { _tag: "InvalidName", detail: "the resolver rejects it" },
  InvalidResponse: { _tag: "InvalidResponse", detail: "it cannot be read" },
  Unsupported: { _tag: "Unsupported", detail: "the resolver does not do that" },
  Unknown: { _tag: "Unknown", code: "DnsError" }
}

// A `Dns` over a resolver gives the reason back that it could not tell.
const toSourceError = (error: Dns.DnsError) =>
  new ResolverSource.SourceError(
    error.cause instanceof ResolverError
      ? { reason: error.cause.reason, cause: error.cause }
      : { reason: fromDnsReason[error.reason], cause: error }
  )

const toDnsError =
  (method: Dns.DnsError["method"], hostname: string, recordType?: Dns.RecordType) => (cause: ResolverError) =>
    new Dns.DnsError({ reason: toDnsReason[cause.reason._tag], method, hostname, recordType, cause })

/**
 * An effect `Dns` that answers from a resolver: lookups, reverse lookups, and A and AAAA records, which are the addresses
 * of a lookup. Other types are `Unsupported`.
 *
 * **Errors** are `DnsError`s with the `ResolverError` as their cause.
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

/** An effect `Dns` over the resolver. */
export const layerDns: Layer.Layer<Dns.Dns, never, Resolver.Resolver> = Layer.effect(
  Dns.Dns,
  Resolver.Resolver.useSync(toDns)
)

/**
 * An effect `AddressResolver` over the resolver, for `host:port` endpoints. Zones of IPv6 literals may be numeric; for
 * names of interfaces give `scopeId`.
 */
export const layerAddressResolver = (
  options?: AddressResolver.MakeOptions
): Layer.Layer<AddressResolver.AddressResolver, never, Resolver.Resolver> =>
  Layer.effect(
    AddressResolver.AddressResolver,
    Resolver.Resolver.useSync((resolver) => AddressResolver.make(toDns(resolver), options))
  )

/**
 * A resolver that answers from an effect `Dns`: addresses from its `lookup`, the canonical name and the aliases from its
 * CNAME records where it has them, reverse from its `reverse`. Aliases and further addresses of a reverse answer are
 * added only if the name leads back to the address.
 *
 * A `Dns` says `NotFound` also of a host without addresses; here that is `HostNotFound`, except that the other family is
 * looked up before a family is called missing.
 */
export const fromDns = (dns: Dns.Dns["Service"]): Resolver.Resolver["Service"] => {
  const lookup = (name: Host.DomainName, family?: NetAddress.IpFamily) =>
    Effect.mapError(dns.lookup(name, { family }), toSourceError)

  const forward: ResolverSource.ResolverSource["forward"] = ({ family, name, names }) => {
    const relative = Host.toRelative(name)
    const addresses = lookup(name, family).pipe(
      Effect.catchIf(
        ({ reason }) => reason._tag === "HostNotFound" && family !== undefined,
        () => Effect.andThen(lookup(name), ResolverSource.fail(noAddress(family)))
      )
    )
    const known = names
      ? CanonicalName.follow(relative, (name) =>
          Effect.map(dns.resolve(name, "CNAME"), (found) => found.map(({ target }) => target))
        )
      : Effect.succeed({ name: relative, aliases: [] })
    return Effect.map(Effect.all([addresses, known], { concurrency: 2 }), ([found, names]) => ({
      ...names,
      addresses: found
    }))
  }

  return Resolver.make({
    forward,
    reverse: (address) =>
      Effect.flatMap(Effect.mapError(dns.reverse(address), toSourceError), ([first, ...others]) =>
        Effect.map(ResolverSource.confirmed(address, first, forward), (answer) => ({
          ...answer,
          aliases: [...answer.aliases, ...others.map(Host.toRelative)]
        }))
      ),
    services: Effect.succeed([])
  })
}

/** A resolver over an effect `Dns`. */
export const layerFromDns: Layer.Layer<Resolver.Resolver, never, Dns.Dns> = Layer.effect(
  Resolver.Resolver,
  Dns.Dns.useSync(fromDns)
)
