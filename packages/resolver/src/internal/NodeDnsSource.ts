import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as dns from "node:dns"
import * as HostName from "../HostName.ts"
import { noAddress } from "../ResolverError.ts"
import * as ResolverSource from "../ResolverSource.ts"
import * as CanonicalName from "./CanonicalName.ts"
import * as NodeErrors from "./NodeErrors.ts"
import * as NodeFiles from "./NodeFiles.ts"
import * as NodeSourceAddress from "./NodeSourceAddress.ts"

type Channel = dns.promises.Resolver

export interface DnsChannelOptions {
  readonly servers: ReadonlyArray<string>
  readonly timeout: Duration.Duration
  readonly tries: number
}

/** An answer that lacks a family for a failure that may pass is not to be kept longer. */
const partialTtl = Duration.seconds(10)

/** Enough to go from a name to its zone without walking up a name of 127 labels. */
const maxZoneCuts = 4

// Node tells c-ares to take these answers as final, but the next server may know better.
const ofOneServer: ReadonlySet<string> = new Set(["ServerFailure", "Refused", "Unsupported"])

// RFC 2181, section 8: a time to live with the highest bit set is zero.
const ttlOf = (seconds: number) => Duration.seconds(seconds > 0x7fffffff ? 0 : seconds)

const isAddressRecord = { IPv4: NetAddress.isIpv4Address, IPv6: NetAddress.isIpv6Address }

export const make = Effect.fnUntraced(function* ({ servers, timeout, tries }: DnsChannelOptions) {
  const open = new Set<Channel>()
  let released = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      released = true
      for (const channel of open) channel.cancel()
    })
  )

  // One channel a question: c-ares cancels all queries of a channel or none. It takes some 25 µs to make.
  const withChannel = <A>(
    use: (channel: Channel) => Effect.Effect<A, ResolverSource.SourceError>,
    rotation = 0
  ): Effect.Effect<A, ResolverSource.SourceError> =>
    Effect.acquireUseRelease(
      Effect.suspend(() => {
        if (released) return ResolverSource.fail({ _tag: "Unknown", code: "ECANCELLED" })
        const milliseconds = Duration.toMillis(timeout)
        const channel = new dns.promises.Resolver({ timeout: milliseconds, maxTimeout: milliseconds, tries })
        const all = servers.length > 0 ? servers : channel.getServers()
        if (servers.length > 0 || rotation > 0) channel.setServers(Arr.rotate(all, -rotation))
        open.add(channel)
        return Effect.succeed(channel)
      }),
      (channel) =>
        use(channel).pipe(
          Effect.catchIf(
            ({ reason }) => ofOneServer.has(reason._tag) && rotation + 1 < channel.getServers().length,
            () => withChannel(use, rotation + 1)
          )
        ),
      (channel) =>
        Effect.sync(() => {
          open.delete(channel)
          channel.cancel()
        })
    )

  // c-ares looks at its clock only once per timeout, so its own limit may take twice as long.
  const query = <A>(channel: Channel, ask: () => Promise<A>) =>
    NodeErrors.attempt(ask).pipe(
      Effect.timeoutOrElse({
        duration: Duration.times(timeout, tries * channel.getServers().length),
        orElse: () => ResolverSource.fail({ _tag: "Timeout" })
      })
    )

  const addressesOfFamily = (channel: Channel, name: string, family: NetAddress.IpFamily) =>
    query(channel, () =>
      family === "IPv4" ? channel.resolve4(name, { ttl: true }) : channel.resolve6(name, { ttl: true })
    ).pipe(
      Effect.flatMap((records) => {
        const addresses = Arr.filterMap(records, ({ address }) => NetAddress.ipFromString(address)).filter(
          isAddressRecord[family]
        )
        const ttl = ttlOf(Math.min(...records.map((record) => record.ttl)))
        // An alias whose target has no such address gives an empty list.
        return Effect.map(ResolverSource.orFail(addresses, noAddress(family)), (found) => ({ addresses: found, ttl }))
      })
    )

  // Once one family has answered, the other is waited for no longer than one more try.
  const addressesOfBoth = Effect.fnUntraced(function* (channel: Channel, name: string) {
    const answered = yield* Deferred.make<void>()
    const late = Deferred.await(answered).pipe(
      Effect.andThen(Effect.sleep(timeout)),
      Effect.andThen(ResolverSource.fail({ _tag: "Timeout" }))
    )
    const give = (family: NetAddress.IpFamily) =>
      addressesOfFamily(channel, name, family).pipe(
        Effect.tap(() => Deferred.succeed(answered, undefined)),
        Effect.raceFirst(late),
        Effect.result
      )
    const results = yield* Effect.all([give("IPv6"), give("IPv4")], { concurrency: 2 })
    const [found, failed] = [Arr.getSuccesses(results), Arr.getFailures(results)]
    if (!Arr.isArrayNonEmpty(found)) return yield* ResolverSource.ofBoth(failed)
    const failure = failed.find((error) => !ResolverSource.isAbsence(error))
    const [{ addresses }, second] = found
    const ttls = [...found.map(({ ttl }) => ttl), ...(failure === undefined ? [] : [partialTtl])]
    return { addresses: Arr.appendAll(addresses, second?.addresses ?? []), ttl: ttls.reduce(Duration.min) }
  })

  const forward: ResolverSource.ResolverSource["forward"] = ({ family, name, names }) => {
    const relative = HostName.toRelative(name)
    const loopback = HostName.loopbackOf(name, family)
    if (loopback !== undefined) return Effect.succeed({ name: relative, aliases: [], addresses: loopback })
    if (HostName.isNeverInDns(name)) return ResolverSource.fail({ _tag: "HostNotFound" })
    return withChannel((channel) =>
      Effect.all(
        [
          family === undefined ? addressesOfBoth(channel, relative) : addressesOfFamily(channel, relative, family),
          names
            ? CanonicalName.follow(relative, (name) => query(channel, () => channel.resolveCname(name)))
            : Effect.succeed({ name: relative, aliases: [] })
        ],
        { concurrency: 2 }
      )
    ).pipe(
      Effect.flatMap(([{ addresses, ttl }, known]) =>
        Effect.map(NodeSourceAddress.sort(addresses), (sorted) => ({ ...known, addresses: sorted, ttl }))
      )
    )
  }

  const reverse = (address: NetAddress.IpAddress) =>
    withChannel((channel) => query(channel, () => channel.resolvePtr(Dns.reverseName(address)))).pipe(
      Effect.catchIf(ResolverSource.isAbsence, ({ cause }) => ResolverSource.fail({ _tag: "HostNotFound" }, cause)),
      Effect.flatMap(([first, ...others]) =>
        Effect.map(ResolverSource.confirmed(address, first, forward), (answer) => ({
          ...answer,
          aliases: [...answer.aliases, ...Arr.filterMap(others, Host.domainNameFromString).map(HostName.toRelative)]
        }))
      )
    )

  // The SOA record of the zone says it; c-ares does not show the one that came with the negative answer.
  const negativeTtl = (name: Host.DomainName) => {
    const labels = HostName.toRelative(name).split(".")
    const zones = labels.map((_, i) => labels.slice(i).join(".")).slice(0, maxZoneCuts)
    return withChannel((channel) =>
      Effect.firstSuccessOf(zones.map((zone) => query(channel, () => channel.resolveSoa(zone))))
    ).pipe(
      Effect.map(({ minttl }) => ttlOf(minttl)),
      Effect.option
    )
  }

  return { forward, reverse, services: NodeFiles.services(), negativeTtl }
})
