import { assert, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { CrLf } from "../src/internal/CrLf.ts"
import { utf8 } from "./utils/requestLines.ts"

const convert = (...chunks: ReadonlyArray<string>): string => {
  const lines = new CrLf()
  return Buffer.concat([...chunks.map((chunk) => lines.push(utf8(chunk))), lines.end()]).toString()
}

it("every line ends with CR LF, the last one too", () => {
  assert.strictEqual(convert("a\nb\n"), "a\r\nb\r\n")
  assert.strictEqual(convert("a\nb"), "a\r\nb\r\n")
  assert.strictEqual(convert("a\r\nb\r\n"), "a\r\nb\r\n")
  assert.strictEqual(convert("\n\n"), "\r\n\r\n")
  assert.strictEqual(convert("a\r"), "a\r\n")
  assert.strictEqual(convert("a\rb\n"), "a\rb\r\n")
  assert.strictEqual(convert(""), "")
})

const texts = Arbitrary.array(Arbitrary.schema(Schema.Literals(["a", "é", "\r", "\n", "\r\n"])), { maxLength: 20 })

it.prop("text is read line by line and written line by line, whatever its chunks", [texts, texts], ([a, b]) => {
  const text = [...a, ...b].join("")
  const lines = text.split(/\r?\n/)
  const expected = lines.map((line, index) => (index < lines.length - 1 ? `${line}\r\n` : line)).join("")
  const last = lines.at(-1) ?? ""
  const end = last === "" ? "" : last.endsWith("\r") ? "\n" : "\r\n"
  assert.strictEqual(convert(a.join(""), b.join("")), expected + end)
  assert.strictEqual(convert(...text), expected + end)
})
