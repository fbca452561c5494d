import * as Arbitraries from "@effect-sockets/ipaddr/Arbitraries"
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
import * as IpRange from "@effect-sockets/ipaddr/IpRange"
import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import * as IpTable from "@effect-sockets/ipaddr/IpTable"
import * as SpecialPurpose from "@effect-sockets/ipaddr/SpecialPurpose"
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

// The examples of docs/ipaddr.md, word for word.
describe("docs/ipaddr.md", () => {
  it("addresses", () => {
    const server = Ipaddr.fromDottedUnsafe("128.18.65.4")

    assert.strictEqual(server, 2148679940)
    assert.strictEqual(Ipaddr.toDotted(server), "128.18.65.4")
    assert.deepStrictEqual(Ipaddr.next(server), Ipaddr.offset(server, 1))
    assert.strictEqual(Ipaddr6.format(Ipaddr6.fromStringUnsafe("2001:DB8:0:0:0:0:0:1")), "2001:db8::1")
  })

  it("errors", () => {
    const message = Result.match(Ipaddr.fromDotted("10.0.0.256"), {
      onSuccess: Ipaddr.toDotted,
      onFailure: (error) => error.message
    })

    assert.strictEqual(message, `"10.0.0.256" is not an IPv4 address: a part is at most 255, at position 7`)
  })

  it("ranges", () => {
    const range = IpRange.fromStringUnsafe("192.0.2.1-192.0.2.6")

    assert.deepStrictEqual(IpRange.toCidrs(range), ["192.0.2.1/32", "192.0.2.2/31", "192.0.2.4/31", "192.0.2.6/32"])
    assert.strictEqual(IpRange.size(range), 6n)
    assert.strictEqual([...IpRange.addresses(IpRange.fromStringUnsafe("255.255.255.254/31"))].length, 2)
  })

  it("an access list", () => {
    const allowed = IpSet.fromStringUnsafe(`
      10.0.0.0/8               # the office
      192.0.2.10-192.0.2.20    ; the lab
      2001:db8::/32
    `)
    const blocked = IpSet.fromCidrsUnsafe(["10.66.0.0/16"])
    const access = IpSet.difference(allowed, blocked)

    const peer = NetAddress.ipFromStringUnsafe("::ffff:10.1.2.3")
    assert.isTrue(IpSet.contains(access, peer))
    assert.isFalse(IpSet.contains(access, NetAddress.ipFromStringUnsafe("10.66.0.1")))
  })

  it("a wrong list", () => {
    const error = Result.getOrThrow(Result.flip(IpSet.fromString("10.0.0.0/8\n10.0.0.1/8")))

    assert.deepStrictEqual(error.problems, [
      { line: 2, column: 1, text: "10.0.0.1/8", reason: "bits are set beyond the prefix" }
    ])
  })

  it("a table", () => {
    const routes = IpTable.fromCidrsUnsafe([
      ["0.0.0.0/0", "upstream"],
      ["10.0.0.0/8", "office"],
      ["10.66.0.0/16", "lab"]
    ])

    assert.deepStrictEqual(IpTable.lookup(routes, NetAddress.ipFromStringUnsafe("10.66.1.1")), Option.some("lab"))
    assert.deepStrictEqual(IpTable.lookup(routes, NetAddress.ipFromStringUnsafe("9.9.9.9")), Option.some("upstream"))
  })

  it("special purposes", () => {
    const purpose = SpecialPurpose.classify(NetAddress.ipFromStringUnsafe("100.64.0.1"))

    assert.strictEqual(Option.getOrThrow(purpose).name, "Shared Address Space")
    assert.strictEqual(Option.getOrThrow(purpose).globallyReachable, false)
    assert.deepStrictEqual(SpecialPurpose.classify(NetAddress.ipFromStringUnsafe("1.1.1.1")), Option.none())
  })

  it("schemas", () => {
    const Config = Schema.Struct({ listen: Ipaddr.FromDotted, access: IpSet.IpSet })
    const config = Schema.decodeSync(Schema.toCodecJson(Config))({ listen: "127.0.0.1", access: ["10.0.0.0/8", "::1"] })

    assert.strictEqual(config.listen, Ipaddr.loopback)
    assert.deepStrictEqual(IpSet.toCidrs(config.access), ["10.0.0.0/8", "::1/128"])
  })

  it.prop("a set and its complement share nothing", [Arbitraries.ipSet], ([set]) =>
    IpSet.isEmpty(IpSet.intersection(set, IpSet.complement(set)))
  )
})
