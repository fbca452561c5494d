import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as fs from "node:fs"
import * as path from "node:path"
import * as NodeDocumentRoot from "../../src/NodeDocumentRoot.ts"
import * as RequestLine from "../../src/RequestLine.ts"
import { descriptors, temporary, write } from "../utils/folders.ts"
import { serving } from "../utils/processes.ts"
import { exchange } from "../utils/raw.ts"
import { hostile, latin1, utf8 } from "../utils/requestLines.ts"
import { listening } from "../utils/servers.ts"
import { part } from "../../../../test/utils/rounds.ts"

/** Ways to write one dot, one slash, and what comes before and after. */
const dots = [
  "..",
  "%2e%2e",
  ".%2E",
  "%252e%252e",
  "..%00",
  "%c0%ae%c0%ae",
  "\uff0e\uff0e",
  "..;",
  "....",
  "%u002e%u002e"
]
const slashes = ["/", "//", "%2f", "%5c", "\\", "%252f", "%c0%af", "/./", "\u2215"]
const starts = ["/", "//", "/below/", "/below/../", "http://localhost/", "/link-out/", "/?x=/", "/%2e/"]
const ends = ["", "/", "?", "#", "%00", "%20", " "]

const traversals = part(
  starts.flatMap((start) =>
    dots.flatMap((dot) => slashes.flatMap((slash) => ends.map((end) => `${start}${dot}${slash}secret${end}`)))
  )
)

const canary = "the secret outside"

const site = Effect.gen(function* () {
  const folder = yield* temporary
  yield* write(folder, { secret: canary, "root/below/x": "x", "root/index.html": "<p>Hello" })
  const root = path.join(folder, "root")
  fs.symlinkSync("..", path.join(root, "link-out"))
  fs.symlinkSync("../secret", path.join(root, "below/secret"))
  return root
})

it.live(
  "no spelling of a way out of the root shows what is outside, with listings and dotfiles on",
  () =>
    Effect.gen(function* () {
      const root = Layer.orDie(NodeDocumentRoot.layer(yield* site, { listing: true, dotfiles: true }))
      const port = yield* listening(root)
      const answers = yield* Effect.forEach(
        traversals.flatMap((target) => [`GET ${target}`, `GET ${target} HTTP/0.9`]),
        (line) => exchange(port, `${line}\r\n`),
        { concurrency: 32 }
      )
      const seen = new Set(answers.map(({ text }) => text.slice(0, 12)))
      for (const answer of answers) {
        assert.notInclude(answer.text, canary)
        assert.strictEqual(answer.ending, "fin")
      }
      assert.deepStrictEqual([...seen].sort(), ["<p>Hello", "HTTP/0.9 400", "HTTP/0.9 401"])
    }).pipe(Effect.scoped),
  60_000
)

it.live(
  "a live server answers the hostile corpus, whole, split and glued to floods, as the pure code does, and leaks nothing",
  () =>
    Effect.gen(function* () {
      const { pid, port } = yield* serving([yield* site])
      const bytes = (text: string): Buffer => Buffer.from(text)
      yield* exchange(port, "GET /\r\n")
      const before = descriptors(pid)
      const binary = [latin1("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\n"), utf8("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
      for (const [name, line] of hostile) {
        assert.isTrue(Result.isFailure(RequestLine.decode(line)))
        const half = Math.floor(line.length / 2)
        const shapes = [
          [Buffer.concat([line, bytes("\n")])],
          [line.subarray(0, half), Buffer.concat([line.subarray(half), bytes("\r\n")])],
          [Buffer.concat([line, bytes("\nGET / HTTP/1.1\r\n\r\n"), Buffer.alloc(50_000, 0xff)])]
        ]
        const answers = yield* Effect.forEach(shapes, (pieces) => exchange(port, ...pieces), { concurrency: 3 })
        for (const { ending, text } of answers) {
          assert.deepStrictEqual([text, ending], ["HTTP/0.9 400 Invalid HTTP Request.\r\n", "fin"], name)
        }
      }
      for (const line of binary) assert.include((yield* exchange(port, line)).text, "400")
      assert.strictEqual((yield* exchange(port, "GET /\r\n")).text, "<p>Hello")
      const end = performance.now() + 10_000
      while (descriptors(pid) > before && performance.now() < end) yield* Effect.sleep("50 millis")
      assert.isAtMost(descriptors(pid), before)
    }).pipe(Effect.scoped),
  60_000
)
