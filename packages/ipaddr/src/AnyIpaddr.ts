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

/** An `Ipaddr` or an `Ipaddr6`, in JSON as these are: a number, or decimal digits. */
export const AnyIpaddr = Schema.Union([Ipaddr.Ipaddr, Ipaddr6.Ipaddr6]).annotate({ identifier: "AnyIpaddr" })

/** An address of either family; `typeof` tells which. */
export type AnyIpaddr = typeof AnyIpaddr.Type

/** Whether a value is an address of either family. */
export const isAnyIpaddr = (u: unknown): u is AnyIpaddr => Ipaddr.isIpaddr(u) || Ipaddr6.isIpaddr6(u)

/** Whether an address is an IPv4 address. */
export const isV4 = (self: AnyIpaddr): self is Ipaddr.Ipaddr => typeof self === "number"

/**
 * The address that a text names, strictly: IPv6 if a colon comes before any dot, dotted IPv4 otherwise.
 *
 * **Errors**: `IpaddrError` with the position and the reason.
 */
export const fromString = (text: string): Result.Result<AnyIpaddr, IpaddrError> => {
  const v6 = Ipv6Text.isCandidate(text, 0, text.length)
  const code = v6 ? Ipv6Text.parse(text, 0, text.length) : Ipv4Text.parse(text, 0, text.length)
  return code < 0
    ? Result.fail(ParseFailure.toError("an IP address", text, code))
    : Result.succeed(v6 ? (Ipv6Text.getBigInt() as Ipaddr6.Ipaddr6) : (code as Ipaddr.Ipaddr))
}

/** As `fromString`, for text that is known to be right: throws the `IpaddrError`. */
export const fromStringUnsafe = (text: string): AnyIpaddr => Result.getOrThrow(fromString(text))

/** The text of an address: dotted, or as RFC 5952 wants it. */
export const format = (self: AnyIpaddr): string => (isV4(self) ? Ipaddr.toDotted(self) : Ipaddr6.format(self))

/** The address as a number or bigint. */
export const fromAddress = (address: NetAddress.IpAddress): AnyIpaddr =>
  address._tag === "Ipv4Address" ? Ipaddr.fromAddress(address) : Ipaddr6.fromAddress(address)

/** The address as Effect's value. */
export const toAddress = (self: AnyIpaddr): NetAddress.IpAddress =>
  isV4(self) ? Ipaddr.toAddress(self) : Ipaddr6.toAddress(self)

/** The IPv4 address for a mapped one (`::ffff:10.0.0.1`); every other address as it is. */
export const unmap = (self: AnyIpaddr): AnyIpaddr =>
  isV4(self) || !isMapped(self) ? self : (Number(self & 0xffffffffn) as Ipaddr.Ipaddr)

/** Text outside (also in JSON), an `AnyIpaddr` inside. */
export const FromString = TextSchema.textSchema(AnyIpaddr, fromString, format, "AnyIpaddrFromString")
