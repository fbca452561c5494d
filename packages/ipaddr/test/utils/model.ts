/**
 * The slow, obvious counterparts that the fast code is compared with.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as AnyIpaddr from "../../src/AnyIpaddr.ts"
import * as IpRange from "../../src/IpRange.ts"

/**
 * The fewest CIDR blocks that make up a range, by walking the binary tree of all blocks from the top: a block that lies
 * within is taken, one that lies apart is left, every other one is cut in two.
 */
export const minimalBlocks = (
  first: bigint,
  last: bigint,
  width: number
): Array<readonly [start: bigint, prefixLength: number]> => {
  const walk = (start: bigint, length: number): Array<readonly [bigint, number]> => {
    const size = 1n << BigInt(width - length)
    const end = start + size - 1n
    if (last < start || first > end) return []
    if (first <= start && end <= last) return [[start, length]]
    return [...walk(start, length + 1), ...walk(start + size / 2n, length + 1)]
  }
  return walk(0n, 0)
}

/** An address as a set sees it: the mapped form is the IPv4 address. */
export const key = (address: AnyIpaddr.AnyIpaddr): string => AnyIpaddr.format(AnyIpaddr.unmap(address))

const isMapped = (address: AnyIpaddr.AnyIpaddr): boolean => AnyIpaddr.unmap(address) !== address

/** The addresses that a range adds to a set: a range that is not mapped at both ends adds no mapped addresses. */
export const keys = (range: IpRange.IpRange): Array<string> => {
  const mapped = isMapped(range.first) && isMapped(range.last)
  return [...IpRange.addresses(range)].filter((address) => mapped || !isMapped(address)).map(key)
}

/** Stretches of 32 addresses at the ends of both spaces and across both ends of the mapped block. */
export const windows = [
  "0.0.0.0/27",
  "255.255.255.224/27",
  "::/123",
  "::fffe:ffff:fff0-::ffff:0.0.0.15",
  "::ffff:255.255.255.240-::1:0:0:f",
  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffe0/123"
].map(IpRange.fromStringUnsafe)

/** Every address of the windows. */
export const universe: ReadonlyArray<AnyIpaddr.AnyIpaddr> = windows.flatMap((window) => [...IpRange.addresses(window)])

const offset = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 31 }))

/** A range inside one of the windows. */
export const smallRange: Arbitrary.Arbitrary<IpRange.IpRange> = Arbitrary.map(
  Arbitrary.all([
    Arbitrary.schema(Schema.Literals([0, 1, 2, 3, 4, 5])),
    Arbitrary.schema(offset),
    Arbitrary.schema(offset)
  ]),
  ([window, a, b]) => {
    const addresses = universe.slice(window * 32, window * 32 + 32)
    return IpRange.makeUnsafe(addresses[Math.min(a, b)], addresses[Math.max(a, b)])
  }
)

/** The neighbours of a range, where the space has them. */
export const around = (first: AnyIpaddr.AnyIpaddr, last: AnyIpaddr.AnyIpaddr): Array<AnyIpaddr.AnyIpaddr> => {
  const width = AnyIpaddr.isV4(first) ? 32n : 128n
  return [BigInt(first) - 1n, BigInt(last) + 1n]
    .filter((value) => value >= 0n && value < 1n << width)
    .map((value) => (width === 32n ? Number(value) : value) as AnyIpaddr.AnyIpaddr)
}
