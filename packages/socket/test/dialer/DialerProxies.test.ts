import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { pipe } from "effect/Function"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Dialer from "../../src/Dialer.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { folder, freePort, start as startHaproxy } from "../utils/haproxy.ts"
import { live, portOf, text } from "../utils/live.ts"
import { has } from "../../../../test/utils/programs.ts"
import { run } from "../utils/proxies.ts"

/** Sends its input back, then its end. */
const echo = Effect.gen(function* () {
  const socket = yield* ServerSocket.listen(0)
  yield* Server.start(socket, (stream) => SocketStream.copy(stream, stream))
  return portOf(socket)
})

const ask = (dial: Dialer.Dialer, host: string, port: number) =>
  Effect.gen(function* () {
    const stream = yield* dial(host, port)
    yield* SocketStream.write(stream, "x".repeat(100_000))
    // Proxies differ in what they make of an end of input, so none is sent.
    return (yield* SocketStream.readExactly(stream, 100_000)).length
  })

const tagOf = (dial: Dialer.Dialer, host: string, port: number) =>
  Effect.map(Effect.flip(dial(host, port)), ({ reason }) => ("code" in reason ? reason.code : reason._tag))

describe.skipIf(!has("microsocks"))("microsocks (needs microsocks)", () => {
  live(
    "connects to names that it looks up itself, and says what it cannot reach",
    Effect.gen(function* () {
      const port = yield* freePort
      yield* run(port, "microsocks", "-i", "127.0.0.1", "-p", String(port))
      const dial = pipe(Dialer.direct(), Dialer.socks5("127.0.0.1", port))
      assert.strictEqual(yield* ask(dial, "localhost", yield* echo), 100_000)
      assert.strictEqual(yield* ask(dial, "127.0.0.1", yield* echo), 100_000)
      assert.strictEqual(yield* tagOf(dial, "127.0.0.1", yield* freePort), "ConnectionRefused")
    })
  )

  live(
    "takes the right password, not a wrong one, and not none",
    Effect.gen(function* () {
      const port = yield* freePort
      yield* run(port, "microsocks", "-i", "127.0.0.1", "-p", String(port), "-u", "ada", "-P", "secret")
      const dial = (credentials?: { user: string; password: string }) =>
        pipe(Dialer.direct(), Dialer.socks5("127.0.0.1", port, { credentials }))
      assert.strictEqual(yield* ask(dial({ user: "ada", password: "secret" }), "127.0.0.1", yield* echo), 100_000)
      assert.strictEqual(yield* tagOf(dial({ user: "ada", password: "no" }), "127.0.0.1", 1), "PermissionDenied")
      assert.strictEqual(yield* tagOf(dial(), "127.0.0.1", 1), "PermissionDenied")
    })
  )
})

describe.skipIf(!has("danted"))("dante (needs danted)", () => {
  const start = (method: string) =>
    Effect.gen(function* () {
      const port = yield* freePort
      const file = path.join(yield* folder, "danted.conf")
      const lines = [
        "errorlog: stderr",
        `internal: 127.0.0.1 port = ${port}`,
        "external: lo",
        `socksmethod: ${method}`,
        "clientmethod: none",
        "client pass {",
        "from: 127.0.0.0/8 to: 0.0.0.0/0",
        "}",
        "socks pass {",
        "from: 127.0.0.0/8 to: 0.0.0.0/0",
        "command: connect",
        "}",
        ""
      ]
      fs.writeFileSync(file, lines.join("\n"))
      yield* run(port, "danted", "-N", "1", "-f", file)
      return pipe(Dialer.direct(), Dialer.socks5("127.0.0.1", port))
    })

  live(
    "connects to addresses and to names that it looks up itself, and says what it cannot reach",
    Effect.gen(function* () {
      const dial = yield* start("none")
      assert.strictEqual(yield* ask(dial, "127.0.0.1", yield* echo), 100_000)
      assert.strictEqual(yield* ask(dial, "localhost", yield* echo), 100_000)
      assert.strictEqual(yield* tagOf(dial, "127.0.0.1", yield* freePort), "ConnectionRefused")
    })
  )

  live(
    "refuses who has no password where it wants one",
    Effect.gen(function* () {
      assert.strictEqual(yield* tagOf(yield* start("username"), "127.0.0.1", 1), "PermissionDenied")
    })
  )
})

describe.skipIf(!has("tinyproxy"))("tinyproxy (needs tinyproxy)", () => {
  const start = Effect.gen(function* () {
    const port = yield* freePort
    const file = path.join(yield* folder, "tinyproxy.conf")
    fs.writeFileSync(
      file,
      [`Port ${port}`, "Listen 127.0.0.1", "Timeout 10", "Allow 127.0.0.1", "BasicAuth ada secret", ""].join("\n")
    )
    yield* run(port, "tinyproxy", "-d", "-c", file)
    return port
  })

  live(
    "tunnels with Basic credentials, and not without",
    Effect.gen(function* () {
      const port = yield* start
      const dial = (credentials?: { user: string; password: string }) =>
        pipe(Dialer.direct(), Dialer.httpConnect("127.0.0.1", port, { credentials }))
      const right = dial({ user: "ada", password: "secret" })
      const stream = yield* right("localhost", yield* echo)
      yield* SocketStream.write(stream, "hello")
      assert.strictEqual(text(yield* SocketStream.readExactly(stream, 5)), "hello")
      assert.strictEqual(yield* tagOf(dial(), "localhost", 1), "PermissionDenied")
      assert.match(String(yield* tagOf(right, "127.0.0.1", yield* freePort)), /^HTTP_5/)
    })
  )
})

describe.skipIf(!has("haproxy"))("haproxy (needs haproxy)", () => {
  live(
    "takes the PROXY header of a dialer, in both versions",
    Effect.gen(function* () {
      const port = yield* freePort
      const dir = yield* folder
      yield* startHaproxy(
        dir,
        "listen echo",
        "mode tcp",
        `bind 127.0.0.1:${port} accept-proxy`,
        `server one 127.0.0.1:${yield* echo}`
      )
      const dial = (version: 1 | 2) =>
        pipe(
          Dialer.direct(),
          Dialer.proxyHeader(({ localAddress, remoteAddress }) => ({
            _tag: "Proxied",
            version,
            transport: "stream",
            source: localAddress,
            destination: remoteAddress,
            tlvs: []
          }))
        )
      assert.strictEqual(yield* ask(dial(1), "127.0.0.1", port), 100_000)
      assert.strictEqual(yield* ask(dial(2), "127.0.0.1", port), 100_000)
    })
  )
})
