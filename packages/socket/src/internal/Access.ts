/** Which addresses may be at the other end: the same rules for those that come and for those that are connected to. */
import { contains, type IpSet, isIpSet } from "@effect-sockets/ipaddr/IpSet"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"

/** `deny` wins over `allow`; without `allow`, what is not denied is allowed. */
export interface Access {
  readonly allow?: IpSet | undefined
  readonly deny?: IpSet | undefined
}

export const ipSet: InvalidOption.Check = (value) => (isIpSet(value) ? undefined : "an IpSet")

/** A set by itself says neither who may nor who may not, and would let everybody in. */
const group: InvalidOption.Check = (value) =>
  Predicate.isObject(value) && !isIpSet(value) ? undefined : "an object of allow and deny"

export const problem = (access: Access | undefined): InvalidOption.InvalidOption | undefined =>
  access === undefined
    ? undefined
    : (InvalidOption.find({ access }, { access: group }) ??
      InvalidOption.find(access, { allow: ipSet, deny: ipSet }, "access."))

export const isAllowed = (access: Access | undefined, address: NetAddress.IpAddress): boolean =>
  access === undefined ||
  (!(access.deny !== undefined && contains(access.deny, address)) &&
    (access.allow === undefined || contains(access.allow, address)))

/**
 * As `isAllowed`, for an address to connect to. The system takes the unspecified one for this machine, so it leads nowhere
 * that the loopback may not lead to.
 */
export const isAllowedTarget = (access: Access | undefined, address: NetAddress.IpAddress): boolean => {
  if (!isAllowed(access, address)) return false
  const plain = NetAddress.isIpv4Address(address)
    ? address
    : Option.getOrElse(NetAddress.fromIpv4Mapped(address), () => address)
  if (!NetAddress.isUnspecified(plain)) return true
  return isAllowed(access, NetAddress.isIpv4Address(plain) ? NetAddress.ipv4Loopback : NetAddress.ipv6Loopback)
}
