import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as IpNetwork from "effect/net/IpNetwork"
import type * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import * as AnyIpaddr from "../src/AnyIpaddr.ts"
import * as Arbitraries from "../src/Arbitraries.ts"
import type * as Ipaddr from "../src/Ipaddr.ts"
import type * as Ipaddr6 from "../src/Ipaddr6.ts"
import * as IpRange from "../src/IpRange.ts"
import * as IpTable from "../src/IpTable.ts"
import { around, smallRange, universe } from "./utils/model.ts"
import { rounds } from "../../../test/utils/rounds.ts"

const { anyIpaddr, cidr } = Arbitraries
const runs = { arbitrary: { runs: rounds(300) } }
const table = IpTable.fromCidrsUnsafe<string>
const address = (text: string) => AnyIpaddr.toAddress(AnyIpaddr.fromStringUnsafe(text))

/** What a table answers by each of its three questions, which must agree. */
const find = <A>(self: IpTable.IpTable<A>, at: AnyIpaddr.AnyIpaddr): Option.Option<A> => {
  const answer = IpTable.lookup(self, AnyIpaddr.toAddress(at))
  assert.deepStrictEqual(AnyIpaddr.isV4(at) ? IpTable.lookupIpaddr(self, at) : IpTable.lookupIpaddr6(self, at), answer)
  return answer
}

/** The values of all blocks that have an address, the longest block first, by looking at each; of equal ones the last. */
const scan = (blocks: ReadonlyArray<IpRange.IpRange>, at: AnyIpaddr.AnyIpaddr): Array<number> => {
  const last = new Map<string, readonly [IpRange.IpRange, number]>()
  for (const [index, block] of blocks.entries()) {
    const [first, end] = [AnyIpaddr.unmap(block.first), AnyIpaddr.unmap(block.last)]
    const plain = AnyIpaddr.isV4(first) === AnyIpaddr.isV4(end) ? IpRange.makeUnsafe(first, end) : block
    last.set(IpRange.format(plain), [plain, index])
  }
  return [...last.values()]
    .filter(([block]) => IpRange.contains(block, AnyIpaddr.unmap(at)))
    .sort(([a], [b]) => (IpRange.size(a) < IpRange.size(b) ? -1 : 1))
    .map(([, index]) => index)
}

const numbered = (blocks: ReadonlyArray<IpRange.IpRange>) =>
  IpTable.fromCidrsUnsafe(blocks.map((block, index) => [IpRange.format(block), index] as const))

/** Fails unless a table answers as the scan does. */
const assertScan = (blocks: ReadonlyArray<IpRange.IpRange>, probes: ReadonlyArray<AnyIpaddr.AnyIpaddr>) => {
  const self = numbered(blocks)
  for (const at of probes) {
    const expected = scan(blocks, at)
    assert.deepStrictEqual(find(self, at), Option.fromNullishOr(expected[0]), AnyIpaddr.format(at))
    const all = IpTable.matches(self, AnyIpaddr.toAddress(at))
    assert.deepStrictEqual(
      all.map(([, value]) => value),
      expected
    )
    for (const [network] of all) {
      assert.isTrue(IpNetwork.contains(network, AnyIpaddr.toAddress(AnyIpaddr.unmap(at))), String(network))
    }
  }
}

const position = (cidr: string) => Result.getOrThrow(Result.flip(IpTable.fromCidrs([[cidr, 1]]))).position

describe("longest-prefix match", () => {
  const smallBlocks = Arbitrary.map(Arbitrary.array(smallRange, { maxLength: 6 }), (ranges) =>
    ranges.flatMap((range) => IpRange.toCidrs(range).map(IpRange.fromStringUnsafe))
  )

  it.prop("every address of a small universe finds the blocks that a scan finds", [smallBlocks], ([blocks]) => {
    assertScan(blocks, universe)
  })

  it.prop(
    "any blocks answer as a scan of them does, inside, at the ends and just outside of each",
    [Arbitrary.array(cidr, { maxLength: 24 }), anyIpaddr],
    ([blocks, probe]) => assertScan(blocks, [probe, ...blocks.flatMap((block) => edges(block))]),
    runs
  )

  it("a block inside a block answers for its own addresses, and the outer one again behind it", () => {
    const self = table([
      ["10.0.0.0/8", "outer"],
      ["10.1.0.0/16", "inner"],
      ["10.1.2.3", "host"],
      ["0.0.0.0/0", "default"]
    ])
    const answers = ["9.255.255.255", "10.0.255.255", "10.1.0.0", "10.1.2.3", "10.1.2.4", "10.2.0.0", "11.0.0.0"]
    assert.deepStrictEqual(
      answers.map((text) => Option.getOrThrow(IpTable.lookup(self, address(text)))),
      ["default", "outer", "inner", "host", "inner", "outer", "default"]
    )
    assert.deepStrictEqual(
      IpTable.matches(self, address("::ffff:10.1.2.3")).map(([network, value]) => `${network} ${value}`),
      ["10.1.2.3/32 host", "10.1.0.0/16 inner", "10.0.0.0/8 outer", "0.0.0.0/0 default"]
    )
  })

  it("a mapped block is an IPv4 block, and the IPv6 default answers for no IPv4 address", () => {
    const self = table([
      ["::/0", "v6"],
      ["::ffff:10.0.0.0/104", "ten"]
    ])
    assert.deepStrictEqual(IpTable.lookup(self, address("10.0.0.1")), Option.some("ten"))
    assert.deepStrictEqual(IpTable.lookup(self, address("::ffff:10.0.0.1")), Option.some("ten"))
    assert.deepStrictEqual(IpTable.lookup(self, address("11.0.0.1")), Option.none())
    assert.deepStrictEqual(IpTable.lookup(self, address("::ffff:11.0.0.1")), Option.none())
    assert.deepStrictEqual(IpTable.lookup(self, address("::1")), Option.some("v6"))
  })

  it("of equal blocks the last counts, and a value may be undefined", () => {
    const self = IpTable.fromCidrsUnsafe([
      ["10.0.0.0/8", 1],
      ["::ffff:10.0.0.0/104", undefined]
    ])
    assert.strictEqual(IpTable.size(self), 1)
    assert.deepStrictEqual(IpTable.lookup(self, address("10.0.0.1")), Option.some(undefined))
  })

  it("an empty table finds nothing", () => {
    const self = table([])
    assert.deepStrictEqual([find(self, AnyIpaddr.fromStringUnsafe("::")), IpTable.size(self)], [Option.none(), 0])
  })

  it("a block with bits beyond its prefix and a range that is no block are refused, with the position", () => {
    assert.deepStrictEqual([position("10.0.0.1/8"), position("10.0.0.0-10.0.0.255"), position("10.0.0.0/")], [7, 8, 9])
  })
})

describe("conversions", () => {
  const ipTable = Arbitraries.ipTable(Arbitrary.schema(Schema.BigInt))

  it.prop("a table survives effect's networks and JSON, with values that JSON has no form for", [ipTable], ([self]) => {
    const json = Schema.toCodecJson(IpTable.IpTable(Schema.BigInt))
    const encoded = Schema.encodeSync(json)(self)
    assert.deepStrictEqual(IpTable.fromNetworks(IpTable.entries(self)), self)
    assert.deepStrictEqual(Schema.decodeSync(json)(JSON.parse(JSON.stringify(encoded))), self)
    assert.deepStrictEqual(
      encoded,
      Array.from(IpTable.entries(self), ([network, value]) => [String(network), String(value)])
    )
  })

  it.prop("a schema makes tables of its values only", [IpTable.IpTable(Schema.Boolean)], ([self]) => {
    const values = Array.from(IpTable.entries(self), ([, value]) => value)
    assert.isTrue(values.every((value) => typeof value === "boolean"))
    assert.strictEqual(Schema.is(IpTable.IpTable(Schema.String))(self), values.length === 0)
  })

  it("entries come IPv4 first, by address, shorter blocks before longer", () => {
    const self = table(["::/0", "10.0.0.0/16", "10.0.0.0/8", "9.0.0.0/8"].map((cidr) => [cidr, cidr]))
    const networks: Array<[string, NetAddress.IpFamily]> = []
    for (const [network, value] of IpTable.entries(self)) {
      assert.strictEqual(String(network), value)
      networks.push([value, IpNetwork.isIpv4Network(network) ? "IPv4" : "IPv6"])
    }
    assert.deepStrictEqual(networks, [
      ["9.0.0.0/8", "IPv4"],
      ["10.0.0.0/8", "IPv4"],
      ["10.0.0.0/16", "IPv4"],
      ["::/0", "IPv6"]
    ])
  })
})

/** The first and the last address of a block and their neighbours, where the space has them. */
const edges = ({ first, last }: IpRange.IpRange): Array<AnyIpaddr.AnyIpaddr> => [first, last, ...around(first, last)]

describe("a table in a log", () => {
  const entries = Array.from({ length: 9 }, (_, index) => [`10.${index}.0.0/16`, { vlan: index }] as const)

  it("shows its first eight blocks with their values, and no field of its own", () => {
    const shown = inspect(IpTable.fromCidrsUnsafe(entries))
    assert.match(shown, /^'?IpTable\(10\.0\.0\.0\/16 => \{"vlan":0\}, .*10\.7\.0\.0\/16 => \{"vlan":7\}, \.\.\.\)'?$/)
    assert.strictEqual(String(IpTable.fromCidrsUnsafe([])), "IpTable()")
  })

  it("cuts a value that is long", () => {
    const shown = String(IpTable.fromCidrsUnsafe([["::/0", "x".repeat(1000)]]))
    assert.isBelow(shown.length, 80)
  })

  it("is in JSON the list of all its blocks and values", () => {
    assert.deepStrictEqual(JSON.parse(JSON.stringify(IpTable.fromCidrsUnsafe(entries))), entries)
  })
})

describe("a number that is no address", () => {
  it("has no value in a table of everything", () => {
    const self = IpTable.fromCidrsUnsafe([
      ["0.0.0.0/0", 4],
      ["::/0", 6]
    ])
    for (const value of [Number.NaN, -1, 0.5, 4294967296, Infinity]) {
      assert.deepStrictEqual(IpTable.lookupIpaddr(self, value as Ipaddr.Ipaddr), Option.none(), String(value))
    }
    for (const value of [-1n, 1n << 128n]) {
      assert.deepStrictEqual(IpTable.lookupIpaddr6(self, value as Ipaddr6.Ipaddr6), Option.none(), String(value))
    }
  })
})
