import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as DocumentRoot from "../src/DocumentRoot.ts"
import { errorTexts } from "../src/ErrorText.ts"
import * as StatusLine from "../src/StatusLine.ts"
import { exchange } from "./utils/raw.ts"
import { listening } from "./utils/servers.ts"

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

describe("errors", () => {
  it("in the dialect of 1991 are HTML in ASCII, in lines of at most 80 characters, and no status lines", () => {
    for (const answer of Object.values(errorTexts["1991"]) as ReadonlyArray<Uint8Array>) {
      assert.match(text(answer), /^<TITLE>([ -~]+)<\/TITLE>\n<H1>\1<\/H1>\n[ -~]+\n$/)
      for (const line of text(answer).split("\n")) assert.isAtMost(line.length, 80)
      assert.strictEqual(StatusLine.decode(answer, true), "document")
    }
  })

  it.live("come in the server's dialect, whatever the request's, and end with FIN", () =>
    Effect.gen(function* () {
      const root = DocumentRoot.layerMemory({ "/index.html": "<p>Hello" })
      for (const dialect of ["1991", "book"] as const) {
        const { invalidRequest, notFound } = errorTexts[dialect]
        const port = yield* listening(root, { dialect })
        const cases = {
          "GET /x": notFound,
          "GET /x HTTP/0.9": notFound,
          "POST /": invalidRequest,
          [`GET /${"x".repeat(9000)}`]: invalidRequest
        }
        for (const [line, answer] of Object.entries(cases)) {
          const { ending, text: got } = yield* exchange(port, `${line}\r\n`)
          assert.deepStrictEqual([got, ending], [text(answer), "fin"])
        }
        for (const line of ["GET /", "GET / HTTP/0.9"]) {
          assert.strictEqual((yield* exchange(port, `${line}\r\n`)).text, "<p>Hello")
        }
      }
    })
  )
})
