import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isIPv6 } from "node:net"
import * as Arbitraries from "../src/Arbitraries.ts"
import * as Ipaddr6 from "../src/Ipaddr6.ts"
import { mutated } from "./utils/mutation.ts"
import { assertSame } from "./utils/oracle.ts"
import { hasPython } from "./utils/python.ts"
import { rounds } from "../../../test/utils/rounds.ts"

const { ipaddr, ipaddr6 } = Arbitraries
const runs = { arbitrary: { runs: rounds(1000) } }

/** An address in all the ways to write it: without `::`, with dotted IPv4 at the end, in capitals, with zeros. */
const forms = Arbitrary.map(
  Arbitrary.all([ipaddr6, Arbitrary.schema(Schema.Literals(["short", "long", "zeros", "dotted", "capitals"]))]),
  ([address, form]) => {
    const groups = Array.from({ length: 8 }, (_, index) => Number((address >> BigInt(112 - index * 16)) & 0xffffn))
    const hex = groups.map((group) => group.toString(16))
    if (form === "short") return Ipaddr6.format(address)
    if (form === "long") return hex.join(":")
    if (form === "zeros") return hex.map((group) => group.padStart(4, "0")).join(":")
    if (form === "capitals") return Ipaddr6.format(address).toUpperCase()
    const bytes = Ipaddr6.toBytes(address)
    return `${hex.slice(0, 6).join(":")}:${bytes.slice(12).join(".")}`
  }
)

const alphabet = "0123456789abcdefABCDEF:::...%g/ -\u0000"

describe("round trips", () => {
  it.prop("an address survives text", [ipaddr6], ([a]) => Ipaddr6.fromStringUnsafe(Ipaddr6.format(a)) === a, runs)

  it.prop(
    "an address survives its sixteen bytes",
    [ipaddr6],
    ([a]) => Result.getOrThrow(Ipaddr6.fromBytes(Ipaddr6.toBytes(a))) === a,
    runs
  )

  it.prop(
    "an address survives effect's value",
    [ipaddr6],
    ([a]) => Ipaddr6.fromAddress(Ipaddr6.toAddress(a)) === a,
    runs
  )

  it.prop(
    "text is what effect prints",
    [ipaddr6],
    ([a]) => {
      assert.strictEqual(Ipaddr6.format(a), NetAddress.formatIp(Ipaddr6.toAddress(a)))
    },
    runs
  )

  it.prop("JSON is decimal digits, and IPv6 text with FromString", [ipaddr6], ([a]) => {
    const number = Schema.toCodecJson(Ipaddr6.Ipaddr6)
    const text = Schema.toCodecJson(Ipaddr6.FromString)
    assert.strictEqual(Schema.encodeSync(number)(a), String(a))
    assert.strictEqual(Schema.decodeSync(number)(String(a)), a)
    assert.strictEqual(Schema.encodeSync(text)(a), Ipaddr6.format(a))
    assert.strictEqual(Schema.decodeSync(text)(Ipaddr6.format(a)), a)
  })

  it.prop("an IPv4 address survives its mapped form", [ipaddr], ([a]) => {
    assert.deepStrictEqual(Ipaddr6.toIpaddr(Ipaddr6.fromIpaddr(a)), Option.some(a))
  })

  it("the addresses just outside the mapped block are not mapped", () => {
    for (const text of ["::fffe:ffff:ffff", "::1:0:0:0", "::ffff:ffff", "1::ffff:0:0"]) {
      assert.deepStrictEqual(Ipaddr6.toIpaddr(Ipaddr6.fromStringUnsafe(text)), Option.none(), text)
    }
  })
})

describe("text in", () => {
  it.prop(
    "any form of an address is the same address",
    [forms],
    ([text]) => {
      const expected = Result.map(NetAddress.ipv6FromString(text), Ipaddr6.fromAddress)
      assert.deepStrictEqual(Ipaddr6.fromString(text), expected as Result.Result<Ipaddr6.Ipaddr6>)
    },
    runs
  )

  it.prop(
    "nearly right text is taken exactly when node's isIPv6 takes it, zones aside",
    [mutated(forms, alphabet)],
    ([text]) => {
      const taken = Result.isSuccess(Ipaddr6.fromString(text))
      assert.strictEqual(taken, isIPv6(text) && !text.includes("%"), JSON.stringify(text))
      assert.strictEqual(Ipaddr6.isText(text), taken)
    },
    { arbitrary: { runs: rounds(5000) } }
  )

  it.effect.runIf(hasPython)("fromString gives what inet_pton gives (needs python3)", () =>
    Effect.gen(function* () {
      assertSame("pton6", Ipaddr6.fromString, yield* Arbitrary.sampleEffect(forms, { count: rounds(2000) }))
      assertSame(
        "pton6",
        Ipaddr6.fromString,
        yield* Arbitrary.sampleEffect(mutated(forms, alphabet), { count: rounds(20000) })
      )
    })
  )

  for (const [text, position, reason] of [
    ["", 0, "a group of hexadecimal digits is missing"],
    [":", 1, "an address begins with a group or with ::"],
    [":1::", 1, "an address begins with a group or with ::"],
    ["1:", 2, "a group of hexadecimal digits is missing"],
    ["1:::2", 3, "a group of hexadecimal digits is missing"],
    ["1::2::3", 5, "only one :: is allowed"],
    ["1:2:3", 5, "there are fewer than eight groups and no ::"],
    ["1:2:3:4:5:6:7:8:9", 15, "there are more than eight groups, or :: stands for none"],
    ["1:2:3:4::5:6:7:8", 14, "there are more than eight groups, or :: stands for none"],
    ["1:2:3:4:5:6:7:1.2.3.4", 15, "there are more than eight groups, or :: stands for none"],
    ["::12345", 6, "a group has at most four digits"],
    ["::g", 2, "a group of hexadecimal digits is missing"],
    ["::1g", 3, "a colon is missing"],
    ["fe80::1%eth0", 7, "a colon is missing"],
    ["[::1]", 0, "a group of hexadecimal digits is missing"],
    ["::1.2.3.04", 9, "a part has no leading zero"],
    ["1:2:1.2.3.4", 5, "there are fewer than eight groups and no ::"],
    ["::256.1.2.3", 5, "only a decimal number of at most 255 may stand before a dot"],
    ["1:2:3:4:5:6:7:8 ", 15, "nothing may follow the last group"],
    ["::1.2.3.4:5", 9, "nothing may follow the fourth part"]
  ] as const) {
    it(`${JSON.stringify(text)} is refused at ${position}: ${reason}`, () => {
      const error = Result.getOrThrow(Result.flip(Ipaddr6.fromString(text)))
      assert.deepStrictEqual([error.position, error.reason, error.input], [position, reason, text])
    })
  }
})

describe("text out (RFC 5952)", () => {
  for (const [text, section, expected] of [
    ["2001:0DB8:0000:0000:0001:0000:0000:0001", "4.2.3, the first of two equal runs", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "4.2.2, one group of zeros is written out", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "4.2.3, the longest run", "2001:0:0:1::1"],
    ["2001:DB8::AAAA", "4.3, small letters", "2001:db8::aaaa"],
    ["::ffff:c000:0201", "5, dotted IPv4 in a mapped address", "::ffff:192.0.2.1"],
    ["0:0:0:0:0:0:0:0", "4.2.1, as short as possible", "::"],
    ["1:0:0:0:0:0:0:0", "4.2.1, as short as possible", "1::"],
    ["0:0:0:0:0:0:0:1", "4.2.1, as short as possible", "::1"],
    ["0:1:2:3:4:5:6:7", "4.2.2, one group of zeros is written out", "0:1:2:3:4:5:6:7"],
    ["::192.0.2.1", "5, an IPv4-compatible address has no known prefix", "::c000:201"]
  ] as const) {
    it(`${text} is printed as ${expected} (${section})`, () => {
      assert.strictEqual(Ipaddr6.format(Ipaddr6.fromStringUnsafe(text)), expected)
    })
  }
})

describe("numbers", () => {
  it("what is no unsigned 128-bit integer is refused", () => {
    for (const value of [-1n, 1n << 128n]) {
      assert.isTrue(Result.isFailure(Ipaddr6.fromBigInt(value)), String(value))
      assert.throws(() => Ipaddr6.fromBigIntUnsafe(value), /is not an IPv6 address/)
      assert.throws(() => Schema.decodeSync(Ipaddr6.Ipaddr6)(value))
    }
  })

  it("anything but sixteen bytes is refused", () => {
    for (const length of [0, 4, 15, 17]) {
      assert.isTrue(Result.isFailure(Ipaddr6.fromBytes(new Uint8Array(length))), String(length))
    }
  })

  it.prop(
    "order is the order of the bytes",
    [ipaddr6, ipaddr6],
    ([a, b]) => assert.strictEqual(Ipaddr6.Order(a, b), Buffer.compare(Ipaddr6.toBytes(a), Ipaddr6.toBytes(b))),
    runs
  )

  it.prop("next and previous undo each other inside the space", [ipaddr6], ([a]) => {
    const there = Option.flatMap(Ipaddr6.next(a), Ipaddr6.previous)
    assert.deepStrictEqual(there, a === Ipaddr6.max ? Option.none() : Option.some(a))
  })

  it("nothing is below :: and above the highest address", () => {
    assert.deepStrictEqual(Ipaddr6.previous(Ipaddr6.min), Option.none())
    assert.deepStrictEqual(Ipaddr6.next(Ipaddr6.max), Option.none())
    assert.deepStrictEqual(Ipaddr6.offset(Ipaddr6.min, Ipaddr6.max), Option.some(Ipaddr6.max))
  })
})
