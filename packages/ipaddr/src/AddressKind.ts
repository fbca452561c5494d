/**
 * What kind of address an address is, by the special-purpose registries and the architecture of IPv6 (RFC 4291).
 *
 * Every question takes a number, a bigint or Effect's address. A mapped address (`::ffff:127.0.0.1`) is of the kind of
 * the IPv4 address inside: who keeps connections from a loopback address keeps them from its mapped form. Effect's
 * predicates of the same names look at the mapped form only.
 */
import type * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as AnyIpaddr from "./AnyIpaddr.ts"
import * as SpecialPurpose from "./SpecialPurpose.ts"

/**
 * An address in any of the forms that it has here.
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import * as NetAddress from "effect/net/NetAddress"
 * const inputs: Array<AddressKind.Input> = [Ipaddr.loopback, Ipaddr6.loopback, NetAddress.ipv4Loopback]
 * inputs.map(AddressKind.isLoopback) // => [true, true, true]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Input = AnyIpaddr.AnyIpaddr | NetAddress.IpAddress

const toAny = (address: Input): AnyIpaddr.AnyIpaddr =>
  AnyIpaddr.unmap(typeof address === "object" ? AnyIpaddr.fromAddress(address) : address)

const rowOf = (address: AnyIpaddr.AnyIpaddr): SpecialPurpose.SpecialPurpose | undefined =>
  Option.getOrUndefined(
    AnyIpaddr.isV4(address) ? SpecialPurpose.classifyIpaddr(address) : SpecialPurpose.classifyIpaddr6(address)
  )

/** Whether an address has the first bits of a number, of each family its own; `bits` tells how many. */
const hasPrefix = (address: AnyIpaddr.AnyIpaddr, v4: readonly [value: number, bits: number] | undefined, v6: Prefix6) =>
  AnyIpaddr.isV4(address)
    ? v4 !== undefined && address >>> (32 - v4[1]) === v4[0]
    : address >> BigInt(128 - v6[1]) === v6[0]

type Prefix6 = readonly [value: bigint, bits: number]

/** A question about kinds. A number that is no address is of no kind, so that none passes for an ordinary one. */
const kind =
  (test: (address: AnyIpaddr.AnyIpaddr, row: SpecialPurpose.SpecialPurpose | undefined) => boolean) =>
  (input: Input): boolean => {
    const address = toAny(input)
    return AnyIpaddr.isAnyIpaddr(address) && test(address, rowOf(address))
  }

const hasName = (...names: ReadonlyArray<string>) =>
  kind((_, row) => row !== undefined && names.some((name) => row.name.startsWith(name)))

const isGroup = (address: AnyIpaddr.AnyIpaddr): boolean => hasPrefix(address, [0xe, 4], [0xffn, 8])

const isGlobalUnicast6 = (address: AnyIpaddr.AnyIpaddr): boolean => hasPrefix(address, undefined, [1n, 3])

const isSiteLocal = (address: AnyIpaddr.AnyIpaddr): boolean => hasPrefix(address, undefined, [0x3fbn, 10])

/**
 * Whether it is `0.0.0.0` or `::`, which stands for no address.
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * AddressKind.isUnspecified(AnyIpaddr.fromStringUnsafe("::")) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isUnspecified: (address: Input) => boolean = kind((address) => BigInt(address) === 0n)

/**
 * Whether it never leaves its host: `127.0.0.0/8` and `::1`.
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * AddressKind.isLoopback(AnyIpaddr.fromStringUnsafe("::ffff:127.0.0.1")) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isLoopback: (address: Input) => boolean = hasName("Loopback")

/**
 * Whether it never leaves its link: `169.254.0.0/16` and `fe80::/10`.
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * AddressKind.isLinkLocal(AnyIpaddr.fromStringUnsafe("169.254.169.254")) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isLinkLocal: (address: Input) => boolean = hasName("Link Local", "Link-Local")

/**
 * Whether it is for networks of one's own: `10.0.0.0/8`, `172.16.0.0/12`, `192.168.0.0/16` (RFC 1918) and `fc00::/7`
 * (RFC 4193). Many more addresses are not for the Internet: ask `isGlobal`.
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * ["10.0.0.1", "fd00::1", "100.64.0.1"].map(AnyIpaddr.fromStringUnsafe).map(AddressKind.isPrivate) // => [true, true, false]
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isPrivate: (address: Input) => boolean = hasName("Private-Use", "Unique-Local")

/**
 * Whether providers share it with their customers: `100.64.0.0/10` (RFC 6598).
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * AddressKind.isShared(AnyIpaddr.fromStringUnsafe("100.64.0.1")) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isShared: (address: Input) => boolean = hasName("Shared Address Space")

/**
 * Whether it is for examples in documentation (RFC 5737, RFC 3849, RFC 9637).
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * AddressKind.isDocumentation(AnyIpaddr.fromStringUnsafe("2001:db8::1")) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isDocumentation: (address: Input) => boolean = hasName("Documentation")

/**
 * Whether it is that of a group of hosts: `224.0.0.0/4` and `ff00::/8`.
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * AddressKind.isMulticast(AnyIpaddr.fromStringUnsafe("ff02::1")) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isMulticast: (address: Input) => boolean = kind(isGroup)

/**
 * Whether it is the limited broadcast, `255.255.255.255`.
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * AddressKind.isBroadcast(Ipaddr.max) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isBroadcast: (address: Input) => boolean = hasName("Limited Broadcast")

/**
 * Whether it is kept for later: `240.0.0.0/4` without the broadcast address, and the IPv6 addresses outside of
 * `2000::/3` that are neither unique-local, link-local, site-local (`fec0::/10`, deprecated) nor multicast and have no
 * row in the registry.
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * ["240.0.0.1", "4000::1", "255.255.255.255"].map(AnyIpaddr.fromStringUnsafe).map(AddressKind.isReserved) // => [true, true, false]
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isReserved: (address: Input) => boolean = kind((address, row) =>
  AnyIpaddr.isV4(address)
    ? row?.name === "Reserved"
    : row === undefined && !isGlobalUnicast6(address) && !isGroup(address) && !isSiteLocal(address)
)

/**
 * Whether an ordinary host on the Internet can have it: it is unicast, not kept for later, and either without a row in
 * the registries or with one that says globally reachable. Where the registries do not say (`2002::/16`, `2001::/32`,
 * and rows that were terminated) it is not.
 *
 * ```ts
 * import * as AddressKind from "@effect-sockets/ipaddr/AddressKind"
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * ["8.8.8.8", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"].map(AnyIpaddr.fromStringUnsafe).map(AddressKind.isGlobal)
 * // => [true, false, false, false]
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isGlobal: (address: Input) => boolean = kind((address, row) => {
  if (row !== undefined) return row.globallyReachable === true
  return AnyIpaddr.isV4(address) ? !isGroup(address) : isGlobalUnicast6(address)
})
