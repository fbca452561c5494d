/**
 * What is known of a network service: its name, its aliases, its port and its protocol.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/**
 * A transport protocol, as the services file writes it: `tcp`, `udp`, `sctp`…
 *
 * ```ts
 * import * as Servent from "@effect-sockets/resolver/Servent"
 * import { Option } from "effect"
 * const udp: Servent.Protocol = "udp"
 * Option.map(Servent.findByPort(Servent.wellKnown, 53, udp), ({ name }) => name) // => Option.some("domain")
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Protocol = string

/**
 * A service, as the C library's `servent` describes one. Servents with equal fields are equal (`Equal.equals`).
 *
 * ```ts
 * import * as Servent from "@effect-sockets/resolver/Servent"
 * const mine = new Servent.Servent({ name: "mine", aliases: ["my"], port: 4242, protocol: "tcp" })
 * mine.port // => 4242
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export class Servent extends Schema.Class<Servent>("@effect-sockets/resolver/Servent")({
  name: Schema.String,
  aliases: Schema.Array(Schema.String),
  /** From 0 to 65,535. */
  port: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })),
  protocol: Schema.String
}) {}

/**
 * Reads a services file (`services(5)`): `name port/protocol aliases…`, with `#` comments. Lines that are not of that
 * form are skipped, as the C library does.
 *
 * ```ts
 * import * as Servent from "@effect-sockets/resolver/Servent"
 * const [http] = Servent.parse("http 80/tcp www # the web")
 * http.aliases // => ["www"]
 * ```
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): ReadonlyArray<Servent> =>
  text.split("\n").flatMap((line) => {
    const [name, where, ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/)
    const match = /^(\d{1,5})\/(\S+)$/.exec(where ?? "")
    const port = Number(match?.[1] ?? 65_536)
    return match === null || port > 65_535 ? [] : [new Servent({ name, aliases, port, protocol: match[2] })]
  })

/**
 * The services that a system without a services file is expected to know, by the IANA registry of service names and
 * port numbers (RFC 6335).
 *
 * ```ts
 * import * as Servent from "@effect-sockets/resolver/Servent"
 * Servent.wellKnown.some(({ name, port }) => name === "gopher" && port === 70) // => true
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const wellKnown: ReadonlyArray<Servent> = parse(`
echo 7/tcp
echo 7/udp
discard 9/tcp sink null
discard 9/udp sink null
daytime 13/tcp
ftp-data 20/tcp
ftp 21/tcp
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp mail
time 37/tcp
whois 43/tcp nicname
domain 53/tcp
domain 53/udp
tftp 69/udp
gopher 70/tcp
finger 79/tcp
http 80/tcp www
kerberos 88/tcp
pop3 110/tcp pop-3
ntp 123/udp
imap2 143/tcp imap
snmp 161/udp
bgp 179/tcp
ldap 389/tcp
https 443/tcp
https 443/udp
submissions 465/tcp
syslog 514/udp
submission 587/tcp
ldaps 636/tcp
imaps 993/tcp
pop3s 995/tcp
`)

const find = (
  services: ReadonlyArray<Servent>,
  protocol: Protocol | undefined,
  matches: (service: Servent) => boolean
): Option.Option<Servent> => {
  const found = services.filter(matches)
  const of = (wanted: Protocol) => found.find((service) => service.protocol === wanted)
  return Option.fromUndefinedOr(protocol === undefined ? (of("tcp") ?? found[0]) : of(protocol))
}

/**
 * The service in a list with that name or alias, of that protocol; without one, of TCP if it is there and of any other
 * otherwise. Case does not matter in names (RFC 6335, section 5.1).
 *
 * ```ts
 * import * as Servent from "@effect-sockets/resolver/Servent"
 * import { Option } from "effect"
 * Option.map(Servent.findByName(Servent.wellKnown, "WWW"), ({ port }) => port) // => Option.some(80)
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const findByName = (
  services: ReadonlyArray<Servent>,
  name: string,
  protocol?: Protocol
): Option.Option<Servent> => {
  const wanted = name.toLowerCase()
  return find(services, protocol, (service) =>
    [service.name, ...service.aliases].some((known) => known.toLowerCase() === wanted)
  )
}

/**
 * The service in a list on that port, of that protocol; without one, as {@link findByName}.
 *
 * ```ts
 * import * as Servent from "@effect-sockets/resolver/Servent"
 * import { Option } from "effect"
 * Option.map(Servent.findByPort(Servent.wellKnown, 443), ({ protocol }) => protocol) // => Option.some("tcp")
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const findByPort = (
  services: ReadonlyArray<Servent>,
  port: number,
  protocol?: Protocol
): Option.Option<Servent> => find(services, protocol, (service) => service.port === port)
