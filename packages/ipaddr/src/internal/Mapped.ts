/**
 * Mapped addresses (`::ffff:a.b.c.d`, RFC 4291, section 2.5.5.2): the one place that says what they are.
 */

/** The first 96 bits of a mapped address, as a number. */
export const prefix = 0xffffn

/** The length of that prefix. */
export const prefixLength = 96

/** Whether an address is mapped, given by the first three of its four words. */
export const isMappedWords = (w0: number, w1: number, w2: number): boolean => w0 === 0 && w1 === 0 && w2 === 0xffff

/** Whether an address given as a number is mapped. */
export const isMapped = (address: bigint): boolean => address >> 32n === prefix

/** Where the mapped addresses begin, and the address after the last of them; four words each. */
export const boundaries = Uint32Array.of(0, 0, 0xffff, 0, 0, 0, 0x10000, 0)
