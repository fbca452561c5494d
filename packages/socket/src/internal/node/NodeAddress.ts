/** Addresses in Node's words and in effect's. */
import * as NetAddress from "effect/net/NetAddress"
import { networkInterfaces } from "node:os"

const interfaces = () => NetAddress.scopeIdsFromInterfaces(Object.entries(networkInterfaces()))

/** The address that Node describes in words; an IPv4 peer of an IPv6 socket comes out as IPv4. */
export const inetAddress = (host: string, port: number): NetAddress.InetAddress =>
  NetAddress.toCanonical(
    // Node names the zone of a link-local address by its interface; effect's addresses hold the interface's index.
    NetAddress.inetAddressFromNativeUnsafe(host, port, host.includes("%") ? interfaces() : undefined)
  )

/** The host part in Node's words. */
export const nativeHost = (address: NetAddress.InetAddress): string =>
  NetAddress.formatNativeHost(
    address,
    NetAddress.isInetAddressV6(address) && address.scopeId !== 0 ? interfaces() : new Map(),
    process.platform
  )

/** The kernel's room for a path (`sun_path`), less the final NUL: 107 bytes on Linux, 103 elsewhere. */
const longestPath = process.platform === "linux" ? 107 : 103

/** A name that starts with NUL is Linux's abstract kind. */
const pathProblem = (path: string): string | undefined => {
  if (path === "") return "the path is empty"
  const length = Buffer.byteLength(path)
  if (length > longestPath) return `the path has ${length} bytes, more than ${longestPath}`
  if (path.startsWith("\0")) return process.platform === "linux" ? undefined : "abstract names are Linux's"
  return path.includes("\0") ? "the path contains NUL" : undefined
}

/** Why no socket can have that address or be connected to it, or nothing. */
export const addressProblem = (address: NetAddress.SocketAddress): string | undefined => {
  if (address._tag === "UnixPathAddress") return pathProblem(address.path)
  // The kernel says EINVAL, which is all that it says.
  return NetAddress.isInetAddressV6(address) && address.scopeId === 0 && NetAddress.isLinkLocal(address.address)
    ? "a link-local address needs its zone, as in fe80::1%eth0"
    : undefined
}

/** The address of a Unix-domain socket that was not bound to a path: every client's. */
export const unnamed = NetAddress.unixPathAddress("")
