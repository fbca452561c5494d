import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"
import * as Schema from "effect/Schema"
import { BlockList } from "node:net"
import * as AnyIpaddr from "../src/AnyIpaddr.ts"
import * as Arbitraries from "../src/Arbitraries.ts"
import type * as Ipaddr from "../src/Ipaddr.ts"
import type * as Ipaddr6 from "../src/Ipaddr6.ts"
import * as IpRange from "../src/IpRange.ts"
import * as IpSet from "../src/IpSet.ts"
import { around, key, keys, minimalBlocks, smallRange, universe } from "./utils/model.ts"
import { rounds } from "../../../test/utils/rounds.ts"

const { anyIpaddr, cidr, ipSet } = Arbitraries
const runs = { arbitrary: { runs: rounds(300) } }
const set = IpSet.fromCidrsUnsafe
const smallRanges = Arbitrary.array(smallRange, { maxLength: 10 })

/** What a set answers by each of its three questions, which must agree. */
const has = (self: IpSet.IpSet, address: AnyIpaddr.AnyIpaddr): boolean => {
  const answer = IpSet.contains(self, AnyIpaddr.toAddress(address))
  assert.strictEqual(
    AnyIpaddr.isV4(address) ? IpSet.containsIpaddr(self, address) : IpSet.containsIpaddr6(self, address),
    answer
  )
  return answer
}

/** Fails unless a set has exactly those addresses of the universe that the model has. */
const assertModel = (self: IpSet.IpSet, model: (key: string) => boolean) => {
  for (const address of universe) assert.strictEqual(has(self, address), model(key(address)), AnyIpaddr.format(address))
}

/** Fails unless two sets are equal values. */
const same = (x: IpSet.IpSet, y: IpSet.IpSet) => assert.isTrue(Equal.equals(x, y), `${x} ${y}`)

/** Whether a block has an address, by its bits alone. */
const covers = (block: IpRange.IpRange, address: AnyIpaddr.AnyIpaddr): boolean => {
  const [first, probe] = [AnyIpaddr.unmap(block.first), AnyIpaddr.unmap(address)]
  if (AnyIpaddr.isV4(first) !== AnyIpaddr.isV4(probe)) return false
  const hostBits = BigInt(IpRange.size(block).toString(2).length - 1)
  return BigInt(first) >> hostBits === BigInt(probe) >> hostBits
}

describe("algebra against sets of addresses", () => {
  it.prop(
    "every operation is the one on sets of addresses",
    [smallRanges, smallRanges],
    ([a, b]) => {
      const [left, right] = [IpSet.fromRanges(a), IpSet.fromRanges(b)]
      const [inLeft, inRight] = [new Set(a.flatMap(keys)), new Set(b.flatMap(keys))]
      assertModel(left, (key) => inLeft.has(key))
      assertModel(IpSet.union(left, right), (key) => inLeft.has(key) || inRight.has(key))
      assertModel(IpSet.intersection(left, right), (key) => inLeft.has(key) && inRight.has(key))
      assertModel(IpSet.difference(left, right), (key) => inLeft.has(key) && !inRight.has(key))
      assertModel(IpSet.complement(left), (key) => !inLeft.has(key))
      assert.strictEqual(
        IpSet.isSubset(left, right),
        [...inLeft].every((key) => inRight.has(key))
      )
      assert.strictEqual(IpSet.size(left), BigInt(inLeft.size))
      assert.strictEqual(IpSet.isEmpty(left), inLeft.size === 0)
    },
    runs
  )

  it.prop(
    "equal sets are equal values, however they were made",
    [smallRanges, smallRanges],
    ([a, b]) => {
      const [left, right] = [IpSet.fromRanges(a), IpSet.fromRanges(b)]
      const all = IpSet.fromRanges([...b, ...a.toReversed()])
      assert.isTrue(Equal.equals(IpSet.union(left, right), all))
      assert.isTrue(Equal.equals(IpSet.union(right, left), all))
      assert.strictEqual(Hash.hash(IpSet.union(right, left)), Hash.hash(all))
      const [inLeft, inRight] = [a, b].map((ranges) => [...new Set(ranges.flatMap(keys))].sort().join())
      assert.strictEqual(Equal.equals(left, right), inLeft === inRight)
    },
    runs
  )

  it.prop(
    "the laws of Boolean algebra hold over both whole spaces",
    [ipSet, ipSet, ipSet],
    ([a, b, c]) => {
      const { union, intersection, difference, complement } = IpSet
      same(complement(complement(a)), a)
      same(complement(union(a, b)), intersection(complement(a), complement(b)))
      same(intersection(a, union(b, c)), union(intersection(a, b), intersection(a, c)))
      same(union(a, intersection(b, c)), intersection(union(a, b), union(a, c)))
      same(difference(a, b), intersection(a, complement(b)))
      same(union(a, complement(a)), IpSet.all)
      same(intersection(a, complement(a)), IpSet.empty)
      same(union(union(a, b), c), union(a, union(b, c)))
      assert.strictEqual(IpSet.size(a) + IpSet.size(complement(a)), 1n << 128n)
      assert.strictEqual(IpSet.size(a) + IpSet.size(b), IpSet.size(union(a, b)) + IpSet.size(intersection(a, b)))
    },
    runs
  )
})

describe("CIDR blocks", () => {
  it.prop(
    "a set of CIDR blocks has what the bits of one of them say",
    [Arbitrary.array(cidr, { minLength: 1, maxLength: 20 }), anyIpaddr],
    ([blocks, probe]) => {
      const self = IpSet.fromRanges(blocks)
      const probes = blocks.flatMap(({ first, last }) => [first, last, ...around(first, last)])
      for (const address of [probe, ...probes]) {
        assert.strictEqual(
          has(self, address),
          blocks.some((block) => covers(block, address)),
          AnyIpaddr.format(address)
        )
      }
    },
    runs
  )

  it.prop(
    "the blocks of a set are the fewest there can be",
    [Arbitrary.array(smallRange, { maxLength: 10 })],
    ([a]) => {
      const model = new Set(a.flatMap(keys))
      // All addresses of the universe that are in the set, as stretches of neighbours, each cut into its fewest blocks.
      const expected = [false, true].flatMap((v6) => {
        const values = [...model].map(AnyIpaddr.fromStringUnsafe).filter((address) => AnyIpaddr.isV4(address) !== v6)
        const sorted = values.map(BigInt).sort((x, y) => (x < y ? -1 : 1))
        const starts = sorted.filter((value, index) => sorted[index - 1] !== value - 1n)
        const ends = sorted.filter((value, index) => sorted[index + 1] !== value + 1n)
        return starts.flatMap((start, index) =>
          minimalBlocks(start, ends[index], v6 ? 128 : 32).map(([first, length]) => {
            const address = (v6 ? first : Number(first)) as AnyIpaddr.AnyIpaddr
            return `${AnyIpaddr.format(address)}/${length}`
          })
        )
      })
      assert.deepStrictEqual(IpSet.toCidrs(IpSet.fromRanges(a)), expected)
    },
    runs
  )

  it.prop("a set survives its blocks, effect's networks, its list and JSON", [ipSet], ([a]) => {
    const json = Schema.toCodecJson(IpSet.IpSet)
    assert.isTrue(Equal.equals(set(IpSet.toCidrs(a)), a))
    assert.isTrue(Equal.equals(IpSet.fromNetworks(IpSet.toNetworks(a)), a))
    assert.isTrue(Equal.equals(IpSet.fromRanges(IpSet.ranges(a)), a))
    assert.isTrue(Equal.equals(IpSet.fromStringUnsafe(IpSet.format(a)), a))
    assert.isTrue(Equal.equals(Schema.decodeSync(IpSet.FromString)(IpSet.format(a)), a))
    assert.deepStrictEqual(Schema.encodeSync(json)(a), IpSet.toCidrs(a))
    assert.isTrue(Equal.equals(Schema.decodeSync(json)(IpSet.toCidrs(a)), a))
    assert.strictEqual(Array.from(IpSet.ranges(a)).length, IpSet.rangeCount(a))
  })

  it("ranges that overlap or touch become one", () => {
    assert.deepStrictEqual(IpSet.toCidrs(set(["10.0.0.128/25", "10.0.0.0/25", "10.0.1.0/24"])), ["10.0.0.0/23"])
    assert.deepStrictEqual(IpSet.toCidrs(set(["::/1", "8000::/1"])), ["::/0"])
  })
})

describe("the two families", () => {
  it("a mapped address is the IPv4 address, in the set and in the question", () => {
    for (const texts of [["10.0.0.0/8"], ["::ffff:10.0.0.0/104"], ["::ffff:10.0.0.0-::ffff:10.255.255.255"]]) {
      const self = set(texts)
      assert.deepStrictEqual(IpSet.toCidrs(self), ["10.0.0.0/8"])
      for (const [text, expected] of [
        ["10.1.2.3", true],
        ["::ffff:10.1.2.3", true],
        ["11.0.0.0", false],
        ["::ffff:11.0.0.0", false],
        ["::10.1.2.3", false],
        ["64:ff9b::10.1.2.3", false]
      ] as const) {
        assert.strictEqual(has(self, AnyIpaddr.fromStringUnsafe(text)), expected, text)
      }
    }
  })

  it("all of IPv4 has no IPv6 address, all of IPv6 has no IPv4 address, and together they are everything", () => {
    const [v4, v6] = [set(["0.0.0.0/0"]), set(["::/0"])]
    for (const text of ["10.0.0.1", "::ffff:10.0.0.1", "255.255.255.255", "0.0.0.0"]) {
      assert.deepStrictEqual(
        [v4, v6].map((self) => has(self, AnyIpaddr.fromStringUnsafe(text))),
        [true, false],
        text
      )
    }
    for (const text of ["::", "::1", "::fffe:ffff:ffff", "::1:0:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]) {
      assert.deepStrictEqual(
        [v4, v6].map((self) => has(self, AnyIpaddr.fromStringUnsafe(text))),
        [false, true],
        text
      )
    }
    assert.isTrue(Equal.equals(IpSet.union(v4, v6), IpSet.all))
    assert.isTrue(Equal.equals(IpSet.complement(v4), v6))
    assert.isTrue(Equal.equals(IpSet.complement(v6), v4))
    assert.strictEqual(IpSet.size(v6), (1n << 128n) - (1n << 32n))
  })

  it("the complement of an IPv4 set is short: the IPv6 part is one block", () => {
    assert.deepStrictEqual(IpSet.toCidrs(IpSet.complement(set(["0.0.0.0/1"]))), ["128.0.0.0/1", "::/0"])
  })

  it.prop(
    "IPv4 sets answer as node's BlockList does",
    [Arbitrary.array(cidr, { maxLength: 8 }), anyIpaddr],
    ([blocks, probe]) => {
      const v4 = blocks.filter((block) => block._tag === "IpRange4")
      const list = new BlockList()
      for (const { first, last } of v4) list.addRange(AnyIpaddr.format(first), AnyIpaddr.format(last))
      const self = IpSet.fromRanges(v4)
      for (const address of [probe, ...v4.flatMap(({ first, last }) => [first, last])]) {
        const family = AnyIpaddr.isV4(address) ? "ipv4" : "ipv6"
        assert.strictEqual(has(self, address), list.check(AnyIpaddr.format(address), family))
      }
    }
  )
})

describe("a number that is no address", () => {
  it("is in no set, also where the set goes on to the top of the space", () => {
    for (const self of [IpSet.all, set(["10.0.0.0/8", "::/1"])]) {
      for (const value of [Number.NaN, -1, 167772160.5, 4294967296, 4294967296 + 167772160, Infinity]) {
        assert.isFalse(IpSet.containsIpaddr(self, value as Ipaddr.Ipaddr), String(value))
      }
      for (const value of [-1n, 1n << 128n, (1n << 128n) + 1n]) {
        assert.isFalse(IpSet.containsIpaddr6(self, value as Ipaddr6.Ipaddr6), String(value))
      }
    }
  })
})
