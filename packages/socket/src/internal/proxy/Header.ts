/** What a PROXY header says, and what its first bytes may turn out to be: the words that both versions share. */
import type * as NetAddress from "effect/net/NetAddress"

/** What a header says. */
export type Header = Local | Unknown | Proxied

/**
 * The proxy made the connection for itself, a health check for example: the peer's own address is the right one. haproxy
 * also says so of a client on a path.
 */
export interface Local {
  readonly _tag: "Local"
  readonly version: 2
  readonly tlvs: ReadonlyArray<Tlv>
}

/** The connection is relayed, for whom cannot be said (`UNKNOWN`, `UNSPEC`): only the proxy's own address is known. */
export interface Unknown {
  readonly _tag: "Unknown"
  readonly version: 1 | 2
  readonly tlvs: ReadonlyArray<Tlv>
}

/** The connection is relayed for `source`, which wanted `destination`. */
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

/** A TLV with bytes. */
export interface Bytes<Tag extends string> {
  readonly _tag: Tag
  readonly value: Uint8Array
}

/** A TLV with text. */
export interface Text<Tag extends string> {
  readonly _tag: Tag
  readonly value: string
}

/** A TLV of a type without a name here (custom ones are 0xE0 to 0xEF), or whose value has not that type's form. */
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

/** What the proxy knows of the client's TLS (section 2.2.6). */
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

/** A fact of the client's TLS: `Certificate` is DER, `CommonName` the client certificate's, the rest are OpenSSL's names. */
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
 */
export type Decoded =
  | { readonly _tag: "Complete"; readonly header: Header; readonly length: number }
  | { readonly _tag: "NeedMore"; readonly atLeast: number }
  | { readonly _tag: "Invalid"; readonly at: number; readonly why: string }
  | { readonly _tag: "NotProxy" }
