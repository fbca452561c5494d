/** What options of sockets must be, whoever takes them. */
import { boolean, type Check, integer, positiveDuration } from "@effect-sockets/resolver/InvalidOption"
import type { SocketOptions } from "../Connection.ts"

export const socketChecks: { readonly [K in keyof SocketOptions]-?: Check } = {
  noDelay: boolean,
  keepAlive: positiveDuration,
  keepAliveInterval: positiveDuration,
  keepAliveCount: integer(1, 127),
  typeOfService: integer(0, 255)
}
