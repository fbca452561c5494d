import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as AddressOrder from "../src/AddressOrder.ts"
import * as Arbitraries from "./utils/arbitraries.ts"

const ip = NetAddress.ipFromStringUnsafe

// "2001:db8::1 deprecated home", as the RFC's examples write a candidate.
const source = (text: string): AddressOrder.Source => {
  const [address, ...flags] = text.split(" ")
  return {
    address: ip(address),
    deprecated: flags.includes("deprecated"),
    temporary: flags.includes("temporary"),
    home: flags.includes("home"),
    careOf: flags.includes("care-of")
  }
}

const ips = (texts: ReadonlyArray<string>) => texts.map(ip) as [NetAddress.IpAddress, NetAddress.IpAddress]

const sorted = (destinations: ReadonlyArray<string>, sources: ReadonlyArray<string>, policies?: typeof table) => {
  const candidates = sources.map(source)
  return AddressOrder.sort(
    ips(destinations),
    (destination) => AddressOrder.selectSource(destination, candidates, policies),
    policies
  ).map(NetAddress.formatIp)
}

const bits = (address: NetAddress.IpAddress) =>
  NetAddress.ipv6ToOctets(NetAddress.isIpv4Address(address) ? NetAddress.toIpv4Mapped(address) : address)
    .map((octet) => octet.toString(2).padStart(8, "0"))
    .join("")

const table = AddressOrder.defaultPolicies

describe("RFC 6724, 10.1: the source is the one the example names", () => {
  it.each<[string, ReadonlyArray<string>, string, string]>([
    ["2001:db8:1::1", ["2001:db8:3::1", "fe80::1"], "2001:db8:3::1", "appropriate scope"],
    ["ff05::1", ["2001:db8:3::1", "fe80::1"], "2001:db8:3::1", "appropriate scope"],
    ["2001:db8:1::1", ["2001:db8:1::1 deprecated", "2001:db8:2::1"], "2001:db8:1::1", "same address"],
    ["fe80::1", ["fe80::2 deprecated", "2001:db8:1::1"], "fe80::2", "appropriate scope"],
    ["2001:db8:1::1", ["2001:db8:1::2", "2001:db8:3::2"], "2001:db8:1::2", "longest matching prefix"],
    ["2001:db8:1::1", ["2001:db8:1::2 care-of", "2001:db8:3::2 home"], "2001:db8:3::2", "home address"],
    [
      "2002:c633:6401::1",
      ["2002:c633:6401::d5e3:7953:13eb:22e8 temporary", "2001:db8:1::2"],
      "2002:c633:6401::d5e3:7953:13eb:22e8",
      "matching label"
    ],
    [
      "2001:db8:1::d5e3:0:0:1",
      ["2001:db8:1::2", "2001:db8:1::d5e3:7953:13eb:22e8 temporary"],
      "2001:db8:1::d5e3:7953:13eb:22e8",
      "temporary address"
    ]
  ])("%s from %j is %s: %s", (destination, candidates, expected) => {
    for (const order of [candidates, candidates.toReversed()]) {
      const chosen = AddressOrder.selectSource(ip(destination), order.map(source))
      assert.deepStrictEqual(chosen?.address, ip(expected))
    }
  })

  it("there is no source of the other family", () => {
    assert.isUndefined(AddressOrder.selectSource(ip("2001:db8::1"), [source("192.0.2.1")]))
  })
})

const [a, b] = ["2001:db8:1::1", "198.51.100.121"]

describe("RFC 6724, 10.2: destinations are in the order of the example", () => {
  it.each<[ReadonlyArray<string>, ReadonlyArray<string>, string]>([
    [[a, b], ["2001:db8:1::2", "fe80::1", "169.254.13.78"], "matching scope"],
    [[b, a], ["fe80::1", "198.51.100.117"], "matching scope"],
    [[a, "10.1.2.3"], ["2001:db8:1::2", "fe80::1", "10.1.2.4"], "higher precedence"],
    [["fe80::1", a], ["2001:db8:1::2", "fe80::2"], "smaller scope"],
    [[a, "fe80::1"], ["2001:db8:1::2 care-of", "2001:db8:3::1 home", "fe80::2 care-of"], "home address"],
    [[a, "fe80::1"], ["2001:db8:1::2", "fe80::2 deprecated"], "no deprecated address"],
    [[a, "2001:db8:3ffe::1"], ["2001:db8:1::2", "2001:db8:3f44::2", "fe80::2"], "longest matching prefix"],
    [["2002:c633:6401::1", a], ["2002:c633:6401::2", "fe80::2"], "matching label"],
    [[a, "2002:c633:6401::1"], ["2002:c633:6401::2", "2001:db8:1::2", "fe80::2"], "higher precedence"]
  ])("%j from %j: %s", (expected, sources) => {
    assert.deepStrictEqual(sorted(expected, sources), [...expected])
    assert.deepStrictEqual(sorted(expected.toReversed(), sources), [...expected])
  })
})

describe("RFC 6724, 10.3 and 10.4: a table of one's own changes the order", () => {
  const ipv4First = table.map((row) => (row.label === 4 ? { ...row, precedence: 100 } : row))
  const linkLocalLast = [...table, AddressOrder.policy("fe80::/10", 33, 1)]
  it.each([
    ["IPv4 first", ipv4First, [a, b], ["2001:db8:1::2", "fe80::1", "169.254.13.78"]],
    ["IPv4 first", ipv4First, [b, a], ["fe80::1", "198.51.100.117"]],
    ["IPv4 first", ipv4First, ["10.1.2.3", a], ["2001:db8:1::2", "fe80::1", "10.1.2.4"]],
    ["link-local last", linkLocalLast, [a, "fe80::1"], ["2001:db8:1::2", "fe80::2"]],
    ["link-local last", linkLocalLast, [a, "fe80::1"], ["2001:db8:1::2", "fe80::2 deprecated"]]
  ] as const)("%s: %#", (_, policies, expected, sources) => {
    assert.deepStrictEqual(sorted(expected, sources, policies), [...expected])
    assert.deepStrictEqual(sorted(expected.toReversed(), sources, policies), [...expected])
  })
})

describe("sort", () => {
  it("puts what cannot be reached last", () => {
    assert.deepStrictEqual(sorted([a, b], ["198.51.100.117"]), [b, a])
  })

  it("puts what cannot be reached last, even if every other rule prefers it", () => {
    const destinations = ips([a, "2002:c633:6401::1"])
    const order = AddressOrder.sort(destinations, (address) =>
      address === destinations[0] ? undefined : source("fe80::2")
    )
    assert.deepStrictEqual(order, [destinations[1], destinations[0]])
  })

  it("prefers a source that is a home and a care-of address to one that is only home", () => {
    const sources = [source("2001:db8:1::2 home"), source("2001:db8:3::2 home care-of")]
    const [near, far] = ips([a, "2001:db8:3::1"])
    assert.strictEqual(AddressOrder.selectSource(near, sources), sources[1])
    assert.deepStrictEqual(
      AddressOrder.sort([near, far], (address) => sources[address === near ? 0 : 1]),
      [far, near]
    )
  })

  it("does not count bits beyond the prefix of the source", () => {
    const order = ["2001:db8:1::ffff", "2001:db8:1::3"]
    assert.deepStrictEqual(sorted(order, ["2001:db8:1::2"]), order)
  })

  it("keeps the rotation of IPv4 addresses", () => {
    const rotated = ["10.55.0.1", "10.0.0.1", "10.54.0.1"]
    assert.deepStrictEqual(sorted(rotated, ["10.0.0.2"]), rotated)
  })

  it.prop("keeps exactly the addresses it was given", [Arbitraries.addresses], ([addresses]) => {
    const result = AddressOrder.sort(addresses, () => undefined)
    assert.sameMembers(result.map(String), addresses.map(String))
  })
})

describe("policyOf and scopeOf", () => {
  it.each([
    ["::1", 50, 0, 2],
    ["2001:db8::1", 40, 1, 14],
    ["192.0.2.1", 35, 4, 14],
    ["10.0.0.1", 35, 4, 14],
    ["127.0.0.1", 35, 4, 2],
    ["169.254.1.1", 35, 4, 2],
    ["::ffff:169.254.1.1", 35, 4, 2],
    ["2002::1", 30, 2, 14],
    ["2001::1", 5, 5, 14],
    ["fd00::1", 3, 13, 14],
    ["::192.0.2.1", 1, 3, 14],
    ["fec0::1", 1, 11, 5],
    ["3ffe::1", 1, 12, 14],
    ["fe80::1", 40, 1, 2],
    ["ff02::1", 40, 1, 2],
    ["ff0e::1", 40, 1, 14]
  ] as const)("%s has precedence %i, label %i and scope %i", (text, precedence, label, scope) => {
    const row = AddressOrder.policyOf(ip(text))
    assert.deepStrictEqual([row.precedence, row.label, AddressOrder.scopeOf(ip(text))], [precedence, label, scope])
  })

  it.prop("the common prefix is that of the bits written out", [Arbitraries.address, Arbitraries.address], ([x, y]) => {
    const [left, right] = [bits(x), bits(y)]
    const expected = [...left].findIndex((bit, i) => bit !== right[i])
    assert.strictEqual(AddressOrder.commonPrefix(x, y), expected === -1 ? 128 : expected)
  })
})

describe("interleave", () => {
  it("alternates from the family of the first address and appends what is left", () => {
    const list = ips(["::1", "::2", "::3", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"])
    assert.deepStrictEqual(AddressOrder.interleave(list).map(NetAddress.formatIp), [
      "::1",
      "10.0.0.1",
      "::2",
      "10.0.0.2",
      "::3",
      "10.0.0.3",
      "10.0.0.4"
    ])
  })

  it.prop("keeps the order within each family and never starts another way", [Arbitraries.addresses], ([list]) => {
    const result = AddressOrder.interleave(list)
    assert.strictEqual(result[0], list[0])
    for (const family of ["IPv4", "IPv6"] as const) {
      const of = (addresses: ReadonlyArray<NetAddress.IpAddress>) =>
        addresses.filter((address) => NetAddress.isFamily(address, family)).map(String)
      assert.deepStrictEqual(of(result), of(list))
    }
  })
})
