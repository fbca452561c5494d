import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as AddressChain from "../../../src/internal/dns/AddressChain.ts"
import type * as DnsMessage from "../../../src/internal/dns/DnsMessage.ts"

const cname = (owner: string, target: string, ttl = 60): DnsMessage.Record => ({ type: "CNAME", owner, target, ttl })
const a = (owner: string, ttl = 60): DnsMessage.Record => ({
  type: "A",
  owner,
  ttl,
  address: NetAddress.ipv4Loopback
})

describe("follow", () => {
  it("the order of the records does not matter, and the shortest time counts", () => {
    const records = [a("c.example", 30), cname("b.example", "c.example", 20), cname("a.example", "b.example", 40)]
    const chain = AddressChain.follow("A.example", records)
    assert.deepStrictEqual(chain, { names: ["a.example", "b.example", "c.example"], records: [records[0]], ttl: 20 })
  })

  it("records of names that nothing leads to are left out", () => {
    assert.deepStrictEqual(AddressChain.follow("a.example", [a("evil.example")])?.records, [])
  })

  it.each([
    ["itself", [cname("a.example", "a.example")]],
    ["two", [cname("a.example", "b.example"), cname("b.example", "a.example")]],
    ["a later one", [cname("a.example", "b.example"), cname("b.example", "c.example"), cname("c.example", "b.example")]]
  ])("a circle of %s is no chain", (_, records) => {
    assert.isUndefined(AddressChain.follow("a.example", records))
  })

  it("a time with its highest bit set is zero", () => {
    assert.strictEqual(AddressChain.follow("a.example", [a("a.example", 2 ** 31)])?.ttl, 0)
  })
})

describe("negativeTtl", () => {
  const of = (ttl: number, minimum: number) =>
    AddressChain.negativeTtl({
      question: { id: 1, name: "a.example", type: "A" },
      rcode: 3,
      truncated: false,
      answers: [],
      authority: [{ type: "SOA", owner: "example", ttl, minimum }]
    })

  it("is the smaller of the record's own time and its MINIMUM", () => {
    assert.strictEqual(of(60, 3600), 60)
    assert.strictEqual(of(3600, 60), 60)
    assert.strictEqual(of(2 ** 31, 60), 0)
  })
})
