/** Version 1 of the PROXY protocol: one line of text (section 2.1 of the specification). */
import { identity } from "effect/Function"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as AnyIpaddr from "@effect-sockets/ipaddr/AnyIpaddr"
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
import type { Decoded, Header } from "./Header.ts"
import { inetPair } from "./AddressBlock.ts"

/** The longest line, with its CR LF: `UNKNOWN` and what `TCP6` would carry. */
export const longest = 107
/** `PROXY UNKNOWN` CR LF. */
export const shortest = 15

const start = "PROXY "
const families = ["TCP4 ", "TCP6 ", "UNKNOWN ", "UNKNOWN\r\n"]
/** Where the addresses of a TCP line begin. */
const fieldsAt = start.length + families[0].length

/** Neither part of an address or a port, nor a space, nor of a CR LF that may still be cut. */
const strayByte = /[^\da-f:. \r\n]|\r(?!\n|$)|(?<!\r)\n/i

const invalid = (at: number, why: string): Decoded => ({ _tag: "Invalid", at, why })

/** Whether a text is, or can become, one that begins with `beginning`. */
const fits = (text: string, beginning: string): boolean => text.startsWith(beginning) || beginning.startsWith(text)

/** Bytes that begin with `PROXY`, or with as much of it as is there. */
export const decode = (bytes: Uint8Array): Decoded => {
  const text = String.fromCharCode(...bytes.subarray(0, longest))
  if (!fits(text, start)) return invalid(start.length - 1, "one space follows PROXY")
  const rest = text.slice(start.length)
  if (!families.some((family) => fits(rest, family))) return invalid(start.length, "it is TCP4, TCP6 or UNKNOWN")
  const isUnknown = rest.startsWith("U")
  const end = text.indexOf("\r\n")
  // A line that can no longer become right is given up at once. Behind UNKNOWN anything goes, up to CR LF.
  const line = end === -1 ? text : text.slice(0, end + 2)
  const stray = isUnknown ? -1 : line.slice(fieldsAt).search(strayByte)
  if (stray !== -1) return invalid(fieldsAt + stray, "two addresses, two ports and CR LF have no such byte")
  if (end === -1) {
    const atLeast = text.length + (text.endsWith("\r") ? 1 : 2)
    return atLeast > longest
      ? invalid(longest, `CR LF ends within ${longest} bytes`)
      : { _tag: "NeedMore", atLeast: Math.max(shortest, atLeast) }
  }
  const length = end + 2
  if (isUnknown) return { _tag: "Complete", length, header: { _tag: "Unknown", version: 1, tlvs: [] } }
  return decodeFields(text.slice(fieldsAt, end).split(" "), rest.startsWith("TCP4"), length)
}

/** What is wrong with a field, and where in it. */
interface Wrong {
  readonly position: number
  readonly reason: string
}

const parsePort = (text: string): Result.Result<number, Wrong> =>
  /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
    ? Result.succeed(Number(text))
    : Result.fail({ position: 0, reason: "a port is a decimal number from 0 to 65535 without leading zeros" })

const decodeFields = (fields: ReadonlyArray<string>, isV4: boolean, length: number): Decoded => {
  if (fields.length !== 4) return invalid(fieldsAt, "two addresses and two ports follow, with one space between them")
  const field = <A>(index: number, parse: (text: string) => Result.Result<A, Wrong>): Result.Result<A, Decoded> =>
    Result.mapError(parse(fields[index]), ({ position, reason }) =>
      invalid(fields.slice(0, index).reduce((at, { length }) => at + length + 1, fieldsAt) + position, reason)
    )
  // IPv6 is taken as inet_pton takes it: haproxy writes mapped addresses with dots, which the grammar does not have.
  const parseIp: (text: string) => Result.Result<AnyIpaddr.AnyIpaddr, Wrong> = isV4
    ? Ipaddr.fromDotted
    : Ipaddr6.fromString
  return Result.match(Result.all([field(0, parseIp), field(1, parseIp), field(2, parsePort), field(3, parsePort)]), {
    onFailure: identity,
    onSuccess: ([source, destination, sourcePort, destinationPort]) => ({
      _tag: "Complete",
      length,
      header: {
        _tag: "Proxied",
        version: 1,
        transport: "stream",
        source: toInet(source, sourcePort),
        destination: toInet(destination, destinationPort),
        tlvs: []
      }
    })
  })
}

const toInet = (address: AnyIpaddr.AnyIpaddr, port: number): NetAddress.InetAddress =>
  NetAddress.inetAddressUnsafe(AnyIpaddr.toAddress(AnyIpaddr.unmap(address)), port)

/** The line of a header, or why there is none. */
export const encode = (header: Header): Uint8Array | string => {
  if (header.tlvs.length > 0) return "version 1 has no TLVs"
  if (header._tag !== "Proxied") return encoder.encode("PROXY UNKNOWN\r\n")
  if (header.transport !== "stream") return "version 1 knows no datagrams"
  const pair = inetPair(header.source, header.destination)
  if (pair === undefined) return "version 1 has two internet addresses"
  const [source, destination] = pair
  const family = NetAddress.isInetAddressV4(source) ? "TCP4" : "TCP6"
  return encoder.encode(
    `PROXY ${family} ${ipText(source)} ${ipText(destination)} ${source.port} ${destination.port}\r\n`
  )
}

const encoder = new TextEncoder()

const ipText = ({ address }: NetAddress.InetAddress): string =>
  NetAddress.isIpv6Address(address) && NetAddress.isIpv4Mapped(address)
    ? // The grammar has no dots.
      NetAddress.ipv6ToSegments(address)
        .map((segment) => segment.toString(16))
        .join(":")
    : NetAddress.formatIp(address)
