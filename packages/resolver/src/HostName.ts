/**
 * What a text that names a host means: an address written out, a name to look up, or neither.
 */
import type * as Arr from "effect/Array"
import * as Result from "effect/Result"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"

/**
 * An address, or a name in lower-case ASCII form that a resolver may be asked for.
 *
 * ```ts
 * import * as HostName from "@effect-sockets/resolver/HostName"
 * import * as NetAddress from "effect/net/NetAddress"
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import { Result } from "effect"
 * const host: HostName.HostName = Result.getOrThrow(HostName.fromString("192.0.2.1"))
 * NetAddress.isIpAddress(host) // => true
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type HostName = NetAddress.IpAddress | Host.DomainName

/**
 * Tells an address from a name.
 *
 * Accepted: IPv4 in four decimal parts, IPv6 (RFC 4291, 2.2), and host names by RFC 1123, 2.1, with underscores as in
 * service names (RFC 2782), at most 253 characters in labels of at most 63 (RFC 1035, 2.3.4), with a trailing dot if
 * absolute. International names become ASCII (UTS 46, RFC 5891) by the platform's URL parser.
 *
 * Refused, so that it never becomes a query: whatever looks like a number to some other parser (`127.1`, `0x7f000001`,
 * `2130706433`, `0177.0.0.1`, `１２７.0.0.1`: the last label must not be numeric, RFC 3696, 2), addresses with a zone
 * (`fe80::1%eth0`: the zone belongs to a socket address), brackets, ports, empty labels, hyphens at the ends of a label.
 *
 * **Errors** the text that says why.
 *
 * ```ts
 * import * as HostName from "@effect-sockets/resolver/HostName"
 * import { Result } from "effect"
 * String(Result.getOrThrow(HostName.fromString("Bücher.example"))) // => "xn--bcher-kva.example"
 * Result.isFailure(HostName.fromString("127.1")) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromString = (text: string): Result.Result<HostName, string> => {
  // Programs open many connections to one address: this way costs a tenth of effect's.
  if (Ipaddr.isDotted(text)) return Result.succeed(Ipaddr.toAddress(Ipaddr.fromDottedUnsafe(text)))
  if (text.includes("%")) return Result.fail("an address with a zone belongs to one interface: use a socket address")
  if (text === "") return Result.fail("the name is empty")
  const host = Result.mapError(Host.hostFromString(text), (error) => error.message) as Result.Result<HostName, string>
  return Result.filterOrFail(host, isNoRoot, () => theRoot)
}

/**
 * The name that a text is, as {@link fromString} reads it; an address is none.
 *
 * ```ts
 * import * as HostName from "@effect-sockets/resolver/HostName"
 * import { Result } from "effect"
 * String(Result.getOrThrow(HostName.nameFromString("WWW.example."))) // => "www.example."
 * Result.isFailure(HostName.nameFromString(".")) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const nameFromString = (text: string): Result.Result<Host.DomainName, string> =>
  Result.filterOrFail(
    Result.mapError(Host.domainNameFromString(text), (error) => error.message),
    isNoRoot,
    () => theRoot
  )

const theRoot = "the root of the name space is not a host"

// The root in any spelling: `.`, or `。` of international names.
const isNoRoot = (host: HostName): boolean => host !== "."

/**
 * The name without the dot that marks it absolute.
 *
 * ```ts
 * import * as HostName from "@effect-sockets/resolver/HostName"
 * import { Result } from "effect"
 * String(Result.map(HostName.nameFromString("www.example."), HostName.toRelative).pipe(Result.getOrThrow)) // => "www.example"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toRelative: (name: Host.DomainName) => Host.DomainName = Host.toRelative

/**
 * The name with the dot that marks it absolute.
 *
 * ```ts
 * import * as HostName from "@effect-sockets/resolver/HostName"
 * import { Result } from "effect"
 * String(Result.map(HostName.nameFromString("www.example"), HostName.toAbsolute).pipe(Result.getOrThrow)) // => "www.example."
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toAbsolute: (name: Host.DomainName) => Host.DomainName = Host.toFullyQualified

const topLabel = (name: Host.DomainName): string => {
  const relative = toRelative(name)
  return relative.slice(relative.lastIndexOf(".") + 1)
}

/**
 * The loopback addresses for `localhost` and the names in it, whatever a name server may say of them (RFC 6761, 6.3).
 *
 * ```ts
 * import * as HostName from "@effect-sockets/resolver/HostName"
 * import { domainNameFromStringUnsafe } from "effect/net/Host"
 * HostName.loopbackOf(domainNameFromStringUnsafe("db.localhost"), "IPv4")?.map(String) // => ["127.0.0.1"]
 * HostName.loopbackOf(domainNameFromStringUnsafe("db.example"), "IPv4") // => undefined
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const loopbackOf = (
  name: Host.DomainName,
  family: NetAddress.IpFamily | undefined
): Arr.NonEmptyReadonlyArray<NetAddress.IpAddress> | undefined =>
  topLabel(name) !== "localhost"
    ? undefined
    : family === "IPv4"
      ? [NetAddress.ipv4Loopback]
      : family === "IPv6"
        ? [NetAddress.ipv6Loopback]
        : [NetAddress.ipv6Loopback, NetAddress.ipv4Loopback]

/**
 * Whether a name is known not to exist in DNS, which must not be asked: RFC 6761, 6.4 and RFC 7686, 2.
 *
 * ```ts
 * import * as HostName from "@effect-sockets/resolver/HostName"
 * import { domainNameFromStringUnsafe } from "effect/net/Host"
 * HostName.isNeverInDns(domainNameFromStringUnsafe("host.onion")) // => true
 * ```
 *
 * @category predicates
 * @since 0.1.0
 */
export const isNeverInDns = (name: Host.DomainName): boolean => ["invalid", "onion"].includes(topLabel(name))
