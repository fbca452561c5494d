/**
 * What a server says when its port is open: the book's line, and for somebody at a terminal where to look at it.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as os from "node:os"
import { styleText } from "node:util"

/** What a server is called when it has started. */
export const nameOf = (address: NetAddress.SocketAddress): string =>
  NetAddress.isInetAddress(address) ? `port ${address.port}` : address.path

type Interfaces = ReturnType<typeof os.networkInterfaces>

/** Some systems do not say which addresses they have. */
const interfacesNow = (): Interfaces => {
  try {
    return os.networkInterfaces()
  } catch {
    return {}
  }
}

/** All addresses of a machine, without those that need the name of an interface: a URL cannot have one. */
const addressesOf = (interfaces: Interfaces, isBoth: boolean): ReadonlyArray<string> => {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? [])
  const ofFamily = (family: "IPv4" | "IPv6") =>
    all.filter((info) => info.family === family && !/^fe[89ab]/i.test(info.address)).map(({ address }) => address)
  return isBoth ? [...ofFamily("IPv4"), ...ofFamily("IPv6")] : ofFamily("IPv4")
}

/** Where the server can be looked at: at every address of the machine, if it listens on all of them. */
export const urlsOf = (address: NetAddress.SocketAddress, interfaces = interfacesNow): ReadonlyArray<string> => {
  if (!NetAddress.isInetAddress(address)) return []
  const host = NetAddress.formatIp(address.address)
  const isAll = host === "0.0.0.0" || host === "::"
  const hosts = isAll ? addressesOf(interfaces(), host === "::") : [host]
  return hosts.map((host) => new URL(`http://${host.includes(":") ? `[${host}]` : host}:${address.port}/`).href)
}

/** A URL as it is shown: in colour on a terminal, unless NO_COLOR is set. */
export const shown = (url: string, stream: NodeJS.WriteStream): string => styleText("cyan", url, { stream })

const unique = (texts: ReadonlyArray<string>): ReadonlyArray<string> => [...new Set(texts)]

/** The lines for whoever started the server, by way of the stream. */
export const linesOf = (
  addresses: ReadonlyArray<NetAddress.SocketAddress>,
  stream: NodeJS.WriteStream
): ReadonlyArray<string> => [
  ...unique(addresses.map(nameOf)).map((name) => `> Started server on ${name}`),
  ...(stream.isTTY ? unique(addresses.flatMap((address) => urlsOf(address))) : []).map(
    (url) => `> ${shown(url, stream)}`
  )
]
