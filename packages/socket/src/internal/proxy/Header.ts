/** What a PROXY header says, and what its first bytes may turn out to be: the words that both versions share. */
import type * as NetAddress from "effect/net/NetAddress"

/**
 * What a header says.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 * import { Result } from "effect"
 *
 * const headers: ReadonlyArray<ProxyProtocol.Header> = [
 *   { _tag: "Local", version: 2, tlvs: [] },
 *   { _tag: "Unknown", version: 1, tlvs: [] }
 * ]
 * headers.map((header) => Result.getOrThrow(ProxyProtocol.encode(header)).length) // => [16, 15]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Header = Local | Unknown | Proxied

/**
 * The proxy made the connection for itself, a health check for example: the peer's own address is the right one. haproxy
 * also says so of a client on a path.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const healthCheck: ProxyProtocol.Local = { _tag: "Local", version: 2, tlvs: [] }
 * ProxyProtocol.decode(ProxyProtocol.encodeUnsafe(healthCheck)) // => { _tag: "Complete", length: 16, header: healthCheck }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Local {
  readonly _tag: "Local"
  readonly version: 2
  readonly tlvs: ReadonlyArray<Tlv>
}

/**
 * The connection is relayed, for whom cannot be said (`UNKNOWN`, `UNSPEC`): only the proxy's own address is known.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const nobody: ProxyProtocol.Unknown = { _tag: "Unknown", version: 1, tlvs: [] }
 * new TextDecoder().decode(ProxyProtocol.encodeUnsafe(nobody)) // => "PROXY UNKNOWN\r\n"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Unknown {
  readonly _tag: "Unknown"
  readonly version: 1 | 2
  readonly tlvs: ReadonlyArray<Tlv>
}

/**
 * The connection is relayed for `source`, which wanted `destination`.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 * import * as NetAddress from "effect/net/NetAddress"
 *
 * const at = NetAddress.inetAddressFromStringUnsafe
 * const header: ProxyProtocol.Proxied = {
 *   _tag: "Proxied", version: 1, transport: "stream", source: at("192.0.2.7:4711"), destination: at("203.0.113.1:80"), tlvs: []
 * }
 * new TextDecoder().decode(ProxyProtocol.encodeUnsafe(header)) // => "PROXY TCP4 192.0.2.7 203.0.113.1 4711 80\r\n"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Proxied {
  readonly _tag: "Proxied"
  readonly version: 1 | 2
  /** How the client reached the proxy. Version 1 knows only `stream`. */
  readonly transport: "stream" | "datagram"
  /**
   * The client: both ends are internet addresses, or both are paths (version 2; `""` is an end without a name). A mapped
   * IPv4 address is the IPv4 address. The scope of an IPv6 address is not sent.
   */
  readonly source: NetAddress.SocketAddress
  /** The address that the client connected to. */
  readonly destination: NetAddress.SocketAddress
  readonly tlvs: ReadonlyArray<Tlv>
}

/**
 * A TLV with bytes.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const id: ProxyProtocol.Bytes<"UniqueId"> = { _tag: "UniqueId", value: Uint8Array.of(1, 2, 3) }
 * ProxyProtocol.encodeUnsafe({ _tag: "Local", version: 2, tlvs: [id] }).slice(-6) // => Uint8Array.of(5, 0, 3, 1, 2, 3)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Bytes<Tag extends string> {
  readonly _tag: Tag
  readonly value: Uint8Array
}

/**
 * A TLV with text.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const name: ProxyProtocol.Text<"Authority"> = { _tag: "Authority", value: "hi.test" }
 * ProxyProtocol.encodeUnsafe({ _tag: "Local", version: 2, tlvs: [name] }).length // => 16 + 3 + 7
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Text<Tag extends string> {
  readonly _tag: Tag
  readonly value: string
}

/**
 * A TLV of a type without a name here (custom ones are 0xE0 to 0xEF), or whose value has not that type's form.
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const ours: ProxyProtocol.Other = { _tag: "Other", type: 0xe0, value: Uint8Array.of(7) }
 * ProxyProtocol.encodeUnsafe({ _tag: "Local", version: 2, tlvs: [ours] }).slice(-4) // => Uint8Array.of(0xe0, 0, 1, 7)
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Other extends Bytes<"Other"> {
  /** From 0 to 255. */
  readonly type: number
}

/**
 * A further fact in a version 2 header, type, length and value on the wire (sections 2.2.1 to 2.2.8).
 *
 * - `Alpn`: the protocol above, agreed on by ALPN
 * - `Authority`: the host name that the client asked for (SNI)
 * - `Crc32c`: a checksum of the header; computed by `encode`, verified by `decode`
 * - `Noop`: so many bytes of padding
 * - `UniqueId`: names the connection, at most 128 bytes
 * - `Ssl`: the client's TLS
 * - `Netns`: the network namespace
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const facts: ReadonlyArray<ProxyProtocol.Tlv> = [{ _tag: "Authority", value: "hi.test" }, { _tag: "Crc32c" }]
 * const decoded = ProxyProtocol.decode(ProxyProtocol.encodeUnsafe({ _tag: "Local", version: 2, tlvs: facts }))
 * decoded._tag === "Complete" && decoded.header.tlvs // => facts
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Tlv =
  | Bytes<"Alpn">
  | Text<"Authority">
  | { readonly _tag: "Crc32c" }
  | { readonly _tag: "Noop"; readonly length: number }
  | Bytes<"UniqueId">
  | Ssl
  | Text<"Netns">
  | Other

/**
 * What the proxy knows of the client's TLS (section 2.2.6).
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const byCertificate = ({ certificate, tls, verify }: ProxyProtocol.Ssl) => tls && certificate && verify === 0
 * const said: ProxyProtocol.Ssl = {
 *   _tag: "Ssl", tls: true, certificate: false, sessionCertificate: false, verify: 0, tlvs: []
 * }
 * byCertificate(said) // => false
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Ssl {
  readonly _tag: "Ssl"
  /** The client spoke TLS. */
  readonly tls: boolean
  /** The client gave a certificate on this connection. */
  readonly certificate: boolean
  /** The client gave a certificate at least once in this TLS session. */
  readonly sessionCertificate: boolean
  /** 0 if the certificate was verified, 32 bits. Look at `certificate` too: without one, haproxy sends 0 as well. */
  readonly verify: number
  readonly tlvs: ReadonlyArray<SslTlv>
}

/**
 * A fact of the client's TLS: `Certificate` is DER, `CommonName` the client certificate's, the rest are OpenSSL's names.
 *
 * ```ts
 * import type * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const nameIn = (facts: ReadonlyArray<ProxyProtocol.SslTlv>) => facts.find(({ _tag }) => _tag === "CommonName")?.value
 * nameIn([{ _tag: "Version", value: "TLSv1.3" }, { _tag: "CommonName", value: "ada" }]) // => "ada"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type SslTlv =
  | Text<"Version">
  | Text<"CommonName">
  | Text<"Cipher">
  | Text<"SignatureAlgorithm">
  | Text<"KeyAlgorithm">
  | Text<"Group">
  | Text<"SignatureScheme">
  | Bytes<"Certificate">
  | Other

/**
 * What `decode` made of the first bytes of a connection.
 *
 * - `Complete`: a header, which takes the first `length` bytes
 * - `NeedMore`: it may become a header, which then has `atLeast` bytes or more in all
 * - `Invalid`: it began as a header; the byte at index `at`, or what begins there, is wrong
 * - `NotProxy`: something else
 *
 * ```ts
 * import * as ProxyProtocol from "@effect-sockets/socket/ProxyProtocol"
 *
 * const said: ProxyProtocol.Decoded = ProxyProtocol.decode(new TextEncoder().encode("PROXY TCP5 "))
 * said // => { _tag: "Invalid", at: 6, why: "it is TCP4, TCP6 or UNKNOWN" }
 * ProxyProtocol.decode(new TextEncoder().encode("GET /")) // => { _tag: "NotProxy" }
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Decoded =
  | { readonly _tag: "Complete"; readonly header: Header; readonly length: number }
  | { readonly _tag: "NeedMore"; readonly atLeast: number }
  | { readonly _tag: "Invalid"; readonly at: number; readonly why: string }
  | { readonly _tag: "NotProxy" }
