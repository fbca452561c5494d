/**
 * Answers of name servers.
 */
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as HostName from "../../HostName.ts"
import { noAddress } from "../../ResolverError.ts"
import * as ResolverSource from "../../ResolverSource.ts"
import * as NodeFiles from "../NodeFiles.ts"
import * as NodeSourceAddress from "../NodeSourceAddress.ts"
import * as AddressChain from "./AddressChain.ts"
import type * as DnsMessage from "./DnsMessage.ts"
import * as NodeDnsClient from "./NodeDnsClient.ts"

/** An answer that lacks a family for a failure that may pass is not to be kept longer. */
const partialTtl = Duration.seconds(10)

const seconds = (ttl: number | undefined) => (ttl === undefined ? undefined : Duration.seconds(ttl))

const typeOf = { IPv4: "A", IPv6: "AAAA" } as const

/** A source that asks name servers, as long as the scope lives. */
export const make = Effect.fnUntraced(function* (options: NodeDnsClient.ClientOptions) {
  const query = yield* NodeDnsClient.make(options)

  /** The records of the name at the end of its aliases, or why there are none. */
  const recordsOf = Effect.fnUntraced(function* (name: string, type: DnsMessage.Type) {
    const answer = yield* query(name, type)
    const chain = AddressChain.follow(name, answer.answers)
    if (chain === undefined) {
      return yield* ResolverSource.fail({ _tag: "InvalidResponse", detail: "aliases in a circle" })
    }
    const records = chain.records.filter((record) => record.type === type)
    const ttl = seconds(records.length === 0 ? AddressChain.negativeTtl(answer) : chain.ttl)
    if (records.length === 0 && answer.rcode !== 0) {
      return yield* new ResolverSource.SourceError({ reason: { _tag: "HostNotFound" }, ttl })
    }
    return { records, names: chain.names, ttl }
  })

  const addressesOfFamily = Effect.fnUntraced(function* (
    name: string,
    family: NetAddress.IpFamily
  ): Effect.fn.Return<ResolverSource.Answer, ResolverSource.SourceError> {
    const { names, records, ttl } = yield* recordsOf(name, typeOf[family])
    const addresses = records.flatMap((record) => ("address" in record ? [record.address] : []))
    if (!Arr.isArrayNonEmpty(addresses)) {
      return yield* new ResolverSource.SourceError({ reason: noAddress(family), ttl })
    }
    const canonical = HostName.nameFromString(names[names.length - 1])
    if (canonical._tag === "Failure") {
      return yield* ResolverSource.fail({ _tag: "InvalidResponse", detail: "the canonical name is no host name" })
    }
    return { name: canonical.success, aliases: names.slice(0, -1), addresses, ttl }
  })

  // Once one family has answered, the other is waited for no longer than one more try.
  const addressesOfBoth = Effect.fnUntraced(function* (
    name: string
  ): Effect.fn.Return<ResolverSource.Answer, ResolverSource.SourceError> {
    const answered = yield* Deferred.make<void>()
    const late = Deferred.await(answered).pipe(
      Effect.andThen(Effect.sleep(options.timeout)),
      Effect.andThen(ResolverSource.fail({ _tag: "Timeout" }))
    )
    const give = (family: NetAddress.IpFamily) =>
      addressesOfFamily(name, family).pipe(
        Effect.tap(() => Deferred.succeed(answered, undefined)),
        Effect.raceFirst(late),
        Effect.result
      )
    const results = yield* Effect.all([give("IPv6"), give("IPv4")], { concurrency: 2 })
    const [found, failed] = [Arr.getSuccesses(results), Arr.getFailures(results)]
    if (!Arr.isArrayNonEmpty(found)) return yield* ResolverSource.ofBoth(failed)
    const [first, second] = found
    const isPartial = failed.some((error) => !ResolverSource.isAbsence(error))
    const ttls = [...found.map(({ ttl }) => ttl ?? Duration.zero), ...(isPartial ? [partialTtl] : [])]
    return {
      ...first,
      addresses: Arr.appendAll(first.addresses, second?.addresses ?? []),
      ttl: ttls.reduce(Duration.min)
    }
  })

  const forward: ResolverSource.ResolverSource["forward"] = ({ family, name }) => {
    const relative = HostName.toRelative(name)
    const loopback = HostName.loopbackOf(name, family)
    if (loopback !== undefined) return Effect.succeed({ name: relative, aliases: [], addresses: loopback })
    if (HostName.isNeverInDns(name)) return ResolverSource.fail({ _tag: "HostNotFound" })
    return Effect.flatMap(
      family === undefined ? addressesOfBoth(relative) : addressesOfFamily(relative, family),
      (answer) => Effect.map(NodeSourceAddress.sort(answer.addresses), (addresses) => ({ ...answer, addresses }))
    )
  }

  const reverse = Effect.fnUntraced(function* (address: NetAddress.IpAddress) {
    const { records, ttl } = yield* recordsOf(Dns.reverseName(address), "PTR")
    if (records.length === 0) return yield* new ResolverSource.SourceError({ reason: { _tag: "HostNotFound" }, ttl })
    // Servers rotate the records: which of them can be used must not depend on their order.
    const [first, ...others] = Arr.filterMap(
      records.flatMap((record) => ("target" in record ? [record.target] : [])),
      HostName.nameFromString
    )
    if (first === undefined) {
      return yield* ResolverSource.fail({ _tag: "InvalidResponse", detail: "the name of the address is no host name" })
    }
    const answer = yield* ResolverSource.confirmed(address, first, forward)
    return { ...answer, aliases: [...answer.aliases, ...others.map(HostName.toRelative)], ttl }
  })

  return { forward, reverse, services: NodeFiles.services() }
})
