/**
 * Fixed names and addresses, as a source of answers.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as NetAddress from "effect/net/NetAddress"
import * as HostName from "./HostName.ts"
import { noAddress } from "./ResolverError.ts"
import * as ResolverSource from "./ResolverSource.ts"
import type * as Servent from "./Servent.ts"

/**
 * Names are compared as host names are: case, a trailing dot and the spelling of international names do not matter.
 *
 * ```ts
 * import * as StaticZone from "@effect-sockets/resolver/StaticZone"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const zone: StaticZone.StaticZone = { hosts: { "db.internal": ["10.0.0.5"] }, aliases: { db: "db.internal" } }
 * String(await Effect.runPromise(Effect.provide(Resolver.lookup("DB"), Resolver.layerStatic(zone)))) // => "10.0.0.5"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface StaticZone {
  /** The addresses of each host, best first. */
  readonly hosts?: Readonly<Record<string, ReadonlyArray<NetAddress.IpAddressInput>>> | undefined
  /** Other names, each with the host it stands for. */
  readonly aliases?: Readonly<Record<string, string>> | undefined
  /** Services besides those of `Servent.wellKnown`, and before them. */
  readonly services?: ReadonlyArray<Servent.Servent> | undefined
}

/**
 * What is wrong in a zone: the name or address, and why.
 *
 * ```ts
 * import * as StaticZone from "@effect-sockets/resolver/StaticZone"
 * import { Result } from "effect"
 * const result = StaticZone.toSource({ aliases: { db: "db.internal" } })
 * const error: StaticZone.StaticZoneError | undefined = Result.isFailure(result) ? result.failure : undefined
 * error // => { input: "db.internal", detail: "the alias db stands for no host" }
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export interface StaticZoneError {
  readonly input: string
  readonly detail: string
}

const domain = (name: string) =>
  Result.mapBoth(HostName.nameFromString(name), {
    onSuccess: HostName.toRelative,
    onFailure: (detail): StaticZoneError => ({ input: name, detail })
  })

/**
 * The source that answers from a zone, or what is wrong in the zone.
 *
 * ```ts
 * import * as StaticZone from "@effect-sockets/resolver/StaticZone"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Result } from "effect"
 * const source = Result.getOrThrow(StaticZone.toSource({ hosts: { "db.internal": ["10.0.0.5"] } }))
 * String(await Effect.runPromise(Resolver.make(source).lookup("db.internal"))) // => "10.0.0.5"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toSource = (zone: StaticZone): Result.Result<ResolverSource.ResolverSource, StaticZoneError> =>
  Result.gen(function* () {
    const hosts = new Map<string, Array<NetAddress.IpAddress>>()
    for (const [host, inputs] of Object.entries(zone.hosts ?? {})) {
      const name = yield* domain(host)
      const addresses = hosts.get(name) ?? []
      for (const input of inputs) {
        addresses.push(
          yield* Result.mapError(NetAddress.ipFromInput(input), ({ message }) => ({
            input: String(input),
            detail: message
          }))
        )
      }
      hosts.set(name, addresses)
    }

    const aliases = new Map<string, string>()
    for (const [alias, host] of Object.entries(zone.aliases ?? {})) {
      const name = yield* domain(host)
      if (!hosts.has(name)) return yield* Result.fail({ input: host, detail: `the alias ${alias} stands for no host` })
      aliases.set(yield* domain(alias), name)
    }

    const namesOf = (host: string) => [...aliases].flatMap(([alias, name]) => (name === host ? [alias] : []))

    const addressesOf = (relative: string) => hosts.get(hosts.has(relative) ? relative : (aliases.get(relative) ?? ""))

    return {
      // In one piece for each family, the family of the zone's first address before the other.
      answers: (name) => {
        const all = addressesOf(HostName.toRelative(name))
        if (all === undefined) return Stream.fromEffect(ResolverSource.fail({ _tag: "HostNotFound" }))
        const groups = Object.values(Arr.groupBy(all, NetAddress.familyOf))
        return groups.length === 0
          ? Stream.fromEffect(ResolverSource.fail(noAddress(undefined)))
          : Stream.fromIterable(groups)
      },
      forward: ({ family, name }) => {
        const relative = HostName.toRelative(name)
        const host = hosts.has(relative) ? relative : (aliases.get(relative) ?? "")
        const all = addressesOf(relative)
        const addresses = all?.filter((address) => family === undefined || NetAddress.isFamily(address, family))
        if (addresses === undefined) return ResolverSource.fail({ _tag: "HostNotFound" })
        return Effect.map(ResolverSource.orFail(addresses, noAddress(family)), (found) => ({
          name: host,
          aliases: namesOf(host),
          addresses: found
        }))
      },
      reverse: (address) => {
        const found = [...hosts].find(([, addresses]) =>
          addresses.some((other) => Equal.equals(NetAddress.toCanonical(other), address))
        )
        return found === undefined
          ? ResolverSource.fail({ _tag: "HostNotFound" })
          : Effect.succeed({ name: found[0], aliases: namesOf(found[0]), addresses: [address, ...found[1]] })
      },
      services: Effect.succeed(zone.services ?? [])
    }
  })
