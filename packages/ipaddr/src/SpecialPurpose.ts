/**
 * The IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, RFC 8190) as data, as they stood in October 2025:
 * what an address that is not an ordinary one is for, and how far it reaches.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AnyIpaddr from "./AnyIpaddr.ts"
import type { Ipaddr } from "./Ipaddr.ts"
import type { Ipaddr6 } from "./Ipaddr6.ts"
import * as IpTable from "./IpTable.ts"

const Flag = Schema.NullOr(Schema.Boolean)

/**
 * One row of a registry. A flag is null where the registry has none: "N/A", or a row that was terminated.
 *
 * ```ts
 * import * as SpecialPurpose from "@effect-sockets/ipaddr/SpecialPurpose"
 * const row: SpecialPurpose.SpecialPurpose = SpecialPurpose.ipv4[2]
 * row.name // => "Private-Use"
 * row.blocks // => ["10.0.0.0/8"]
 * row.globallyReachable // => false
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const SpecialPurpose = Schema.Struct({
  /** The CIDR blocks; one, but for one row. */
  blocks: Schema.Array(Schema.String),
  name: Schema.String,
  /** What asked for it, in the registry's words. */
  rfcs: Schema.Array(Schema.String),
  /** Year and month. */
  allocated: Schema.String,
  /** Year and month, for rows that are history. */
  terminated: Schema.NullOr(Schema.String),
  /** Whether it may be the source of a packet that passes two devices. */
  source: Flag,
  /** Whether it may be the destination of such a packet. */
  destination: Flag,
  /** Whether a router may forward a packet to it. */
  forwardable: Flag,
  /** Whether a packet to it may leave its administrative domain. */
  globallyReachable: Flag,
  /** Whether every implementation of IP has to treat it in its own way. */
  reservedByProtocol: Flag,
  /** The registry's footnote. */
  note: Schema.NullOr(Schema.String)
}).annotate({ identifier: "SpecialPurpose" })

/**
 * One row of a registry.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpecialPurpose extends Schema.Schema.Type<typeof SpecialPurpose> {}

// The five flags in the registries' order: T, F, or - for none.
const row = (
  blocks: string,
  name: string,
  rfcs: string,
  allocated: string,
  flags: string,
  more: { readonly terminated?: string; readonly note?: string } = {}
): SpecialPurpose => {
  const flag = (index: number) => (flags[index] === "-" ? null : flags[index] === "T")
  return {
    blocks: blocks.split(" "),
    name,
    rfcs: rfcs.split("; "),
    allocated,
    terminated: more.terminated ?? null,
    source: flag(0),
    destination: flag(1),
    forwardable: flag(2),
    globallyReachable: flag(3),
    reservedByProtocol: flag(4),
    note: more.note ?? null
  }
}

const moreSpecific = { note: "Unless a more specific row says otherwise." }

/**
 * All rows of the IPv4 registry, in its order.
 *
 * ```ts
 * import * as SpecialPurpose from "@effect-sockets/ipaddr/SpecialPurpose"
 * SpecialPurpose.ipv4.filter((row) => row.globallyReachable === true).length // => 5
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const ipv4: ReadonlyArray<SpecialPurpose> = [
  row("0.0.0.0/8", "This network", "RFC 791, section 3.2", "1981-09", "TFFFT"),
  row("0.0.0.0/32", "This host on this network", "RFC 1122, section 3.2.1.3", "1981-09", "TFFFT"),
  row("10.0.0.0/8", "Private-Use", "RFC 1918", "1996-02", "TTTFF"),
  row("100.64.0.0/10", "Shared Address Space", "RFC 6598", "2012-04", "TTTFF"),
  row("127.0.0.0/8", "Loopback", "RFC 1122, section 3.2.1.3", "1981-09", "FFFFT", {
    note: "Some protocols have exceptions, for example RFC 8029 and RFC 5884."
  }),
  row("169.254.0.0/16", "Link Local", "RFC 3927", "2005-05", "TTFFT"),
  row("172.16.0.0/12", "Private-Use", "RFC 1918", "1996-02", "TTTFF"),
  row("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890, section 2.1", "2010-01", "FFFFF", moreSpecific),
  row("192.0.0.0/29", "IPv4 Service Continuity Prefix", "RFC 7335", "2011-06", "TTTFF"),
  row("192.0.0.8/32", "IPv4 dummy address", "RFC 7600", "2015-03", "TFFFF"),
  row("192.0.0.9/32", "Port Control Protocol Anycast", "RFC 7723", "2015-10", "TTTTF"),
  row("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", "RFC 8155", "2017-02", "TTTTF"),
  row("192.0.0.170/32 192.0.0.171/32", "NAT64/DNS64 Discovery", "RFC 8880; RFC 7050, section 2.2", "2013-02", "FFFFT"),
  row("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737", "2010-01", "FFFFF"),
  row("192.31.196.0/24", "AS112-v4", "RFC 7535", "2014-12", "TTTTF"),
  row("192.52.193.0/24", "AMT", "RFC 7450", "2014-12", "TTTTF"),
  row("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526", "2001-06", "-----", { terminated: "2015-03" }),
  row("192.88.99.2/32", "6a44-relay anycast address", "RFC 6751", "2012-10", "TTTFF"),
  row("192.168.0.0/16", "Private-Use", "RFC 1918", "1996-02", "TTTFF"),
  row("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534", "1996-01", "TTTTF"),
  row("198.18.0.0/15", "Benchmarking", "RFC 2544", "1999-03", "TTTFF"),
  row("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737", "2010-01", "FFFFF"),
  row("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737", "2010-01", "FFFFF"),
  row("240.0.0.0/4", "Reserved", "RFC 1112, section 4", "1989-08", "FFFFT"),
  row("255.255.255.255/32", "Limited Broadcast", "RFC 8190; RFC 919, section 7", "1984-10", "FTFFT")
]

const mapped = row("::ffff:0:0/96", "IPv4-mapped Address", "RFC 4291", "2006-02", "FFFFT")

/**
 * All rows of the IPv6 registry, in its order.
 *
 * ```ts
 * import * as SpecialPurpose from "@effect-sockets/ipaddr/SpecialPurpose"
 * SpecialPurpose.ipv6.map((row) => row.name).includes("Unique-Local") // => true
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const ipv6: ReadonlyArray<SpecialPurpose> = [
  row("::1/128", "Loopback Address", "RFC 4291", "2006-02", "FFFFT"),
  row("::/128", "Unspecified Address", "RFC 4291", "2006-02", "TFFFT"),
  mapped,
  row("64:ff9b::/96", "IPv4-IPv6 Translat.", "RFC 6052", "2010-10", "TTTTF"),
  row("64:ff9b:1::/48", "IPv4-IPv6 Translat.", "RFC 8215", "2017-06", "TTTFF"),
  row("100::/64", "Discard-Only Address Block", "RFC 6666", "2012-06", "TTTFF"),
  row("100:0:0:1::/64", "Dummy IPv6 Prefix", "RFC 9780", "2025-04", "TFFFF"),
  row("2001::/23", "IETF Protocol Assignments", "RFC 2928", "2000-09", "FFFFF", moreSpecific),
  row("2001::/32", "TEREDO", "RFC 4380; RFC 8190", "2006-01", "TTT-F", {
    note: "For its reach see RFC 4380, section 5."
  }),
  row("2001:1::1/128", "Port Control Protocol Anycast", "RFC 7723", "2015-10", "TTTTF"),
  row("2001:1::2/128", "Traversal Using Relays around NAT Anycast", "RFC 8155", "2017-02", "TTTTF"),
  row("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", "RFC 9665", "2024-04", "TTTTF"),
  row("2001:2::/48", "Benchmarking", "RFC 5180; RFC Errata 1752", "2008-04", "TTTFF"),
  row("2001:3::/32", "AMT", "RFC 7450", "2014-12", "TTTTF"),
  row("2001:4:112::/48", "AS112-v6", "RFC 7535", "2014-12", "TTTTF"),
  row("2001:10::/28", "Deprecated (previously ORCHID)", "RFC 4843", "2007-03", "-----", { terminated: "2014-03" }),
  row("2001:20::/28", "ORCHIDv2", "RFC 7343", "2014-07", "TTTTF"),
  row("2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", "RFC 9374", "2022-12", "TTTTF"),
  row("2001:db8::/32", "Documentation", "RFC 3849", "2004-07", "FFFFF"),
  row("2002::/16", "6to4", "RFC 3056", "2001-02", "TTT-F", { note: "For its reach see RFC 3056." }),
  row("2620:4f:8000::/48", "Direct Delegation AS112 Service", "RFC 7534", "2011-05", "TTTTF"),
  row("3fff::/20", "Documentation", "RFC 9637", "2024-07", "FFFFF"),
  row("5f00::/16", "Segment Routing (SRv6) SIDs", "RFC 9602", "2024-04", "TTTFF"),
  row("fc00::/7", "Unique-Local", "RFC 4193; RFC 8190", "2005-10", "TTTFF", {
    note: "Taken from the global unicast range, but not routed globally: see RFC 4193."
  }),
  row("fe80::/10", "Link-Local Unicast", "RFC 4291", "2006-02", "TTFFT")
]

// A table takes mapped addresses for IPv4 addresses, so their row cannot be in it.
const table = IpTable.fromCidrsUnsafe(
  [...ipv4, ...ipv6]
    .filter((row) => row !== mapped)
    .flatMap((row) => row.blocks.map((block): [string, SpecialPurpose] => [block, row]))
)

/**
 * The most specific row for an IPv4 address given as a number; none for an ordinary address.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as SpecialPurpose from "@effect-sockets/ipaddr/SpecialPurpose"
 * import { Option } from "effect"
 * Option.map(SpecialPurpose.classifyIpaddr(Ipaddr.loopback), (row) => row.name) // => Option.some("Loopback")
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const classifyIpaddr = (address: Ipaddr): Option.Option<SpecialPurpose> => IpTable.lookupIpaddr(table, address)

/**
 * As `classify`, for an IPv6 address given as a bigint.
 *
 * ```ts
 * import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
 * import * as SpecialPurpose from "@effect-sockets/ipaddr/SpecialPurpose"
 * import { Option } from "effect"
 * Option.map(SpecialPurpose.classifyIpaddr6(Ipaddr6.loopback), (row) => row.name) // => Option.some("Loopback Address")
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const classifyIpaddr6 = (address: Ipaddr6): Option.Option<SpecialPurpose> =>
  AnyIpaddr.isV4(AnyIpaddr.unmap(address)) ? Option.some(mapped) : IpTable.lookupIpaddr6(table, address)

/**
 * The most specific row for one of Effect's addresses; none for an ordinary address. Multicast has registries of its own
 * and no rows here.
 *
 * A mapped address is what the registry says of it, "IPv4-mapped Address" and not globally reachable. To ask what the
 * IPv4 address inside is for, ask with `NetAddress.toCanonical(address)`.
 *
 * ```ts
 * import * as SpecialPurpose from "@effect-sockets/ipaddr/SpecialPurpose"
 * import { Option } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const purpose = SpecialPurpose.classify(NetAddress.ipFromStringUnsafe("100.64.0.1"))
 * Option.map(purpose, (row) => row.name) // => Option.some("Shared Address Space")
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const classify = (address: NetAddress.IpAddress): Option.Option<SpecialPurpose> =>
  NetAddress.isIpv6Address(address) && NetAddress.isIpv4Mapped(address)
    ? Option.some(mapped)
    : IpTable.lookup(table, address)
