import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AnyIpaddr from "../../src/AnyIpaddr.ts"
import * as Ipaddr from "../../src/Ipaddr.ts"
import * as Ipaddr6 from "../../src/Ipaddr6.ts"
import * as IpRange from "../../src/IpRange.ts"
import * as IpSet from "../../src/IpSet.ts"
import * as IpTable from "../../src/IpTable.ts"
import { around } from "../utils/model.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

// Sets and tables of some thousand entries take other ways through the code than small ones: dealing and an index.

const seed = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 0xffffffff }))

const numbers = (seed: number) => {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

const blockOf = (address: AnyIpaddr.AnyIpaddr, length: number) => Result.getOrThrow(IpRange.block(address, length))

/** Blocks of both families, some alone and some in crowds, some inside others, in no order. */
const blocks = (seed: number, count: number): Array<IpRange.IpRange> => {
  const random = numbers(seed)
  return Array.from({ length: count }, () => {
    const wide = ((random() & 3) === 0 ? random() : 0x0a000000 | (random() & 0xffff)) >>> 0
    if (random() & 1) return blockOf(Ipaddr.fromNumberUnsafe(wide), 12 + (random() % 21))
    const address = (BigInt(wide) << 96n) | (BigInt(random() & 7) << 66n) | BigInt(random())
    return blockOf(Ipaddr6.fromBigIntUnsafe(address), 20 + (random() % 109))
  })
}

/** The same addresses as as few ranges as there can be, by sorting and merging. */
const merged = (ranges: ReadonlyArray<IpRange.IpRange>): Array<string> => {
  const out: Array<{ readonly v4: boolean; readonly first: bigint; last: bigint }> = []
  const sorted = ranges
    .map((range) => ({ v4: range._tag === "IpRange4", first: BigInt(range.first), last: BigInt(range.last) }))
    .sort((a, b) => (a.v4 !== b.v4 ? (a.v4 ? -1 : 1) : a.first < b.first ? -1 : 1))
  for (const range of sorted) {
    const top = out.at(-1)
    if (top === undefined || top.v4 !== range.v4 || range.first > top.last + 1n) out.push({ ...range })
    else if (range.last > top.last) top.last = range.last
  }
  return out.map(({ v4, first, last }) => `${v4 ? 4 : 6} ${first}-${last}`)
}

describe("some thousand entries", () => {
  it.prop(
    "a set has the merged ranges, and answers for all their ends and neighbours",
    [seed],
    ([seed]) => {
      const all = blocks(seed, 3000)
      const set = IpSet.fromRanges(all)
      const ranges = [...IpSet.ranges(set)]
      assert.deepStrictEqual(
        ranges.map(({ _tag, first, last }) => `${_tag === "IpRange4" ? 4 : 6} ${first}-${last}`),
        merged(all)
      )
      for (const { first, last } of ranges) {
        for (const inside of [first, last]) assert.isTrue(IpSet.contains(set, AnyIpaddr.toAddress(inside)))
        for (const outside of around(first, last)) assert.isFalse(IpSet.contains(set, AnyIpaddr.toAddress(outside)))
      }
    },
    { arbitrary: { runs: rounds(10) } }
  )

  it.prop(
    "a table answers for the ends and neighbours of its blocks as a scan does",
    [seed],
    ([seed]) => {
      const all = blocks(seed, 1500)
      const table = IpTable.fromCidrsUnsafe(all.map((block) => [IpRange.format(block), IpRange.format(block)]))
      for (const { first, last } of all.slice(0, 150)) {
        for (const address of [first, last, ...around(first, last)]) {
          const around = all.filter((block) => IpRange.contains(block, address))
          const smallest = around.sort((a, b) => (IpRange.size(a) < IpRange.size(b) ? -1 : 1)).at(0)
          assert.deepStrictEqual(
            IpTable.lookup(table, AnyIpaddr.toAddress(address)),
            Option.map(Option.fromNullishOr(smallest), IpRange.format)
          )
        }
      }
    },
    { arbitrary: { runs: rounds(5) } }
  )

  it.prop(
    "addresses that have their first bits in common, however many, are told from their neighbours",
    [seed, Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 110 }))],
    ([seed, common]) => {
      const random = numbers(seed)
      const word = () => BigInt(random())
      const any = () => (word() << 96n) | (word() << 64n) | (word() << 32n) | word()
      const rest = (1n << BigInt(128 - common)) - 1n
      const base = any()
      const members = new Set(Array.from({ length: 2000 }, () => (base & ~rest) | (any() & rest)))
      const set = IpSet.fromRanges(Array.from(members, (value) => IpRange.single(Ipaddr6.fromBigIntUnsafe(value))))
      for (const member of members) {
        for (const value of [member, member ^ 1n, member ^ (1n << BigInt(random() % 128))]) {
          assert.strictEqual(IpSet.containsIpaddr6(set, Ipaddr6.fromBigIntUnsafe(value)), members.has(value))
        }
      }
    },
    { arbitrary: { runs: rounds(40) } }
  )
})
