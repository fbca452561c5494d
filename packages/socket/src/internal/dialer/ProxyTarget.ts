/** Where a connection through a proxy goes, as proxies are told. */

import * as HostName from "@effect-sockets/resolver/HostName"
import type { HostInput } from "@effect-sockets/resolver/Resolver"
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Reason } from "../../NetworkError.ts"
import { portProblem } from "../port.ts"

/** A host and a port that were looked at: a proxy gets nothing that could be taken for something else. */
export interface ProxyTarget {
  /** An address, or a name as an A-label, without the dot of an absolute name. */
  readonly host: NetAddress.IpAddress | string
  /** From 1 to 65535. */
  readonly port: number
}

const invalid = (detail: string): Result.Result<never, Reason> => Result.fail({ _tag: "InvalidAddress", detail })

const hostOf = (host: HostInput): Result.Result<ProxyTarget["host"], Reason> => {
  if (typeof host === "number") return Result.succeed(Ipaddr.toAddress(host))
  if (typeof host !== "string") return Result.succeed(host)
  const address = NetAddress.ipFromString(host)
  if (Result.isSuccess(address)) return Result.succeed(address.success)
  const name = HostName.nameFromString(host)
  return Result.isFailure(name)
    ? invalid(`${JSON.stringify(host)} is no host`)
    : Result.succeed(HostName.toRelative(name.success))
}

/** Looks at a host and a port. */
export const make = (host: HostInput, port: number): Result.Result<ProxyTarget, Reason> => {
  const problem = portProblem(port, 1)
  return problem === undefined ? Result.map(hostOf(host), (host) => ({ host, port })) : Result.fail(problem)
}

/** As `host:port`, an IPv6 address in brackets: the form of URIs, of CONNECT and of messages. */
export const format = ({ host, port }: ProxyTarget): string =>
  typeof host === "string"
    ? `${host}:${port}`
    : NetAddress.formatSocketAddress(NetAddress.inetAddressUnsafe(host, port))

/** What a proxy said that its protocol does not have. */
export const badReply = (detail: string): Reason => ({ _tag: "Unknown", code: "BAD_REPLY", detail })
