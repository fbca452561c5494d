/**
 * Unsigned integers of `stride` 32-bit words, most significant word first, one after another in a `Uint32Array`: one
 * code for IPv4 (one word) and IPv6 (four words), without a bigint on the way.
 */

/** Negative, zero or positive, as the number at index `i` of `a` is below, equal to or above that at `j` of `b`. */
export const compare = (a: Uint32Array, i: number, b: Uint32Array, j: number, stride: number): number => {
  for (let word = 0; word < stride; word++) {
    const difference = a[i + word] - b[j + word]
    if (difference !== 0) return difference
  }
  return 0
}

// Below this many records comparing and moving them one by one is faster than counting.
const smallEnough = 32

/**
 * Sorts records of `stride` words by their first `keyWords` words, in place; equal ones stay in order. It deals the
 * records out by their first byte, then each pile by the next one: a million records move three or four times, where
 * bytes that all have in common cost one look and no move.
 */
export const sort = (records: Uint32Array, keyWords: number, stride: number): Uint32Array => {
  const spare = new Uint32Array(records.length)
  const record = new Uint32Array(stride)
  const counts: Array<Uint32Array> = []

  const insert = (from: number, to: number): void => {
    for (let next = from + stride; next < to; next += stride) {
      if (compare(records, next - stride, records, next, keyWords) <= 0) continue
      for (let word = 0; word < stride; word++) record[word] = records[next + word]
      let place = next
      do {
        for (let word = 0; word < stride; word++) records[place + word] = records[place - stride + word]
        place -= stride
      } while (place > from && compare(records, place - stride, record, 0, keyWords) > 0)
      for (let word = 0; word < stride; word++) records[place + word] = record[word]
    }
  }

  const deal = (from: number, to: number, byte: number): void => {
    if (to - from <= smallEnough * stride) return insert(from, to)
    const word = byte >>> 2
    if (word === keyWords) return
    const shift = 24 - (byte & 3) * 8
    const ends = (counts[byte] ??= new Uint32Array(256)).fill(0)
    for (let at = from + word; at < to; at += stride) ends[(records[at] >>> shift) & 255] += stride
    if (ends[(records[from + word] >>> shift) & 255] === to - from) return deal(from, to, byte + 1)
    for (let value = 0, end = from; value < 256; value++) {
      const start = end
      end += ends[value]
      ends[value] = start
    }
    for (let at = from; at < to; at += stride) {
      const value = (records[at + word] >>> shift) & 255
      const place = ends[value]
      for (let offset = 0; offset < stride; offset++) spare[place + offset] = records[at + offset]
      ends[value] = place + stride
    }
    records.set(spare.subarray(from, to), from)
    for (let value = 0, start = from; value < 256; start = ends[value++]) deal(start, ends[value], byte + 1)
  }

  deal(0, records.length, 0)
  return records
}
