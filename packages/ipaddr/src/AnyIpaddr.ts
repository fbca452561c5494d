/**
 * An address of either family: a number is an IPv4 address, a bigint an IPv6 address.
 */
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Ipv4Text from "./internal/text/Ipv4Text.ts"
import * as ParseFailure from "./internal/text/ParseFailure.ts"
import * as TextSchema from "./internal/text/TextSchema.ts"
import * as Ipv6Text from "./internal/text/Ipv6Text.ts"
import { isMapped } from "./internal/Mapped.ts"
import * as Ipaddr from "./Ipaddr.ts"
import * as Ipaddr6 from "./Ipaddr6.ts"
import type { IpaddrError } from "./IpaddrError.ts"

/**
 * An `Ipaddr` or an `Ipaddr6`, in JSON as these are: a number, or decimal digits.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Schema } from "effect"
 * const addresses: ReadonlyArray<AnyIpaddr.AnyIpaddr> = [Ipaddr.loopback, Ipaddr6.loopback]
 * Schema.encodeSync(Schema.toCodecJson(Schema.Array(AnyIpaddr.AnyIpaddr)))(addresses) // => [2130706433, "1"]
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const AnyIpaddr = Schema.Union([Ipaddr.Ipaddr, Ipaddr6.Ipaddr6]).annotate({ identifier: "AnyIpaddr" })

/**
 * An address of either family; `typeof` tells which.
 *
 * @category models
 * @since 0.1.0
 */
export type AnyIpaddr = typeof AnyIpaddr.Type

/**
 * Whether a value is an address of either family.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * [2130706433, 1n, -1, 0.5, "127.0.0.1"].map(AnyIpaddr.isAnyIpaddr) // => [true, true, false, false, false]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isAnyIpaddr = (u: unknown): u is AnyIpaddr => Ipaddr.isIpaddr(u) || Ipaddr6.isIpaddr6(u)

/**
 * Whether an address is an IPv4 address.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * AnyIpaddr.isV4(AnyIpaddr.fromStringUnsafe("127.0.0.1")) // => true
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isV4 = (self: AnyIpaddr): self is Ipaddr.Ipaddr => typeof self === "number"

/**
 * The address that a text names, strictly: IPv6 if a colon comes before any dot, dotted IPv4 otherwise.
 *
 * **Errors**: `IpaddrError` with the position and the reason.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Result } from "effect"
 * AnyIpaddr.fromString("127.0.0.1") // => Result.succeed(Ipaddr.loopback)
 * AnyIpaddr.fromString("::1") // => Result.succeed(Ipaddr6.loopback)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromString = (text: string): Result.Result<AnyIpaddr, IpaddrError> => {
  const v6 = Ipv6Text.isCandidate(text, 0, text.length)
  const code = v6 ? Ipv6Text.parse(text, 0, text.length) : Ipv4Text.parse(text, 0, text.length)
  return code < 0
    ? Result.fail(ParseFailure.toError("an IP address", text, code))
    : Result.succeed(v6 ? (Ipv6Text.getBigInt() as Ipaddr6.Ipaddr6) : (code as Ipaddr.Ipaddr))
}

/**
 * As `fromString`, for text that is known to be right: throws the `IpaddrError`.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * AnyIpaddr.fromStringUnsafe("::1") // => 1n
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStringUnsafe = (text: string): AnyIpaddr => Result.getOrThrow(fromString(text))

/**
 * The text of an address: dotted, or as RFC 5952 wants it.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * AnyIpaddr.format(Ipaddr6.loopback) // => "::1"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (self: AnyIpaddr): string => (isV4(self) ? Ipaddr.toDotted(self) : Ipaddr6.format(self))

/**
 * The address as a number or bigint.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * import * as NetAddress from "effect/net/NetAddress"
 * AnyIpaddr.fromAddress(NetAddress.ipFromStringUnsafe("::1")) // => 1n
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAddress = (address: NetAddress.IpAddress): AnyIpaddr =>
  address._tag === "Ipv4Address" ? Ipaddr.fromAddress(address) : Ipaddr6.fromAddress(address)

/**
 * The address as Effect's value.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as NetAddress from "effect/net/NetAddress"
 * AnyIpaddr.toAddress(Ipaddr.loopback) // => NetAddress.ipv4Loopback
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toAddress = (self: AnyIpaddr): NetAddress.IpAddress =>
  isV4(self) ? Ipaddr.toAddress(self) : Ipaddr6.toAddress(self)

/**
 * The IPv4 address for a mapped one (`::ffff:10.0.0.1`); every other address as it is.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * AnyIpaddr.unmap(AnyIpaddr.fromStringUnsafe("::ffff:127.0.0.1")) // => Ipaddr.loopback
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const unmap = (self: AnyIpaddr): AnyIpaddr =>
  isV4(self) || !isMapped(self) ? self : (Number(self & 0xffffffffn) as Ipaddr.Ipaddr)

/**
 * Text outside (also in JSON), an `AnyIpaddr` inside.
 *
 * ```ts
 * import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
 * import { Schema } from "effect"
 * Schema.decodeSync(AnyIpaddr.FromString)("::1") // => 1n
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromString = TextSchema.textSchema(AnyIpaddr, fromString, format, "AnyIpaddrFromString")
