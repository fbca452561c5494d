/**
 * A {@link Resolver.Resolver} from effect's `Dns`. The other way: `EffectDns`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import type * as NetAddress from "effect/net/NetAddress"
import * as CanonicalName from "./internal/CanonicalName.ts"
import { noAddress, type Reason, ResolverError } from "./ResolverError.ts"
import * as Resolver from "./Resolver.ts"
import * as ResolverSource from "./ResolverSource.ts"

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

/**
 * A resolver that answers from an effect `Dns`: addresses from its `lookup`, the canonical name and the aliases from its
 * CNAME records where it has them, reverse from its `reverse`. Aliases and further addresses of a reverse answer are
 * added only if the name leads back to the address.
 *
 * A `Dns` says `NotFound` also of a host without addresses; here that is `HostNotFound`, except that the other family is
 * looked up before a family is called missing.
 *
 * ```ts
 * import * as ResolverDns from "@effect-sockets/resolver/ResolverDns"
 * import { Effect } from "effect"
 * import * as Dns from "effect/net/Dns"
 * const dns = await Effect.runPromise(Effect.provide(Dns.Dns, Dns.layerStatic({ hosts: { "db.internal": ["10.0.0.5"] } })))
 * const { name } = await Effect.runPromise(ResolverDns.fromDns(dns).resolveHostIpaddr("db.internal"))
 * name // => "db.internal"
 * ```
 *
 * @category constructors
 * @since 0.1.0
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
          dns.resolve(name, "CNAME").pipe(
            Effect.map((found) => found.map(({ target }) => target)),
            // No alias, or a `Dns` that has no records, such as one over the system's resolver.
            Effect.catchIf(
              ({ reason }) => reason === "NotFound" || reason === "Unsupported",
              () => Effect.succeed([])
            ),
            Effect.mapError(toSourceError)
          )
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

/**
 * A resolver over an effect `Dns`.
 *
 * ```ts
 * import * as ResolverDns from "@effect-sockets/resolver/ResolverDns"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 * import * as Dns from "effect/net/Dns"
 * const resolver = Layer.provide(ResolverDns.layerFromDns, Dns.layerStatic({ hosts: { "db.internal": ["10.0.0.5"] } }))
 * String(await Effect.runPromise(Effect.provide(Resolver.lookup("db.internal"), resolver))) // => "10.0.0.5"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFromDns: Layer.Layer<Resolver.Resolver, never, Dns.Dns> = Layer.effect(
  Resolver.Resolver,
  Dns.Dns.useSync(fromDns)
)
