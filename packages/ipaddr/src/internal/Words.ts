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

/** How many of the sorted numbers in `list` are at most the number at index `i` of `value`. */
export const countUpTo = (list: Uint32Array, value: Uint32Array, i: number, stride: number): number => {
  let low = 0
  let high = list.length / stride
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(list, middle * stride, value, i, stride) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

/** As `countUpTo`, for numbers of one word: the hot half. */
export const countUpTo1 = (list: Uint32Array, value: number): number => {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (list[middle] <= value) low = middle + 1
    else high = middle
  }
  return low
}

/** As `countUpTo`, for a number of four words. */
export const countUpTo4 = (list: Uint32Array, w0: number, w1: number, w2: number, w3: number): number => {
  let low = 0
  let high = list.length >>> 2
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = middle << 2
    const difference = list[at] - w0 || list[at + 1] - w1 || list[at + 2] - w2 || list[at + 3] - w3
    if (difference <= 0) low = middle + 1
    else high = middle
  }
  return low
}

const isSorted = (records: Uint32Array, keyWords: number, stride: number): boolean => {
  for (let index = stride; index < records.length; index += stride) {
    if (compare(records, index - stride, records, index, keyWords) > 0) return false
  }
  return true
}

/**
 * The records of `stride` words sorted by their first `keyWords` words; equal ones stay in order. Sorts byte by byte
 * from the lowest, so a million records take a tenth of a second and bytes that are alike in all records take nothing.
 */
export const sort = (records: Uint32Array, keyWords: number, stride: number): Uint32Array => {
  if (isSorted(records, keyWords, stride)) return records
  let from = records.slice()
  let to = new Uint32Array(records.length)
  const total = records.length / stride
  const places = new Uint32Array(256)
  for (let byte = 0; byte < keyWords * 4; byte++) {
    const word = keyWords - 1 - (byte >>> 2)
    const shift = (byte & 3) * 8
    places.fill(0)
    for (let index = word; index < from.length; index += stride) places[(from[index] >>> shift) & 255]++
    if (places[(from[word] >>> shift) & 255] === total) continue
    for (let value = 0, place = 0; value < 256; value++) {
      const count = places[value]
      places[value] = place
      place += count * stride
    }
    for (let index = 0; index < from.length; index += stride) {
      const value = (from[index + word] >>> shift) & 255
      const place = places[value]
      for (let offset = 0; offset < stride; offset++) to[place + offset] = from[index + offset]
      places[value] = place + stride
    }
    const sorted = to
    to = from
    from = sorted
  }
  return from
}
