import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as StatusLine from "../src/StatusLine.ts"
import { latin1, utf8 } from "./utils/requestLines.ts"

describe("an answer is a status line", () => {
  const lines: ReadonlyArray<readonly [answer: string, version: string, code: number, text: string]> = [
    ["HTTP/0.9 400 Invalid HTTP Request.\r\n", "0.9", 400, "Invalid HTTP Request."],
    ["HTTP/0.9 401 Not found.\n", "0.9", 401, "Not found."],
    ["HTTP/0.9 401 Not found.", "0.9", 401, "Not found."],
    ["HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<html>", "1.1", 400, "Bad Request"],
    ["HTTP/1.0 200 OK\r\n\r\nhello", "1.0", 200, "OK"],
    ["HTTP/12.34 999 \n", "12.34", 999, ""],
    ["HTTP/0.9 400 \x1b[31mred\x07\r\n", "0.9", 400, "[31mred"]
  ]
  for (const [answer, version, code, text] of lines) {
    it(`${JSON.stringify(answer)}`, () => {
      assert.deepStrictEqual(StatusLine.decode(latin1(answer), true), { version, code, text })
    })
  }

  it("also if it never ends", () => {
    const endless = utf8(`HTTP/0.9 400 ${"x".repeat(100_000)}`)
    const line = StatusLine.decode(endless, false)
    assert.deepStrictEqual(line, { version: "0.9", code: 400, text: "x".repeat(StatusLine.maxBytes - 13) })
  })

  it("as both of this server's are", () => {
    assert.strictEqual(new TextDecoder().decode(StatusLine.invalidRequest), "HTTP/0.9 400 Invalid HTTP Request.\r\n")
    assert.strictEqual(new TextDecoder().decode(StatusLine.notFound), "HTTP/0.9 401 Not found.\n")
  })
})

describe("an answer is a document", () => {
  const documents = [
    "",
    "<html>",
    "H",
    "HTTP",
    "HTTP/",
    "HTTP is a protocol\n",
    "HTTP/0.9\n",
    "HTTP/0.9 is the first version of the protocol\n",
    "HTTP/0.9 40 x\n",
    "HTTP/0.9 4000 x\n",
    "HTTP/0.9 400\n",
    "HTTP/0.9  400 x\n",
    "HTTP/9 400 x\n",
    "http/0.9 400 x\n",
    " HTTP/0.9 400 x\n",
    "\nHTTP/0.9 400 x\n"
  ]
  for (const document of documents) {
    it(`${JSON.stringify(document)}`, () => {
      assert.strictEqual(StatusLine.decode(utf8(document), true), "document")
    })
  }

  it("from the first byte that no status line has there", () => {
    assert.strictEqual(StatusLine.decode(utf8("<"), false), "document")
    for (const start of [
      "HTM",
      "HTTP/x",
      "HTTP/1x",
      "HTTP/1.x",
      "HTTP/1.0x",
      "HTTP/1.0 x",
      "HTTP/1.0 20x",
      "HTTP/1.0 2000"
    ]) {
      assert.strictEqual(StatusLine.decode(utf8(start.slice(0, -1)), false), undefined, start)
      assert.strictEqual(StatusLine.decode(utf8(start), false), "document", start)
    }
  })
})

// Pieces of which both kinds of answer are made.
const answers = Arbitrary.array(
  Arbitrary.schema(Schema.Literals(["HTTP/", "0.9", "1.1", " ", "401", "4", "Not found.", "\r\n", "\n", "<p>", "H"])),
  { maxLength: 8 }
).pipe(Arbitrary.map((pieces) => utf8(pieces.join(""))))

it.prop("what is decided from a part of an answer is what the whole says", [answers], ([answer]) => {
  const whole = StatusLine.decode(answer, true)
  for (let length = 0; length <= answer.length; length++) {
    const early = StatusLine.decode(answer.subarray(0, length), false)
    if (early !== undefined) assert.deepStrictEqual(early, whole)
  }
})
