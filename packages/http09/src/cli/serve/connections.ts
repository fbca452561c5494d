/**
 * What the metrics port tells of connections: `Server.snapshot`, as JSON and for all workers.
 */
import type { ConnectionSnapshot } from "@effect-sockets/socket/Server"
import * as NetAddress from "effect/net/NetAddress"

/** One connection that is answered now: plain data, that can be sent to another process. */
export interface ConnectionInfo extends Omit<ConnectionSnapshot, "localAddress" | "remoteAddress"> {
  readonly localAddress: string
  readonly remoteAddress: string
  /** The process that has it, where there are several. From 1. */
  readonly worker?: number
}

/** A connection as plain data. */
export const infoOf = ({ localAddress, remoteAddress, ...rest }: ConnectionSnapshot): ConnectionInfo => ({
  remoteAddress: NetAddress.formatSocketAddress(remoteAddress),
  localAddress: NetAddress.formatSocketAddress(localAddress),
  ...rest
})

/** The connections of a server, the oldest first: an array of objects, one a line. */
export const format = (connections: ReadonlyArray<ConnectionInfo>): string => {
  const lines = connections.toSorted((one, other) => other.age - one.age).map((info) => JSON.stringify(info))
  return lines.length === 0 ? "[]\n" : `[\n${lines.join(",\n")}\n]\n`
}
