/**
 * The fewest CIDR blocks that make up a range: from its start, always the largest block that begins there and still
 * fits. Blocks nest or are apart, so nothing shorter exists.
 */

/** Calls `emit` with the start and the prefix length of each block of an IPv4 range, in order. */
export const blocks4 = (first: number, last: number, emit: (start: number, prefixLength: number) => void): void => {
  // Plain numbers: the step after 255.255.255.255 is 2^32, which is above `last` and ends the loop.
  for (let start = first; start <= last;) {
    const aligned = start === 0 ? 32 : 31 - Math.clz32(start & -start)
    const fitting = Math.floor(Math.log2(last - start + 1))
    const bits = Math.min(aligned, fitting)
    emit(start, 32 - bits)
    start += 2 ** bits
  }
}

// The position of the highest bit of a positive number.
const highBit = (value: bigint): number => value.toString(2).length - 1

/** Calls `emit` with the start and the prefix length of each block of an IPv6 range, in order. */
export const blocks6 = (first: bigint, last: bigint, emit: (start: bigint, prefixLength: number) => void): void => {
  for (let start = first; start <= last;) {
    const aligned = start === 0n ? 128 : highBit(start & -start)
    const fitting = highBit(last - start + 1n)
    const bits = Math.min(aligned, fitting)
    emit(start, 128 - bits)
    start += 1n << BigInt(bits)
  }
}
