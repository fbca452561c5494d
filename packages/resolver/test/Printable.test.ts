import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Printable from "../src/Printable.ts"

const dangerous = /[\p{C}\p{Zl}\p{Zp}]/u

describe("escape", () => {
  it.prop("leaves nothing that acts on a terminal, breaks a line or turns its direction", [Schema.String], ([text]) => {
    assert.notMatch(Printable.escape(text), dangerous)
  })

  it("leaves letters of all scripts, with their marks, and emoji", () => {
    for (const text of ["café", "日本語", "עברית", "e\u0301", "🙂", ""])
      assert.strictEqual(Printable.escape(text), text)
  })

  it("writes each UTF-16 unit as JSON does, so that JSON reads it back", () => {
    for (const text of ["\u009b", "\u202e", "\u{e0001}", "\ud800", "\u00a0", "a\nb"]) {
      const escaped = Printable.escape(text)
      assert.match(escaped, /\\u[\da-f]{4}/)
      assert.strictEqual(JSON.parse(`"${escaped}"`), text)
    }
  })
})

describe("name", () => {
  it("stands as it is, in quotes only if it is empty or has to be escaped", () => {
    assert.strictEqual(Printable.name("example.org"), "example.org")
    assert.strictEqual(Printable.name(""), '""')
    assert.strictEqual(Printable.name("a b"), "a b")
    assert.strictEqual(Printable.name('a"b'), '"a\\"b"')
    assert.strictEqual(Printable.name("\u001b[2J"), '"\\u001b[2J"')
  })

  it("is cut after 300 characters", () => {
    assert.strictEqual(Printable.name("x".repeat(300)), "x".repeat(300))
    assert.strictEqual(Printable.name("x".repeat(301)), `"${"x".repeat(300)}…"`)
  })
})

describe("line", () => {
  it("is one line, however many there were", () => {
    assert.strictEqual(Printable.line(" a\n  b\r\n\n c\n"), "a b c")
  })

  it("is cut after 500 characters", () => {
    assert.strictEqual(Printable.line("x".repeat(500)), "x".repeat(500))
    assert.strictEqual(Printable.line("x".repeat(501)), `${"x".repeat(500)}…`)
  })
})
