import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Arbitraries from "../../src/Arbitraries.ts"
import * as Ipaddr from "../../src/Ipaddr.ts"
import { mutated } from "../utils/mutation.ts"
import { assertSame } from "../utils/oracle.ts"
import { hasPython } from "../utils/python.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const part = Schema.Union([
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 256 })),
  Schema.Int.check(Schema.isBetween({ minimum: 65535, maximum: 65536 })),
  Schema.Int.check(Schema.isBetween({ minimum: 16777215, maximum: 16777216 })),
  Schema.Int.check(Schema.isBetween({ minimum: 4294967295, maximum: 4294967296 }))
])
const base = Schema.Literals(["", "0", "00", "0x", "0X000"])
const parts = Schema.Array(Schema.Tuple([part, base])).check(Schema.isBetweenLength(1, 5))

/** One to five numbers in every base, near every limit. */
const legacy = Arbitrary.map(Arbitrary.schema(parts), (parts) =>
  parts
    .map(([value, base]) => base + value.toString(base === "" ? 10 : base.length > 1 && base[1] !== "0" ? 16 : 8))
    .join(".")
)

describe.skipIf(!hasPython)("the C library as oracle (needs python3)", () => {
  const alphabet = "0123456789abcdefxX.. \t\v-+g\u00a0\u0000"

  it.effect("fromLegacy gives what inet_aton gives on right and nearly right text", () =>
    Effect.gen(function* () {
      assertSame("aton", Ipaddr.fromLegacy, yield* Arbitrary.sampleEffect(legacy, { count: rounds(3000) }))
      assertSame(
        "aton",
        Ipaddr.fromLegacy,
        yield* Arbitrary.sampleEffect(mutated(legacy, alphabet), { count: rounds(10000) })
      )
    })
  )

  it.effect("fromDotted gives what inet_pton gives on right and nearly right text", () =>
    Effect.gen(function* () {
      const dotted = Arbitrary.map(Arbitraries.ipaddr, Ipaddr.toDotted)
      assertSame(
        "pton4",
        Ipaddr.fromDotted,
        yield* Arbitrary.sampleEffect(mutated(dotted, alphabet), { count: rounds(10000) })
      )
    })
  )
})

describe("legacy forms", () => {
  for (const [text, dotted] of [
    ["127.1", "127.0.0.1"],
    ["0x7f.1", "127.0.0.1"],
    ["0177.0.0.1", "127.0.0.1"],
    ["2130706433", "127.0.0.1"],
    ["0x7f000001", "127.0.0.1"],
    ["1.2.65535", "1.2.255.255"],
    ["1.16777215", "1.255.255.255"],
    ["10.1 and so on", "10.0.0.1"]
  ] as const) {
    it(`${JSON.stringify(text)} is ${dotted} to fromLegacy and nothing to fromDotted`, () => {
      assert.strictEqual(Ipaddr.toDotted(Result.getOrThrow(Ipaddr.fromLegacy(text))), dotted)
      assert.isTrue(Result.isFailure(Ipaddr.fromDotted(text)))
    })
  }

  for (const [text, position, reason] of [
    ["", 0, "a decimal digit is missing"],
    ["256.1", 3, "only a decimal number of at most 255 may stand before a dot"],
    ["1.16777216", 9, "the number does not fit into the bytes that are left"],
    ["99999999999999999999999999", 9, "the number does not fit into the bytes that are left"],
    ["08", 1, "only dots and white space may follow a number"],
    ["0x", 2, "a hexadecimal digit is missing"],
    ["1.2.3.4.5", 7, "nothing may follow the fourth part"],
    ["1.2.3.4\u0000", 7, "only dots and white space may follow a number"]
  ] as const) {
    it(`${JSON.stringify(text)} is refused at ${position}: ${reason}`, () => {
      const error = Result.getOrThrow(Result.flip(Ipaddr.fromLegacy(text)))
      assert.deepStrictEqual([error.position, error.reason], [position, reason])
    })
  }
})
