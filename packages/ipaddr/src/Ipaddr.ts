/**
 * An IPv4 address as a number: the integer formed by its four bytes, so that `128.18.65.4` is 2148679940.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Order_ from "effect/Order"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Dotted from "./internal/Dotted.ts"
import { IpaddrError } from "./IpaddrError.ts"

/** An integer from 0 to 4294967295, as itself in JSON. Use `FromDotted` where the outside speaks dotted text. */
export const Ipaddr = Schema.Finite.check(Schema.isUint32()).pipe(
  Schema.brand("~@effect-sockets/ipaddr/Ipaddr"),
  Schema.annotate({ identifier: "Ipaddr" })
)

/** An IPv4 address as an unsigned 32-bit integer, most significant byte first. */
export type Ipaddr = typeof Ipaddr.Type

/** The lowest address, `0.0.0.0`. */
export const min = 0 as Ipaddr

/** The highest address, `255.255.255.255`. */
export const max = 0xffffffff as Ipaddr

/** `127.0.0.1`. */
export const loopback = 0x7f000001 as Ipaddr

/** Whether a value is an integer from 0 to 4294967295. */
export const isIpaddr = (u: unknown): u is Ipaddr => typeof u === "number" && u >>> 0 === u

/** Numeric order, which is also the order of the bytes. */
export const Order: Order_.Order<Ipaddr> = Order_.Number

const fail = (expected: string, input: string, position: number, reason: string) =>
  Result.fail(new IpaddrError({ expected, input, position, reason }))

/**
 * The address that a dotted text names: four decimal parts of at most 255 between three dots, without sign, leading
 * zero, space or anything before or after, as `inet_pton` takes it (RFC 6943, section 3.1.1, says why nothing looser is
 * safe).
 *
 * **Errors**: `IpaddrError` with the position and the reason.
 */
export const fromDotted = (text: string): Result.Result<Ipaddr, IpaddrError> => {
  const value = Dotted.parse(text, 0, text.length)
  return value >= 0
    ? Result.succeed(value as Ipaddr)
    : fail("an IPv4 address", text, Dotted.failurePosition(value), Dotted.reasons[Dotted.failureReason(value)])
}

/** As `fromDotted`, for text that is known to be right: throws the `IpaddrError`. */
export const fromDottedUnsafe = (text: string): Ipaddr => {
  const value = Dotted.parse(text, 0, text.length)
  return value >= 0 ? (value as Ipaddr) : Result.getOrThrow(fromDotted(text))
}

/** Whether `fromDotted` takes a text; makes no error value, so it is the cheap way to tell addresses from names. */
export const isDotted = (text: string): boolean => Dotted.parse(text, 0, text.length) >= 0

/** The dotted text of an address. */
export const toDotted = (self: Ipaddr): string => Dotted.format(self)

/**
 * The address with that number.
 *
 * **Errors**: `IpaddrError` if it is not an integer from 0 to 4294967295.
 */
export const fromNumber = (value: number): Result.Result<Ipaddr, IpaddrError> =>
  isIpaddr(value)
    ? Result.succeed((value >>> 0) as Ipaddr)
    : fail("an IPv4 address", String(value), 0, "it is an integer from 0 to 4294967295")

/** As `fromNumber`, for a number that is known to be right: throws the `IpaddrError`. */
export const fromNumberUnsafe = (value: number): Ipaddr => Result.getOrThrow(fromNumber(value))

/**
 * The address of four bytes in network order.
 *
 * **Errors**: `IpaddrError` if there are not exactly four.
 */
export const fromBytes = (bytes: Uint8Array): Result.Result<Ipaddr, IpaddrError> =>
  bytes.length === 4
    ? Result.succeed(fromBytesUnsafe(bytes))
    : fail("an IPv4 address", bytes.join(" "), 0, `it has 4 bytes, not ${bytes.length}`)

/** The address of the first four bytes, which must be there: nothing is checked. */
export const fromBytesUnsafe = (bytes: Uint8Array): Ipaddr =>
  (((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0) as Ipaddr

/** The four bytes of an address in network order, in an array of their own. */
export const toBytes = (self: Ipaddr): Uint8Array =>
  Uint8Array.of(self >>> 24, (self >>> 16) & 255, (self >>> 8) & 255, self & 255)

/** The address as a number; Effect's value keeps its number to itself. */
export const fromAddress = (address: NetAddress.Ipv4Address): Ipaddr => {
  const octets = NetAddress.ipv4ToOctets(address)
  return (((octets[0] << 24) | (octets[1] << 16) | (octets[2] << 8) | octets[3]) >>> 0) as Ipaddr
}

/** The address as Effect's value. */
export const toAddress = (self: Ipaddr): NetAddress.Ipv4Address => NetAddress.ipv4FromBytesUnsafe(toBytes(self))

/** The address that many steps up (down, if negative); none if that leaves the 32 bits or is no whole number. */
export const offset: {
  (steps: number): (self: Ipaddr) => Option.Option<Ipaddr>
  (self: Ipaddr, steps: number): Option.Option<Ipaddr>
} = dual(2, (self: Ipaddr, steps: number): Option.Option<Ipaddr> => {
  const value = self + steps
  return Number.isInteger(steps) && isIpaddr(value) ? Option.some(value) : Option.none()
})

/** The address after; none after `255.255.255.255`. */
export const next = (self: Ipaddr): Option.Option<Ipaddr> => offset(self, 1)

/** The address before; none before `0.0.0.0`. */
export const previous = (self: Ipaddr): Option.Option<Ipaddr> => offset(self, -1)

/** Dotted text outside (also in JSON), an `Ipaddr` inside; as strict as `fromDotted`. */
export const FromDotted = Schema.String.pipe(
  Schema.decodeTo(
    Ipaddr,
    SchemaTransformation.transformEffect({
      decode: (text, options) =>
        Result.match(fromDotted(text), {
          onSuccess: (value) => Effect.succeed<number>(value),
          onFailure: (error) => Effect.fail(new SchemaIssue.InvalidValue({ message: error.message }, text, options))
        }),
      encode: (value) => Effect.succeed(toDotted(value as Ipaddr))
    })
  ),
  Schema.annotate({ identifier: "IpaddrFromDotted" })
)
