/**
 * An IPv4 address as a number: the integer formed by its four bytes, so that `128.18.65.4` is 2148679940.
 */
import { dual } from "effect/Function"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Order_ from "effect/Order"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Ipv4Text from "./internal/text/Ipv4Text.ts"
import * as ParseFailure from "./internal/text/ParseFailure.ts"
import * as TextSchema from "./internal/text/TextSchema.ts"
import { IpaddrError } from "./IpaddrError.ts"

/**
 * An integer from 0 to 4294967295, as itself in JSON. Use `FromDotted` where the outside speaks dotted text.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Schema } from "effect"
 * const address: Ipaddr.Ipaddr = Schema.decodeSync(Ipaddr.Ipaddr)(2148679940)
 * Ipaddr.toDotted(address) // => "128.18.65.4"
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const Ipaddr = Schema.Finite.check(Schema.isUint32()).pipe(
  Schema.brand("~@effect-sockets/ipaddr/Ipaddr"),
  Schema.annotate({ identifier: "Ipaddr" })
)

/**
 * An IPv4 address as an unsigned 32-bit integer, most significant byte first.
 *
 * @category models
 * @since 0.1.0
 */
export type Ipaddr = typeof Ipaddr.Type

/**
 * The lowest address, `0.0.0.0`.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * Ipaddr.toDotted(Ipaddr.min) // => "0.0.0.0"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const min = 0 as Ipaddr

/**
 * The highest address, `255.255.255.255`.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * Ipaddr.toDotted(Ipaddr.max) // => "255.255.255.255"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const max = 0xffffffff as Ipaddr

/**
 * `127.0.0.1`.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * Ipaddr.toDotted(Ipaddr.loopback) // => "127.0.0.1"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const loopback = 0x7f000001 as Ipaddr

/**
 * Whether a value is an integer from 0 to 4294967295.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * [2148679940, -1, 0.5, NaN].map(Ipaddr.isIpaddr) // => [true, false, false, false]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isIpaddr = (u: unknown): u is Ipaddr => typeof u === "number" && u >>> 0 === u

/**
 * Numeric order, which is also the order of the bytes.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * ["10.0.0.10", "10.0.0.9"].map(Ipaddr.fromDottedUnsafe).sort(Ipaddr.Order).map(Ipaddr.toDotted)
 * // => ["10.0.0.9", "10.0.0.10"]
 * ```
 *
 * @category ordering
 * @since 0.1.0
 */
export const Order: Order_.Order<Ipaddr> = Order_.Number

const expected = "an IPv4 address"

const fail = (input: string, reason: string, position = 0) =>
  Result.fail(new IpaddrError({ expected, input, position, reason }))

const fromCode = (text: string, code: number): Result.Result<Ipaddr, IpaddrError> =>
  code >= 0 ? Result.succeed(code as Ipaddr) : Result.fail(ParseFailure.toError(expected, text, code))

/**
 * The address that a dotted text names: four decimal parts of at most 255 between three dots, without sign, leading
 * zero, space or anything before or after, as `inet_pton` takes it (RFC 6943, section 3.1.1, says why nothing looser is
 * safe).
 *
 * **Errors**: `IpaddrError` with the position and the reason.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Result } from "effect"
 * Result.getOrThrow(Ipaddr.fromDotted("128.18.65.4")) // => 2148679940
 * Result.isFailure(Ipaddr.fromDotted("128.18.65.04")) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDotted = (text: string): Result.Result<Ipaddr, IpaddrError> =>
  fromCode(text, Ipv4Text.parse(text, 0, text.length))

/**
 * As `fromDotted`, for text that is known to be right: throws the `IpaddrError`.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * Ipaddr.fromDottedUnsafe("128.18.65.4") // => 2148679940
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDottedUnsafe = (text: string): Ipaddr => {
  const value = Ipv4Text.parse(text, 0, text.length)
  return value >= 0 ? (value as Ipaddr) : Result.getOrThrow(fromDotted(text))
}

/**
 * The address that the C library's `inet_aton` reads from a text: `127.1`, `0x7f.1`, `0177.0.0.1`, `2130706433`.
 *
 * One to four numbers, decimal, octal (`0…`) or hexadecimal (`0x…`), of which the last fills the bytes that are left; as
 * in C, white space ends the address and what follows it is ignored. Never use it on text from outside: a filter that
 * reads `0177.0.0.1` in one way and a connection that reads it in another is a hole (RFC 6943, section 3.1.1).
 *
 * **Errors**: `IpaddrError` with the position and the reason.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Result } from "effect"
 * Result.map(Ipaddr.fromLegacy("0x7f.1"), Ipaddr.toDotted) // => Result.succeed("127.0.0.1")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLegacy = (text: string): Result.Result<Ipaddr, IpaddrError> =>
  fromCode(text, Ipv4Text.parseLegacy(text))

/**
 * Whether `fromDotted` takes a text; makes no error value, so it is the cheap way to tell addresses from names.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * ["127.0.0.1", "example.com"].map(Ipaddr.isDotted) // => [true, false]
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isDotted = (text: string): boolean => Ipv4Text.parse(text, 0, text.length) >= 0

/**
 * The dotted text of an address.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * Ipaddr.toDotted(Ipaddr.fromNumberUnsafe(2148679940)) // => "128.18.65.4"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toDotted = (self: Ipaddr): string => Ipv4Text.format(self)

/**
 * The address with that number.
 *
 * **Errors**: `IpaddrError` if it is not an integer from 0 to 4294967295.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Result } from "effect"
 * Result.map(Ipaddr.fromNumber(2148679940), Ipaddr.toDotted) // => Result.succeed("128.18.65.4")
 * Result.isFailure(Ipaddr.fromNumber(-1)) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromNumber = (value: number): Result.Result<Ipaddr, IpaddrError> =>
  isIpaddr(value)
    ? Result.succeed((value >>> 0) as Ipaddr)
    : fail(String(value), "it is an integer from 0 to 4294967295")

/**
 * As `fromNumber`, for a number that is known to be right: throws the `IpaddrError`.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * Ipaddr.fromNumberUnsafe(2130706433) // => Ipaddr.loopback
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromNumberUnsafe = (value: number): Ipaddr => Result.getOrThrow(fromNumber(value))

/**
 * The address of four bytes in network order.
 *
 * **Errors**: `IpaddrError` if there are not exactly four.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Result } from "effect"
 * Ipaddr.fromBytes(Uint8Array.of(127, 0, 0, 1)) // => Result.succeed(Ipaddr.loopback)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBytes = (bytes: Uint8Array): Result.Result<Ipaddr, IpaddrError> =>
  bytes.length === 4
    ? Result.succeed(fromBytesUnsafe(bytes))
    : fail(bytes.join(" "), `it has 4 bytes, not ${bytes.length}`, bytes.slice(0, 4).join(" ").length)

/**
 * The address of the first four bytes, which must be there: nothing is checked.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * Ipaddr.fromBytesUnsafe(Uint8Array.of(127, 0, 0, 1)) // => Ipaddr.loopback
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromBytesUnsafe = (bytes: Uint8Array): Ipaddr =>
  (((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0) as Ipaddr

/**
 * The four bytes of an address in network order, in an array of their own.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * Ipaddr.toBytes(Ipaddr.loopback) // => Uint8Array.of(127, 0, 0, 1)
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toBytes = (self: Ipaddr): Uint8Array =>
  Uint8Array.of(self >>> 24, (self >>> 16) & 255, (self >>> 8) & 255, self & 255)

/**
 * The address as a number; Effect's value keeps its number to itself.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as NetAddress from "effect/net/NetAddress"
 * Ipaddr.fromAddress(NetAddress.ipv4Loopback) // => Ipaddr.loopback
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAddress = (address: NetAddress.Ipv4Address): Ipaddr => {
  const octets = NetAddress.ipv4ToOctets(address)
  return (((octets[0] << 24) | (octets[1] << 16) | (octets[2] << 8) | octets[3]) >>> 0) as Ipaddr
}

const scratch = new Uint8Array(4)

/**
 * The address as Effect's value.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as NetAddress from "effect/net/NetAddress"
 * Ipaddr.toAddress(Ipaddr.loopback) // => NetAddress.ipv4Loopback
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toAddress = (self: Ipaddr): NetAddress.Ipv4Address => {
  scratch[0] = self >>> 24
  scratch[1] = self >>> 16
  scratch[2] = self >>> 8
  scratch[3] = self
  return NetAddress.ipv4FromBytesUnsafe(scratch)
}

/**
 * The address that many steps up (down, if negative); none if that leaves the 32 bits or is no whole number.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Option } from "effect"
 * Option.map(Ipaddr.offset(Ipaddr.loopback, 255), Ipaddr.toDotted) // => Option.some("127.0.1.0")
 * Ipaddr.offset(Ipaddr.loopback, NaN) // => Option.none()
 * ```
 *
 * @category stepping
 * @since 0.1.0
 */
export const offset: {
  (steps: number): (self: Ipaddr) => Option.Option<Ipaddr>
  (self: Ipaddr, steps: number): Option.Option<Ipaddr>
} = dual(2, (self: Ipaddr, steps: number): Option.Option<Ipaddr> => {
  const value = self + steps
  return Number.isInteger(steps) && isIpaddr(value) ? Option.some(value) : Option.none()
})

/**
 * The address after; none after `255.255.255.255`.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Option } from "effect"
 * Option.map(Ipaddr.next(Ipaddr.loopback), Ipaddr.toDotted) // => Option.some("127.0.0.2")
 * Ipaddr.next(Ipaddr.max) // => Option.none()
 * ```
 *
 * @category stepping
 * @since 0.1.0
 */
export const next = (self: Ipaddr): Option.Option<Ipaddr> => offset(self, 1)

/**
 * The address before; none before `0.0.0.0`.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Option } from "effect"
 * Option.map(Ipaddr.previous(Ipaddr.loopback), Ipaddr.toDotted) // => Option.some("127.0.0.0")
 * ```
 *
 * @category stepping
 * @since 0.1.0
 */
export const previous = (self: Ipaddr): Option.Option<Ipaddr> => offset(self, -1)

/**
 * Dotted text outside (also in JSON), an `Ipaddr` inside; as strict as `fromDotted`.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Schema } from "effect"
 * Schema.decodeSync(Ipaddr.FromDotted)("127.0.0.1") // => Ipaddr.loopback
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromDotted = TextSchema.textSchema(Ipaddr, fromDotted, toDotted, "IpaddrFromDotted")
