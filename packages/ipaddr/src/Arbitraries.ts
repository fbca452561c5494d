/**
 * Generators for property tests, for this package's users as well as for itself. They are apart from the values, so
 * that a program which tests nothing does not load the generator machinery.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AnyIpaddr from "./AnyIpaddr.ts"
import * as Ipaddr from "./Ipaddr.ts"
import * as Ipaddr6 from "./Ipaddr6.ts"
import * as IpRange from "./IpRange.ts"
import * as IpSet from "./IpSet.ts"
import * as IpTable from "./IpTable.ts"
import * as SpecialPurpose from "./SpecialPurpose.ts"
import type * as ZonedIpaddr6 from "./ZonedIpaddr6.ts"

/**
 * Any IPv4 address as a number; both ends of the space come often.
 *
 * ```ts
 * import * as Arbitraries from "@effect-sockets/ipaddr/Arbitraries"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Arbitrary, Effect } from "effect"
 * const samples = await Effect.runPromise(Arbitrary.sampleEffect(Arbitraries.ipaddr, { count: 5 }))
 * samples.every(Ipaddr.isIpaddr) // => true
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const ipaddr: Arbitrary.Arbitrary<Ipaddr.Ipaddr> = Arbitrary.schema(Ipaddr.Ipaddr)

const group = Schema.Union([
  Schema.Literal(0),
  Schema.Literals([0, 1, 0xffff]),
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff }))
])

/**
 * Any IPv6 address as a number. Its eight groups are drawn one by one, often as zero, so that runs of zeros of every
 * length and place come often; one in four is a mapped IPv4 address.
 *
 * ```ts
 * import * as Arbitraries from "@effect-sockets/ipaddr/Arbitraries"
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Arbitrary, Effect } from "effect"
 * const samples = await Effect.runPromise(Arbitrary.sampleEffect(Arbitraries.ipaddr6, { count: 5 }))
 * samples.every(Ipaddr6.isIpaddr6) // => true
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const ipaddr6: Arbitrary.Arbitrary<Ipaddr6.Ipaddr6> = Arbitrary.map(
  Arbitrary.all([
    Arbitrary.array(Arbitrary.schema(group), { minLength: 8, maxLength: 8 }),
    ipaddr,
    Arbitrary.schema(Schema.Literals([false, false, false, true]))
  ]),
  ([groups, v4, mapped]) =>
    mapped
      ? Ipaddr6.fromIpaddr(v4)
      : Ipaddr6.fromBigIntUnsafe(groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n))
)

/**
 * An IPv6 address with the name or the index of an interface.
 *
 * ```ts
 * import * as Arbitraries from "@effect-sockets/ipaddr/Arbitraries"
 * import { Arbitrary, Effect } from "effect"
 * const samples = await Effect.runPromise(Arbitrary.sampleEffect(Arbitraries.zonedIpaddr6, { count: 5 }))
 * samples.every(({ zone }) => zone !== "") // => true
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const zonedIpaddr6: Arbitrary.Arbitrary<ZonedIpaddr6.ZonedIpaddr6> = Arbitrary.map(
  Arbitrary.all([
    ipaddr6,
    Arbitrary.schema(Schema.Literals(["eth0", "lo", "wlan0.1", "0", "7", "4294967295", "1e99", "é"]))
  ]),
  ([address, zone]) => ({ address, zone })
)

/**
 * Any address of either family.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * import * as Arbitraries from "@effect-sockets/ipaddr/Arbitraries"
 * import { Arbitrary, Effect } from "effect"
 * const samples = await Effect.runPromise(Arbitrary.sampleEffect(Arbitraries.anyIpaddr, { count: 5 }))
 * samples.every(AnyIpaddr.isAnyIpaddr) // => true
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const anyIpaddr: Arbitrary.Arbitrary<AnyIpaddr.AnyIpaddr> = Arbitrary.map(
  Arbitrary.all([ipaddr, ipaddr6, Arbitrary.schema(Schema.Boolean)]),
  ([v4, v6, isV6]) => (isV6 ? v6 : v4)
)

const prefixLength = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 32 })))

/**
 * A CIDR block of any length, in IPv6 every fourth length.
 *
 * ```ts
 * import * as Arbitraries from "@effect-sockets/ipaddr/Arbitraries"
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import { Arbitrary, Effect } from "effect"
 * const samples = await Effect.runPromise(Arbitrary.sampleEffect(Arbitraries.cidr, { count: 5 }))
 * samples.every((block) => IpRange.toCidrs(block).length === 1) // => true
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const cidr: Arbitrary.Arbitrary<IpRange.IpRange> = Arbitrary.map(
  Arbitrary.all([anyIpaddr, prefixLength]),
  ([address, length]) => Result.getOrThrow(IpRange.block(address, AnyIpaddr.isV4(address) ? length : length * 4))
)

/**
 * A range of either family: a CIDR block, a single address, or any stretch.
 *
 * ```ts
 * import * as Arbitraries from "@effect-sockets/ipaddr/Arbitraries"
 * import { Arbitrary, Effect } from "effect"
 * const samples = await Effect.runPromise(Arbitrary.sampleEffect(Arbitraries.ipRange, { count: 5 }))
 * samples.every(({ first, last }) => first <= last) // => true
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const ipRange: Arbitrary.Arbitrary<IpRange.IpRange> = Arbitrary.map(
  Arbitrary.all([
    cidr,
    anyIpaddr,
    Arbitrary.schema(IpRange.IpRange),
    Arbitrary.schema(Schema.Literals(["block", "block", "single", "any"]))
  ]),
  ([block, address, any, kind]) => (kind === "block" ? block : kind === "single" ? IpRange.single(address) : any)
)

/**
 * A set over both families, of up to a dozen ranges.
 *
 * ```ts
 * import * as Arbitraries from "@effect-sockets/ipaddr/Arbitraries"
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import { Arbitrary, Effect, Equal } from "effect"
 * const sets = await Effect.runPromise(Arbitrary.sampleEffect(Arbitraries.ipSet, { count: 5 }))
 * sets.every((set) => Equal.equals(IpSet.complement(IpSet.complement(set)), set)) // => true
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const ipSet: Arbitrary.Arbitrary<IpSet.IpSet> = Arbitrary.map(
  Arbitrary.array(ipRange, { maxLength: 12 }),
  IpSet.fromRanges
)

/**
 * A table over both families, of up to a dozen blocks, some inside others.
 *
 * ```ts
 * import * as Arbitraries from "@effect-sockets/ipaddr/Arbitraries"
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * import { Arbitrary, Effect, Schema } from "effect"
 * const tables = await Effect.runPromise(Arbitrary.sampleEffect(Arbitraries.ipTable(Arbitrary.schema(Schema.Boolean)), { count: 5 }))
 * tables.every((table) => IpTable.size(table) <= 12) // => true
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const ipTable = <A>(value: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<IpTable.IpTable<A>> =>
  Arbitrary.map(Arbitrary.array(Arbitrary.all([cidr, value]), { maxLength: 12 }), (entries) =>
    IpTable.fromCidrsUnsafe(entries.map(([block, value]) => [IpRange.format(block), value]))
  )

/**
 * A row of one of the special-purpose registries.
 *
 * ```ts
 * import * as Arbitraries from "@effect-sockets/ipaddr/Arbitraries"
 * import { Arbitrary, Effect } from "effect"
 * const samples = await Effect.runPromise(Arbitrary.sampleEffect(Arbitraries.specialPurpose, { count: 5 }))
 * samples.every(({ blocks }) => blocks.length > 0) // => true
 * ```
 *
 * @category arbitraries
 * @since 0.1.0
 */
export const specialPurpose: Arbitrary.Arbitrary<SpecialPurpose.SpecialPurpose> = Arbitrary.map(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 49 }))),
  (index) => [...SpecialPurpose.ipv4, ...SpecialPurpose.ipv6][index]
)
