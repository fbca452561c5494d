/** What a client opens. */
import * as NetAddress from "effect/net/NetAddress"
import type { HostInput } from "@effect-sockets/resolver/Resolver"

/** One socket address, or a port of a host. */
export type Target = NetAddress.SocketAddress | { readonly host: HostInput; readonly port: number }

/** The host as the caller says it. */
export const hostText = (host: HostInput): string =>
  typeof host === "object" ? NetAddress.formatIp(host) : String(host)

/** Brackets keep an IPv6 host and its port apart. */
export const label = (target: Target): string => {
  if (NetAddress.isSocketAddress(target)) return NetAddress.formatSocketAddress(target)
  const text = hostText(target.host)
  return text.includes(":") && !text.startsWith("[") ? `[${text}]:${target.port}` : `${text}:${target.port}`
}
