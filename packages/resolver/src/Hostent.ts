/**
 * What is known of a host: its canonical name, its aliases and its addresses.
 */
import * as Schema from "effect/Schema"
import * as NetAddress from "effect/net/NetAddress"

/**
 * A host, as the C library's `hostent` describes one.
 *
 * - `name`: the canonical name, in lower-case ASCII for names that were looked up.
 * - `aliases`: the other names it answers to, without `name`.
 * - `addressType`: the family of the first address. Unlike C's, the list may hold both families.
 * - `addresses`: all addresses, best first, at least one. In a reverse answer the address that was asked for comes first.
 *
 * Hostents with equal fields are equal (`Equal.equals`). Encoded, as JSON, the addresses are text.
 *
 * ```ts
 * import * as Hostent from "@effect-sockets/resolver/Hostent"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hostent: Hostent.Hostent = Hostent.fromAddresses("bibop.alu.org", ["www.lisp.org"], [NetAddress.ipFromStringUnsafe("128.18.65.4")])
 * hostent.addressType // => "IPv4"
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export class Hostent extends Schema.Class<Hostent>("@effect-sockets/resolver/Hostent")({
  name: Schema.String,
  aliases: Schema.Array(Schema.String),
  addressType: Schema.Literals(["IPv4", "IPv6"]),
  addresses: Schema.NonEmptyArray(Schema.IpAddressFromString)
}) {}

/**
 * Gives the hostent of a name and its addresses, with the address type of the first of them.
 *
 * ```ts
 * import * as Hostent from "@effect-sockets/resolver/Hostent"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hostent = Hostent.fromAddresses("localhost", [], [NetAddress.ipv6Loopback, NetAddress.ipv4Loopback])
 * hostent.addressType // => "IPv6"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAddresses = (
  name: string,
  aliases: ReadonlyArray<string>,
  addresses: readonly [NetAddress.IpAddress, ...Array<NetAddress.IpAddress>]
): Hostent => new Hostent({ name, aliases, addressType: NetAddress.familyOf(addresses[0]), addresses })

const list = (items: ReadonlyArray<string>) =>
  items.length === 0 ? "NIL" : `(${items.map((item) => JSON.stringify(item)).join(" ")})`

/**
 * Prints a hostent in one line, the way Lisp prints the structure: `ADDR-TYPE` is 2 for IPv4 and 10 for IPv6, the
 * values of `AF_INET` and `AF_INET6` on Linux.
 *
 * ```ts
 * import * as Hostent from "@effect-sockets/resolver/Hostent"
 * import * as NetAddress from "effect/net/NetAddress"
 * const hostent = Hostent.fromAddresses("localhost", [], [NetAddress.ipv4Loopback])
 * Hostent.format(hostent) // => '#S(HOSTENT :NAME "localhost" :ALIASES NIL :ADDR-LIST ("127.0.0.1") :ADDR-TYPE 2)'
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (self: Hostent): string => {
  const type = self.addressType === "IPv4" ? 2 : 10
  const addresses = self.addresses.map(NetAddress.formatIp)
  return `#S(HOSTENT :NAME ${JSON.stringify(self.name)} :ALIASES ${list(self.aliases)} :ADDR-LIST ${list(addresses)} :ADDR-TYPE ${type})`
}
