/** The address blocks of a version 2 header (section 2.2), and pairs of addresses of one family. */
import * as NetAddress from "effect/net/NetAddress"
import { concat } from "./TlvCodec.ts"

/** The two ends of a connection. */
export type Pair<A = NetAddress.SocketAddress> = readonly [source: A, destination: A]

/** How the addresses of one family are laid out. */
export interface Family {
  /** The high half of the 14th byte. */
  readonly code: number
  /** Bytes of both addresses with their ports. */
  readonly size: number
  /** The addresses in `size` bytes; nothing, if one cannot be told. */
  readonly decode: (block: Uint8Array) => Pair | undefined
}

const inet = (code: number, width: number, fromBytes: (bytes: Uint8Array) => NetAddress.IpAddress): Family => ({
  code,
  size: 2 * width + 4,
  decode: (block) => {
    const end = (address: number, port: number) =>
      NetAddress.toCanonical(
        NetAddress.inetAddressUnsafe(fromBytes(block.subarray(address)), (block[port] << 8) | block[port + 1])
      )
    return [end(0, 2 * width), end(width, 2 * width + 2)]
  }
})

const pathSize = 108
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** A path ends at the first NUL; a name that begins with NUL is Linux's abstract kind and ends before the padding. */
const decodePath = (field: Uint8Array): string | undefined => {
  const isAbstract = field[0] === 0
  const end = isAbstract ? field.findLastIndex((byte) => byte !== 0) + 1 : field.indexOf(0)
  try {
    return decoder.decode(end === -1 ? field : field.subarray(0, end))
  } catch {
    return undefined
  }
}

const encodePath = (path: string): Uint8Array | undefined => {
  const field = new Uint8Array(pathSize)
  encoder.encodeInto(path, field)
  // Too long, a NUL inside, not Unicode: all of these come back as something else.
  return decodePath(field) === path ? field : undefined
}

export const inet4 = inet(1, 4, NetAddress.ipv4FromBytesUnsafe)
export const inet6 = inet(2, 16, NetAddress.ipv6FromBytesUnsafe)
export const unix: Family = {
  code: 3,
  size: 2 * pathSize,
  decode: (block) => {
    const source = decodePath(block.subarray(0, pathSize))
    const destination = decodePath(block.subarray(pathSize))
    return source === undefined || destination === undefined
      ? undefined
      : [NetAddress.unixPathAddress(source), NetAddress.unixPathAddress(destination)]
  }
}

/** Two internet addresses in one family: IPv4 if both are, otherwise IPv6, with IPv4 mapped into it. */
export const inetPair = (
  source: NetAddress.SocketAddress,
  destination: NetAddress.SocketAddress
): Pair<NetAddress.InetAddress> | undefined => {
  if (!NetAddress.isInetAddress(source) || !NetAddress.isInetAddress(destination)) return undefined
  const pair = [NetAddress.toCanonical(source), NetAddress.toCanonical(destination)] as const
  return pair.every(NetAddress.isInetAddressV4) ? pair : [widen(pair[0]), widen(pair[1])]
}

const widen = (self: NetAddress.InetAddress): NetAddress.InetAddress =>
  NetAddress.isInetAddressV4(self)
    ? NetAddress.inetAddressUnsafe(NetAddress.toIpv4Mapped(self.address), self.port)
    : self

const ipBytes = ({ address }: NetAddress.InetAddress): Uint8Array =>
  Uint8Array.from(
    NetAddress.isIpv4Address(address) ? NetAddress.ipv4ToOctets(address) : NetAddress.ipv6ToOctets(address)
  )

const portBytes = ({ port }: NetAddress.InetAddress): Uint8Array => Uint8Array.of(port >>> 8, port)

/** The family of two addresses, and the block that carries them; or why there is none. */
export const encode = (
  source: NetAddress.SocketAddress,
  destination: NetAddress.SocketAddress
): readonly [Family, Uint8Array] | string => {
  const pair = inetPair(source, destination)
  if (pair !== undefined) {
    const family = NetAddress.isInetAddressV4(pair[0]) ? inet4 : inet6
    return [family, concat([...pair.map(ipBytes), ...pair.map(portBytes)])]
  }
  if (!NetAddress.isUnixPathAddress(source) || !NetAddress.isUnixPathAddress(destination)) {
    return "source and destination are of one kind"
  }
  const fields = [encodePath(source.path), encodePath(destination.path)] as const
  return fields[0] === undefined || fields[1] === undefined
    ? `a path is UTF-8 without NUL, of at most ${pathSize} bytes`
    : [unix, concat([fields[0], fields[1]])]
}
