/**
 * An IPv6 address with its zone, `fe80::1%eth0` (RFC 4007, section 11): which of a host's links a link-local address is
 * on. The zone has a meaning on one host only, so it is no part of the address and of no set of addresses.
 */
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as ParseFailure from "./internal/text/ParseFailure.ts"
import * as TextSchema from "./internal/text/TextSchema.ts"
import * as Ipv6Text from "./internal/text/Ipv6Text.ts"
import { Ipaddr6, format as addressText } from "./Ipaddr6.ts"
import type { IpaddrError } from "./IpaddrError.ts"

const missingFailure = ParseFailure.failure("zone")
const characterFailure = ParseFailure.failure("zoneCharacter")
const indexFailure = ParseFailure.failure("zoneIndex")

// What Effect's scoped literals refuse, too: what would end the zone in a URL or a log line.
const forbidden = /[%[\]/\s\p{Cc}]/u

const digitsOnly = /^\d+$/
const maxIndex = 0xffffffff

// A zone as the text of an address has it: a failure code, or zero. An index may have leading zeros there.
const zoneCode = (zone: string, position: number): number => {
  if (zone === "") return missingFailure(position)
  const wrong = zone.search(forbidden)
  if (wrong >= 0) return characterFailure(position + wrong)
  if (!digitsOnly.test(zone) || Number(zone) <= maxIndex) return 0
  let value = 0
  let digit = 0
  while ((value = value * 10 + Number(zone[digit])) <= maxIndex) digit++
  return indexFailure(position + digit)
}

const withoutZeros = (zone: string): string => (digitsOnly.test(zone) ? zone.replace(/^0+(?=\d)/, "") : zone)

const isZone = (zone: string): boolean => zoneCode(zone, 0) === 0 && withoutZeros(zone) === zone

/**
 * An address and its zone: an interface's name, or its index as decimal digits without leading zeros.
 *
 * ```ts
 * import * as ZonedIpaddr6 from "@effect-sockets/ipaddr/ZonedIpaddr6"
 * const router: ZonedIpaddr6.ZonedIpaddr6 = ZonedIpaddr6.fromStringUnsafe("fe80::1%eth0")
 * router.zone // => "eth0"
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const ZonedIpaddr6 = Schema.Struct({
  address: Ipaddr6,
  zone: Schema.String.check(Schema.makeFilter(isZone, { expected: "a zone" }))
}).annotate({ identifier: "ZonedIpaddr6" })

/**
 * An IPv6 address with its zone.
 *
 * @category models
 * @since 0.1.0
 */
export interface ZonedIpaddr6 extends Schema.Schema.Type<typeof ZonedIpaddr6> {}

/**
 * The address and the zone that a text names: an IPv6 address, `%`, and a zone without white space, control characters,
 * `%`, `/` or brackets. A zone of digits is an interface's index: at most 4294967295, its leading zeros are dropped.
 *
 * **Errors**: `IpaddrError` with the position and the reason; also where there is no zone.
 *
 * ```ts
 * import * as ZonedIpaddr6 from "@effect-sockets/ipaddr/ZonedIpaddr6"
 * import { Result } from "effect"
 * Result.map(ZonedIpaddr6.fromString("::1%007"), ({ zone }) => zone) // => Result.succeed("7")
 * Result.isFailure(ZonedIpaddr6.fromString("fe80::1")) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromString = (text: string): Result.Result<ZonedIpaddr6, IpaddrError> => {
  const percent = text.indexOf("%")
  const end = percent < 0 ? text.length : percent
  const zone = text.slice(end + 1)
  const address = Ipv6Text.parse(text, 0, end)
  const code = address < 0 ? address : zoneCode(zone, Math.min(end + 1, text.length))
  return code < 0
    ? Result.fail(ParseFailure.toError("an IPv6 address with a zone", text, code))
    : Result.succeed({ address: Ipv6Text.getBigInt() as Ipaddr6, zone: withoutZeros(zone) })
}

/**
 * As `fromString`, for text that is known to be right: throws the `IpaddrError`.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import * as ZonedIpaddr6 from "@effect-sockets/ipaddr/ZonedIpaddr6"
 * ZonedIpaddr6.fromStringUnsafe("::1%lo") // => { address: Ipaddr6.loopback, zone: "lo" }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromStringUnsafe = (text: string): ZonedIpaddr6 => Result.getOrThrow(fromString(text))

/**
 * The address as RFC 5952 wants it, `%` and the zone.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import * as ZonedIpaddr6 from "@effect-sockets/ipaddr/ZonedIpaddr6"
 * ZonedIpaddr6.format({ address: Ipaddr6.loopback, zone: "lo" }) // => "::1%lo"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (self: ZonedIpaddr6): string => `${addressText(self.address)}%${self.zone}`

/**
 * The address and the zone of Effect's value.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import * as ZonedIpaddr6 from "@effect-sockets/ipaddr/ZonedIpaddr6"
 * import { Result } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const literal = Result.getOrThrow(NetAddress.scopedIpv6LiteralFromString("::1%lo"))
 * ZonedIpaddr6.fromLiteral(literal) // => { address: Ipaddr6.loopback, zone: "lo" }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLiteral = (literal: NetAddress.ScopedIpv6Literal): ZonedIpaddr6 => fromStringUnsafe(literal)

/**
 * Effect's value, which is the text.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import * as ZonedIpaddr6 from "@effect-sockets/ipaddr/ZonedIpaddr6"
 * import * as NetAddress from "effect/net/NetAddress"
 * NetAddress.isScopedIpv6Literal(ZonedIpaddr6.toLiteral({ address: Ipaddr6.loopback, zone: "lo" })) // => true
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toLiteral = (self: ZonedIpaddr6): NetAddress.ScopedIpv6Literal =>
  format(self) as NetAddress.ScopedIpv6Literal

/**
 * Text outside (also in JSON), a `ZonedIpaddr6` inside.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import * as ZonedIpaddr6 from "@effect-sockets/ipaddr/ZonedIpaddr6"
 * import { Schema } from "effect"
 * Schema.decodeSync(ZonedIpaddr6.FromString)("::1%lo") // => { address: Ipaddr6.loopback, zone: "lo" }
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromString = TextSchema.textSchema(ZonedIpaddr6, fromString, format, "ZonedIpaddr6FromString")
