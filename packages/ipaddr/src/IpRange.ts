/**
 * All addresses of one family from a first to a last, both included: a CIDR block, or any other stretch.
 *
 * The file is long by its examples alone: without those of its thirty operations it has 260 lines.
 */
// oxlint-disable max-lines -- see above
import { dual } from "effect/Function"
import * as IpInterface from "effect/net/IpInterface"
import * as IpNetwork from "effect/net/IpNetwork"
import type * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as AnyIpaddr from "./AnyIpaddr.ts"
import { blocks4, blocks6 } from "./internal/sets/CidrCover.ts"
import * as ParseFailure from "./internal/text/ParseFailure.ts"
import * as TextSchema from "./internal/text/TextSchema.ts"
import * as Ipv6Text from "./internal/text/Ipv6Text.ts"
import * as RangeText from "./internal/text/RangeText.ts"
import * as Ipaddr from "./Ipaddr.ts"
import * as Ipaddr6 from "./Ipaddr6.ts"
import { IpaddrError } from "./IpaddrError.ts"

/**
 * A range of IPv4 addresses.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * const range: IpRange.IpRange4 = IpRange.all4
 * range.last // => Ipaddr.max
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface IpRange4 {
  readonly _tag: "IpRange4"
  readonly first: Ipaddr.Ipaddr
  readonly last: Ipaddr.Ipaddr
}

/**
 * A range of IPv6 addresses. Mapped addresses are IPv6 addresses here; `IpSet` is where they become IPv4.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * const range: IpRange.IpRange6 = IpRange.all6
 * range.last // => Ipaddr6.max
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface IpRange6 {
  readonly _tag: "IpRange6"
  readonly first: Ipaddr6.Ipaddr6
  readonly last: Ipaddr6.Ipaddr6
}

/**
 * A range of either family; never empty.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * const range: IpRange.IpRange = IpRange.fromStringUnsafe("10.0.0.0/8")
 * range._tag // => "IpRange4"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type IpRange = IpRange4 | IpRange6

/**
 * Whether a value is a range: of one family, its first address at most its last.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * IpRange.isIpRange({ _tag: "IpRange4", first: 2, last: 1 }) // => false
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isIpRange = (u: unknown): u is IpRange => {
  if (typeof u !== "object" || u === null || !("_tag" in u && "first" in u && "last" in u)) return false
  return u._tag === "IpRange4"
    ? Ipaddr.isIpaddr(u.first) && Ipaddr.isIpaddr(u.last) && u.first <= u.last
    : u._tag === "IpRange6" && Ipaddr6.isIpaddr6(u.first) && Ipaddr6.isIpaddr6(u.last) && u.first <= u.last
}

const v4 = (first: number, last: number): IpRange4 => ({
  _tag: "IpRange4",
  first: first as Ipaddr.Ipaddr,
  last: last as Ipaddr.Ipaddr
})

const v6 = (first: bigint, last: bigint): IpRange6 => ({
  _tag: "IpRange6",
  first: first as Ipaddr6.Ipaddr6,
  last: last as Ipaddr6.Ipaddr6
})

/**
 * All IPv4 addresses.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * IpRange.format(IpRange.all4) // => "0.0.0.0/0"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const all4: IpRange4 = v4(Ipaddr.min, Ipaddr.max)

/**
 * All IPv6 addresses.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * IpRange.format(IpRange.all6) // => "::/0"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const all6: IpRange6 = v6(Ipaddr6.min, Ipaddr6.max)

const expected = "a range of IP addresses"

// An error of a constructor: as of a text, whose second part is wrong.
const fail = (first: unknown, second: string, reason: string) => {
  const start = AnyIpaddr.isAnyIpaddr(first) ? AnyIpaddr.format(first) : String(first)
  return Result.fail(new IpaddrError({ expected, input: start + second, position: start.length + 1, reason }))
}

/**
 * The addresses from `first` to `last`.
 *
 * **Errors**: `IpaddrError` if they are of two families, or `last` is below `first`.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Result } from "effect"
 * IpRange.make(Ipaddr.min, Ipaddr.max) // => Result.succeed(IpRange.all4)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  (first: Ipaddr.Ipaddr, last: Ipaddr.Ipaddr): Result.Result<IpRange4, IpaddrError>
  (first: Ipaddr6.Ipaddr6, last: Ipaddr6.Ipaddr6): Result.Result<IpRange6, IpaddrError>
  (first: AnyIpaddr.AnyIpaddr, last: AnyIpaddr.AnyIpaddr): Result.Result<IpRange, IpaddrError>
} = (first: AnyIpaddr.AnyIpaddr, last: AnyIpaddr.AnyIpaddr): Result.Result<never, IpaddrError> => {
  const range = { _tag: AnyIpaddr.isV4(first) ? "IpRange4" : "IpRange6", first, last }
  return isIpRange(range)
    ? Result.succeed(range as never)
    : fail(first, `-${AnyIpaddr.isAnyIpaddr(last) ? AnyIpaddr.format(last) : last}`, "it goes up within one family")
}

/**
 * As `make`, for addresses that are known to be right: throws the `IpaddrError`.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * IpRange.makeUnsafe(Ipaddr.min, Ipaddr.max) // => IpRange.all4
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = (first: AnyIpaddr.AnyIpaddr, last: AnyIpaddr.AnyIpaddr): IpRange =>
  Result.getOrThrow(make(first, last))

/**
 * The range of one address.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * IpRange.format(IpRange.single(Ipaddr.loopback)) // => "127.0.0.1"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const single = (address: AnyIpaddr.AnyIpaddr): IpRange =>
  AnyIpaddr.isV4(address) ? v4(address, address) : v6(address, address)

/**
 * The CIDR block of a prefix length around an address: all addresses that share its first `prefixLength` bits.
 *
 * **Errors**: `IpaddrError` if the length is not from 0 to 32, for IPv6 to 128.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Result } from "effect"
 * Result.map(IpRange.block(Ipaddr.loopback, 8), IpRange.format) // => Result.succeed("127.0.0.0/8")
 * Result.isFailure(IpRange.block(Ipaddr.loopback, NaN)) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const block = (address: AnyIpaddr.AnyIpaddr, prefixLength: number): Result.Result<IpRange, IpaddrError> => {
  const width = AnyIpaddr.isV4(address) ? 32 : 128
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > width) {
    return fail(address, `/${prefixLength}`, `a prefix length is an integer from 0 to ${width}`)
  }
  if (!AnyIpaddr.isAnyIpaddr(address)) return fail(address, `/${prefixLength}`, "it begins with an address")
  if (AnyIpaddr.isV4(address)) {
    const size = 2 ** (32 - prefixLength)
    const first = address - (address % size)
    return Result.succeed(v4(first, first + size - 1))
  }
  const host = (1n << BigInt(128 - prefixLength)) - 1n
  return Result.succeed(v6(address & ~host, address | host))
}

/**
 * The range that a text names: one address, a CIDR block without bits beyond its prefix (`10.0.0.0/8`), or the first and
 * the last address with a `-` between them. No spaces.
 *
 * **Errors**: `IpaddrError` with the position and the reason.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import { Result } from "effect"
 * Result.map(IpRange.fromString("10.0.0.0/8"), IpRange.size) // => Result.succeed(16777216n)
 * const error = Result.getOrThrow(Result.flip(IpRange.fromString("10.0.0.1/8")))
 * error.position // => 7
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromString = (text: string): Result.Result<IpRange, IpaddrError> => {
  const size = RangeText.parse(text, 0, text.length)
  if (size < 0) return Result.fail(ParseFailure.toError(expected, text, size))
  if (size === 1) return Result.succeed(v4(RangeText.first[0], RangeText.last[0]))
  return Result.succeed(v6(toBigInt(RangeText.first), toBigInt(RangeText.last)))
}

const toBigInt = (words: Uint32Array): bigint => {
  Ipv6Text.setWords(words[0], words[1], words[2], words[3])
  return Ipv6Text.getBigInt()
}

/**
 * As `fromString`, for text that is known to be right: throws the `IpaddrError`.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * IpRange.fromStringUnsafe("10.0.0.0-10.0.0.9").first // => Ipaddr.fromDottedUnsafe("10.0.0.0")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStringUnsafe = (text: string): IpRange => Result.getOrThrow(fromString(text))

const mapBlocks = <A>(self: IpRange, f: (start: AnyIpaddr.AnyIpaddr, prefixLength: number) => A): Array<A> => {
  const out: Array<A> = []
  if (self._tag === "IpRange4") {
    blocks4(self.first, self.last, (start, length) => void out.push(f(start as Ipaddr.Ipaddr, length)))
  } else {
    blocks6(self.first, self.last, (start, length) => void out.push(f(start as Ipaddr6.Ipaddr6, length)))
  }
  return out
}

/**
 * The fewest CIDR blocks that make up the range, in order: at most 62 for IPv4, 254 for IPv6.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * IpRange.toCidrs(IpRange.fromStringUnsafe("10.0.0.1-10.0.0.3")) // => ["10.0.0.1/32", "10.0.0.2/31"]
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toCidrs = (self: IpRange): Array<string> =>
  mapBlocks(self, (start, length) => `${AnyIpaddr.format(start)}/${length}`)

/**
 * As `toCidrs`, as Effect's values.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * IpRange.toNetworks(IpRange.fromStringUnsafe("10.0.0.1-10.0.0.3")).map(String) // => ["10.0.0.1/32", "10.0.0.2/31"]
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toNetworks = (self: IpRange): Array<IpNetwork.IpNetwork> =>
  mapBlocks(self, (start, length) => IpNetwork.makeUnsafe(AnyIpaddr.toAddress(start), length))

/**
 * The prefix length of a range that is one CIDR block.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import { Option } from "effect"
 * IpRange.prefixLength(IpRange.fromStringUnsafe("10.0.0.0-10.0.0.255")) // => Option.some(24)
 * IpRange.prefixLength(IpRange.fromStringUnsafe("10.0.0.1-10.0.0.255")) // => Option.none()
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const prefixLength = (self: IpRange): Option.Option<number> => {
  const count = size(self)
  const aligned = (count & (count - 1n)) === 0n && BigInt(self.first) % count === 0n
  return aligned ? Option.some((self._tag === "IpRange4" ? 33 : 129) - count.toString(2).length) : Option.none()
}

/**
 * The shortest text that `fromString` reads back: an address, a CIDR block, or first and last with a `-` between them.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * IpRange.format(IpRange.fromStringUnsafe("10.0.0.0-10.0.0.255")) // => "10.0.0.0/24"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (self: IpRange): string => {
  const first = AnyIpaddr.format(self.first)
  if (self.first === self.last) return first
  return Option.match(prefixLength(self), {
    onSome: (length) => `${first}/${length}`,
    onNone: () => `${first}-${AnyIpaddr.format(self.last)}`
  })
}

/**
 * The number of addresses.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * IpRange.size(IpRange.all6) // => 2n ** 128n
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const size = (self: IpRange): bigint => BigInt(self.last) - BigInt(self.first) + 1n

/**
 * Whether an address is in a range; one of the other family never is.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * IpRange.contains(IpRange.fromStringUnsafe("127.0.0.0/8"), Ipaddr.loopback) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const contains: {
  (address: AnyIpaddr.AnyIpaddr): (self: IpRange) => boolean
  (self: IpRange, address: AnyIpaddr.AnyIpaddr): boolean
} = dual(
  2,
  (self: IpRange, address: AnyIpaddr.AnyIpaddr): boolean =>
    typeof address === typeof self.first &&
    AnyIpaddr.isAnyIpaddr(address) &&
    address >= self.first &&
    address <= self.last
)

/**
 * The addresses that are in both ranges; none if there are no such.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import { Option } from "effect"
 * const [a, b] = ["10.0.0.0-10.0.0.5", "10.0.0.4-10.0.0.9"].map(IpRange.fromStringUnsafe)
 * Option.map(IpRange.intersection(a, b), IpRange.format) // => Option.some("10.0.0.4/31")
 * ```
 *
 * @category set operations
 * @since 0.1.0
 */
export const intersection: {
  (that: IpRange): (self: IpRange) => Option.Option<IpRange>
  (self: IpRange, that: IpRange): Option.Option<IpRange>
} = dual(2, (self: IpRange, that: IpRange): Option.Option<IpRange> => {
  const first = self.first > that.first ? self.first : that.first
  const last = self.last < that.last ? self.last : that.last
  return self._tag === that._tag && first <= last ? Option.some(makeUnsafe(first, last)) : Option.none()
})

/**
 * The addresses of a range in order, one at a time; ends after the last, also where that is the top of the space.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * Array.from(IpRange.addresses(IpRange.fromStringUnsafe("::/127"))) // => [0n, 1n]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const addresses: {
  (self: IpRange4): Iterable<Ipaddr.Ipaddr>
  (self: IpRange6): Iterable<Ipaddr6.Ipaddr6>
  (self: IpRange): Iterable<AnyIpaddr.AnyIpaddr>
} = (self: IpRange): Iterable<never> => ({
  *[Symbol.iterator]() {
    if (self._tag === "IpRange4")
      for (let address: number = self.first; address <= self.last; address++) yield address as never
    else for (let address: bigint = self.first; address <= self.last; address++) yield address as never
  }
})

/**
 * The range from one of Effect's addresses to another.
 *
 * **Errors**: `IpaddrError` if they are of two families, or `last` is below `first`.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Result } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * IpRange.fromAddresses(NetAddress.ipv4Loopback, NetAddress.ipv4Loopback)
 * // => Result.succeed(IpRange.single(Ipaddr.loopback))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAddresses = (
  first: NetAddress.IpAddress,
  last: NetAddress.IpAddress
): Result.Result<IpRange, IpaddrError> => make(AnyIpaddr.fromAddress(first), AnyIpaddr.fromAddress(last))

/**
 * The block of Effect's network.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * IpRange.format(IpRange.fromNetwork(IpNetwork.fromStringUnsafe("10.0.0.0/8"))) // => "10.0.0.0/8"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromNetwork = (network: IpNetwork.IpNetwork): IpRange =>
  Result.getOrThrow(block(AnyIpaddr.fromAddress(network.address), network.prefixLength))

/**
 * Effect's network, if the range is one CIDR block.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import { Option } from "effect"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * IpRange.toNetwork(IpRange.all4) // => Option.some(IpNetwork.fromStringUnsafe("0.0.0.0/0"))
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toNetwork = (self: IpRange): Option.Option<IpNetwork.IpNetwork> =>
  Option.map(prefixLength(self), (length) => IpNetwork.makeUnsafe(AnyIpaddr.toAddress(self.first), length))

/**
 * The block that Effect's interface address lies in.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as IpInterface from "effect/net/IpInterface"
 * IpRange.format(IpRange.fromInterface(IpInterface.fromStringUnsafe("10.1.2.3/8"))) // => "10.0.0.0/8"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromInterface = (self: IpInterface.IpInterface): IpRange =>
  Result.getOrThrow(block(AnyIpaddr.fromAddress(self.address), self.prefixLength))

/**
 * Effect's interface address: an address of a range that is one CIDR block, with the block's prefix length.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Option } from "effect"
 * import * as IpInterface from "effect/net/IpInterface"
 * const home = IpRange.toInterface(IpRange.fromStringUnsafe("127.0.0.0/8"), Ipaddr.loopback)
 * Option.map(home, IpInterface.format) // => Option.some("127.0.0.1/8")
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toInterface = (self: IpRange, address: AnyIpaddr.AnyIpaddr): Option.Option<IpInterface.IpInterface> =>
  contains(self, address)
    ? Option.map(prefixLength(self), (length) => IpInterface.makeUnsafe(AnyIpaddr.toAddress(address), length))
    : Option.none()

/**
 * A range; in JSON its text.
 *
 * @category schemas
 * @since 0.1.0
 */
export const IpRange: Schema.declare<IpRange> = Schema.declare(isIpRange, {
  identifier: "IpRange",
  expected,
  toCodecJson: () => Schema.link<IpRange>()(Schema.String, TextSchema.codec(fromString, format)),
  toCodecArbitrary: () =>
    Schema.link<IpRange>()(
      Schema.Union([Schema.Tuple([Ipaddr.Ipaddr, Ipaddr.Ipaddr]), Schema.Tuple([Ipaddr6.Ipaddr6, Ipaddr6.Ipaddr6])]),
      SchemaTransformation.transform({
        decode: ([a, b]) => (a <= b ? makeUnsafe(a, b) : makeUnsafe(b, a)),
        encode: (range) =>
          range._tag === "IpRange4" ? ([range.first, range.last] as const) : ([range.first, range.last] as const)
      })
    )
})

/**
 * Text outside, an `IpRange` inside.
 *
 * ```ts
 * import * as IpRange from "@effect-sockets/ipaddr/IpRange"
 * import { Schema } from "effect"
 * Schema.decodeSync(IpRange.FromString)("0.0.0.0/0") // => IpRange.all4
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromString = TextSchema.textSchema(IpRange, fromString, format, "IpRangeFromString")
