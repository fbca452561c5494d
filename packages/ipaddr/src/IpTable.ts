/**
 * An immutable table from CIDR blocks to values, asked by address: the longest block that has the address answers, as in
 * a routing table.
 *
 * As in `IpSet`, a mapped address is the IPv4 address, and a block of mapped addresses is an IPv4 block.
 */
import { format } from "effect/Formatter"
import { dual } from "effect/Function"
import * as Inspectable from "effect/Inspectable"
import * as Iterable_ from "effect/Iterable"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import { hasProperty } from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { AnyIpaddr, fromAddress, toAddress } from "./AnyIpaddr.ts"
import * as ParseFailure from "./internal/text/ParseFailure.ts"
import * as TextSchema from "./internal/text/TextSchema.ts"
import * as Mapped from "./internal/Mapped.ts"
import * as Ipv6Text from "./internal/text/Ipv6Text.ts"
import * as PrefixTable from "./internal/sets/PrefixTable.ts"
import * as RangeText from "./internal/text/RangeText.ts"
import * as SortedIndex from "./internal/sets/SortedIndex.ts"
import * as Ipaddr from "./Ipaddr.ts"
import { isIpaddr6, type Ipaddr6 } from "./Ipaddr6.ts"
import type { IpaddrError } from "./IpaddrError.ts"

const TypeId = "~@effect-sockets/ipaddr/IpTable"

/**
 * An immutable table from CIDR blocks to values. Beside the values it takes at most 33 bytes of memory a block of IPv4
 * and 69 a block of IPv6, and an index of at most 512 KiB; while it is made three times that.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * const routes: IpTable.IpTable<string> = IpTable.fromCidrsUnsafe([["10.0.0.0/8", "office"]])
 * String(routes) // => 'IpTable(10.0.0.0/8 => "office")'
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface IpTable<out A> extends Inspectable.Inspectable {
  readonly [TypeId]: typeof TypeId
  /** For the operations here; not to be written to. */
  readonly v4: PrefixTable.PrefixTable<A>
  readonly v6: PrefixTable.PrefixTable<A>
}

/**
 * Whether a value is an `IpTable`.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * IpTable.isIpTable(IpTable.fromCidrsUnsafe([])) // => true
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isIpTable = (u: unknown): u is IpTable<unknown> => hasProperty(u, TypeId)

// A value may be anything, and stands in a log line.
const cut = (text: string): string => (text.length > 40 ? `${text.slice(0, 39)}…` : text)

class IpTableImpl<A> implements IpTable<A> {
  readonly [TypeId] = TypeId
  readonly v4: PrefixTable.PrefixTable<A>
  readonly v6: PrefixTable.PrefixTable<A>

  constructor(v4: PrefixTable.PrefixTable<A>, v6: PrefixTable.PrefixTable<A>) {
    this.v4 = v4
    this.v6 = v6
  }
  toString(): string {
    const shown = Array.from(
      Iterable_.take(entries(this), 8),
      ([network, value]) => `${network} => ${cut(format(value))}`
    )
    return `IpTable(${[...shown, ...(size(this) > 8 ? ["..."] : [])].join(", ")})`
  }
  toJSON(): unknown {
    return Array.from(entries(this), ([network, value]) => [String(network), value])
  }
  [Inspectable.NodeInspectSymbol](): unknown {
    return this.toString()
  }
}

class Builder<A> {
  private readonly v4 = new PrefixTable.Collector<A>(1)
  private readonly v6 = new PrefixTable.Collector<A>(4)

  // The prefix in the scratch area of `RangeText`.
  add(size: number, length: number, value: A): void {
    if (size === 1) this.v4.add(RangeText.first, 0, length, value)
    else {
      const [w0, w1, w2] = RangeText.first
      const mapped = length >= Mapped.prefixLength && Mapped.isMappedWords(w0, w1, w2)
      if (mapped) this.v4.add(RangeText.first, 3, length - Mapped.prefixLength, value)
      else this.v6.add(RangeText.first, 0, length, value)
    }
  }

  table(): IpTable<A> {
    return new IpTableImpl(this.v4.table(), this.v6.table())
  }
}

/**
 * The table of blocks given as text, each an address or a CIDR block without bits beyond its prefix; of equal blocks the
 * last counts.
 *
 * **Errors**: `IpaddrError` for the first text that is wrong.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * import { Result } from "effect"
 * Result.map(IpTable.fromCidrs([["10.0.0.0/8", "office"], ["::1", "self"]]), IpTable.size) // => Result.succeed(2)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromCidrs = <A>(
  entries: Iterable<readonly [cidr: string, value: A]>
): Result.Result<IpTable<A>, IpaddrError> => {
  const builder = new Builder<A>()
  for (const [cidr, value] of entries) {
    const size = RangeText.parse(cidr, 0, cidr.length, true)
    if (size < 0) return Result.fail(ParseFailure.toError("a CIDR block", cidr, size))
    builder.add(size, RangeText.prefixLength, value)
  }
  return Result.succeed(builder.table())
}

/**
 * As `fromCidrs`, for texts that are known to be right: throws the `IpaddrError`.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * IpTable.size(IpTable.fromCidrsUnsafe([["10.0.0.0/8", "office"]])) // => 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromCidrsUnsafe = <A>(entries: Iterable<readonly [cidr: string, value: A]>): IpTable<A> =>
  Result.getOrThrow(fromCidrs(entries))

/**
 * The table of Effect's networks; of equal ones the last counts.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * IpTable.size(IpTable.fromNetworks([[IpNetwork.fromStringUnsafe("10.0.0.0/8"), "office"]])) // => 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromNetworks = <A>(entries: Iterable<readonly [network: IpNetwork.IpNetwork, value: A]>): IpTable<A> => {
  const builder = new Builder<A>()
  for (const [{ address, prefixLength }, value] of entries) {
    if (NetAddress.isIpv4Address(address)) {
      RangeText.first[0] = Ipaddr.fromAddress(address)
      builder.add(1, prefixLength, value)
    } else {
      Ipv6Text.setAddress(address)
      for (let index = 0; index < 4; index++) RangeText.first[index] = Ipv6Text.word(index)
      builder.add(4, prefixLength, value)
    }
  }
  return builder.table()
}

// The longest prefix of an address, or -1.
const find4 = (self: IpTable<unknown>, address: number): number => {
  const count = SortedIndex.countUpTo1(self.v4.starts, address)
  return count === 0 ? -1 : self.v4.owners[count - 1]
}

// As `find4`, for the IPv6 address in the scratch area, which is not mapped.
const find6 = (self: IpTable<unknown>): number => {
  const { starts, owners } = self.v6
  const count = SortedIndex.countUpTo4(starts, Ipv6Text.word(0), Ipv6Text.word(1), Ipv6Text.word(2), Ipv6Text.word(3))
  return count === 0 ? -1 : owners[count - 1]
}

const valueAt = <A>(prefixes: PrefixTable.PrefixTable<A>, index: number): Option.Option<A> =>
  index < 0 ? Option.none() : Option.some(prefixes.values[index])

const lookupScratch = <A>(self: IpTable<A>): Option.Option<A> =>
  Ipv6Text.isMapped() ? valueAt(self.v4, find4(self, Ipv6Text.word(3))) : valueAt(self.v6, find6(self))

/**
 * The value of the longest block that has an IPv4 address given as a number.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Option } from "effect"
 * const routes = IpTable.fromCidrsUnsafe([["0.0.0.0/0", "upstream"], ["127.0.0.0/8", "self"]])
 * IpTable.lookupIpaddr(routes, Ipaddr.loopback) // => Option.some("self")
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const lookupIpaddr: {
  (address: Ipaddr.Ipaddr): <A>(self: IpTable<A>) => Option.Option<A>
  <A>(self: IpTable<A>, address: Ipaddr.Ipaddr): Option.Option<A>
} = dual(2, <A>(self: IpTable<A>, address: Ipaddr.Ipaddr): Option.Option<A> =>
  Ipaddr.isIpaddr(address) ? valueAt(self.v4, find4(self, address)) : Option.none()
)

/**
 * The value of the longest block that has an IPv6 address given as a bigint.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Option } from "effect"
 * IpTable.lookupIpaddr6(IpTable.fromCidrsUnsafe([["::1", "self"]]), Ipaddr6.loopback) // => Option.some("self")
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const lookupIpaddr6: {
  (address: Ipaddr6): <A>(self: IpTable<A>) => Option.Option<A>
  <A>(self: IpTable<A>, address: Ipaddr6): Option.Option<A>
} = dual(2, <A>(self: IpTable<A>, address: Ipaddr6): Option.Option<A> => {
  if (!isIpaddr6(address)) return Option.none()
  Ipv6Text.setBigInt(address)
  return lookupScratch(self)
})

/**
 * The value of the longest block that has one of Effect's addresses; none if no block has it.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * import { Option } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const routes = IpTable.fromCidrsUnsafe([["10.0.0.0/8", "office"], ["10.66.0.0/16", "lab"]])
 * IpTable.lookup(routes, NetAddress.ipFromStringUnsafe("10.66.1.1")) // => Option.some("lab")
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const lookup: {
  (address: NetAddress.IpAddress): <A>(self: IpTable<A>) => Option.Option<A>
  <A>(self: IpTable<A>, address: NetAddress.IpAddress): Option.Option<A>
} = dual(2, <A>(self: IpTable<A>, address: NetAddress.IpAddress): Option.Option<A> => {
  if (address._tag === "Ipv4Address") return valueAt(self.v4, find4(self, Ipaddr.fromAddress(address)))
  Ipv6Text.setAddress(address)
  return lookupScratch(self)
})

const networkAt = (prefixes: PrefixTable.PrefixTable<unknown>, stride: number, index: number): IpNetwork.IpNetwork => {
  const words = prefixes.firsts.subarray(index * stride, (index + 1) * stride)
  if (stride === 4) Ipv6Text.setWords(words[0], words[1], words[2], words[3])
  const first = (stride === 4 ? Ipv6Text.getBigInt() : words[0]) as AnyIpaddr
  return IpNetwork.makeUnsafe(toAddress(first), prefixes.lengths[index])
}

/**
 * All blocks that have an address and their values, the longest block first.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * import * as NetAddress from "effect/net/NetAddress"
 * const routes = IpTable.fromCidrsUnsafe([["10.0.0.0/8", "office"], ["10.66.0.0/16", "lab"]])
 * IpTable.matches(routes, NetAddress.ipFromStringUnsafe("10.66.1.1")).map(([, value]) => value) // => ["lab", "office"]
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const matches: {
  (address: NetAddress.IpAddress): <A>(self: IpTable<A>) => Array<readonly [IpNetwork.IpNetwork, A]>
  <A>(self: IpTable<A>, address: NetAddress.IpAddress): Array<readonly [IpNetwork.IpNetwork, A]>
} = dual(2, <A>(self: IpTable<A>, address: NetAddress.IpAddress): Array<readonly [IpNetwork.IpNetwork, A]> => {
  const plain = NetAddress.toCanonical(address)
  const v4 = NetAddress.isIpv4Address(plain)
  if (!v4) Ipv6Text.setAddress(plain)
  const prefixes = v4 ? self.v4 : self.v6
  const out: Array<readonly [IpNetwork.IpNetwork, A]> = []
  for (
    let index = v4 ? find4(self, Ipaddr.fromAddress(plain)) : find6(self);
    index >= 0;
    index = prefixes.parents[index]
  ) {
    out.push([networkAt(prefixes, v4 ? 1 : 4, index), prefixes.values[index]])
  }
  return out
})

/**
 * The number of blocks.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * IpTable.size(IpTable.fromCidrsUnsafe([["10.0.0.0/8", 1], ["10.0.0.0/8", 2]])) // => 1
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const size = (self: IpTable<unknown>): number => self.v4.values.length + self.v6.values.length

/**
 * All blocks and their values, IPv4 first, each family by address and then from shorter to longer.
 *
 * ```ts
 * import * as IpTable from "@effect-sockets/ipaddr/IpTable"
 * const routes = IpTable.fromCidrsUnsafe([["::1", "self"], ["10.0.0.0/8", "office"]])
 * Array.from(IpTable.entries(routes), ([network]) => String(network)) // => ["10.0.0.0/8", "::1/128"]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const entries = <A>(self: IpTable<A>): Iterable<readonly [network: IpNetwork.IpNetwork, value: A]> => ({
  *[Symbol.iterator]() {
    for (const [prefixes, stride] of [
      [self.v4, 1],
      [self.v6, 4]
    ] as const) {
      for (let index = 0; index < prefixes.values.length; index++) {
        yield [networkAt(prefixes, stride, index), prefixes.values[index]] as const
      }
    }
  }
})

/**
 * A table of values of a schema; in JSON the array of its `[block, value]` pairs.
 *
 * @category models
 * @since 0.1.0
 */
export const IpTable = <A, E>(value: Schema.Codec<A, E>): Schema.declare<IpTable<A>> => {
  const isValue = Schema.is(value)
  const isValues = (table: IpTable<unknown>): table is IpTable<A> =>
    table.v4.values.every(isValue) && table.v6.values.every(isValue)
  const pairs = Schema.Array(Schema.Tuple([Schema.String, value]))
  return Schema.declare((u): u is IpTable<A> => isIpTable(u) && isValues(u), {
    identifier: "IpTable",
    expected: "a table of CIDR blocks",
    toCodecJson: () =>
      Schema.link<IpTable<A>>()(
        pairs,
        TextSchema.codec<IpTable<A>, ReadonlyArray<readonly [string, A]>>(fromCidrs, (table) =>
          Array.from(entries(table), ([network, value]) => [String(network), value])
        )
      ),
    toCodecArbitrary: () =>
      Schema.link<IpTable<A>>()(
        Schema.Array(Schema.Tuple([AnyIpaddr, Schema.toType(value)])),
        SchemaTransformation.transform<IpTable<A>, ReadonlyArray<readonly [AnyIpaddr, A]>>({
          // Blocks around generated addresses, of a length that the address itself decides.
          decode: (pairs) => fromNetworks(pairs.map(([address, value]) => [blockAround(address), value])),
          encode: (table) => Array.from(entries(table), ([network, value]) => [fromAddress(network.address), value])
        })
      )
  })
}

const blockAround = (address: AnyIpaddr): IpNetwork.IpNetwork =>
  typeof address === "number"
    ? IpNetwork.fromAddressUnsafe(toAddress(address), address % 33)
    : IpNetwork.fromAddressUnsafe(toAddress(address), Number(address % 129n))
