/** What the options of `Network.connect` and `Network.listen` must be, on every transport. */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type { ConnectOptions, ListenOptions } from "../Network.ts"

const { boolean, integer, positiveDuration } = InvalidOption

const connectChecks = { noDelay: boolean, keepAlive: positiveDuration, localPort: integer(1, 65_535) } as const

/** The first option of an attempt that cannot be meant, or nothing. */
export const findConnect = (options: ConnectOptions): InvalidOption.InvalidOption | undefined =>
  InvalidOption.find(options, connectChecks)

const listenChecks = {
  backlog: integer(1),
  noDelay: boolean,
  keepAlive: positiveDuration,
  reusePort: boolean,
  ipv6Only: boolean
} as const

/** The first option of a port that cannot be meant, or nothing. */
export const findListen = (options: ListenOptions): InvalidOption.InvalidOption | undefined =>
  InvalidOption.find(options, listenChecks)
