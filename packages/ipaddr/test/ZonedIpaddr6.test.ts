import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Arbitraries from "../src/Arbitraries.ts"
import * as ZonedIpaddr6 from "../src/ZonedIpaddr6.ts"
import { mutated } from "./utils/mutation.ts"
import { rounds } from "../../../test/utils/rounds.ts"

const { zonedIpaddr6 } = Arbitraries

describe("ZonedIpaddr6", () => {
  it.prop("a zoned address survives text, JSON and effect's literal", [zonedIpaddr6], ([a]) => {
    const json = Schema.toCodecJson(ZonedIpaddr6.FromString)
    assert.deepStrictEqual(ZonedIpaddr6.fromStringUnsafe(ZonedIpaddr6.format(a)), a)
    assert.deepStrictEqual(ZonedIpaddr6.fromLiteral(ZonedIpaddr6.toLiteral(a)), a)
    assert.deepStrictEqual(Schema.decodeSync(json)(Schema.encodeSync(json)(a)), a)
    assert.isTrue(NetAddress.isScopedIpv6Literal(ZonedIpaddr6.toLiteral(a)))
  })

  it.prop(
    "it takes what effect's scoped literals take, and prints it alike",
    [mutated(Arbitrary.map(zonedIpaddr6, ZonedIpaddr6.format), "0123%%:/[] \n\u0000eth")],
    ([text]) => {
      const ours = Result.getOrUndefined(Result.map(ZonedIpaddr6.fromString(text), ZonedIpaddr6.format))
      assert.strictEqual(
        ours,
        Result.getOrUndefined(NetAddress.scopedIpv6LiteralFromString(text)),
        JSON.stringify(text)
      )
    },
    { arbitrary: { runs: rounds(5000) } }
  )

  for (const [text, position] of [
    ["fe80::1", 7],
    ["fe80::1%", 8],
    ["fe80::1%a b", 9],
    ["fe80::1%eth0%1", 12],
    ["fe80::1%4294967296", 17],
    ["fe80::1%0099999999999", 19],
    ["fe80::g%eth0", 6]
  ] as const) {
    it(`${text} is refused at ${position}`, () => {
      assert.strictEqual(Result.getOrThrow(Result.flip(ZonedIpaddr6.fromString(text))).position, position)
    })
  }
})
