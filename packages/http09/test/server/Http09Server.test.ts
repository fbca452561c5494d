import { assert, describe, it } from "@effect/vitest"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as DocumentError from "../../src/DocumentError.ts"
import * as DocumentRoot from "../../src/DocumentRoot.ts"
import type * as Http09Handler from "../../src/Http09Handler.ts"
import * as Http09Server from "../../src/Http09Server.ts"
import { collect, connect, exchange } from "../utils/raw.ts"
import { hostile } from "../utils/requestLines.ts"
import { always, listening } from "../utils/servers.ts"

const refused = "HTTP/0.9 400 Invalid HTTP Request.\r\n"
const missing = "HTTP/0.9 401 Not found.\n"
const root = DocumentRoot.layerMemory({ "/index.html": "<p>Hello", "/a b": "spaces", "/text": "one\ntwo" })

/** A document of several chunks, the last of which may fail. */
const chunked = (chunks: Stream.Stream<string, DocumentError.DocumentError>, size = 1) =>
  always(
    Effect.succeed({
      _tag: "Chunked",
      name: "chunked",
      size,
      forEach: (f) => Stream.runForEach(chunks, (text) => f(new TextEncoder().encode(text)))
    })
  )

/** A line of so many bytes. */
const query = (length: number): string => `GET /?${"q".repeat(length - 6)}`

describe("a request", () => {
  it.live("in either dialect gets the document's bytes and the end, with no blank line", () =>
    Effect.gen(function* () {
      const port = yield* listening(root)
      for (const line of ["GET /\r\n", "GET /\n", "GET / HTTP/0.9\r\n", "GET /index.html HTTP/1.1\nHost: x\n"]) {
        const answer = yield* exchange(port, line)
        assert.strictEqual(answer.text, "<p>Hello")
        assert.strictEqual(answer.ending, "fin")
      }
      assert.strictEqual((yield* exchange(port, "GET /a b HTTP/0.9\r\n")).text, "spaces")
    })
  )

  it.live("may come in any two pieces", () =>
    Effect.gen(function* () {
      const port = yield* listening(root)
      const line = "GET /a%20b HTTP/0.9\r\n"
      const cuts = Array.from({ length: line.length - 1 }, (_, index) => index + 1)
      const answers = yield* Effect.forEach(cuts, (cut) => exchange(port, line.slice(0, cut), line.slice(cut)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(new Set(answers.map(({ text }) => text)), new Set(["spaces"]))
    })
  )

  it.live("may be ended by the end of input", () =>
    Effect.gen(function* () {
      const port = yield* listening(root)
      for (const [line, text] of [
        ["GET /", "<p>Hello"],
        ["GET / HTTP/0.9\r", "<p>Hello"],
        ["GET", refused],
        ["", refused]
      ]) {
        const socket = yield* connect(port)
        socket.end(line)
        const answer = yield* collect(socket)
        assert.deepStrictEqual([answer.text, answer.ending], [text, "fin"])
      }
    }).pipe(Effect.scoped)
  )

  it.live("for what is not there gets the book's 401 and the end", () =>
    Effect.gen(function* () {
      const port = yield* listening(root)
      const answer = yield* exchange(port, "GET /missing HTTP/0.9\r\n\r\n")
      assert.deepStrictEqual([answer.text, answer.ending], [missing, "fin"])
    })
  )

  it.live("that is hostile gets the book's 400 and the end, and the next one is served", () =>
    Effect.gen(function* () {
      const port = yield* listening(root)
      for (const [name, line] of hostile) {
        const answer = yield* exchange(port, Buffer.concat([line, Buffer.from("\n")]))
        assert.deepStrictEqual([answer.text, answer.ending], [refused, "fin"], name)
      }
      assert.strictEqual((yield* exchange(port, "GET /\r\n")).text, "<p>Hello")
    })
  )

  it.live("may have 8,192 bytes and not one more, with or without a line end", () =>
    Effect.gen(function* () {
      const port = yield* listening(root)
      assert.strictEqual((yield* exchange(port, `${query(8192)}\r\n`)).text, "<p>Hello")
      assert.strictEqual((yield* exchange(port, `${query(8193)}\r\n`)).text, refused)
      assert.strictEqual((yield* exchange(port, query(9000))).text, refused)
    })
  )
})

describe("a client that takes too long for its line", () => {
  it.live("is reset, silent or not", () =>
    Effect.gen(function* () {
      const port = yield* listening(root, { readTimeout: "150 millis" })
      const silent = yield* exchange(port, "")
      assert.deepStrictEqual([silent.text, silent.ending], ["", "reset"])
      const slow = yield* exchange(port, ..."GET /index.html?".repeat(4))
      assert.deepStrictEqual([slow.text, slow.ending], ["", "reset"])
    })
  )
})

describe("a document", () => {
  it.live("that could not be opened, or not be read to its end, ends with a reset", () =>
    Effect.gen(function* () {
      const broken = new DocumentError.DocumentError({ path: "/", reason: { _tag: "OutOfDescriptors" } })
      const heard: Array<unknown> = []
      const onError = (cause: unknown) => Effect.sync(() => heard.push(cause))
      const closed = yield* listening(always(Effect.fail(broken)), {
        onError: (cause) => Effect.asVoid(onError(cause))
      })
      const none = yield* exchange(closed, "GET /\r\n")
      assert.deepStrictEqual([none.text, none.ending], ["", "reset"])

      const half = Stream.concat(Stream.make("first "), Stream.concat(Stream.make("second"), Stream.fail(broken)))
      const port = yield* listening(chunked(half), { onError: (cause) => Effect.asVoid(onError(cause)) })
      const part = yield* exchange(port, "GET /\r\n")
      assert.strictEqual(part.ending, "reset")
      assert.strictEqual(heard.length, 2)
    })
  )

  it.live("as text has CR LF after every line, whole or in chunks", () =>
    Effect.gen(function* () {
      const port = yield* listening(root, { text: true })
      assert.strictEqual((yield* exchange(port, "GET /text\r\n")).text, "one\r\ntwo\r\n")
      const parts = yield* listening(chunked(Stream.make("on", "e\r", "\ntw", "o\n", "three"), 14), { text: true })
      assert.strictEqual((yield* exchange(parts, "GET /\r\n")).text, "one\r\ntwo\r\nthree\r\n")
    })
  )
})

describe("a server", () => {
  it.live("tells of every request before it answers, and how it ended", () =>
    Effect.gen(function* () {
      const events: Array<Http09Handler.Event> = []
      const port = yield* listening(root, { observe: (event) => Effect.sync(() => events.push(event)) })
      for (const line of ["GET /", "GET /missing", "POST /", `GET /${"x".repeat(9000)}`]) {
        yield* exchange(port, `${line}\r\n`)
      }
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["Serving", "Ended", "NotFound", "Ended", "Refused", "Ended", "Refused", "Ended"]
      )
      const ended = events.filter(({ _tag }) => _tag === "Ended") as ReadonlyArray<Http09Handler.Ended>
      assert.deepStrictEqual(
        ended.map(({ answer, bytes, exit, line, size }) => [
          Buffer.from(line).toString(),
          answer?._tag,
          bytes,
          size,
          exit._tag
        ]),
        [
          ["GET /\r", "Serving", 8, 8, "Success"],
          ["GET /missing\r", "NotFound", missing.length, missing.length, "Success"],
          ["POST /\r", "Refused", refused.length, refused.length, "Success"],
          ["", "Refused", refused.length, refused.length, "Success"]
        ]
      )
      for (const { endedAt, startedAt } of ended) assert.isAtLeast(endedAt, startedAt)
    })
  )

  it.live("refuses connections once its layer is released, and ends the silent ones", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const port = yield* Scope.provide(listening(root), scope)
      const idle = yield* Effect.forkChild(collect(yield* connect(port)), { startImmediately: true })
      yield* exchange(port, "GET /\r\n")
      yield* Effect.timeout(Scope.close(scope, Exit.void), "3 seconds")
      const answer = yield* Fiber.join(idle)
      assert.deepStrictEqual([answer.text, answer.ending], ["", "fin"])
      const refusal = yield* Effect.exit(exchange(port, "GET /\r\n"))
      assert.include(JSON.stringify(refusal), "ECONNREFUSED")
    }).pipe(Effect.scoped)
  )

  it.live("fails its layer with AddressInUse on a port that is taken", () =>
    Effect.gen(function* () {
      const port = yield* listening(root)
      const layer = Layer.provide(Http09Server.layer({ address: port }), [NodeNetwork.layer, root])
      const error = yield* Effect.flip(Layer.build(layer))
      assert.strictEqual(error.reason._tag, "AddressInUse")
    }).pipe(Effect.scoped)
  )
})
