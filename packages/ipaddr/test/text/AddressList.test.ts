import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Arbitraries from "../../src/Arbitraries.ts"
import * as IpRange from "../../src/IpRange.ts"
import * as IpSet from "../../src/IpSet.ts"

const failed = (text: string) => Result.getOrThrow(Result.flip(IpSet.fromString(text)))

const line = Schema.Literals(["%", "  %\t", "% # comment", "%;x", "\n%", "# 10.0.0.0/8\n%", "%\r", "\ufeff%"])

describe("address lists", () => {
  it("reads addresses, blocks and ranges, comments, blank lines and any line ends", () => {
    const list = "\ufeff# offices\r\n10.0.0.0/8\r\n\r\n  192.0.2.1-192.0.2.3 ; lab\n\t2001:db8::/32#docs\n::1"
    assert.deepStrictEqual(IpSet.toCidrs(IpSet.fromStringUnsafe(list)), [
      "10.0.0.0/8",
      "192.0.2.1/32",
      "192.0.2.2/31",
      "::1/128",
      "2001:db8::/32"
    ])
  })

  it("a text without entries is the empty set", () => {
    for (const text of ["", "\n", "# nothing", "\r\n ; nothing\r\n"]) {
      assert.isTrue(IpSet.isEmpty(IpSet.fromStringUnsafe(text)), JSON.stringify(text))
    }
  })

  it.prop(
    "the set of a list is the set of its entries, whatever stands around them",
    [Arbitrary.array(Arbitrary.all([Arbitraries.ipRange, Arbitrary.schema(line)]), { maxLength: 20 })],
    ([entries]) => {
      const text = entries.map(([range, line]) => line.replace("%", IpRange.format(range))).join("\n")
      assert.isTrue(Equal.equals(IpSet.fromStringUnsafe(text), IpSet.fromRanges(entries.map(([range]) => range))))
    }
  )

  it("every wrong line is named with line, column and reason", () => {
    const error = failed("10.0.0.0/8\nexample.com # no\r\n  10.0.0.1/8\n\n10.0.0.256\n::1\n1::2::3")
    assert.deepStrictEqual(error.problems, [
      { line: 2, column: 1, text: "example.com", reason: "a decimal digit is missing" },
      { line: 3, column: 10, text: "10.0.0.1/8", reason: "bits are set beyond the prefix" },
      { line: 5, column: 10, text: "10.0.0.256", reason: "a part is at most 255" },
      { line: 7, column: 6, text: "1::2::3", reason: "only one :: is allowed" }
    ])
    assert.match(error.message, /^line 2, column 1: "example.com": a decimal digit is missing; .*; and 1 more$/)
  })

  it("two entries on one line are wrong", () => {
    assert.strictEqual(failed("10.0.0.1 10.0.0.2").problems[0].column, 9)
    assert.strictEqual(failed("10.0.0.1,10.0.0.2").problems[0].column, 9)
  })

  it("a file of another kind costs at most a hundred problems of at most 80 characters", () => {
    const error = failed(`${"x".repeat(1000)}\n`.repeat(5000))
    assert.deepStrictEqual([error.problems.length, error.total, error.problems[99].text.length], [100, 5000, 80])
    assert.isBelow(error.message.length, 500)
  })
})
