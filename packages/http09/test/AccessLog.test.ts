import * as NetworkError from "@effect-sockets/socket/NetworkError"
import type { SocketStream } from "@effect-sockets/socket/SocketStream"
import { assert, describe, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Schema from "effect/Schema"
import * as AccessLog from "../src/AccessLog.ts"
import { notFound, truncated } from "../src/DocumentError.ts"
import type { Answer, Ended } from "../src/Http09Handler.ts"
import { utf8 } from "./utils/requestLines.ts"

const from = (address: NetAddress.SocketAddress) => ({ remoteAddress: address, bytesWritten: 0 }) as SocketStream
const stream = from(NetAddress.inetAddressFromStringUnsafe("192.0.2.7:50123"))

const serving = (name: string): Answer => ({
  _tag: "Serving",
  stream,
  document: { _tag: "Whole", name, bytes: new Uint8Array(0) }
})
const missing: Answer = { _tag: "NotFound", stream, error: notFound("/missing") }
const refused: Answer = { _tag: "Refused", stream, refusal: "NotGet" }

const startedAt = Date.UTC(2026, 10, 2, 3, 4, 5, 678)
const ended = (line: string | Uint8Array, answer: Answer | undefined, rest: Partial<Ended> = {}): Ended => ({
  _tag: "Ended",
  stream,
  line: typeof line === "string" ? utf8(line) : line,
  startedAt,
  endedAt: startedAt + 42,
  answer,
  bytes: 1234,
  size: 1234,
  exit: Exit.void,
  ...rest
})

const reset = Exit.fail(
  NetworkError.NetworkError.make({
    operation: "write",
    address: "192.0.2.7:50123",
    reason: { _tag: "ConnectionReset" }
  })
)
const shrunk = Exit.fail(truncated("/large", 5000, 1234))
const cut = Exit.interrupt(1)

describe("the Common Log Format", () => {
  const prefix = "192.0.2.7 - - [02/Nov/2026:03:04:05 +0000]"
  const lines: ReadonlyArray<readonly [name: string, event: Ended, rest: string]> = [
    ["a request in the form of 1991", ended("GET /a", serving("/a")), '"GET /a" 200 1234'],
    ["a CR before the line's end", ended("GET /a\r", serving("/a")), '"GET /a" 200 1234'],
    ["a request in the book's form", ended("GET /a HTTP/0.9\r", serving("/a")), '"GET /a" 200 1234'],
    ["a path with spaces", ended("GET /a b HTTP/1.1", serving("/a b")), '"GET /a b" 200 1234'],
    ["a document that is missing", ended("GET /x HTTP/1.0", missing, { bytes: 25 }), '"GET /x" 404 25'],
    ["a line that is no request", ended("POST / HTTP/1.1\r", refused, { bytes: 36 }), '"POST / HTTP/1.1" 400 36'],
    ["a line that was too long", ended("", refused, { bytes: 36 }), '"-" 400 36'],
    ["an empty document", ended("GET /a", serving("/a"), { bytes: 0, size: 0 }), '"GET /a" 200 -'],
    ["a client that left", ended("GET /a", serving("/a"), { exit: reset, size: 5000 }), '"GET /a" 499 1234'],
    ["a server that stopped", ended("GET /a", serving("/a"), { exit: cut, size: 5000 }), '"GET /a" 499 1234'],
    ["a file that shrank", ended("GET /a", serving("/a"), { exit: shrunk, size: 5000 }), '"GET /a" 500 1234'],
    ["a file that did not open", ended("GET /a", undefined, { exit: shrunk, bytes: 0 }), '"GET /a" 500 -'],
    ["quotes", ended('GET /" 200 1\\', serving("x")), '"GET /\\x22 200 1\\x5c" 200 1234'],
    ["a forged line", ended("GET /\n192.0.2.8 - -", refused), '"GET /\\x0a192.0.2.8 - -" 400 1234'],
    ["a terminal's commands", ended("GET /\x1b[2J\x7f", refused), '"GET /\\x1b[2J\\x7f" 400 1234'],
    ["letters beyond ASCII", ended("GET /é", serving("é")), '"GET /\\xc3\\xa9" 200 1234'],
    ["bytes that are no text", ended(Uint8Array.of(0, 255), refused), '"\\x00\\xff" 400 1234']
  ]
  for (const [name, event, rest] of lines) {
    it(`has its line for ${name}`, () => assert.strictEqual(AccessLog.format(event, "common"), `${prefix} ${rest}`))
  }

  it("names the client without its port, and says unix for one without address", () => {
    const address = (stream: SocketStream) =>
      AccessLog.format(ended("GET /", serving("/"), { stream }), "common")?.split(" ")[0]
    assert.strictEqual(address(from(NetAddress.inetAddressFromStringUnsafe("[2001:db8::1]:80"))), "2001:db8::1")
    assert.strictEqual(address(from(NetAddress.unixPathAddress("/run/http09"))), "unix")
  })

  it.prop("gives back every byte of a refused line, in one printable line", [Schema.Uint8Array], ([bytes]) => {
    const line = AccessLog.format(ended(bytes, refused), "common") ?? ""
    const request = /^[^"]*"((?:[ !#-[\]-~]|\\x[\da-f]{2})*)" 400 1234$/.exec(line)?.[1] ?? ""
    const back = request.replace(/\\x(..)/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    const expected = bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes
    assert.deepStrictEqual(Buffer.from(back, "latin1"), Buffer.from(expected.length === 0 ? "-" : expected))
  })
})

describe("the JSON format", () => {
  const parse = (event: Ended): unknown => JSON.parse(AccessLog.format(event, "json") ?? "")

  it("has everything that is known, under names that stay", () => {
    assert.deepStrictEqual(parse(ended("GET /é HTTP/0.9\r", serving("/srv/é"), { exit: reset, size: 5000 })), {
      time: "2026-11-02T03:04:05.678Z",
      client: "192.0.2.7:50123",
      request: "GET /é HTTP/0.9",
      status: 499,
      bytes: 1234,
      millis: 42,
      file: "/srv/é",
      size: 5000,
      error: "write 192.0.2.7:50123: connection reset"
    })
    assert.deepStrictEqual(Object.keys(parse(ended("", refused, { size: undefined })) as object), [
      "time",
      "client",
      "request",
      "status",
      "bytes",
      "millis"
    ])
  })

  it.prop("is one line of ASCII that holds the request's text, whatever it is", [Schema.String], ([text]) => {
    const line = `${text.toWellFormed()}x`
    const json = AccessLog.format(ended(line, serving(text)), "json") ?? ""
    assert.match(json, /^[ -~]*$/)
    assert.deepInclude(JSON.parse(json), { request: line, file: text })
  })
})

describe("the book's format", () => {
  it("has the book's lines when a request comes", () => {
    assert.strictEqual(
      AccessLog.format(serving("/srv/hosts"), "human"),
      "> Received request from host 192.0.2.7:50123\n> Serving file /srv/hosts..."
    )
    for (const answer of [missing, refused]) {
      assert.strictEqual(AccessLog.format(answer, "human"), "> Received request from host 192.0.2.7:50123")
    }
  })

  it("has a line at the end only if not all was sent, and says how many bytes were", () => {
    assert.strictEqual(AccessLog.format(ended("GET /a", serving("/a")), "human"), undefined)
    const line = (rest: Partial<Ended>, answer?: Answer) => AccessLog.format(ended("GET /a", answer, rest), "human")
    assert.strictEqual(
      line({ exit: shrunk, size: 5000 }, serving("/srv/a")),
      "> Sent only 1234 of 5000 bytes of file /srv/a to host 192.0.2.7:50123: /large: ended after 1234 of 5000 bytes"
    )
    assert.strictEqual(
      line({ exit: cut, size: undefined }, serving("/srv/a")),
      "> Sent only 1234 bytes of file /srv/a to host 192.0.2.7:50123: the connection was cut"
    )
    assert.include(line({ exit: shrunk, bytes: 0, size: undefined }), "> Sent only 0 bytes to host 192.0.2.7:50123")
  })

  it.prop(
    "shows no control and no direction mark of a file's name, and letters as they are",
    [Schema.String],
    ([name]) => {
      const shown = AccessLog.format(serving(name.toWellFormed()), "human") ?? ""
      assert.match(shown, /^> Received request from host [\d.:]+\n> Serving file [^\p{C}\p{Zl}\p{Zp}]*\.\.\.$/u)
      assert.include(AccessLog.format(serving("café\n\x1b[2J\u202etxt"), "human"), "café\\u000a\\u001b[2J\\u202etxt...")
    }
  )
})

it("the one-line formats tell of a request once, when it ended", () => {
  for (const format of ["common", "json"] as const) {
    for (const answer of [serving("/"), missing, refused]) {
      assert.strictEqual(AccessLog.format(answer, format), undefined)
      assert.isString(AccessLog.format(ended("GET /", answer), format))
    }
  }
})
