/** The TLVs behind the addresses of a version 2 header (section 2.2), between bytes and data. */
import { join, sizeOf } from "../stream/Bytes.ts"
import type { Bytes, Other, SslTlv, Text, Tlv } from "./Header.ts"

/** Several arrays as one. */
export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => join(parts, sizeOf(parts))

/** Where one TLV's value is. */
interface Part {
  readonly type: number
  readonly start: number
  readonly end: number
}

/** How a value is kept. Bytes of another form decode to nothing; a text from `encode` says why there are no bytes. */
interface Form<A> {
  readonly type: number
  readonly decode: (value: Uint8Array) => A | undefined
  readonly encode: (tlv: A) => Uint8Array | string
}

/** One form for each tag. */
type Forms<A extends { readonly _tag: string }> = {
  readonly [K in Exclude<A["_tag"], "Other">]: Form<Extract<A, { readonly _tag: K }>>
}

export const crc32cType = 0x03

const longest = 0xffff
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** An array of its own: neither a view that keeps the caller's buffer alive nor a Node Buffer. */
const copy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

const bytes = <const Tag extends string>(_tag: Tag, type: number, most = longest): Form<Bytes<Tag>> => ({
  type,
  decode: (value) => (value.length > most ? undefined : { _tag, value: copy(value) }),
  encode: ({ value }) => (value.length > most ? `${_tag} has more than ${most} bytes` : value)
})

// US-ASCII where the specification says so, UTF-8 elsewhere: the one is a part of the other.
const text = <const Tag extends string>(_tag: Tag, type: number): Form<Text<Tag>> => ({
  type,
  decode: (value) => {
    try {
      return { _tag, value: decoder.decode(value) }
    } catch {
      return undefined
    }
  },
  encode: ({ value }) => encoder.encode(value)
})

/** Bits of the field `client` (section 2.2.6). */
const flags = { tls: 1, certificate: 2, sessionCertificate: 4 } as const

const ssl: Forms<SslTlv> = {
  Version: text("Version", 0x21),
  CommonName: text("CommonName", 0x22),
  Cipher: text("Cipher", 0x23),
  SignatureAlgorithm: text("SignatureAlgorithm", 0x24),
  KeyAlgorithm: text("KeyAlgorithm", 0x25),
  // These three came with later revisions of the specification.
  Group: text("Group", 0x26),
  SignatureScheme: text("SignatureScheme", 0x27),
  Certificate: bytes("Certificate", 0x28)
}

const top: Forms<Tlv> = {
  Alpn: bytes("Alpn", 0x01),
  Authority: text("Authority", 0x02),
  // Four zeros until the rest of the header is there (section 2.2.3).
  Crc32c: { type: crc32cType, decode: () => ({ _tag: "Crc32c" }), encode: () => new Uint8Array(4) },
  Noop: {
    type: 0x04,
    decode: ({ length }) => ({ _tag: "Noop", length }),
    encode: ({ length }) => (isUint(length, 16) ? new Uint8Array(length) : `Noop has no ${length} bytes`)
  },
  UniqueId: bytes("UniqueId", 0x05, 128),
  Ssl: {
    type: 0x20,
    decode: (value) => {
      const tlvs = value.length < 5 ? 0 : split(value, 5)
      return typeof tlvs === "number"
        ? undefined
        : {
            _tag: "Ssl",
            tls: (value[0] & flags.tls) !== 0,
            certificate: (value[0] & flags.certificate) !== 0,
            sessionCertificate: (value[0] & flags.sessionCertificate) !== 0,
            verify: ((value[1] << 24) | (value[2] << 16) | (value[3] << 8) | value[4]) >>> 0,
            tlvs: tlvs.map((part) => decodeBy(sslDecoders, value, part))
          }
    },
    encode: ({ certificate, sessionCertificate, tls, tlvs, verify }) => {
      const client =
        Number(tls) * flags.tls +
        Number(certificate) * flags.certificate +
        Number(sessionCertificate) * flags.sessionCertificate
      if (!isUint(verify, 32)) return `${verify} is not a result of a verification`
      const inner = encode(tlvs, true)
      return typeof inner === "string"
        ? inner
        : concat([Uint8Array.of(client, verify >>> 24, verify >>> 16, verify >>> 8, verify), inner])
    }
  },
  Netns: text("Netns", 0x30)
}

type Decoders<A> = ReadonlyMap<number, (value: Uint8Array) => A | undefined>

const decodersOf = <A>(forms: { readonly [tag: string]: Pick<Form<A>, "type" | "decode"> }): Decoders<A> =>
  new Map(Object.values(forms).map(({ decode, type }) => [type, decode]))

const topDecoders = decodersOf<Tlv>(top)
const sslDecoders = decodersOf<SslTlv>(ssl)
const forms: Forms<Tlv | SslTlv> = { ...top, ...ssl }

const isUint = (value: number, bits: number): boolean => Number.isInteger(value) && value >= 0 && value < 2 ** bits

/** The TLVs from `from` to the end of `bytes`, or where the one starts that reaches past the end. */
export const split = (bytes: Uint8Array, from: number): ReadonlyArray<Part> | number => {
  const parts: Array<Part> = []
  let at = from
  while (at < bytes.length) {
    const start = at + 3
    const end = start + ((bytes[at + 1] << 8) | bytes[at + 2])
    if (end > bytes.length) return at
    parts.push({ type: bytes[at], start, end })
    at = end
  }
  return parts
}

const decodeBy = <A>(decoders: Decoders<A>, bytes: Uint8Array, { end, start, type }: Part): A | Other => {
  const value = bytes.subarray(start, end)
  return decoders.get(type)?.(value) ?? { _tag: "Other", type, value: copy(value) }
}

/** One TLV as data. */
export const decode = (bytes: Uint8Array, part: Part): Tlv => decodeBy(topDecoders, bytes, part)

/** TLVs as bytes, with zeros for the checksum; or why there are none. Only a header itself has a checksum. */
export const encode = (tlvs: ReadonlyArray<Tlv | SslTlv>, inSsl = false): Uint8Array | string => {
  const parts: Array<Uint8Array> = []
  for (const tlv of tlvs) {
    const type = tlv._tag === "Other" ? tlv.type : forms[tlv._tag].type
    if (!isUint(type, 8)) return `${type} is not a type of TLV`
    if (!inSsl && tlv._tag === "Other" && type === crc32cType) return "a checksum is written as Crc32c"
    const value = tlv._tag === "Other" ? tlv.value : (forms[tlv._tag] as Form<Tlv | SslTlv>).encode(tlv)
    if (typeof value === "string") return value
    if (value.length > longest) return `${tlv._tag} has more than ${longest} bytes`
    parts.push(Uint8Array.of(type, value.length >>> 8, value.length), value)
  }
  return concat(parts)
}
