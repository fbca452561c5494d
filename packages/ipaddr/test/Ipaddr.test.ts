import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isIPv4 } from "node:net"
import * as Arbitraries from "../src/Arbitraries.ts"
import * as Ipaddr from "../src/Ipaddr.ts"
import { mutated } from "./utils/mutation.ts"
import { rounds } from "../../../test/utils/rounds.ts"

const { ipaddr } = Arbitraries
const runs = { arbitrary: { runs: rounds(1000) } }

const agrees = (text: string) =>
  assert.strictEqual(Result.isSuccess(Ipaddr.fromDotted(text)), isIPv4(text), JSON.stringify(text))

describe("round trips", () => {
  it("128.18.65.4 is 2148679940", () => {
    assert.strictEqual(Ipaddr.fromDottedUnsafe("128.18.65.4"), 2148679940)
    assert.strictEqual(Ipaddr.toDotted(Ipaddr.fromNumberUnsafe(2148679940)), "128.18.65.4")
  })

  it.prop("an address survives dotted text", [ipaddr], ([a]) => Ipaddr.fromDottedUnsafe(Ipaddr.toDotted(a)) === a, runs)

  it.prop(
    "an address survives its four bytes",
    [ipaddr],
    ([a]) => Result.getOrThrow(Ipaddr.fromBytes(Ipaddr.toBytes(a))) === a,
    runs
  )

  it.prop("an address survives effect's value", [ipaddr], ([a]) => Ipaddr.fromAddress(Ipaddr.toAddress(a)) === a, runs)

  it.prop("an address survives its number", [ipaddr], ([a]) => Ipaddr.fromNumberUnsafe(Number(a)) === a, runs)

  it.prop("text is what effect prints", [ipaddr], ([a]) => {
    assert.strictEqual(Ipaddr.toDotted(a), NetAddress.formatIp(Ipaddr.toAddress(a)))
  })

  it.prop("JSON is the number, and dotted text with FromDotted", [ipaddr], ([a]) => {
    const number = Schema.toCodecJson(Ipaddr.Ipaddr)
    const dotted = Schema.toCodecJson(Ipaddr.FromDotted)
    assert.strictEqual(Schema.encodeSync(number)(a), a)
    assert.strictEqual(Schema.decodeSync(number)(a), a)
    assert.strictEqual(Schema.encodeSync(dotted)(a), Ipaddr.toDotted(a))
    assert.strictEqual(Schema.decodeSync(dotted)(Ipaddr.toDotted(a)), a)
  })
})

describe("strict text", () => {
  it.prop("any text is taken exactly when node's isIPv4 takes it", [Schema.String], ([text]) => agrees(text), runs)

  it.prop(
    "nearly right text is taken exactly when node's isIPv4 takes it",
    [mutated(Arbitrary.map(ipaddr, Ipaddr.toDotted), "0123456789.. -+:xa\n\u0000٣")],
    ([text]) => agrees(text),
    { arbitrary: { runs: rounds(5000) } }
  )

  it.prop("isDotted tells what fromDotted takes", [mutated(Arbitrary.map(ipaddr, Ipaddr.toDotted), "0.9 ")], ([text]) =>
    assert.strictEqual(Ipaddr.isDotted(text), Result.isSuccess(Ipaddr.fromDotted(text)))
  )

  for (const [text, position, reason] of [
    ["", 0, "a decimal digit is missing"],
    ["1.2.3", 5, "a dot is missing"],
    ["1.2.3.", 6, "a decimal digit is missing"],
    ["1.2..4", 4, "a decimal digit is missing"],
    ["1.2.3.256", 8, "a part is at most 255"],
    ["1.2.03.4", 5, "a part has no leading zero"],
    ["00.0.0.0", 1, "a part has no leading zero"],
    ["1.2.3.4.5", 7, "nothing may follow the fourth part"],
    ["1.2.3.4 ", 7, "nothing may follow the fourth part"],
    [" 1.2.3.4", 0, "a decimal digit is missing"],
    ["1.2.0x3.4", 5, "a dot is missing"],
    ["+1.2.3.4", 0, "a decimal digit is missing"]
  ] as const) {
    it(`${JSON.stringify(text)} is refused at ${position}: ${reason}`, () => {
      const error = Result.getOrThrow(Result.flip(Ipaddr.fromDotted(text)))
      assert.deepStrictEqual([error.position, error.reason, error.input], [position, reason, text])
    })
  }

  it("an error's message quotes the text, on one line and at most 80 characters of it", () => {
    const error = Result.getOrThrow(Result.flip(Ipaddr.fromDotted("1.2.3.4\n" + "9".repeat(1000))))
    assert.match(
      error.message,
      /^"1\.2\.3\.4\\n9{69}\.\.\." is not an IPv4 address: nothing may follow .*, at position 7$/
    )
  })

  it("the Unsafe twins throw the same error", () => {
    assert.throws(() => Ipaddr.fromDottedUnsafe("1.2.3"), /"1\.2\.3" is not an IPv4 address: a dot is missing/)
    assert.throws(() => Ipaddr.fromNumberUnsafe(-1), /"-1" is not an IPv4 address/)
  })

  it("a schema's refusal says where", () => {
    assert.throws(() => Schema.decodeSync(Ipaddr.FromDotted)("1.2.3.256"), /a part is at most 255, at position 8/)
  })
})

describe("numbers", () => {
  it("what is no unsigned 32-bit integer is refused", () => {
    for (const value of [-1, 4294967296, 0.5, Number.NaN, Infinity]) {
      assert.isTrue(Result.isFailure(Ipaddr.fromNumber(value)), String(value))
      assert.throws(() => Schema.decodeSync(Ipaddr.Ipaddr)(value))
    }
  })

  it("anything but four bytes is refused", () => {
    for (const length of [0, 3, 5, 16]) {
      assert.isTrue(Result.isFailure(Ipaddr.fromBytes(new Uint8Array(length))), String(length))
    }
  })

  it.prop(
    "order is the order of numbers and of bytes",
    [ipaddr, ipaddr],
    ([a, b]) => {
      assert.strictEqual(Ipaddr.Order(a, b), Math.sign(a - b))
      assert.strictEqual(Ipaddr.Order(a, b), Buffer.compare(Ipaddr.toBytes(a), Ipaddr.toBytes(b)))
    },
    runs
  )

  it.prop("offset is addition that ends at both ends of the space", [ipaddr, Schema.Int], ([a, steps]) => {
    const sum = BigInt(a) + BigInt(steps)
    const expected = sum >= 0n && sum <= 0xffffffffn ? Option.some(Number(sum)) : Option.none()
    assert.deepStrictEqual(Ipaddr.offset(a, steps), expected as Option.Option<Ipaddr.Ipaddr>)
  })

  it("nothing is below 0.0.0.0, above 255.255.255.255 or half a step away", () => {
    assert.deepStrictEqual(Ipaddr.previous(Ipaddr.min), Option.none())
    assert.deepStrictEqual(Ipaddr.next(Ipaddr.max), Option.none())
    assert.deepStrictEqual(Ipaddr.offset(Ipaddr.loopback, 0.5), Option.none())
    assert.deepStrictEqual(Ipaddr.next(Ipaddr.min), Option.some(1 as Ipaddr.Ipaddr))
    assert.deepStrictEqual(Ipaddr.previous(Ipaddr.max), Option.some(4294967294 as Ipaddr.Ipaddr))
  })
})
