/** Which addresses datagrams can have. */
import * as NetAddress from "effect/net/NetAddress"
import type { Reason } from "../../NetworkError.ts"
import { portProblem } from "../port.ts"

const invalid = (detail: string): Reason => ({ _tag: "InvalidAddress", detail })

/** Why a value is no address of a socket for datagrams, or nothing. The least port is 0 where that asks for any free one. */
export const addressProblem = (address: unknown, least: 0 | 1): Reason | undefined =>
  NetAddress.isInetAddress(address)
    ? portProblem(address.port, least)
    : invalid("it is no IPv4 or IPv6 address with a port")

/** Why a socket cannot send to an address, or nothing. */
export const destinationProblem = (to: NetAddress.InetAddress, from: NetAddress.InetAddress): Reason | undefined =>
  addressProblem(to, 1) ??
  (to._tag === from._tag ? undefined : invalid("destination: IPv4 and IPv6 are sockets of their own"))

/** What an error names. */
export const nameOf = (address: unknown): NetAddress.SocketAddress | string =>
  NetAddress.isSocketAddress(address) ? address : "unknown"
