/**
 * In which order the addresses of a host should be tried: RFC 6724 sorts them, RFC 8305 alternates the families.
 */
import * as Arr from "effect/Array"
import * as Equal from "effect/Equal"
import * as Order from "effect/Order"
import * as NetAddress from "effect/net/NetAddress"

/**
 * A row of the policy table: destinations in `prefix` are preferred by `precedence` and to sources of equal `label`.
 *
 * ```ts
 * import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
 * import * as NetAddress from "effect/net/NetAddress"
 * const found: AddressOrder.Policy = AddressOrder.policyOf(NetAddress.ipFromStringUnsafe("2002::1"))
 * found.precedence // => 30
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  readonly prefix: NetAddress.Ipv6Address
  readonly length: number
  readonly precedence: number
  readonly label: number
}

/**
 * A row of a policy table, from the prefix in text. IPv4 is found under `::ffff:0:0/96`.
 *
 * ```ts
 * import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
 * import * as NetAddress from "effect/net/NetAddress"
 * // Prefer unique local addresses to all others.
 * const policies = [AddressOrder.policy("fc00::/7", 60, 13), ...AddressOrder.defaultPolicies.filter(({ label }) => label !== 13)]
 * AddressOrder.policyOf(NetAddress.ipFromStringUnsafe("fd00::5"), policies).precedence // => 60
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const policy = (prefix: string, precedence: number, label: number): Policy => {
  const [address, length] = prefix.split("/")
  return { prefix: toIpv6(NetAddress.ipFromStringUnsafe(address)), length: Number(length), precedence, label }
}

const toIpv6 = (address: NetAddress.IpAddress): NetAddress.Ipv6Address =>
  NetAddress.isIpv4Address(address) ? NetAddress.toIpv4Mapped(address) : address

/**
 * The default policy table (RFC 6724, section 2.1).
 *
 * ```ts
 * import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
 * AddressOrder.defaultPolicies.map(({ precedence }) => precedence) // => [50, 40, 35, 30, 5, 3, 1, 1, 1]
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultPolicies: ReadonlyArray<Policy> = [
  policy("::1/128", 50, 0),
  policy("::/0", 40, 1),
  policy("::ffff:0:0/96", 35, 4),
  policy("2002::/16", 30, 2),
  policy("2001::/32", 5, 5),
  policy("fc00::/7", 3, 13),
  policy("::/96", 1, 3),
  policy("fec0::/10", 1, 11),
  policy("3ffe::/16", 1, 12)
]

/**
 * How many leading bits two addresses share, from 0 to 128; IPv4 addresses count as mapped ones.
 *
 * ```ts
 * import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
 * import * as NetAddress from "effect/net/NetAddress"
 * const ip = NetAddress.ipFromStringUnsafe
 * AddressOrder.commonPrefix(ip("2001:db8::1"), ip("2001:db8::2")) // => 126
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const commonPrefix = (self: NetAddress.IpAddress, that: NetAddress.IpAddress): number => {
  const left = NetAddress.ipv6ToSegments(toIpv6(self))
  const right = NetAddress.ipv6ToSegments(toIpv6(that))
  const i = left.findIndex((segment, i) => segment !== right[i])
  return i === -1 ? 128 : i * 16 + Math.clz32(left[i] ^ right[i]) - 16
}

/**
 * The row of a policy table with the longest prefix that holds an address.
 *
 * ```ts
 * import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
 * import * as NetAddress from "effect/net/NetAddress"
 * const ip = NetAddress.ipFromStringUnsafe
 * AddressOrder.policyOf(ip("192.0.2.1")).label // => 4
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const policyOf = (address: NetAddress.IpAddress, policies = defaultPolicies): Policy =>
  policies
    .filter(({ prefix, length }) => commonPrefix(prefix, address) >= length)
    .reduce((best, row) => (row.length > best.length ? row : best), anyPolicy)

// What a table without `::/0` says of the rest.
const anyPolicy: Policy = { prefix: NetAddress.ipv6Unspecified, length: -1, precedence: 0, label: -1 }

const linkLocal = 2
const siteLocal = 5
const global = 14

/**
 * The scope of an address, as the numbers of multicast scopes: 2 link-local, 5 site-local, 14 global (RFC 6724, section
 * 3). The loopback addresses and `169.254.0.0/16` are link-local, private IPv4 addresses are global (section 3.2).
 *
 * ```ts
 * import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
 * import * as NetAddress from "effect/net/NetAddress"
 * const ip = NetAddress.ipFromStringUnsafe
 * AddressOrder.scopeOf(ip("169.254.3.4")) // => 2
 * AddressOrder.scopeOf(ip("10.0.0.5")) // => 14
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const scopeOf = (address: NetAddress.IpAddress): number => {
  const canonical = NetAddress.toCanonical(address)
  if (NetAddress.isLoopback(canonical) || NetAddress.isLinkLocal(canonical)) return linkLocal
  if (NetAddress.isIpv4Address(canonical)) return global
  const [head] = NetAddress.ipv6ToSegments(canonical)
  if (NetAddress.isMulticast(canonical)) return head & 0xf
  return (head & 0xffc0) === 0xfec0 ? siteLocal : global
}

/**
 * A local address that packets may be sent from. What is left out is false; `prefixLength` is 64 (32 for IPv4).
 *
 * ```ts
 * import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
 * import * as NetAddress from "effect/net/NetAddress"
 * const ip = NetAddress.ipFromStringUnsafe
 * const temporary: AddressOrder.Source = { address: ip("2001:db8::1"), prefixLength: 64, temporary: true }
 * AddressOrder.selectSource(ip("2001:db8::9"), [{ address: ip("2001:db8::2") }, temporary])?.temporary // => true
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly address: NetAddress.IpAddress
  readonly prefixLength?: number | undefined
  readonly deprecated?: boolean | undefined
  readonly temporary?: boolean | undefined
  /** Mobile IPv6: a home address, a care-of address, or both. */
  readonly home?: boolean | undefined
  readonly careOf?: boolean | undefined
}

// Compares by the first rule that tells the two apart; negative prefers the first.
type Rule<A> = (a: A, b: A) => number
const byRules = <A>(rules: ReadonlyArray<Rule<A>>): Order.Order<A> =>
  Order.make((a, b) => {
    for (const rule of rules) {
      const order = rule(a, b)
      if (order !== 0) return order < 0 ? -1 : 1
    }
    return 0
  })
const first =
  <A>(holds: (a: A) => boolean): Rule<A> =>
  (a, b) =>
    Number(holds(b)) - Number(holds(a))
const greatest =
  <A>(value: (a: A) => number): Rule<A> =>
  (a, b) =>
    value(b) - value(a)

// A home address that is in use where the host is, then a home address, and a care-of address last.
const mobility = ({ careOf, home }: Source): number => (careOf === true ? (home === true ? 2 : 0) : 1)

const sharedPrefix = (source: Source, destination: NetAddress.IpAddress): number =>
  Math.min(commonPrefix(source.address, destination), source.prefixLength ?? 64)

/**
 * The source address that RFC 6724, section 5 chooses for a destination, or undefined if no candidate is of its family.
 * Candidates should be those of the outgoing interface: rules 5 and 5.5, which compare interfaces, are left out.
 *
 * ```ts
 * import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
 * import * as NetAddress from "effect/net/NetAddress"
 * const ip = NetAddress.ipFromStringUnsafe
 * const mine = [{ address: ip("fe80::1") }, { address: ip("2001:db8::1") }]
 * const source = AddressOrder.selectSource(ip("2001:db8:9::1"), mine)
 * String(source?.address) // => "2001:db8::1"
 * ```
 *
 * @category sorting
 * @since 0.1.0
 */
export const selectSource = (
  destination: NetAddress.IpAddress,
  candidates: ReadonlyArray<Source>,
  policies = defaultPolicies
): Source | undefined => {
  const scope = scopeOf(destination)
  const { label } = policyOf(destination, policies)
  const preference = byRules<Source>([
    first(({ address }) => Equal.equals(address, destination)),
    // Rule 2: the smallest scope that reaches the destination, else the largest.
    greatest(({ address }) => (scopeOf(address) < scope ? scopeOf(address) - 16 : 16 - scopeOf(address))),
    first(({ deprecated }) => deprecated !== true),
    greatest(mobility),
    first(({ address }) => policyOf(address, policies).label === label),
    first(({ temporary }) => temporary === true),
    greatest((source) => sharedPrefix(source, destination))
  ])
  return candidates
    .filter(({ address }) => address._tag === destination._tag)
    .toSorted(preference)
    .at(0)
}

/**
 * Sorts destinations by RFC 6724, section 6, given the source each would be reached from; undefined says that it cannot
 * be reached. Destinations that no rule tells apart keep their order. Rule 9, the longest matching prefix, is for IPv6
 * only: among IPv4 addresses it says nothing of the distance and undoes the rotation of a name server.
 *
 * ```ts
 * import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
 * import * as NetAddress from "effect/net/NetAddress"
 * const ip = NetAddress.ipFromStringUnsafe
 * // A host that has no IPv6 address of its own.
 * const sources = [{ address: ip("192.0.2.77") }]
 * const sorted = AddressOrder.sort([ip("2001:db8::1"), ip("192.0.2.1")], (to) => AddressOrder.selectSource(to, sources))
 * sorted.map(NetAddress.formatIp) // => ["192.0.2.1", "2001:db8::1"]
 * ```
 *
 * @category sorting
 * @since 0.1.0
 */
export const sort = (
  destinations: Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>,
  sourceOf: (destination: NetAddress.IpAddress) => Source | undefined,
  policies = defaultPolicies
): Arr.NonEmptyReadonlyArray<NetAddress.IpAddress> => {
  const facts = Arr.map(destinations, (address) => {
    const source = sourceOf(address)
    const { label, precedence } = policyOf(address, policies)
    const scope = scopeOf(address)
    return {
      address,
      source,
      precedence,
      scope,
      sameScope: source !== undefined && scopeOf(source.address) === scope,
      sameLabel: source !== undefined && policyOf(source.address, policies).label === label,
      shared: source !== undefined && NetAddress.isIpv6Address(address) ? sharedPrefix(source, address) : 0
    }
  })
  const preference = byRules<(typeof facts)[number]>([
    first(({ source }) => source !== undefined),
    first(({ sameScope }) => sameScope),
    first(({ source }) => source?.deprecated !== true),
    greatest(({ source }) => (source === undefined ? 1 : mobility(source))),
    first(({ sameLabel }) => sameLabel),
    greatest(({ precedence }) => precedence),
    // Rule 7, native transport, needs to know of tunnels; the table already ranks 6to4 and Teredo low.
    greatest(({ scope }) => -scope),
    (a, b) => (a.address._tag === b.address._tag ? b.shared - a.shared : 0)
  ])
  return Arr.map(Arr.sort(facts, preference), ({ address }) => address)
}

/**
 * Alternates the families of a sorted list, so that a family that does not work costs one attempt and not all of its
 * addresses (RFC 8305, section 4). The first address stays first, and each family keeps its order.
 *
 * ```ts
 * import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
 * import * as NetAddress from "effect/net/NetAddress"
 * const ip = NetAddress.ipFromStringUnsafe
 * const mixed = AddressOrder.interleave([ip("2001:db8::1"), ip("2001:db8::2"), ip("192.0.2.1")])
 * mixed.map(NetAddress.formatIp) // => ["2001:db8::1", "192.0.2.1", "2001:db8::2"]
 * ```
 *
 * @category sorting
 * @since 0.1.0
 */
export const interleave = (
  addresses: Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>
): Arr.NonEmptyReadonlyArray<NetAddress.IpAddress> => {
  const [best, ...rest] = addresses
  const same = rest.filter((address) => address._tag === best._tag)
  const other = rest.filter((address) => address._tag !== best._tag)
  const paired = other.flatMap((address, i) => (i < same.length ? [address, same[i]] : [address]))
  return [best, ...paired, ...same.slice(other.length)]
}
