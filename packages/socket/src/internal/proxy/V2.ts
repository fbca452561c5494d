/** Version 2 of the PROXY protocol: binary (section 2.2 of the specification). */
import type { Decoded, Header } from "./Header.ts"
import * as Addresses from "./AddressBlock.ts"
import { crc32c } from "./Crc32c.ts"
import * as Tlv from "./TlvCodec.ts"

/** The twelve bytes at the start. */
export const signature = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a)

/** Signature, version and command, family and transport, length of the rest. */
export const fixedSize = 16
const versionAt = 12
const familyAt = 13
const lengthAt = 14

const version = 2
const local = 0
const proxy = 1

const transports = { stream: 1, datagram: 2 } as const

/** What the 14th byte stands for. */
interface Form {
  readonly family: Addresses.Family
  readonly transport: keyof typeof transports
}

const unspecified = 0

const codeOf = ({ family, transport }: Form): number => (family.code << 4) | transports[transport]

/**
 * The six combinations that the section lists besides UNSPEC. All others are refused: so it is said for unassigned
 * values, and left free where one half alone is unspecified, which nobody sends.
 */
const forms: ReadonlyMap<number, Form> = new Map(
  [Addresses.inet4, Addresses.inet6, Addresses.unix]
    .flatMap((family): Array<Form> => [
      { family, transport: "stream" },
      { family, transport: "datagram" }
    ])
    .map((form) => [codeOf(form), form])
)

const invalid = (at: number, why: string): Decoded => ({ _tag: "Invalid", at, why })
const needMore = (atLeast: number): Decoded => ({ _tag: "NeedMore", atLeast })

const viewOf = ({ buffer, byteLength, byteOffset }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength)

/** Bytes that begin with the signature, or with as much of it as is there. */
export const decode = (bytes: Uint8Array, maxBytes: number): Decoded => {
  if (bytes.length <= versionAt) return needMore(fixedSize)
  if (bytes[versionAt] >>> 4 !== version) return invalid(versionAt, "the version is not 2")
  const command = bytes[versionAt] & 15
  if (command > proxy) return invalid(versionAt, "the command is neither LOCAL nor PROXY")
  if (bytes.length <= familyAt) return needMore(fixedSize)
  const form = forms.get(bytes[familyAt])
  // The family of LOCAL is ignored, whatever it is.
  if (command === proxy && form === undefined && bytes[familyAt] !== unspecified) {
    return invalid(familyAt, "there is no such family and transport")
  }
  if (bytes.length < fixedSize) return needMore(fixedSize)
  const length = fixedSize + ((bytes[lengthAt] << 8) | bytes[lengthAt + 1])
  if (length > maxBytes) return invalid(lengthAt, `the header has ${length} bytes, more than ${maxBytes}`)
  if (command === proxy && fixedSize + (form?.family.size ?? 0) > length) {
    return invalid(lengthAt, "the length leaves no room for the addresses")
  }
  if (bytes.length < length) return needMore(length)
  return decodeWhole(bytes.subarray(0, length), command, form)
}

const decodeWhole = (bytes: Uint8Array, command: number, form: Form | undefined): Decoded => {
  const { length } = bytes
  const tlvsAt = fixedSize + (form?.family.size ?? 0)
  const isProxied = command === proxy && form !== undefined
  const split = Tlv.split(bytes, tlvsAt)
  // LOCAL is accepted with anything in it, and addresses of no family have no known size: there, only what reads as
  // TLVs up to the end is taken for that.
  if (typeof split === "number" && isProxied) return invalid(split, "a TLV reaches past the end of the header")
  const parts = typeof split === "number" ? [] : split
  const checksums = parts.filter(({ type }) => type === Tlv.crc32cType)
  if (checksums.length > 1) return invalid(checksums[1].start, "there is a second checksum")
  for (const { end, start } of checksums) {
    if (end - start !== 4) return invalid(start, "a checksum has 4 bytes")
    if (crc32c(bytes, start) !== viewOf(bytes).getUint32(start)) return invalid(start, "the checksum is wrong")
  }
  const tlvs = parts.map((part) => Tlv.decode(bytes, part))
  if (command === local) return { _tag: "Complete", length, header: { _tag: "Local", version, tlvs } }
  if (form === undefined) return { _tag: "Complete", length, header: { _tag: "Unknown", version, tlvs } }
  const pair = form.family.decode(bytes.subarray(fixedSize, tlvsAt))
  if (pair === undefined) return invalid(fixedSize, "a path is not UTF-8")
  const [source, destination] = pair
  const { transport } = form
  return { _tag: "Complete", length, header: { _tag: "Proxied", version, transport, source, destination, tlvs } }
}

/** The bytes of a header, or why there are none. */
export const encode = (header: Header): Uint8Array | string => {
  const command = header._tag === "Local" ? local : proxy
  let family = unspecified
  let block: Uint8Array = new Uint8Array(0)
  if (header._tag === "Proxied") {
    const addresses = Addresses.encode(header.source, header.destination)
    if (typeof addresses === "string") return addresses
    family = codeOf({ family: addresses[0], transport: header.transport })
    block = addresses[1]
  }
  const tlvs = Tlv.encode(header.tlvs)
  if (typeof tlvs === "string") return tlvs
  const length = block.length + tlvs.length
  if (length > 0xffff) return "the header is longer than its length can say"
  const fixed = Uint8Array.of((version << 4) | command, family, length >>> 8, length)
  const bytes = Tlv.concat([signature, fixed, block, tlvs])
  const parts = Tlv.split(bytes, fixedSize + block.length)
  const checksums = typeof parts === "number" ? [] : parts.filter(({ type }) => type === Tlv.crc32cType)
  if (checksums.length > 1) return "there is more than one checksum"
  for (const { start } of checksums) viewOf(bytes).setUint32(start, crc32c(bytes, start))
  return bytes
}
