import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as packet from "dns-packet"
import * as DnsMessage from "../../../src/internal/dns/DnsMessage.ts"
import * as DnsServer from "../../utils/dnsServer.ts"

const { a, aaaa, cname, ptr } = DnsServer

const answer = (options: {
  readonly answers?: Array<packet.Answer>
  readonly authorities?: Array<packet.Answer>
  readonly flags?: number
}) =>
  packet.encode({
    type: "response",
    id: 4711,
    flags: options.flags ?? 0,
    questions: [{ type: "A", name: "www.example", class: "IN" }],
    answers: options.answers ?? [],
    authorities: options.authorities ?? []
  })

const everything = answer({
  answers: [
    cname("www.example", "Host.example", 90),
    a("host.example", "192.0.2.1", 8),
    aaaa("host.example", "2001:db8::1", 7),
    ptr("1.2.0.192.in-addr.arpa", "host.example"),
    { type: "TXT", name: "host.example", data: "not read", ttl: 1 }
  ],
  authorities: [DnsServer.soa("example", 300)]
})

describe("encode", () => {
  it("a question is what another implementation reads", () => {
    const bytes = DnsMessage.encode({ id: 65_535, name: "a-b._c.example", type: "AAAA" })
    const { flags, id, questions, type } = packet.decode(Buffer.from(bytes))
    assert.deepStrictEqual([id, type, flags], [65_535, "query", packet.RECURSION_DESIRED])
    assert.deepStrictEqual(questions, [{ name: "a-b._c.example", type: "AAAA", class: "IN" }])
  })
})

describe("decode", () => {
  it("reads what another implementation wrote, compressed or not, and leaves out what it does not know", () => {
    const message = DnsMessage.decode(everything)
    assert.isDefined(message)
    assert.deepStrictEqual(message.question, { id: 4711, name: "www.example", type: "A" })
    assert.deepStrictEqual(
      message.answers.map((record) => [
        record.type,
        record.owner,
        record.ttl,
        "address" in record ? String(record.address) : "target" in record ? record.target : record.minimum
      ]),
      [
        ["CNAME", "www.example", 90, "host.example"],
        ["A", "host.example", 8, "192.0.2.1"],
        ["AAAA", "host.example", 7, "2001:db8::1"],
        ["PTR", "1.2.0.192.in-addr.arpa", 60, "host.example"]
      ]
    )
    assert.deepStrictEqual(message.authority, [{ type: "SOA", owner: "example", ttl: 3600, minimum: 300 }])
  })

  it("an answer that is cut off anywhere is none", () => {
    for (let length = 0; length < everything.length; length++) {
      const message = DnsMessage.decode(everything.subarray(0, length))
      assert.isUndefined(message, `${length} bytes`)
    }
  })

  it("an answer marked as truncated may be cut off, for it is asked for again", () => {
    const bytes = answer({ answers: [a("www.example", "192.0.2.1")], flags: packet.TRUNCATED_RESPONSE })
    const message = DnsMessage.decode(bytes.subarray(0, bytes.length - 2))
    assert.deepStrictEqual([message?.truncated, message?.answers], [true, []])
  })

  it("pointers in a circle, or ahead, are no name", () => {
    const at = 12
    for (const target of [at, at + 2, 0x3fff]) {
      const pointer = [0xc0 | (target >> 8), target & 0xff]
      const counts = [0, 1, 0, 0, 0, 0, 0, 0]
      const bytes = Uint8Array.from([...everything.subarray(0, 4), ...counts, ...pointer, 0, 1, 0, 1])
      assert.isUndefined(DnsMessage.decode(bytes))
    }
  })

  it("a question is no answer, whatever it is", () => {
    assert.isUndefined(DnsMessage.decode(DnsMessage.encode({ id: 1, name: "www.example", type: "A" })))
  })

  it("bytes of a name that are no visible ASCII are escaped, so that they are no host name", () => {
    const bytes = answer({ answers: [ptr("x.example", "a\u00e9 .example")] })
    const [record] = DnsMessage.decode(bytes)?.answers ?? []
    assert.strictEqual("target" in record && record.target, String.raw`a\195\169\032.example`)
  })

  const bytes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), {
    maxLength: 80
  })
  it.prop("whatever bytes come, reading ends without a defect", [bytes], ([noise]) => {
    DnsMessage.decode(Uint8Array.from(noise))
    const header = [...everything.subarray(0, 4), 0, 1, 0, 2, 0, 2, 0, 0]
    DnsMessage.decode(Uint8Array.from([...header, ...noise]))
  })

  it.prop(
    "whatever byte of an answer is another, reading ends without a defect",
    [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: everything.length - 1 })), Schema.Int],
    ([at, byte]) => {
      const damaged = Uint8Array.from(everything)
      damaged[at] = byte & 0xff
      DnsMessage.decode(damaged)
    }
  )
})
