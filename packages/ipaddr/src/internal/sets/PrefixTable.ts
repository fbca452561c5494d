/**
 * The prefixes of one family, cut into stretches that have one longest prefix each: a lookup is one binary search over
 * the starts of the stretches, and no tree is walked.
 */
import * as SortedIndex from "./SortedIndex.ts"
import { compare, sort } from "./WordArrays.ts"

/** The prefixes in order (by start, then by length) and the stretches that they cut the space into. */
export interface PrefixTable<A> {
  readonly firsts: Uint32Array
  readonly lengths: Uint8Array
  readonly values: ReadonlyArray<A>
  /** For each prefix the next shorter one around it, or -1. */
  readonly parents: Int32Array
  readonly starts: SortedIndex.SortedIndex
  /** For each stretch its longest prefix, or -1. */
  readonly owners: Int32Array
}

/** Collects prefixes in any order; of equal ones the last stays. */
export class Collector<A> {
  private readonly stride: number
  private readonly values: Array<A> = []
  // Of each prefix its first address, its length and the index of its value.
  private records: Uint32Array

  constructor(stride: number) {
    this.stride = stride
    this.records = new Uint32Array((stride + 2) * 8)
  }

  /** Adds the prefix that begins with the address in `words` from `index` on. */
  add(words: Uint32Array, index: number, length: number, value: A): void {
    const { stride } = this
    const at = this.values.length * (stride + 2)
    if (at === this.records.length) {
      const larger = new Uint32Array(at * 2)
      larger.set(this.records)
      this.records = larger
    }
    for (let word = 0; word < stride; word++) this.records[at + word] = words[index + word]
    this.records[at + stride] = length
    this.records[at + stride + 1] = this.values.push(value) - 1
  }

  /** The prefixes and their stretches. */
  table(): PrefixTable<A> {
    const { stride } = this
    const width = stride + 2
    const sorted = sort(this.records.subarray(0, this.values.length * width), stride + 1, width)
    const count = this.values.length
    const firsts = new Uint32Array(count * stride)
    const lengths = new Uint8Array(count)
    const values: Array<A> = []
    const parents = new Int32Array(count)
    const starts = new Uint32Array(count * 2 * stride)
    const owners = new Int32Array(count * 2)
    const stop = new Uint32Array(stride)
    let stretches = 0
    let top = -1

    // Of stretches that begin at the same place the last one counts.
    const begin = (words: Uint32Array, index: number, owner: number): void => {
      for (let word = 0; word < stride; word++) starts[stretches * stride + word] = words[index + word]
      owners[stretches++] = owner
    }
    // Leaves the prefix on top: behind its last address the one around it owns what follows.
    const leave = (prefix: number): number => {
      const length = lengths[prefix]
      let carry = 1
      for (let word = stride - 1; word >= 0; word--) {
        const bits = Math.min(Math.max(length - word * 32, 0), 32)
        const sum = ((firsts[prefix * stride + word] | (bits === 32 ? 0 : 0xffffffff >>> bits)) >>> 0) + carry
        stop[word] = sum
        carry = sum > 0xffffffff ? 1 : 0
      }
      if (carry === 0) begin(stop, 0, parents[prefix])
      return parents[prefix]
    }

    for (let at = 0; at < sorted.length; at += width) {
      const next = at + width
      if (next < sorted.length && compare(sorted, at, sorted, next, stride + 1) === 0) continue
      while (top >= 0 && !isWithin(firsts, top * stride, lengths[top], sorted, at, stride)) top = leave(top)
      const prefix = values.push(this.values[sorted[at + stride + 1]]) - 1
      for (let word = 0; word < stride; word++) firsts[prefix * stride + word] = sorted[at + word]
      lengths[prefix] = sorted[at + stride]
      parents[prefix] = top
      top = prefix
      begin(sorted, at, prefix)
    }
    while (top >= 0) top = leave(top)

    return {
      firsts: firsts.slice(0, values.length * stride),
      lengths: lengths.slice(0, values.length),
      values,
      parents: parents.slice(0, values.length),
      starts: SortedIndex.make(starts.slice(0, stretches * stride), stride),
      owners: owners.slice(0, stretches)
    }
  }
}

// Whether two addresses agree in their first `length` bits.
const isWithin = (a: Uint32Array, i: number, length: number, b: Uint32Array, j: number, stride: number): boolean => {
  for (let word = 0; word < stride && length > word * 32; word++) {
    const bits = length - word * 32
    const mask = bits >= 32 ? 0xffffffff : ~(0xffffffff >>> bits)
    if (((a[i + word] ^ b[j + word]) & mask) !== 0) return false
  }
  return true
}
