/**
 * An IPv6 address as a number: the 128-bit integer formed by its sixteen bytes.
 */
import { dual } from "effect/Function"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Order_ from "effect/Order"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ParseFailure from "./internal/text/ParseFailure.ts"
import * as TextSchema from "./internal/text/TextSchema.ts"
import * as Ipv6Text from "./internal/text/Ipv6Text.ts"
import * as Mapped from "./internal/Mapped.ts"
import type { Ipaddr } from "./Ipaddr.ts"
import { IpaddrError } from "./IpaddrError.ts"

const maximum = (1n << 128n) - 1n

/**
 * An integer from 0 to 2^128 - 1; in JSON its decimal digits. Use `FromString` where the outside speaks IPv6 text.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Schema } from "effect"
 * const address: Ipaddr6.Ipaddr6 = Schema.decodeSync(Schema.toCodecJson(Ipaddr6.Ipaddr6))("1")
 * Ipaddr6.format(address) // => "::1"
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const Ipaddr6 = Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: 0n, maximum })).pipe(
  Schema.brand("~@effect-sockets/ipaddr/Ipaddr6"),
  Schema.annotate({ identifier: "Ipaddr6" })
)

/**
 * An IPv6 address as an unsigned 128-bit integer, most significant byte first.
 *
 * @category models
 * @since 0.1.0
 */
export type Ipaddr6 = typeof Ipaddr6.Type

/**
 * The lowest address, `::`.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * Ipaddr6.format(Ipaddr6.min) // => "::"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const min = 0n as Ipaddr6

/**
 * The highest address, `ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff`.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * Ipaddr6.format(Ipaddr6.max) // => "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const max = maximum as Ipaddr6

/**
 * `::1`.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * Ipaddr6.format(Ipaddr6.loopback) // => "::1"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const loopback = 1n as Ipaddr6

/**
 * Whether a value is an integer from 0 to 2^128 - 1.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * [1n, -1n, 2n ** 128n, 1].map(Ipaddr6.isIpaddr6) // => [true, false, false, false]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isIpaddr6 = (u: unknown): u is Ipaddr6 => typeof u === "bigint" && u >= 0n && u <= maximum

/**
 * Numeric order, which is also the order of the bytes.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * ["::10", "::9"].map(Ipaddr6.fromStringUnsafe).sort(Ipaddr6.Order).map(Ipaddr6.format) // => ["::9", "::10"]
 * ```
 *
 * @category ordering
 * @since 0.1.0
 */
export const Order: Order_.Order<Ipaddr6> = Order_.BigInt

const expected = "an IPv6 address"

const fail = (input: string, reason: string, position = 0) =>
  Result.fail(new IpaddrError({ expected, input, position, reason }))

const scratch = (): Ipaddr6 => Ipv6Text.getBigInt() as Ipaddr6

/**
 * The address that an IPv6 text names: all forms of RFC 4291, section 2.2 (eight groups, `::` for one or more groups of
 * zeros, dotted IPv4 at the end), as `inet_pton` takes them. A zone is not part of an address: see `ZonedIpaddr6`.
 *
 * **Errors**: `IpaddrError` with the position and the reason.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Result } from "effect"
 * Ipaddr6.fromString("0:0:0:0:0:0:0:1") // => Result.succeed(Ipaddr6.loopback)
 * Result.getOrThrow(Result.flip(Ipaddr6.fromString("1::2::3"))).reason // => "only one :: is allowed"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromString = (text: string): Result.Result<Ipaddr6, IpaddrError> => {
  const code = Ipv6Text.parse(text, 0, text.length)
  return code === 0 ? Result.succeed(scratch()) : Result.fail(ParseFailure.toError(expected, text, code))
}

/**
 * As `fromString`, for text that is known to be right: throws the `IpaddrError`.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * Ipaddr6.fromStringUnsafe("::1") // => Ipaddr6.loopback
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStringUnsafe = (text: string): Ipaddr6 =>
  Ipv6Text.parse(text, 0, text.length) === 0 ? scratch() : Result.getOrThrow(fromString(text))

/**
 * Whether `fromString` takes a text; makes no error value, so it is the cheap way to tell addresses from names.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * ["::1", "example.com"].map(Ipaddr6.isText) // => [true, false]
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isText = (text: string): boolean => Ipv6Text.parse(text, 0, text.length) === 0

/**
 * The text of an address as RFC 5952 wants it: small letters, no leading zeros, `::` for the longest run of two or more
 * zero groups (the first of equals), and dotted IPv4 in a mapped address (`::ffff:10.0.0.1`).
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * Ipaddr6.format(Ipaddr6.fromStringUnsafe("2001:DB8:0:0:0:0:0:1")) // => "2001:db8::1"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (self: Ipaddr6): string => {
  Ipv6Text.setBigInt(self)
  return Ipv6Text.format()
}

/**
 * The address with that number.
 *
 * **Errors**: `IpaddrError` if it is not from 0 to 2^128 - 1.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Result } from "effect"
 * Ipaddr6.fromBigInt(1n) // => Result.succeed(Ipaddr6.loopback)
 * Result.isFailure(Ipaddr6.fromBigInt(2n ** 128n)) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBigInt = (value: bigint): Result.Result<Ipaddr6, IpaddrError> =>
  isIpaddr6(value) ? Result.succeed(value) : fail(String(value), "it is an integer from 0 to 2^128 - 1")

/**
 * As `fromBigInt`, for a number that is known to be right: throws the `IpaddrError`.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * Ipaddr6.fromBigIntUnsafe(1n) // => Ipaddr6.loopback
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBigIntUnsafe = (value: bigint): Ipaddr6 => Result.getOrThrow(fromBigInt(value))

/**
 * The address of sixteen bytes in network order.
 *
 * **Errors**: `IpaddrError` if there are not exactly sixteen.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Result } from "effect"
 * Ipaddr6.fromBytes(new Uint8Array(16)) // => Result.succeed(Ipaddr6.min)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBytes = (bytes: Uint8Array): Result.Result<Ipaddr6, IpaddrError> =>
  bytes.length === 16
    ? Result.succeed(fromBytesUnsafe(bytes))
    : fail(bytes.join(" "), `it has 16 bytes, not ${bytes.length}`, bytes.slice(0, 16).join(" ").length)

/**
 * The address of the first sixteen bytes, which must be there: nothing is checked.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * Ipaddr6.fromBytesUnsafe(new Uint8Array(16)) // => Ipaddr6.min
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBytesUnsafe = (bytes: Uint8Array): Ipaddr6 => {
  for (let index = 0; index < 16; index++) Ipv6Text.bytes[index] = bytes[index]
  return scratch()
}

/**
 * The sixteen bytes of an address in network order, in an array of their own.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * Ipaddr6.toBytes(Ipaddr6.loopback)[15] // => 1
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toBytes = (self: Ipaddr6): Uint8Array => {
  Ipv6Text.setBigInt(self)
  return Ipv6Text.bytes.slice()
}

/**
 * The address as a number; Effect's value keeps its words to itself.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import * as NetAddress from "effect/net/NetAddress"
 * Ipaddr6.fromAddress(NetAddress.ipv6Loopback) // => Ipaddr6.loopback
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAddress = (address: NetAddress.Ipv6Address): Ipaddr6 => {
  Ipv6Text.setAddress(address)
  return scratch()
}

/**
 * The address as Effect's value.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import * as NetAddress from "effect/net/NetAddress"
 * Ipaddr6.toAddress(Ipaddr6.loopback) // => NetAddress.ipv6Loopback
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toAddress = (self: Ipaddr6): NetAddress.Ipv6Address => {
  Ipv6Text.setBigInt(self)
  return NetAddress.ipv6FromBytesUnsafe(Ipv6Text.bytes)
}

/**
 * The mapped form `::ffff:a.b.c.d` of an IPv4 address (RFC 4291, section 2.5.5.2).
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * Ipaddr6.format(Ipaddr6.fromIpaddr(Ipaddr.loopback)) // => "::ffff:127.0.0.1"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromIpaddr = (address: Ipaddr): Ipaddr6 => ((Mapped.prefix << 32n) | BigInt(address)) as Ipaddr6

/**
 * The IPv4 address of a mapped address; none if it is not mapped.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Option } from "effect"
 * Ipaddr6.toIpaddr(Ipaddr6.fromStringUnsafe("::ffff:127.0.0.1")) // => Option.some(Ipaddr.loopback)
 * Ipaddr6.toIpaddr(Ipaddr6.loopback) // => Option.none()
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toIpaddr = (self: Ipaddr6): Option.Option<Ipaddr> =>
  Mapped.isMapped(self) ? Option.some(Number(self & 0xffffffffn) as Ipaddr) : Option.none()

/**
 * The address that many steps up (down, if negative); none if that leaves the 128 bits.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Option } from "effect"
 * Ipaddr6.offset(Ipaddr6.min, 1n) // => Option.some(Ipaddr6.loopback)
 * Ipaddr6.offset(Ipaddr6.min, -1n) // => Option.none()
 * ```
 *
 * @category stepping
 * @since 0.1.0
 */
export const offset: {
  (steps: bigint): (self: Ipaddr6) => Option.Option<Ipaddr6>
  (self: Ipaddr6, steps: bigint): Option.Option<Ipaddr6>
} = dual(2, (self: Ipaddr6, steps: bigint): Option.Option<Ipaddr6> => {
  const value = self + steps
  return isIpaddr6(value) ? Option.some(value) : Option.none()
})

/**
 * The address after; none after the highest.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Option } from "effect"
 * Ipaddr6.next(Ipaddr6.min) // => Option.some(Ipaddr6.loopback)
 * Ipaddr6.next(Ipaddr6.max) // => Option.none()
 * ```
 *
 * @category stepping
 * @since 0.1.0
 */
export const next = (self: Ipaddr6): Option.Option<Ipaddr6> => offset(self, 1n)

/**
 * The address before; none before `::`.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Option } from "effect"
 * Ipaddr6.previous(Ipaddr6.loopback) // => Option.some(Ipaddr6.min)
 * ```
 *
 * @category stepping
 * @since 0.1.0
 */
export const previous = (self: Ipaddr6): Option.Option<Ipaddr6> => offset(self, -1n)

/**
 * IPv6 text outside (also in JSON), an `Ipaddr6` inside; as strict as `fromString`.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import { Schema } from "effect"
 * Schema.decodeSync(Ipaddr6.FromString)("::1") // => Ipaddr6.loopback
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromString = TextSchema.textSchema(Ipaddr6, fromString, format, "Ipaddr6FromString")
