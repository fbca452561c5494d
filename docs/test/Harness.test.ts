import { assert, describe, it } from "@effect/vitest"
import { withAssertions } from "./utils/assertions.ts"
import { hasExample } from "./utils/examples.ts"
import { equal } from "./utils/equal.ts"

/** Runs code without imports, with its assertions; the lines of those that fail. */
const failing = (code: string): Array<number> => {
  const lines: Array<number> = []
  const compare = (actual: unknown, expected: unknown, line: number): void => {
    try {
      equal(actual, expected, line)
    } catch {
      lines.push(line)
    }
  }
  const body = withAssertions(code, "x").replace(/\nimport .*\n$/, "")
  // oxlint-disable-next-line no-new-func -- the code is this file's own
  new Function("$equal", body)(compare)
  return lines
}

describe("an assertion of an example", () => {
  it.each<readonly [claim: string, code: string, failing: ReadonlyArray<number>]>([
    ["compares the expression before it", "1 + 1 // => 2\n1 + 1 // => 3", [2]],
    ["compares by structure", "[{ a: [1] }] // => [{ a: [1] }]\n[{ a: [1] }] // => [{ a: [2] }]", [2]],
    ["compares what a declaration names", "const a = 1 // => 1\nconst b = a // => 2", [2]],
    ["may stand below its expression", "[\n  1\n]\n// => [2]\n[\n  1\n]\n\n// => [1]", [4]],
    ["may go on in the next comment", "[1, 2]\n// => [\n//   1, 3\n// ]", [2]],
    ["may stand inside a function", "function f() {\n  1 // => 2\n}\nf()", [2]],
    ["ends its statement", "/a/.test('a') // => true\n/b/.test('a') // => true", [2]],
    ["is none inside a text", '"1 // => 2".length // => 9', []]
  ])("%s", (_, code, lines) => assert.deepStrictEqual(failing(code), lines))

  it("needs a statement before it, and an expression in it", () => {
    assert.throws(() => withAssertions("// => 2", "x"), "line 1: no statement")
    assert.throws(() => withAssertions("1 // => two words", "x"), "line 1: no expression")
  })

  it("leaves every line where it is", () => {
    const code = "const a =\n  1\n// => 1\n\na // => 1\n"
    const lines = withAssertions(code, "x").split("\n")
    assert.deepStrictEqual([lines[0], lines[4]], ["const a =", "$equal(a, 1, 5) ;// => 1"])
  })
})

it("a doc comment has an example only if a block of it is code", () => {
  assert.isTrue(hasExample("* Adds.\n *\n * ```ts\n * 1 + 1 // => 2\n * ```\n "))
  assert.isFalse(hasExample("* Adds.\n *\n * ```sh\n * ls\n * ```\n "))
})
