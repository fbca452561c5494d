import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fromCause, truncated } from "../../src/DocumentError.ts"
import type { Chunked } from "../../src/DocumentRoot.ts"
import type * as Http09Handler from "../../src/Http09Handler.ts"
import { exchange } from "../utils/raw.ts"
import { always, listening } from "../utils/servers.ts"

const half = new TextEncoder().encode("half\r\n")

/** A document of 12 bytes, as its root says. */
const chunked = (forEach: Chunked["forEach"]) =>
  always(Effect.succeed({ _tag: "Chunked", name: "/document", size: 2 * half.length, forEach }))

const times =
  (count: number): Chunked["forEach"] =>
  (f) =>
    Effect.forEach(Array.from({ length: count }), () => f(half), { discard: true })

const noDescriptors = fromCause("/document", Object.assign(new Error("too many open files"), { code: "EMFILE" }))
const broken = fromCause("/document", Object.assign(new Error("i/o error"), { code: "EIO" }))
const tellsAndThrows =
  (tag: Http09Handler.Event["_tag"]) =>
  ({ _tag }: Http09Handler.Event) =>
    _tag === tag ? Effect.die("the observer's fault") : Effect.void

/** Each with the root and, where that is at fault, the observer. */
const failures: Readonly<Record<string, readonly [Parameters<typeof listening>[0], Http09Handler.HandlerOptions?]>> = {
  "no descriptor is left for it": [always(Effect.fail(noDescriptors))],
  "the disk fails as it is opened": [always(Effect.fail(broken))],
  "opening it is a defect": [always(Effect.die("the root's fault"))],
  "opening it throws": [always(Effect.suspend(() => assert.fail("the root's fault")))],
  "opening it is interrupted": [always(Effect.interrupt)],
  "it has no bytes of those it was said to have": [chunked(times(0))],
  "it has fewer bytes than it was said to have": [chunked(times(1))],
  "it has more bytes than it was said to have": [chunked(times(3))],
  "it becomes shorter": [chunked((f) => Effect.andThen(f(half), Effect.fail(truncated("/document", 12, 6))))],
  "reading it is a defect": [chunked((f) => Effect.andThen(f(half), Effect.die("the root's fault")))],
  "reading it is interrupted": [chunked((f) => Effect.andThen(f(half), Effect.interrupt))],
  "reading it throws": [
    chunked(() => {
      throw new Error("the root's fault")
    })
  ],
  "the observer has a defect as it is served": [chunked(times(2)), { observe: tellsAndThrows("Serving") }]
}

describe("A document that is not whole ends with a reset: when", () => {
  for (const [name, [root, options]] of Object.entries(failures)) {
    for (const text of [false, true]) {
      it.live(`${name}${text ? ", as text" : ""}`, () =>
        Effect.gen(function* () {
          const port = yield* listening(root, { ...options, text, onError: () => Effect.void })
          assert.strictEqual((yield* exchange(port, "GET /document\r\n")).ending, "reset")
        }).pipe(Effect.scoped, Effect.timeout("5 seconds"))
      )
    }
  }

  it.live("none of this is so: it is whole and ends with FIN", () =>
    Effect.gen(function* () {
      const { text, ending } = yield* exchange(yield* listening(chunked(times(2))), "GET /document\r\n")
      assert.deepStrictEqual([text, ending], ["half\r\nhalf\r\n", "fin"])
    }).pipe(Effect.scoped)
  )
})
