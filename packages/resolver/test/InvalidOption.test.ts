import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as InvalidOption from "../src/InvalidOption.ts"

const nothing = [NaN, -1, "1", null, {}, [], Symbol("s"), () => 1]

describe("checks", () => {
  it.each<[name: string, check: InvalidOption.Check, good: ReadonlyArray<unknown>, bad: ReadonlyArray<unknown>]>([
    ["integer(1)", InvalidOption.integer(1), [1, 2, 2 ** 53 - 1], [0, 1.5, Infinity, 2 ** 53, 1n, ...nothing]],
    ["integer(0, 5)", InvalidOption.integer(0, 5), [0, 5], [6, -0.5, ...nothing]],
    ["integerOrInfinity(1)", InvalidOption.integerOrInfinity(1), [1, Infinity], [0, -Infinity, 1.5, ...nothing]],
    [
      "duration",
      InvalidOption.duration,
      [0, 0.5, Infinity, "30 days", Duration.infinity, 5n, [1, 0]],
      [NaN, -1, "soon", "NaN millis", null, Duration.negativeInfinity, Duration.millis(-1)]
    ],
    [
      "positiveDuration",
      InvalidOption.positiveDuration,
      [1, "30 days", Infinity, Duration.infinity],
      [0, -0, "0 millis", NaN, -1, "", undefined, Duration.zero]
    ],
    ["oneOf", InvalidOption.oneOf("a", 1), ["a", 1], ["b", 2, NaN]],
    ["boolean", InvalidOption.boolean, [true, false], [0, 1, "true", ...nothing]],
    ["text", InvalidOption.text, ["a"], ["", 1, NaN, null]],
    ["array", InvalidOption.array, [[], [1]], ["a", null, 1, {}]],
    ["callback", InvalidOption.callback, [() => 1, Math.max], [1, "f", null, {}]]
  ])("%s takes what can be meant, and says what it must be otherwise", (_, check, good, bad) => {
    for (const value of good) assert.isUndefined(check(value), String(value))
    for (const value of bad) assert.match(check(value) ?? "", /^\S/, String(value))
  })
})

describe("find", () => {
  const checks = { queue: InvalidOption.integer(1), timeout: InvalidOption.positiveDuration }

  it("names the first option that cannot be meant, its value and what it must be", () => {
    const invalid = InvalidOption.find({ queue: NaN, timeout: -1 }, checks)
    assert.deepStrictEqual(invalid, {
      _tag: "InvalidOption",
      option: "queue",
      value: "NaN",
      mustBe: "an integer of at least 1"
    })
    assert.strictEqual(InvalidOption.describe(invalid!), "queue is NaN, and must be an integer of at least 1")
  })

  it("options that were not given, and those that nothing is said of, are not looked at", () => {
    const options: { queue?: number; timeout?: number; other?: number } = { other: NaN }
    assert.isUndefined(InvalidOption.find(options, checks))
    assert.isUndefined(InvalidOption.find({ queue: undefined, timeout: undefined }, checks))
    assert.isUndefined(InvalidOption.find({ queue: NaN }, { queue: undefined }))
  })

  it("a prefix stands before the name", () => {
    assert.strictEqual(InvalidOption.find({ queue: 0 }, checks, "tls.")?.option, "tls.queue")
  })

  it.each([null, 5, "max: 1", true])("options that are no object cannot be meant: %j", (options) => {
    const invalid = InvalidOption.find(options as unknown as { readonly queue?: number }, checks, "tls.")
    assert.deepStrictEqual([invalid?.option, invalid?.mustBe], ["tls", "an object"])
    assert.strictEqual(InvalidOption.find(options as unknown as { readonly queue?: number }, checks)?.option, "options")
  })

  const hostile = {
    toString: () => {
      throw new Error("no text")
    }
  }
  it.each([
    ["a text in quotes", "ten", '"ten"'],
    ["a long text, cut", "x".repeat(1000), `"${"x".repeat(79)}…`],
    ["what has no text", hostile, "object"],
    ["a symbol", Symbol("s"), "Symbol(s)"],
    ["a line break, escaped", { toString: () => "a\nb\u001b[31m" }, String.raw`"a\nb\u001b[31m"`]
  ])("the value is shown as %s", (_, queue, shown) => {
    assert.strictEqual(InvalidOption.find({ queue }, { queue: InvalidOption.integer(1) })?.value, shown)
  })

  it.prop("whatever is given, the answer is one short line", [Arbitrary.schema(Schema.Unknown)], ([value]) => {
    const invalid = InvalidOption.find({ value }, { value: InvalidOption.integer(1) })
    if (invalid === undefined) return
    const text = InvalidOption.describe(invalid)
    assert.isBelow(text.length, 200)
    assert.notInclude(text, "\n")
  })
})

describe("toMillis", () => {
  it.each<[Duration.Input | undefined, number]>([
    [undefined, Infinity],
    ["30 days", 2_592_000_000],
    [Infinity, Infinity],
    [Duration.infinity, Infinity],
    ["Infinity", Infinity],
    [1500, 1500]
  ])("%s is %s", (input, millis) => {
    assert.strictEqual(InvalidOption.toMillis(input), millis)
  })

  it("what was not given is the default", () => {
    assert.strictEqual(InvalidOption.toMillis(undefined, 5), 5)
  })
})
