/**
 * A set of numbers as the sorted list of places where membership changes: in at the first, out at the second, and so
 * on. An odd count means that the set goes on to the top of the space, so no end is ever one too large for its words.
 * Two lists are equal exactly when the sets are.
 */
import { compare, sort } from "./WordArrays.ts"

/** Collects ranges in any order and with any overlap, then makes the list. */
export class Collector {
  readonly stride: number
  private starts: Uint32Array
  private stops: Uint32Array
  private startsLength = 0
  private stopsLength = 0

  constructor(stride: number) {
    this.stride = stride
    this.starts = new Uint32Array(stride * 8)
    this.stops = new Uint32Array(stride * 8)
  }

  /** Adds the numbers from `first` to `last`, both included. */
  add(first: Uint32Array, last: Uint32Array): void {
    const { stride } = this
    if (this.startsLength === this.starts.length) {
      this.starts = grown(this.starts)
      this.stops = grown(this.stops)
    }
    for (let word = 0; word < stride; word++) this.starts[this.startsLength + word] = first[word]
    this.startsLength += stride
    let carry = 1
    for (let word = stride - 1; word >= 0; word--) {
      const sum = last[word] + carry
      this.stops[this.stopsLength + word] = sum
      carry = sum > 0xffffffff ? 1 : 0
    }
    if (carry === 0) this.stopsLength += stride
  }

  /** The list of all that was added. */
  boundaries(): Uint32Array {
    const { stride } = this
    // Starts and stops are sorted apart: what counts at a place is how many ranges are open, not which.
    const starts = sort(this.starts.subarray(0, this.startsLength), stride, stride)
    const stops = sort(this.stops.subarray(0, this.stopsLength), stride, stride)
    const out = new Uint32Array(starts.length + stops.length)
    let length = 0
    let open = 0
    for (let i = 0, j = 0; i < starts.length || j < stops.length;) {
      const order = i === starts.length ? 1 : j === stops.length ? -1 : compare(starts, i, stops, j, stride)
      // A start comes before a stop at the same place: ranges that touch become one.
      if (order <= 0) {
        if (open++ === 0) length = append(out, length, starts, i, stride)
        i += stride
      } else {
        if (--open === 0) length = append(out, length, stops, j, stride)
        j += stride
      }
    }
    return out.slice(0, length)
  }
}

const grown = (array: Uint32Array): Uint32Array => {
  const larger = new Uint32Array(array.length * 2)
  larger.set(array)
  return larger
}

const append = (out: Uint32Array, length: number, list: Uint32Array, index: number, stride: number): number => {
  for (let word = 0; word < stride; word++) out[length + word] = list[index + word]
  return length + stride
}

/** The set of the numbers for which `keep` says yes, given whether each set has them; `keep` of two times no is no. */
export const combine = (
  a: Uint32Array,
  b: Uint32Array,
  stride: number,
  keep: (inA: boolean, inB: boolean) => boolean
): Uint32Array => {
  const out = new Uint32Array(a.length + b.length)
  let length = 0
  let inA = false
  let inB = false
  let inside = false
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const order = i === a.length ? 1 : j === b.length ? -1 : compare(a, i, b, j, stride)
    const at = order <= 0 ? i : j
    const list = order <= 0 ? a : b
    if (order <= 0) {
      inA = !inA
      i += stride
    }
    if (order >= 0) {
      inB = !inB
      j += stride
    }
    if (keep(inA, inB) !== inside) {
      inside = !inside
      length = append(out, length, list, at, stride)
    }
  }
  return out.slice(0, length)
}
