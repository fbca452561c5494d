/**
 * In which order the addresses of a host should be tried.
 */
import type * as Arr from "effect/Array"
import * as NetAddress from "effect/net/NetAddress"

/**
 * Alternates the families of a sorted list, so that a family that does not work costs one attempt and not all of its
 * addresses (RFC 8305, section 4). The first address stays first, and each family keeps its order.
 */
export const interleave = (
  addresses: Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>
): Arr.NonEmptyReadonlyArray<NetAddress.IpAddress> => {
  const [first, ...rest] = addresses
  const same = rest.filter((address) => address._tag === first._tag)
  const other = rest.filter((address) => address._tag !== first._tag)
  const paired = other.flatMap((address, i) => (i < same.length ? [address, same[i]] : [address]))
  return [first, ...paired, ...same.slice(other.length)]
}
