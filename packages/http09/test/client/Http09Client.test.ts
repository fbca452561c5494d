import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as net from "node:net"
import * as DocumentRoot from "../../src/DocumentRoot.ts"
import * as Http09Client from "../../src/Http09Client.ts"
import * as Http09Url from "../../src/Http09Url.ts"
import * as RequestLine from "../../src/RequestLine.ts"
import { client, forEver, listening, scripted } from "../utils/servers.ts"

const allBytes = Uint8Array.from({ length: 256 }, (_, index) => index)
const large = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 7) % 251)

const get = (target: Http09Client.Target, options?: Http09Client.Options) =>
  Stream.runCollect(Http09Client.get(target, options)).pipe(Effect.map((chunks) => Buffer.concat(chunks)))

/** Sends the text a byte at a time. */
const drip = (text: string) => (socket: net.Socket) => {
  let index = 0
  const timer = setInterval(() => {
    if (index < text.length) return socket.write(text[index++])
    clearInterval(timer)
    return socket.end()
  }, 2)
}

describe("the client", () => {
  it.live("gets every document of the server, byte by byte, in both dialects", () =>
    Effect.gen(function* () {
      const documents = { "/bytes": allBytes, "/large": large, "/empty": "", "/a b": "spaces", "/100%": "percent" }
      const port = yield* listening(DocumentRoot.layerMemory(documents))
      for (const dialect of ["book", "1991"] as const) {
        const of = (path: string) => get({ host: "127.0.0.1", port, path }, { dialect })
        assert.strictEqual(Buffer.compare(yield* of("/bytes"), allBytes), 0)
        assert.strictEqual(Buffer.compare(yield* of("/large"), large), 0)
        assert.strictEqual((yield* of("/empty")).length, 0)
        assert.strictEqual((yield* of("/a b")).toString(), "spaces")
        assert.strictEqual((yield* of("/100%25?query")).toString(), "percent")
        assert.strictEqual((yield* get(`http://127.0.0.1:${port}/a%20b#part`, { dialect })).toString(), "spaces")
      }
    }).pipe(Effect.provide(client))
  )

  it.live("sends one line, and in the long form the blank line after it", () =>
    Effect.gen(function* () {
      const port = yield* scripted((socket, request) => socket.end(request))
      const at = { host: "127.0.0.1", port }
      assert.strictEqual((yield* get({ ...at, path: "/x y" }, { dialect: "1991" })).toString(), "GET /x%20y\r\n")
      assert.strictEqual((yield* get({ ...at, path: "/x" })).toString(), "GET /x HTTP/0.9\r\n\r\n")
    }).pipe(Effect.provide(client))
  )

  it.live("takes a status line for a failure, and for a document if it is told to", () =>
    Effect.gen(function* () {
      const port = yield* listening(DocumentRoot.layerMemory({}))
      const request = { host: "127.0.0.1", port, path: "/missing" }
      const error = yield* Effect.flip(get(request))
      assert.strictEqual(error.message, `get /missing from 127.0.0.1:${port}: the server answered 401 Not found.`)
      assert(error._tag === "Http09Error" && error.reason._tag === "StatusLine")
      assert.deepStrictEqual([error.reason.code, error.reason.text], [401, "Not found."])
      assert.strictEqual((yield* get(request, { raw: true })).toString(), "HTTP/0.9 401 Not found.\n")
    }).pipe(Effect.provide(client))
  )

  it.live("names the version of a server that does not speak 0.9", () =>
    Effect.gen(function* () {
      const port = yield* scripted((socket) => socket.end("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n<html>"))
      const error = yield* Effect.flip(get({ host: "127.0.0.1", port, path: "/" }))
      assert.include(error.message, "the server answered 400 Bad Request in HTTP/1.1")
    }).pipe(Effect.provide(client))
  )

  it.live("takes an answer byte by byte for what it is as a whole", () =>
    Effect.gen(function* () {
      const host = "127.0.0.1"
      const page = yield* scripted(drip("HTTP/0.9 is old\n"))
      assert.strictEqual((yield* get({ host, port: page, path: "/" })).toString(), "HTTP/0.9 is old\n")
      const status = yield* scripted(drip("HTTP/0.9 401 Not found.\n"))
      assert.include((yield* Effect.flip(get({ host, port: status, path: "/" }))).message, "401 Not found.")
    }).pipe(Effect.provide(client))
  )

  it.live("tells a reset in the middle from the end", () =>
    Effect.gen(function* () {
      const port = yield* scripted((socket) =>
        socket.write("half of it", () => setTimeout(() => socket.resetAndDestroy(), 50))
      )
      const chunks: Array<string> = []
      const error = yield* Http09Client.get({ host: "127.0.0.1", port, path: "/" }).pipe(
        Stream.runForEach((chunk) => Effect.sync(() => chunks.push(Buffer.from(chunk).toString()))),
        Effect.flip
      )
      assert.deepStrictEqual(chunks, ["half of it"])
      assert(error._tag === "NetworkError")
      assert.strictEqual(error.reason._tag, "ConnectionReset")
    }).pipe(Effect.provide(client))
  )

  it.live("asks for nothing that cannot be asked for, and says why", () =>
    Effect.gen(function* () {
      const message = (target: Http09Client.Target) => Effect.map(Effect.flip(get(target)), (error) => error.message)
      assert.strictEqual(
        yield* message({ host: "127.0.0.1", port: 1, path: "x" }),
        `get x from 127.0.0.1:1: ${RequestLine.refusals.NoPath}`
      )
      assert.strictEqual(yield* message("https://h/"), `get https://h/: ${Http09Url.refusals.Scheme}`)
      assert.strictEqual(yield* message("http://u:p@h/"), `get http://u:p@h/: ${Http09Url.refusals.UserInfo}`)
    }).pipe(Effect.provide(client))
  )

  it.live("gives a document as text, and no more of it than is wanted", () =>
    Effect.gen(function* () {
      const port = yield* listening(DocumentRoot.layerMemory({ "/cafe": "café\n" }))
      const url = `http://127.0.0.1:${port}/cafe`
      assert.strictEqual(yield* Http09Client.getText(url), "café\n")
      const error = yield* Effect.flip(Http09Client.getText(url, { maxBytes: 5 }))
      assert.strictEqual(error.message, `get ${url}: the document is longer than 5 bytes`)
    }).pipe(Effect.provide(client))
  )

  it.live("closes the connection when its consumer takes no more", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const port = yield* scripted((socket) => {
        forEver(socket)
        socket.on("close", () => Deferred.doneUnsafe(closed, Exit.void))
      })
      yield* Stream.runHead(Http09Client.get({ host: "127.0.0.1", port, path: "/" }))
      yield* Effect.timeout(Deferred.await(closed), "3 seconds")
    }).pipe(Effect.provide(client))
  )
})
