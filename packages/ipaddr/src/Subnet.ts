/**
 * Arithmetic of blocks, over Effect's `IpNetwork`: a block cut into smaller ones, the larger one around it, its
 * neighbours, the addresses that hosts may have in it, and its masks.
 */
import { dual } from "effect/Function"
import * as IpNetwork from "effect/net/IpNetwork"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as MaskText from "./internal/text/MaskText.ts"
import * as ParseFailure from "./internal/text/ParseFailure.ts"
import * as Ipaddr from "./Ipaddr.ts"
import * as Ipaddr6 from "./Ipaddr6.ts"
import { IpaddrError } from "./IpaddrError.ts"

type Address = NetAddress.IpAddress
type Family<A extends Address> = NetAddress.Family<A>

const widthOf = (self: IpNetwork.IpNetwork): number => (NetAddress.isIpv4Address(self.address) ? 32 : 128)

const firstOf = ({ address }: IpNetwork.IpNetwork): bigint =>
  NetAddress.isIpv4Address(address) ? BigInt(Ipaddr.fromAddress(address)) : Ipaddr6.fromAddress(address)

const sizeOf = (self: IpNetwork.IpNetwork, prefixLength: number): bigint => 1n << BigInt(widthOf(self) - prefixLength)

const toAddress = (v6: boolean, value: bigint): Address =>
  v6 ? Ipaddr6.toAddress(value as Ipaddr6.Ipaddr6) : Ipaddr.toAddress(Number(value) as Ipaddr.Ipaddr)

/** An address of a network's family. */
const addressAt = <A extends Address>(self: IpNetwork.IpNetwork<A>, value: bigint): Family<A> =>
  toAddress(widthOf(self) === 128, value) as Family<A>

/** A block of a network's family. */
const blockAt = <A extends Address>(
  self: IpNetwork.IpNetwork<A>,
  first: bigint,
  prefixLength: number
): IpNetwork.IpNetwork<Family<A>> => IpNetwork.makeUnsafe(addressAt(self, first), prefixLength)

const wrongLength = (self: IpNetwork.IpNetwork, prefixLength: number, least: number, most: number) =>
  new IpaddrError({
    expected: "a block of IP addresses",
    input: `${NetAddress.formatIp(self.address)}/${prefixLength}`,
    position: NetAddress.formatIp(self.address).length + 1,
    reason: `the prefix length is an integer from ${least} to ${most}`
  })

const isBetween = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most

/**
 * The blocks of a prefix length that make up a block, in order. They are made one at a time, as they are asked for, and
 * may be gone through again.
 *
 * **Errors**: `IpaddrError` if the length is not an integer from the block's own to 32, for IPv6 to 128.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import { Result } from "effect"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * const halves = Subnet.subnets(IpNetwork.fromStringUnsafe("10.0.0.0/8"), 9)
 * Array.from(Result.getOrThrow(halves), String) // => ["10.0.0.0/9", "10.128.0.0/9"]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const subnets: {
  (
    prefixLength: number
  ): <A extends Address>(
    self: IpNetwork.IpNetwork<A>
  ) => Result.Result<Iterable<IpNetwork.IpNetwork<Family<A>>>, IpaddrError>
  <A extends Address>(
    self: IpNetwork.IpNetwork<A>,
    prefixLength: number
  ): Result.Result<Iterable<IpNetwork.IpNetwork<Family<A>>>, IpaddrError>
} = dual(
  2,
  <A extends Address>(
    self: IpNetwork.IpNetwork<A>,
    prefixLength: number
  ): Result.Result<Iterable<IpNetwork.IpNetwork<Family<A>>>, IpaddrError> => {
    const width = widthOf(self)
    if (!isBetween(prefixLength, self.prefixLength, width)) {
      return Result.fail(wrongLength(self, prefixLength, self.prefixLength, width))
    }
    const step = sizeOf(self, prefixLength)
    return Result.succeed({
      *[Symbol.iterator]() {
        const end = firstOf(self) + sizeOf(self, self.prefixLength)
        for (let first = firstOf(self); first < end; first += step) yield blockAt(self, first, prefixLength)
      }
    })
  }
)

/**
 * The block of a shorter prefix length around a block.
 *
 * **Errors**: `IpaddrError` if the length is not an integer from 0 to the block's own.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import { Result } from "effect"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * Result.map(Subnet.supernet(IpNetwork.fromStringUnsafe("10.66.0.0/16"), 8), String) // => Result.succeed("10.0.0.0/8")
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const supernet: {
  (
    prefixLength: number
  ): <A extends Address>(self: IpNetwork.IpNetwork<A>) => Result.Result<IpNetwork.IpNetwork<Family<A>>, IpaddrError>
  <A extends Address>(
    self: IpNetwork.IpNetwork<A>,
    prefixLength: number
  ): Result.Result<IpNetwork.IpNetwork<Family<A>>, IpaddrError>
} = dual(
  2,
  <A extends Address>(
    self: IpNetwork.IpNetwork<A>,
    prefixLength: number
  ): Result.Result<IpNetwork.IpNetwork<Family<A>>, IpaddrError> =>
    isBetween(prefixLength, 0, self.prefixLength)
      ? Result.succeed(IpNetwork.fromAddressUnsafe(self.address, prefixLength))
      : Result.fail(wrongLength(self, prefixLength, 0, self.prefixLength))
)

/**
 * The block of the same length after a block; none after the last one of its family.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import { Option } from "effect"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * Option.map(Subnet.next(IpNetwork.fromStringUnsafe("10.0.0.0/24")), String) // => Option.some("10.0.1.0/24")
 * ```
 *
 * @category stepping
 * @since 0.1.0
 */
export const next = <A extends Address>(
  self: IpNetwork.IpNetwork<A>
): Option.Option<IpNetwork.IpNetwork<Family<A>>> => {
  const first = firstOf(self) + sizeOf(self, self.prefixLength)
  return first < sizeOf(self, 0) ? Option.some(blockAt(self, first, self.prefixLength)) : Option.none()
}

/**
 * The block of the same length before a block; none before the first one of its family.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import { Option } from "effect"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * Subnet.previous(IpNetwork.fromStringUnsafe("0.0.0.0/24")) // => Option.none()
 * ```
 *
 * @category stepping
 * @since 0.1.0
 */
export const previous = <A extends Address>(
  self: IpNetwork.IpNetwork<A>
): Option.Option<IpNetwork.IpNetwork<Family<A>>> => {
  const first = firstOf(self) - sizeOf(self, self.prefixLength)
  return first >= 0n ? Option.some(blockAt(self, first, self.prefixLength)) : Option.none()
}

/** The first and the last address that a host may have, as numbers. */
const hostBounds = (self: IpNetwork.IpNetwork): readonly [first: bigint, last: bigint] => {
  const first = firstOf(self)
  const last = first + sizeOf(self, self.prefixLength) - 1n
  // One address is a host, and both ends of a point-to-point link are.
  if (last - first < 2n) return [first, last]
  return [first + 1n, widthOf(self) === 32 ? last - 1n : last]
}

/**
 * The addresses that hosts may have in a block, in order, one at a time as they are asked for.
 *
 * In IPv4 these are all but the network's own address and the broadcast address; in IPv6, which has no broadcast, all but
 * the first, which is that of its routers (RFC 4291, section 2.6.1). A block of two addresses is a point-to-point link
 * and has two hosts (RFC 3021 for `/31`, RFC 6164 for `/127`); a single address is its own host.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * const hosts = (text: string) => Array.from(Subnet.hosts(IpNetwork.fromStringUnsafe(text)), String)
 * hosts("192.0.2.0/30") // => ["192.0.2.1", "192.0.2.2"]
 * hosts("192.0.2.0/31") // => ["192.0.2.0", "192.0.2.1"]
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const hosts = <A extends Address>(self: IpNetwork.IpNetwork<A>): Iterable<Family<A>> => ({
  *[Symbol.iterator]() {
    const [first, last] = hostBounds(self)
    for (let value = first; value <= last; value++) yield addressAt(self, value)
  }
})

/**
 * How many addresses `hosts` has.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * Subnet.hostCount(IpNetwork.fromStringUnsafe("192.0.2.0/24")) // => 254n
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const hostCount = (self: IpNetwork.IpNetwork): bigint => {
  const [first, last] = hostBounds(self)
  return last - first + 1n
}

/**
 * The mask with a one for each bit of the prefix: `255.255.255.0` for a `/24`.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * String(Subnet.netmask(IpNetwork.fromStringUnsafe("192.0.2.0/24"))) // => "255.255.255.0"
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const netmask = <A extends Address>(self: IpNetwork.IpNetwork<A>): Family<A> =>
  addressAt(self, sizeOf(self, 0) - sizeOf(self, self.prefixLength))

/**
 * The mask with a one for each bit beyond the prefix: `0.0.0.255` for a `/24`; routers call it a wildcard mask.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * String(Subnet.hostmask(IpNetwork.fromStringUnsafe("192.0.2.0/24"))) // => "0.0.0.255"
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const hostmask = <A extends Address>(self: IpNetwork.IpNetwork<A>): Family<A> =>
  addressAt(self, sizeOf(self, self.prefixLength) - 1n)

const withMask = (self: IpNetwork.IpNetwork, mask: Address): string =>
  `${NetAddress.formatIp(self.address)}/${NetAddress.formatIp(mask)}`

/**
 * The text of a block with its netmask in place of the prefix length.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * Subnet.formatNetmask(IpNetwork.fromStringUnsafe("10.0.0.0/8")) // => "10.0.0.0/255.0.0.0"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatNetmask = (self: IpNetwork.IpNetwork): string => withMask(self, netmask(self))

/**
 * The text of a block with its hostmask in place of the prefix length.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import * as IpNetwork from "effect/net/IpNetwork"
 * Subnet.formatHostmask(IpNetwork.fromStringUnsafe("10.0.0.0/8")) // => "10.0.0.0/0.255.255.255"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatHostmask = (self: IpNetwork.IpNetwork): string => withMask(self, hostmask(self))

const fromMaskString =
  (isHostmask: boolean, expected: string) =>
  (text: string): Result.Result<IpNetwork.IpNetwork, IpaddrError> => {
    const block = MaskText.parse(text, isHostmask)
    return typeof block === "number"
      ? Result.fail(ParseFailure.toError(expected, text, block))
      : Result.succeed(IpNetwork.makeUnsafe(toAddress(block.v6, block.first), block.prefixLength))
  }

/**
 * The block that an address, a slash and a netmask name. A hostmask is refused: `0.0.0.0` would have two meanings.
 *
 * **Errors**: `IpaddrError` with the position and the reason, also for bits beyond the prefix.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import { Result } from "effect"
 * Result.map(Subnet.fromNetmaskString("10.0.0.0/255.0.0.0"), String) // => Result.succeed("10.0.0.0/8")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromNetmaskString: (text: string) => Result.Result<IpNetwork.IpNetwork, IpaddrError> = fromMaskString(
  false,
  "a block with a netmask"
)

/**
 * The block that an address, a slash and a hostmask name, as routers' access lists have it. A netmask is refused.
 *
 * **Errors**: `IpaddrError` with the position and the reason, also for bits beyond the prefix.
 *
 * ```ts
 * import * as Subnet from "@effect-sockets/ipaddr/Subnet"
 * import { Result } from "effect"
 * Result.map(Subnet.fromHostmaskString("10.0.0.0/0.255.255.255"), String) // => Result.succeed("10.0.0.0/8")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromHostmaskString: (text: string) => Result.Result<IpNetwork.IpNetwork, IpaddrError> = fromMaskString(
  true,
  "a block with a hostmask"
)
