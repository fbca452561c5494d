import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as AnyIpaddr from "../src/AnyIpaddr.ts"
import * as Arbitraries from "../src/Arbitraries.ts"
import * as IpRange from "../src/IpRange.ts"
import * as SpecialPurpose from "../src/SpecialPurpose.ts"
import { around } from "./utils/model.ts"

const rows = [...SpecialPurpose.ipv4, ...SpecialPurpose.ipv6]
const blocks = rows.flatMap((row) => row.blocks.map((block) => [block, row] as const))

/** What an address is for by each of the three questions, which must agree. */
const classify = (address: AnyIpaddr.AnyIpaddr): SpecialPurpose.SpecialPurpose | undefined => {
  const answer = SpecialPurpose.classify(AnyIpaddr.toAddress(address))
  assert.deepStrictEqual(
    AnyIpaddr.isV4(address) ? SpecialPurpose.classifyIpaddr(address) : SpecialPurpose.classifyIpaddr6(address),
    answer
  )
  return Option.getOrUndefined(answer)
}

/** The row with the smallest block around an address, by looking at each. */
const scan = (address: AnyIpaddr.AnyIpaddr): SpecialPurpose.SpecialPurpose | undefined =>
  blocks
    .map(([block, row]) => [IpRange.fromStringUnsafe(block), row] as const)
    .filter(([range]) => IpRange.contains(range, address))
    .sort(([a], [b]) => (IpRange.size(a) < IpRange.size(b) ? -1 : 1))[0]?.[1]

const at = (text: string) => classify(AnyIpaddr.fromStringUnsafe(text))

describe("every row of the registries", () => {
  for (const [block, row] of blocks) {
    it(`${block} (${row.name}) begins and ends where the registry says`, () => {
      const { first, last } = IpRange.fromStringUnsafe(block)
      for (const address of [first, last, ...around(first, last)]) {
        assert.strictEqual(classify(address), scan(address), AnyIpaddr.format(address))
      }
      assert.isTrue(classify(first) === row || classify(last) === row)
    })
  }

  it("there are 25 rows of each family, with 51 blocks, none twice", () => {
    assert.deepStrictEqual([SpecialPurpose.ipv4.length, SpecialPurpose.ipv6.length], [25, 25])
    assert.strictEqual(new Set(blocks.map(([block]) => IpRange.format(IpRange.fromStringUnsafe(block)))).size, 51)
  })

  it("a row keeps RFC 6890's rule: what is no destination is neither forwardable nor globally reachable", () => {
    for (const row of rows) {
      if (row.destination === false) assert.deepStrictEqual([row.forwardable, row.globallyReachable], [false, false])
      if (row.terminated !== null) assert.deepStrictEqual([row.source, row.globallyReachable], [null, null])
      assert.match(row.allocated, /^(19|20)\d\d-(0[1-9]|1[012])$/)
      assert.isTrue(
        row.rfcs.every((rfc) => /^RFC (\d+(, section [\d.]+)?|Errata \d+)$/.test(rfc)),
        row.name
      )
    }
  })

  it.prop("a row survives JSON", [Arbitraries.specialPurpose], ([row]) => {
    const json = Schema.toCodecJson(SpecialPurpose.SpecialPurpose)
    assert.deepStrictEqual(Schema.decodeSync(json)(JSON.parse(JSON.stringify(Schema.encodeSync(json)(row)))), row)
  })
})

const name = (address: NetAddress.IpAddress) => Option.getOrThrow(SpecialPurpose.classify(address)).name

describe("classify", () => {
  it.prop("any address has the row that a scan of all blocks finds", [Arbitraries.anyIpaddr], ([address]) => {
    assert.strictEqual(classify(address), scan(address))
  })

  it("the more specific row wins", () => {
    for (const [text, name, reach] of [
      ["0.0.0.0", "This host on this network", false],
      ["0.0.0.1", "This network", false],
      ["192.0.0.0", "IPv4 Service Continuity Prefix", false],
      ["192.0.0.9", "Port Control Protocol Anycast", true],
      ["192.0.0.171", "NAT64/DNS64 Discovery", false],
      ["192.0.0.172", "IETF Protocol Assignments", false],
      ["192.88.99.1", "Deprecated (6to4 Relay Anycast)", null],
      ["192.88.99.2", "6a44-relay anycast address", false],
      ["255.255.255.255", "Limited Broadcast", false],
      ["2001::1", "TEREDO", null],
      ["2001:1::", "IETF Protocol Assignments", false],
      ["2001:1::3", "DNS-SD Service Registration Protocol Anycast", true],
      ["64:ff9b::a00:1", "IPv4-IPv6 Translat.", true],
      ["64:ff9b:1::a00:1", "IPv4-IPv6 Translat.", false]
    ] as const) {
      assert.deepStrictEqual([at(text)?.name, at(text)?.globallyReachable], [name, reach], text)
    }
  })

  it("ordinary addresses and multicast have no row", () => {
    for (const text of [
      "1.1.1.1",
      "8.8.8.8",
      "224.0.0.1",
      "239.255.255.255",
      "2606:4700::1111",
      "ff02::1",
      "fec0::1"
    ]) {
      assert.isUndefined(at(text), text)
    }
  })

  it("a mapped address is mapped; its canonical form is what is inside", () => {
    const address = AnyIpaddr.toAddress(AnyIpaddr.fromStringUnsafe("::ffff:127.0.0.1"))
    assert.strictEqual(name(address), "IPv4-mapped Address")
    assert.strictEqual(name(NetAddress.toCanonical(address)), "Loopback")
  })
})
