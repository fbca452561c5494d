/** Any header of the PROXY protocol that can be written, and bytes near one. */
import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
import { anyIpaddr } from "@effect-sockets/ipaddr/Arbitraries"
import * as Arbitrary from "effect/Arbitrary"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))
const literal = <const A extends ReadonlyArray<string | number>>(...values: A) =>
  Arbitrary.schema(Schema.Literals(values))
const boolean = Arbitrary.schema(Schema.Boolean)
const oneOf = <A>(...choices: ReadonlyArray<Arbitrary.Arbitrary<A>>): Arbitrary.Arbitrary<A> =>
  Arbitrary.flatMap(int(0, choices.length - 1), (index) => choices[index])

export const bytes = (maxLength = 20): Arbitrary.Arbitrary<Uint8Array> =>
  Arbitrary.map(Arbitrary.array(oneOf(int(0, 255), literal(0, 3, 4, 10, 13)), { maxLength }), (items) =>
    Uint8Array.from(items)
  )

const encoder = new TextEncoder()
const pieces = literal("/", ".", "a", "é", "🙂", "\uFEFF", " ", "run/haproxy/stats.sock")
const text = Arbitrary.map(Arbitrary.array(pieces, { maxLength: 12 }), (items) => items.join(""))

const inet = Arbitrary.map(
  Arbitrary.all([anyIpaddr, oneOf(int(0, 65_535), literal(0, 65_535))]),
  ([address, port]): NetAddress.SocketAddress =>
    NetAddress.inetAddressUnsafe(AnyIpaddr.toAddress(AnyIpaddr.unmap(address)), port)
)

/** Paths of up to 108 bytes, abstract names, and none. */
const path = Arbitrary.map(Arbitrary.all([text, boolean]), ([text, isAbstract]): NetAddress.SocketAddress => {
  const whole = `${isAbstract && text !== "" ? "\0" : ""}${text}`
  return NetAddress.unixPathAddress(encoder.encode(whole).length > 108 ? "" : whole)
})

const other = Arbitrary.map(
  Arbitrary.all([literal(0x00, 0x06, 0x1f, 0x29, 0x40, 0xe0, 0xea, 0xf0, 0xff), bytes()]),
  ([type, value]): ProxyProtocol.Other => ({ _tag: "Other", type, value })
)

const sslTlv: Arbitrary.Arbitrary<ProxyProtocol.SslTlv> = oneOf<ProxyProtocol.SslTlv>(
  Arbitrary.map(
    Arbitrary.all([
      literal("Version", "CommonName", "Cipher", "SignatureAlgorithm", "KeyAlgorithm", "Group", "SignatureScheme"),
      text
    ]),
    ([_tag, value]): ProxyProtocol.SslTlv => ({ _tag, value })
  ),
  Arbitrary.map(bytes(), (value): ProxyProtocol.SslTlv => ({ _tag: "Certificate", value })),
  other
)

const tlv: Arbitrary.Arbitrary<ProxyProtocol.Tlv> = oneOf<ProxyProtocol.Tlv>(
  Arbitrary.map(Arbitrary.all([literal("Authority", "Netns"), text]), ([_tag, value]): ProxyProtocol.Tlv => ({
    _tag,
    value
  })),
  Arbitrary.map(Arbitrary.all([literal("Alpn", "UniqueId"), bytes()]), ([_tag, value]): ProxyProtocol.Tlv => ({
    _tag,
    value
  })),
  Arbitrary.map(int(0, 40), (length): ProxyProtocol.Tlv => ({ _tag: "Noop", length })),
  Arbitrary.map(
    Arbitrary.all({
      tls: boolean,
      certificate: boolean,
      sessionCertificate: boolean,
      verify: oneOf(int(0, 0xffff_ffff), literal(0, 1, 0xffff_ffff)),
      tlvs: Arbitrary.array(sslTlv, { maxLength: 4 })
    }),
    (ssl): ProxyProtocol.Tlv => ({ _tag: "Ssl", ...ssl })
  ),
  other
)

/** With at most one checksum, anywhere. */
const tlvs = Arbitrary.map(
  Arbitrary.all([Arbitrary.array(tlv, { maxLength: 5 }), int(-6, 5)]),
  ([items, at]): ReadonlyArray<ProxyProtocol.Tlv> => (at < 0 ? items : items.toSpliced(at, 0, { _tag: "Crc32c" }))
)

const pair = oneOf(Arbitrary.all([inet, inet]), Arbitrary.all([path, path]))

/** Headers of version 1. */
export const v1: Arbitrary.Arbitrary<ProxyProtocol.Header> = Arbitrary.map(
  Arbitrary.all([inet, inet, int(0, 5)]),
  ([source, destination, kind]): ProxyProtocol.Header =>
    kind === 0
      ? { _tag: "Unknown", version: 1, tlvs: [] }
      : { _tag: "Proxied", version: 1, transport: "stream", source, destination, tlvs: [] }
)

/** Headers of version 2. */
export const v2: Arbitrary.Arbitrary<ProxyProtocol.Header> = Arbitrary.map(
  Arbitrary.all([pair, literal("stream", "datagram"), tlvs, int(0, 5)]),
  ([[source, destination], transport, tlvs, kind]): ProxyProtocol.Header =>
    kind === 0
      ? { _tag: "Local", version: 2, tlvs }
      : kind === 1
        ? { _tag: "Unknown", version: 2, tlvs }
        : { _tag: "Proxied", version: 2, transport, source, destination, tlvs }
)

export const header = oneOf(v1, v2, v2)

/** Headers as bytes, with one to four bytes changed, put in or taken out, and other bytes behind. */
export const nearly: Arbitrary.Arbitrary<Uint8Array> = Arbitrary.map(
  Arbitrary.all([
    header,
    bytes(),
    Arbitrary.array(
      Arbitrary.all([int(0, 600), oneOf(int(0, 255), literal(0x20, 0x0a, 0x0d, 0x00, 0x30)), int(0, 1), int(0, 1)]),
      { maxLength: 4 }
    )
  ]),
  ([header, behind, edits]) => {
    let all = [...ProxyProtocol.encodeUnsafe(header), ...behind]
    for (const [at, byte, taken, put] of edits) {
      // Half of the edits fall on the first bytes, where most of the decisions are.
      const index = at % (at % 2 === 0 ? all.length + 1 : Math.min(all.length + 1, 24))
      all = all.toSpliced(index, taken, ...(put === 1 ? [byte] : []))
    }
    return Uint8Array.from(all)
  }
)
