import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as IpInterface from "effect/net/IpInterface"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AnyIpaddr from "../src/AnyIpaddr.ts"
import * as Arbitraries from "../src/Arbitraries.ts"
import * as IpRange from "../src/IpRange.ts"
import { minimalBlocks } from "./utils/model.ts"
import { mutated } from "./utils/mutation.ts"
import { rounds } from "../../../test/utils/rounds.ts"

const { anyIpaddr, cidr, ipRange } = Arbitraries
const runs = { arbitrary: { runs: rounds(500) } }
const range = IpRange.fromStringUnsafe

describe("text", () => {
  it.prop(
    "a range survives text and JSON",
    [ipRange],
    ([a]) => {
      const json = Schema.toCodecJson(IpRange.IpRange)
      assert.deepStrictEqual(range(IpRange.format(a)), a)
      assert.strictEqual(Schema.encodeSync(json)(a), IpRange.format(a))
      assert.deepStrictEqual(Schema.decodeSync(json)(IpRange.format(a)), a)
      assert.deepStrictEqual(Schema.decodeSync(IpRange.FromString)(IpRange.format(a)), a)
    },
    runs
  )

  it.prop(
    "a CIDR text is taken exactly when effect's IpNetwork takes it, for the same addresses",
    [
      mutated(
        Arbitrary.map(cidr, (a) => IpRange.toCidrs(a)[0]),
        "0123456789./:f "
      )
    ],
    ([text]) => {
      if (!text.includes("/")) return
      const ours = Result.map(IpRange.fromString(text), (range) =>
        Option.getOrThrow(IpRange.toNetwork(range)).toString()
      )
      const theirs = Result.map(IpNetwork.fromString(text), String)
      assert.strictEqual(Result.getOrUndefined(ours), Result.getOrUndefined(theirs), text)
    },
    { arbitrary: { runs: rounds(3000) } }
  )

  for (const [text, position, reason] of [
    ["", 0, "a decimal digit is missing"],
    ["10.0.0.0/", 9, "the prefix length is missing"],
    ["10.0.0.0/33", 10, "a prefix length is at most 32"],
    ["10.0.0.0/255.0.0.0", 11, "a prefix length stands here, not a netmask"],
    ["10.0.0.0/0.0.0.255", 10, "a prefix length stands here, not a netmask"],
    ["fe80::/ffc0::", 7, "a prefix length stands here, not a netmask"],
    ["10.0.0.0/-1", 9, "a prefix length is a decimal number"],
    ["10.0.0.0/x", 9, "a prefix length is a decimal number"],
    ["10.0.0.0/08", 10, "a prefix length has no leading zero"],
    ["10.0.0.0/8/8", 10, "nothing may follow the prefix length"],
    ["::/129", 5, "a prefix length is at most 128"],
    ["10.0.0.1/8", 7, "bits are set beyond the prefix"],
    ["fe80::1/10", 6, "bits are set beyond the prefix"],
    ["10.0.0.1-10.0.0.0", 16, "a range ends below its start"],
    ["::2-::1", 6, "a range ends below its start"],
    ["10.0.0.1-::1", 9, "both ends of a range are of one family"],
    ["::1-10.0.0.1", 6, "both ends of a range are of one family"],
    ["10.0.0.1-", 9, "a decimal digit is missing"],
    ["10.0.0.1 - 10.0.0.2", 8, "nothing may follow the fourth part"],
    ["10.0.0.1-10.0.0.2-10.0.0.3", 17, "nothing may follow the fourth part"]
  ] as const) {
    it(`${JSON.stringify(text)} is refused at ${position}: ${reason}`, () => {
      const error = Result.getOrThrow(Result.flip(IpRange.fromString(text)))
      assert.deepStrictEqual([error.position, error.reason], [position, reason])
    })
  }

  it("a range that is one block is printed as the block, one address as the address", () => {
    assert.strictEqual(IpRange.format(range("10.0.0.0-10.0.0.255")), "10.0.0.0/24")
    assert.strictEqual(IpRange.format(range("10.0.0.1-10.0.0.255")), "10.0.0.1-10.0.0.255")
    assert.strictEqual(IpRange.format(range("10.0.0.1/32")), "10.0.0.1")
    assert.strictEqual(IpRange.format(range("0.0.0.0-255.255.255.255")), "0.0.0.0/0")
    assert.strictEqual(IpRange.format(IpRange.all6), "::/0")
  })
})

describe("CIDR blocks", () => {
  it.prop(
    "the blocks of a range are those of the binary tree, the fewest there can be",
    [ipRange],
    ([a]) => {
      const width = a._tag === "IpRange4" ? 32 : 128
      const expected = minimalBlocks(BigInt(a.first), BigInt(a.last), width).map(([start, length]) => {
        const first = a._tag === "IpRange4" ? Number(start) : start
        return `${AnyIpaddr.format(first as AnyIpaddr.AnyIpaddr)}/${length}`
      })
      assert.deepStrictEqual(IpRange.toCidrs(a), expected)
      assert.deepStrictEqual(IpRange.toNetworks(a).map(String), expected)
    },
    runs
  )

  it("every range within sixteen addresses, at both ends of both spaces, has the fewest blocks", () => {
    for (const [base, width] of [
      [0n, 32],
      [0xfffffff0n, 32],
      [0n, 128],
      [(1n << 128n) - 16n, 128]
    ] as const) {
      for (let first = base; first < base + 16n; first++) {
        for (let last = first; last < base + 16n; last++) {
          const ends = width === 32 ? [Number(first), Number(last)] : [first, last]
          const a = IpRange.makeUnsafe(ends[0] as AnyIpaddr.AnyIpaddr, ends[1] as AnyIpaddr.AnyIpaddr)
          assert.strictEqual(IpRange.toCidrs(a).length, minimalBlocks(first, last, width).length)
          assert.deepStrictEqual([...IpRange.addresses(a)].length, Number(last - first) + 1)
        }
      }
    }
  })

  it("the worst ranges need 62 and 254 blocks", () => {
    assert.strictEqual(IpRange.toCidrs(range("0.0.0.1-255.255.255.254")).length, 62)
    assert.strictEqual(IpRange.toCidrs(range("::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe")).length, 254)
  })

  it.prop(
    "a block has effect's first and last address and count, and survives effect's values",
    [cidr],
    ([a]) => {
      const network = Option.getOrThrow(IpRange.toNetwork(a))
      assert.strictEqual(IpNetwork.firstAddress(network).toString(), AnyIpaddr.format(a.first))
      assert.strictEqual(IpNetwork.lastAddress(network).toString(), AnyIpaddr.format(a.last))
      assert.strictEqual(IpNetwork.addressCount(network), IpRange.size(a))
      assert.deepStrictEqual(IpRange.fromNetwork(network), a)
      const host = Option.getOrThrow(IpRange.toInterface(a, a.last))
      assert.strictEqual(IpInterface.format(host), `${AnyIpaddr.format(a.last)}/${network.prefixLength}`)
      assert.deepStrictEqual(IpRange.fromInterface(host), a)
    },
    runs
  )

  it("what is no block or not inside has no network and no interface", () => {
    assert.deepStrictEqual(IpRange.toNetwork(range("10.0.0.1-10.0.0.2")), Option.none())
    assert.deepStrictEqual(IpRange.toNetwork(range("10.0.0.128-10.0.1.127")), Option.none())
    assert.deepStrictEqual(
      IpRange.toInterface(range("10.0.0.0/8"), AnyIpaddr.fromStringUnsafe("11.0.0.0")),
      Option.none()
    )
  })

  it("there is no block and no range of a number that is no address", () => {
    for (const value of [Number.NaN, -1, 0.5, 4294967296, Infinity, -1n, 1n << 128n]) {
      const address = value as AnyIpaddr.AnyIpaddr
      assert.isTrue(Result.isFailure(IpRange.block(address, 8)), String(value))
      assert.isTrue(Result.isFailure(IpRange.make(address, address)), String(value))
      assert.isFalse(IpRange.contains(typeof value === "number" ? IpRange.all4 : IpRange.all6, address), String(value))
    }
  })

  it("a prefix length outside the width of the family is refused", () => {
    for (const [address, length] of [
      ["1.2.3.4", 33],
      ["1.2.3.4", -1],
      ["1.2.3.4", 1.5],
      ["1.2.3.4", Number.NaN],
      ["1.2.3.4", Infinity],
      ["::", 129]
    ] as const) {
      assert.isTrue(
        Result.isFailure(IpRange.block(AnyIpaddr.fromStringUnsafe(address), length)),
        `${address}/${length}`
      )
    }
  })
})

describe("ranges as sets of addresses", () => {
  it.prop(
    "contains is between first and last, in one family",
    [ipRange, anyIpaddr],
    ([a, address]) => {
      const sameFamily = AnyIpaddr.isV4(address) === (a._tag === "IpRange4")
      const between = BigInt(address) >= BigInt(a.first) && BigInt(address) <= BigInt(a.last)
      assert.strictEqual(IpRange.contains(a, address), sameFamily && between)
      assert.isTrue(IpRange.contains(a, a.first) && IpRange.contains(a, a.last))
    },
    runs
  )

  it.prop(
    "an address is in an intersection exactly when it is in both",
    [ipRange, ipRange, anyIpaddr],
    ([a, b, c]) => {
      const both = IpRange.intersection(a, b)
      for (const address of [c, a.first, a.last, b.first, b.last]) {
        const expected = IpRange.contains(a, address) && IpRange.contains(b, address)
        assert.strictEqual(Option.exists(both, IpRange.contains(address)), expected)
      }
    },
    runs
  )

  it("iteration ends at the top of both spaces", () => {
    assert.deepStrictEqual(Array.from(IpRange.addresses(range("255.255.255.254/31")), AnyIpaddr.format), [
      "255.255.255.254",
      "255.255.255.255"
    ])
    const top = "ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    assert.deepStrictEqual(Array.from(IpRange.addresses(range(`${top}:fffe/127`)), AnyIpaddr.format), [
      `${top}:fffe`,
      `${top}:ffff`
    ])
  })

  it("a range that goes down or from one family to the other is refused", () => {
    const [low, high, v6] = ["1.2.3.4", "1.2.3.5", "::1"].map(AnyIpaddr.fromStringUnsafe)
    assert.isTrue(Result.isFailure(IpRange.make(high, low)))
    assert.isTrue(Result.isFailure(IpRange.make(low, v6)))
    assert.isTrue(Result.isSuccess(IpRange.make(low, low)))
    const mixed = IpRange.fromAddresses(AnyIpaddr.toAddress(low), AnyIpaddr.toAddress(v6))
    assert.isTrue(Result.isFailure(mixed))
    assert.throws(() => Schema.decodeUnknownSync(IpRange.IpRange)({ _tag: "IpRange4", first: 2, last: 1 }))
  })
})

describe("AnyIpaddr", () => {
  it.prop(
    "an address of either family survives text, JSON and effect's value",
    [anyIpaddr],
    ([a]) => {
      const json = Schema.toCodecJson(AnyIpaddr.AnyIpaddr)
      assert.strictEqual(AnyIpaddr.fromStringUnsafe(AnyIpaddr.format(a)), a)
      assert.strictEqual(AnyIpaddr.fromAddress(AnyIpaddr.toAddress(a)), a)
      assert.strictEqual(Schema.decodeSync(json)(Schema.encodeSync(json)(a)), a)
      assert.strictEqual(Schema.decodeSync(AnyIpaddr.FromString)(AnyIpaddr.format(a)), a)
    },
    runs
  )

  it("a text whose first dot comes before a colon is read as IPv4, so that a port is what is wrong with it", () => {
    const error = Result.getOrThrow(Result.flip(AnyIpaddr.fromString("1.2.3.4:80")))
    assert.deepStrictEqual([error.position, error.reason], [7, "nothing may follow the fourth part"])
  })

  it("unmap makes the IPv4 address of a mapped one and leaves all others", () => {
    for (const [text, expected] of [
      ["::ffff:10.0.0.1", "10.0.0.1"],
      ["::ffff:0.0.0.0", "0.0.0.0"],
      ["10.0.0.1", "10.0.0.1"],
      ["::10.0.0.1", "::a00:1"],
      ["::fffe:ffff:ffff", "::fffe:ffff:ffff"]
    ]) {
      assert.strictEqual(AnyIpaddr.format(AnyIpaddr.unmap(AnyIpaddr.fromStringUnsafe(text))), expected)
    }
  })
})
