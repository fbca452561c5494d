/** Which addresses may be at the other end: the same rules for those that come and for those that are connected to. */
import { contains, type IpSet, isIpSet } from "@effect-sockets/ipaddr/IpSet"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type * as NetAddress from "effect/net/NetAddress"

/** `deny` wins over `allow`; without `allow`, what is not denied is allowed. */
export interface Access {
  readonly allow?: IpSet | undefined
  readonly deny?: IpSet | undefined
}

export const ipSet: InvalidOption.Check = (value) => (isIpSet(value) ? undefined : "an IpSet")

export const problem = (access: Access | undefined): InvalidOption.InvalidOption | undefined =>
  access && InvalidOption.find(access, { allow: ipSet, deny: ipSet }, "access.")

export const isAllowed = (access: Access | undefined, address: NetAddress.IpAddress): boolean =>
  access === undefined ||
  (!(access.deny !== undefined && contains(access.deny, address)) &&
    (access.allow === undefined || contains(access.allow, address)))
