/** Options of sockets in Node's words, and those that a version of Node does not have. */
import * as Net from "node:net"
import type { Reason } from "../../NetworkError.ts"
import type { SocketOptions } from "../../Connection.ts"
import { toMillis } from "@effect-sockets/resolver/InvalidOption"

/** Newer versions pass on the interval and the count: 24.21 and 26.4 do. */
const hasProbes = Net.Socket.prototype.setKeepAlive.length >= 4

/** Newer versions have it: 24.21 and 25.6 do. */
const hasTypeOfService = typeof Net.Socket.prototype.setTypeOfService === "function"

/** The longest time that Linux takes for a probe, in seconds (TCP_KEEPIDLE, TCP_KEEPINTVL). */
const longestProbe = 32_767

/** Whole seconds in milliseconds, as the kernel counts: a fraction is none, and too long a time is refused in silence. */
const seconds = (millis: number): number => Math.min(longestProbe, Math.max(1, Math.ceil(millis / 1000))) * 1000

/** What this version of Node cannot do of what is asked for. */
export const unsupported = (options: SocketOptions): Reason | undefined => {
  const probes = options.keepAliveInterval !== undefined || options.keepAliveCount !== undefined
  if (probes && !hasProbes) return missing("keepAliveInterval and keepAliveCount")
  return options.typeOfService !== undefined && !hasTypeOfService ? missing("typeOfService") : undefined
}

const missing = (name: string): Reason => ({ _tag: "Unsupported", detail: `${name} in Node ${process.versions.node}` })

/**
 * Whether TCP_NODELAY changes nothing for the first write of a connection. It spares small segments the wait for what is on
 * its way (RFC 896), and there is nothing then. Linux lets them wait for other small ones only (`tcp_minshall_check`), so
 * that holds for the last segment of a long write, too; elsewhere it would wait for the long ones before it.
 */
const sparesFirstWrite = process.platform === "linux"

const wantsNoDelay = ({ noDelay = true }: SocketOptions): boolean => noDelay

/** Whether a connection sets TCP_NODELAY itself, before its second write: one that answers once needs no call for it. */
export const setsNoDelayLater = (options: SocketOptions): boolean => sparesFirstWrite && wantsNoDelay(options)

/** The part that Node sets by itself when it makes a socket. Without it, a socket costs no further calls. */
export const atStart = (options: SocketOptions) => {
  const idle = toMillis(options.keepAlive)
  return {
    noDelay: !sparesFirstWrite && wantsNoDelay(options),
    keepAlive: idle !== Infinity,
    keepAliveInitialDelay: idle === Infinity ? 0 : seconds(idle)
  }
}

/** Whether there is more to set than Node sets by itself. */
export const hasMore = (options: SocketOptions): boolean =>
  options.keepAliveInterval !== undefined || options.keepAliveCount !== undefined || options.typeOfService !== undefined

/** Sets all that is given. Node does not say whether the system took it. */
export const apply = (socket: Net.Socket, options: SocketOptions): void => {
  if (options.noDelay !== undefined) socket.setNoDelay(options.noDelay)
  if (options.keepAlive !== undefined) {
    const idle = toMillis(options.keepAlive)
    const interval = options.keepAliveInterval === undefined ? undefined : seconds(toMillis(options.keepAliveInterval))
    if (idle === Infinity) socket.setKeepAlive(false)
    else socket.setKeepAlive(true, seconds(idle), interval, options.keepAliveCount)
  }
  if (options.typeOfService !== undefined) socket.setTypeOfService(options.typeOfService)
}
