/**
 * An immutable set of addresses of both families: an access list, an allocation, a routing policy.
 *
 * A mapped address (`::ffff:10.0.0.1`, the form in which a socket that listens on `::` reports IPv4 peers) is the IPv4
 * address, in a set and in a question. Apart from that the families are apart: `0.0.0.0/0` holds no IPv6 address and
 * `::/0` holds no IPv4 address, mapped or not.
 *
 * The file is long by its examples alone: without those of its thirty operations it has 300 lines.
 */
// oxlint-disable max-lines -- see above
import * as Equal from "effect/Equal"
import { dual } from "effect/Function"
import * as Hash from "effect/Hash"
import * as Inspectable from "effect/Inspectable"
import * as Iterable_ from "effect/Iterable"
import type * as IpNetwork from "effect/net/IpNetwork"
import type * as NetAddress from "effect/net/NetAddress"
import { hasProperty } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { AddressListError, maxProblems, type Problem } from "./AddressListError.ts"
import * as ParseFailure from "./internal/text/ParseFailure.ts"
import * as TextSchema from "./internal/text/TextSchema.ts"
import * as DualStack from "./internal/sets/DualStack.ts"
import * as Ipv6Text from "./internal/text/Ipv6Text.ts"
import * as RangeText from "./internal/text/RangeText.ts"
import * as SortedIndex from "./internal/sets/SortedIndex.ts"
import * as Ipaddr from "./Ipaddr.ts"
import { isIpaddr6, type Ipaddr6 } from "./Ipaddr6.ts"
import type { IpaddrError } from "./IpaddrError.ts"
import * as IpRange from "./IpRange.ts"

const TypeId = "~@effect-sockets/ipaddr/IpSet"

/** An immutable set of IPv4 and IPv6 addresses; 8 bytes of memory a stretch of IPv4, 32 a stretch of IPv6, and an
 * index of at most 512 KiB.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * const set: IpSet.IpSet = IpSet.fromCidrsUnsafe(["10.0.0.0/9", "10.128.0.0/9"])
 * String(set) // => "IpSet(10.0.0.0/8)"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface IpSet extends Equal.Equal, Inspectable.Inspectable {
  readonly [TypeId]: typeof TypeId
  /** Where membership changes, for the operations here; not to be written to. */
  readonly v4: SortedIndex.SortedIndex
  readonly v6: SortedIndex.SortedIndex
}

class IpSetImpl implements IpSet {
  readonly [TypeId] = TypeId
  readonly v4: SortedIndex.SortedIndex
  readonly v6: SortedIndex.SortedIndex

  constructor(families: DualStack.DualStack) {
    this.v4 = SortedIndex.make(families.v4, 1)
    this.v6 = SortedIndex.make(families.v6, 4)
  }
  [Equal.symbol](that: unknown): boolean {
    return isIpSet(that) && Equal.equals(this.v4.list, that.v4.list) && Equal.equals(this.v6.list, that.v6.list)
  }
  [Hash.symbol](): number {
    const { v4, v6 } = lists(this)
    // A sample is enough to tell sets apart, and costs the same for a set of a million ranges.
    return Hash.array([v4.length, v6.length, ...v4.subarray(0, 8), ...v6.subarray(0, 32)])
  }
  toString(): string {
    const shown = Array.from(Iterable_.take(ranges(this), 8), IpRange.format)
    return `IpSet(${rangeCount(this) > 8 ? [...shown, "..."].join(", ") : shown.join(", ")})`
  }
  toJSON(): unknown {
    return toCidrs(this)
  }
  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toString()
  }
}

const lists = (self: IpSet): DualStack.DualStack => ({ v4: self.v4.list, v6: self.v6.list })

/**
 * Whether a value is an `IpSet`.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.isIpSet(IpSet.empty) // => true
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isIpSet = (u: unknown): u is IpSet => hasProperty(u, TypeId)

/**
 * The set of no addresses.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.size(IpSet.empty) // => 0n
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const empty: IpSet = new IpSetImpl({ v4: new Uint32Array(0), v6: new Uint32Array(0) })

/**
 * The set of all addresses of both families.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.toCidrs(IpSet.all) // => ["0.0.0.0/0", "::/0"]
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const all: IpSet = new IpSetImpl(DualStack.all)

/**
 * The set of the addresses of all ranges, which may come in any order and overlap.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * const ranges = ["10.0.0.4-10.0.0.7", "10.0.0.0/30"].map(IpRange.fromStringUnsafe)
 * IpSet.toCidrs(IpSet.fromRanges(ranges)) // => ["10.0.0.0/29"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromRanges = (ranges: Iterable<IpRange.IpRange>): IpSet => {
  const collector = new DualStack.Collector()
  for (const range of ranges) collector.addRange(range)
  return new IpSetImpl(collector.dualStack())
}

/**
 * The set of the addresses of Effect's networks.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * IpSet.toCidrs(IpSet.fromNetworks([IpNetwork.fromStringUnsafe("10.0.0.0/8")])) // => ["10.0.0.0/8"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromNetworks = (networks: Iterable<IpNetwork.IpNetwork>): IpSet =>
  fromRanges(Iterable_.map(networks, IpRange.fromNetwork))

/**
 * The set of the addresses that texts name, each an address, a CIDR block or a range as `IpRange.fromString` reads it.
 *
 * **Errors**: `IpaddrError` for the first text that is wrong.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import { Result } from "effect"
 * Result.map(IpSet.fromCidrs(["10.0.0.0/8", "::1"]), IpSet.rangeCount) // => Result.succeed(2)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromCidrs = (texts: Iterable<string>): Result.Result<IpSet, IpaddrError> => {
  const collector = new DualStack.Collector()
  for (const text of texts) {
    const size = RangeText.parse(text, 0, text.length)
    if (size < 0) return Result.fail(ParseFailure.toError("a range of IP addresses", text, size))
    collector.add(size, RangeText.first, RangeText.last)
  }
  return Result.succeed(new IpSetImpl(collector.dualStack()))
}

/**
 * As `fromCidrs`, for texts that are known to be right: throws the `IpaddrError`.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.toCidrs(IpSet.fromCidrsUnsafe(["10.0.0.0", "10.0.0.1"])) // => ["10.0.0.0/31"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromCidrsUnsafe = (texts: Iterable<string>): IpSet => Result.getOrThrow(fromCidrs(texts))

const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13) || code === 0xfeff

/**
 * The set that a list names, one entry a line: an address, a CIDR block or `first-last`, with white space around it. What
 * follows `#` or `;` is a comment, blank lines are nothing.
 *
 * **Errors**: `AddressListError` with line, column and reason of every wrong line (the first 100, and their number).
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import { Result } from "effect"
 * const list = "10.0.0.0/8 # the office\n192.0.2.0-192.0.2.1 ; the lab\n"
 * Result.map(IpSet.fromString(list), IpSet.toCidrs) // => Result.succeed(["10.0.0.0/8", "192.0.2.0/31"])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromString = (text: string): Result.Result<IpSet, AddressListError> => {
  const collector = new DualStack.Collector()
  const problems: Array<Problem> = []
  let total = 0
  for (let line = 1, start = 0; start <= text.length; line++) {
    const newline = text.indexOf("\n", start)
    const next = newline < 0 ? text.length : newline
    let from = start
    while (from < next && isSpace(text.charCodeAt(from))) from++
    let to = from
    for (let code; to < next && (code = text.charCodeAt(to)) !== 35 && code !== 59;) to++
    while (to > from && isSpace(text.charCodeAt(to - 1))) to--
    if (to > from) {
      const size = RangeText.parse(text, from, to)
      if (size > 0) collector.add(size, RangeText.first, RangeText.last)
      else if (total++ < maxProblems) {
        const column = ParseFailure.position(size) - start + 1
        problems.push({
          line,
          column,
          text: text.slice(from, Math.min(to, from + 80)),
          reason: ParseFailure.reason(size)
        })
      }
    }
    start = next + 1
  }
  return total === 0
    ? Result.succeed(new IpSetImpl(collector.dualStack()))
    : Result.fail(new AddressListError({ problems, total }))
}

/**
 * As `fromString`, for a list that is known to be right: throws the `AddressListError`.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.toCidrs(IpSet.fromStringUnsafe("10.0.0.0/8\n::1")) // => ["10.0.0.0/8", "::1/128"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStringUnsafe = (text: string): IpSet => Result.getOrThrow(fromString(text))

const binary = (
  keep: (inA: boolean, inB: boolean) => boolean
): {
  (that: IpSet): (self: IpSet) => IpSet
  (self: IpSet, that: IpSet): IpSet
} => dual(2, (self: IpSet, that: IpSet): IpSet => new IpSetImpl(DualStack.combine(lists(self), lists(that), keep)))

/**
 * The addresses that are in one of the sets or in both.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * const [a, b] = [IpSet.fromCidrsUnsafe(["10.0.0.0/9"]), IpSet.fromCidrsUnsafe(["10.128.0.0/9"])]
 * IpSet.toCidrs(IpSet.union(a, b)) // => ["10.0.0.0/8"]
 * ```
 *
 * @category set operations
 * @since 0.1.0
 */
export const union = binary((a, b) => a || b)

/**
 * The addresses that are in both sets.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * const [a, b] = [IpSet.fromCidrsUnsafe(["10.0.0.0/8"]), IpSet.fromCidrsUnsafe(["10.66.0.0/16", "::1"])]
 * IpSet.toCidrs(IpSet.intersection(a, b)) // => ["10.66.0.0/16"]
 * ```
 *
 * @category set operations
 * @since 0.1.0
 */
export const intersection = binary((a, b) => a && b)

/**
 * The addresses that are in the first set and not in the second.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * const [a, b] = [IpSet.fromCidrsUnsafe(["10.0.0.0/8"]), IpSet.fromCidrsUnsafe(["10.128.0.0/9"])]
 * IpSet.toCidrs(IpSet.difference(a, b)) // => ["10.0.0.0/9"]
 * ```
 *
 * @category set operations
 * @since 0.1.0
 */
export const difference = binary((a, b) => a && !b)

/**
 * All other addresses of both families.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.toCidrs(IpSet.complement(IpSet.fromCidrsUnsafe(["0.0.0.0/1"]))) // => ["128.0.0.0/1", "::/0"]
 * ```
 *
 * @category set operations
 * @since 0.1.0
 */
export const complement = (self: IpSet): IpSet => difference(all, self)

/**
 * Whether a set has no address.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.isEmpty(IpSet.difference(IpSet.all, IpSet.all)) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isEmpty = (self: IpSet): boolean => self.v4.list.length === 0 && self.v6.list.length === 0

/**
 * Whether every address of the first set is in the second.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.isSubset(IpSet.fromCidrsUnsafe(["10.66.0.0/16"]), IpSet.fromCidrsUnsafe(["10.0.0.0/8"])) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isSubset: {
  (that: IpSet): (self: IpSet) => boolean
  (self: IpSet, that: IpSet): boolean
} = dual(2, (self: IpSet, that: IpSet): boolean => isEmpty(difference(self, that)))

/**
 * Whether a number is in a set, as an IPv4 address.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * IpSet.containsIpaddr(IpSet.fromCidrsUnsafe(["127.0.0.0/8"]), Ipaddr.loopback) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const containsIpaddr: {
  (address: Ipaddr.Ipaddr): (self: IpSet) => boolean
  (self: IpSet, address: Ipaddr.Ipaddr): boolean
} = dual(
  2,
  (self: IpSet, address: Ipaddr.Ipaddr): boolean =>
    Ipaddr.isIpaddr(address) && (SortedIndex.countUpTo1(self.v4, address) & 1) === 1
)

// The address in the scratch area.
const containsScratch = (self: IpSet): boolean => {
  const w0 = Ipv6Text.word(0)
  const w1 = Ipv6Text.word(1)
  const w2 = Ipv6Text.word(2)
  const w3 = Ipv6Text.word(3)
  return (
    ((Ipv6Text.isMapped() ? SortedIndex.countUpTo1(self.v4, w3) : SortedIndex.countUpTo4(self.v6, w0, w1, w2, w3)) &
      1) ===
    1
  )
}

/**
 * Whether a bigint is in a set, as an IPv6 address, or as the IPv4 address if it is a mapped one.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * IpSet.containsIpaddr6(IpSet.fromCidrsUnsafe(["127.0.0.0/8"]), Ipaddr6.fromIpaddr(Ipaddr.loopback)) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const containsIpaddr6: {
  (address: Ipaddr6): (self: IpSet) => boolean
  (self: IpSet, address: Ipaddr6): boolean
} = dual(2, (self: IpSet, address: Ipaddr6): boolean => {
  if (!isIpaddr6(address)) return false
  Ipv6Text.setBigInt(address)
  return containsScratch(self)
})

/**
 * Whether one of Effect's addresses is in a set; a mapped one as the IPv4 address.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import * as NetAddress from "effect/net/NetAddress"
 * const office = IpSet.fromCidrsUnsafe(["10.0.0.0/8"])
 * IpSet.contains(office, NetAddress.ipFromStringUnsafe("::ffff:10.1.2.3")) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const contains: {
  (address: NetAddress.IpAddress): (self: IpSet) => boolean
  (self: IpSet, address: NetAddress.IpAddress): boolean
} = dual(2, (self: IpSet, address: NetAddress.IpAddress): boolean => {
  if (address._tag === "Ipv4Address") return (SortedIndex.countUpTo1(self.v4, Ipaddr.fromAddress(address)) & 1) === 1
  Ipv6Text.setAddress(address)
  return containsScratch(self)
})

/**
 * How many stretches of addresses a set has: the number of its `ranges`.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.rangeCount(IpSet.fromCidrsUnsafe(["10.0.0.1", "10.0.0.2", "10.0.0.9"])) // => 2
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const rangeCount = (self: IpSet): number =>
  ((self.v4.list.length + 1) >>> 1) + (((self.v6.list.length >>> 2) + 1) >>> 1)

/**
 * The stretches of addresses of a set, as few as there can be, IPv4 first and each family in order. An IPv6 stretch ends
 * before the mapped addresses, as these are IPv4.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * Array.from(IpSet.ranges(IpSet.fromCidrsUnsafe(["10.0.0.1", "10.0.0.2"])), IpRange.format) // => ["10.0.0.1-10.0.0.2"]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const ranges = (self: IpSet): Iterable<IpRange.IpRange> => stretches(lists(self))

const stretches = (families: DualStack.DualStack): Iterable<IpRange.IpRange> => ({
  *[Symbol.iterator]() {
    const { v4, v6 } = families
    for (let index = 0; index < v4.length; index += 2) {
      const last = index + 1 < v4.length ? v4[index + 1] - 1 : Ipaddr.max
      yield IpRange.makeUnsafe(v4[index] as Ipaddr.Ipaddr, last as Ipaddr.Ipaddr)
    }
    for (let index = 0; index < v6.length; index += 8) {
      const last = index + 4 < v6.length ? toBigInt(v6, index + 4) - 1n : (1n << 128n) - 1n
      yield IpRange.makeUnsafe(toBigInt(v6, index) as Ipaddr6, last as Ipaddr6)
    }
  }
})

const toBigInt = (words: Uint32Array, index: number): bigint => {
  Ipv6Text.setWords(words[index], words[index + 1], words[index + 2], words[index + 3])
  return Ipv6Text.getBigInt()
}

/**
 * The number of addresses; a mapped address and its IPv4 address are one.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.size(IpSet.fromCidrsUnsafe(["10.0.0.1", "::ffff:10.0.0.1"])) // => 1n
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const size = (self: IpSet): bigint => {
  let total = 0n
  for (const range of ranges(self)) total += IpRange.size(range)
  return total
}

const blocks = <A>(self: IpSet, f: (range: IpRange.IpRange) => Array<A>): Array<A> => {
  const exact = Array.from(ranges(self), f).flat()
  const v6 = DualStack.withMapped(self.v6)
  const through = v6 === undefined ? exact : Array.from(stretches({ v4: self.v4.list, v6 }), f).flat()
  return through.length < exact.length ? through : exact
}

/**
 * The fewest CIDR blocks that make up the set, IPv4 first and each family in order. An IPv6 block may reach over the
 * mapped addresses (`::/0` does) and has no IPv4 address by that, here as in `fromCidrs`.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.toCidrs(IpSet.fromCidrsUnsafe(["10.0.0.1-10.0.0.3"])) // => ["10.0.0.1/32", "10.0.0.2/31"]
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toCidrs = (self: IpSet): Array<string> => blocks(self, IpRange.toCidrs)

/**
 * As `toCidrs`, as Effect's values.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.toNetworks(IpSet.all).map(String) // => ["0.0.0.0/0", "::/0"]
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toNetworks = (self: IpSet): Array<IpNetwork.IpNetwork> => blocks(self, IpRange.toNetworks)

/**
 * A list that `fromString` reads back: the set's CIDR blocks, one a line.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * IpSet.format(IpSet.all) // => "0.0.0.0/0\n::/0\n"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (self: IpSet): string =>
  toCidrs(self)
    .map((cidr) => `${cidr}\n`)
    .join("")

/**
 * A set; in JSON the array of its CIDR blocks. Any array of addresses, blocks and `first-last` ranges is read.
 *
 * @category models
 * @since 0.1.0
 */
export const IpSet: Schema.declare<IpSet> = Schema.declare(isIpSet, {
  identifier: "IpSet",
  expected: "a set of IP addresses",
  toCodecJson: () =>
    Schema.link<IpSet>()(
      Schema.Array(Schema.String),
      TextSchema.codec<IpSet, ReadonlyArray<string>>(fromCidrs, toCidrs)
    ),
  toCodecArbitrary: () =>
    Schema.link<IpSet>()(
      Schema.Array(IpRange.IpRange),
      SchemaTransformation.transform<IpSet, ReadonlyArray<IpRange.IpRange>>({
        decode: fromRanges,
        encode: (set) => Array.from(ranges(set))
      })
    )
})

/**
 * The text of a list outside, an `IpSet` inside.
 *
 * ```ts
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import { Schema } from "effect"
 * Schema.decodeSync(IpSet.FromString)("0.0.0.0/0\n::/0") // => IpSet.all
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromString = TextSchema.textSchema(IpSet, fromString, format, "IpSetFromString")
