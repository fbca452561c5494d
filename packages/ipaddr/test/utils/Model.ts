/**
 * The slow, obvious counterparts that the fast code is compared with.
 */

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
