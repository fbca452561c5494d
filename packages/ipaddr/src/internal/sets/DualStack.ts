/**
 * The two lists of a set over both families, and the one place that knows what a mapped address (`::ffff:a.b.c.d`) means
 * in it: ranges of mapped addresses become IPv4, and the IPv6 list never has the mapped block. So equal sets have equal
 * lists.
 */
import type { IpRange } from "../../IpRange.ts"
import * as Hextets from "../text/Ipv6Text.ts"
import * as RangeText from "../text/RangeText.ts"
import * as Search from "./SortedIndex.ts"
import * as Toggles from "./Boundaries.ts"
import { compare } from "./WordArrays.ts"

/** The places where membership changes, of IPv4 (one word each) and of IPv6 (four words each). */
export interface Families {
  readonly v4: Uint32Array
  readonly v6: Uint32Array
}

// ::ffff:0:0 and ::1:0:0:0, where the mapped block begins and ends.
const mapped = Uint32Array.of(0, 0, 0xffff, 0, 0, 0, 0x10000, 0)

const minus = (inA: boolean, inB: boolean): boolean => inA && !inB

/** Everything. */
export const all: Families = { v4: new Uint32Array(1), v6: Toggles.combine(new Uint32Array(4), mapped, 4, minus) }

/**
 * The IPv6 list with the mapped block put in, if that can make blocks larger: if the addresses just below it are in. It
 * means the same set, because the mapped part of such a block is left out again wherever it is read.
 */
export const withMapped = (v6: Search.Search): Uint32Array | undefined => {
  const last = (Search.countUpTo4(v6, 0, 0, 0xffff, 0) - 1) * 4
  return last >= 0 && compare(v6.list, last, mapped, 0, 4) === 0
    ? Toggles.combine(v6.list, mapped, 4, (inA, inB) => inA || inB)
    : undefined
}

/** Whether four words are a mapped address. */
export const isMapped = (words: Uint32Array): boolean => words[0] === 0 && words[1] === 0 && words[2] === 0xffff

/** Collects ranges of both families. */
export class Collector {
  private readonly v4 = new Toggles.Collector(1)
  private readonly v6 = new Toggles.Collector(4)

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
  families(): Families {
    return { v4: this.v4.toggles(), v6: Toggles.combine(this.v6.toggles(), mapped, 4, minus) }
  }
}

const words = (value: bigint, out: Uint32Array): void => {
  Hextets.setBigInt(value)
  for (let index = 0; index < 4; index++) out[index] = Hextets.word(index)
}

/** Combines two sets family by family. */
export const combine = (a: Families, b: Families, keep: (inA: boolean, inB: boolean) => boolean): Families => ({
  v4: Toggles.combine(a.v4, b.v4, 1, keep),
  v6: Toggles.combine(a.v6, b.v6, 4, keep)
})
