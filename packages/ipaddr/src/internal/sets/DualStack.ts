/**
 * The two lists of a set over both families, and what a mapped address (`::ffff:a.b.c.d`) means in them: ranges of mapped addresses become IPv4, and the IPv6 list never has the mapped block. So equal sets have equal
 * lists.
 */
import type { IpRange } from "../../IpRange.ts"
import * as Ipv6Text from "../text/Ipv6Text.ts"
import * as RangeText from "../text/RangeText.ts"
import * as SortedIndex from "./SortedIndex.ts"
import * as Boundaries from "./Boundaries.ts"
import * as Mapped from "../Mapped.ts"
import { compare } from "./WordArrays.ts"

/** The places where membership changes, of IPv4 (one word each) and of IPv6 (four words each). */
export interface DualStack {
  readonly v4: Uint32Array
  readonly v6: Uint32Array
}

const minus = (inA: boolean, inB: boolean): boolean => inA && !inB

/** Everything. */
export const all: DualStack = {
  v4: new Uint32Array(1),
  v6: Boundaries.combine(new Uint32Array(4), Mapped.boundaries, 4, minus)
}

/**
 * The IPv6 list with the mapped block put in, if that can make blocks larger: if the addresses just below it are in. It
 * means the same set, because the mapped part of such a block is left out again wherever it is read.
 */
export const withMapped = (v6: SortedIndex.SortedIndex): Uint32Array | undefined => {
  const last = (SortedIndex.countUpTo4(v6, 0, 0, 0xffff, 0) - 1) * 4
  return last >= 0 && compare(v6.list, last, Mapped.boundaries, 0, 4) === 0
    ? Boundaries.combine(v6.list, Mapped.boundaries, 4, (inA, inB) => inA || inB)
    : undefined
}

/** Collects ranges of both families. */
export class Collector {
  private readonly v4 = new Boundaries.Collector(1)
  private readonly v6 = new Boundaries.Collector(4)

  /** Adds a range given by its words; `size` is how many words an address has. */
  add(size: number, first: Uint32Array, last: Uint32Array): void {
    if (size === 1) this.v4.add(first, last)
    else if (isMapped(first) && isMapped(last)) this.v4.add(first.subarray(3), last.subarray(3))
    else this.v6.add(first, last)
  }

  /** Adds a range. */
  addRange(range: IpRange): void {
    if (range._tag === "IpRange4") {
      RangeText.first[0] = range.first
      RangeText.last[0] = range.last
      this.v4.add(RangeText.first, RangeText.last)
      return
    }
    words(range.first, RangeText.first)
    words(range.last, RangeText.last)
    this.add(4, RangeText.first, RangeText.last)
  }

  /** The lists of all that was added. */
  dualStack(): DualStack {
    return { v4: this.v4.boundaries(), v6: Boundaries.combine(this.v6.boundaries(), Mapped.boundaries, 4, minus) }
  }
}

const isMapped = (words: Uint32Array): boolean => Mapped.isMappedWords(words[0], words[1], words[2])

const words = (value: bigint, out: Uint32Array): void => {
  Ipv6Text.setBigInt(value)
  for (let index = 0; index < 4; index++) out[index] = Ipv6Text.word(index)
}

/** Combines two sets family by family. */
export const combine = (a: DualStack, b: DualStack, keep: (inA: boolean, inB: boolean) => boolean): DualStack => ({
  v4: Boundaries.combine(a.v4, b.v4, 1, keep),
  v6: Boundaries.combine(a.v6, b.v6, 4, keep)
})
