import type * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as NetAddress from "effect/net/NetAddress"
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { pipe } from "effect/Function"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Dialer from "../../src/Dialer.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import * as certificates from "../utils/certificates.ts"
import { ending, inMemory, onEach } from "../utils/effectSocket.ts"
import { bytes, live, portOf, text } from "../utils/live.ts"

const hello = bytes("hello\r\n")

const credentials = { user: "ada", password: "p:ä" }

/** What a proxy says, each piece after the client has sent so many bytes more. */
interface Script {
  readonly dialer: (port: number, options?: Dialer.ProxyOptions) => (via: Dialer.Dialer) => Dialer.Dialer
  readonly said: ReadonlyArray<readonly [after: number, Uint8Array]>
}

const request = "CONNECT hidden.test:80 HTTP/1.1\r\nHost: hidden.test:80\r\n"

const scripts: { readonly [name: string]: Script } = {
  SOCKS5: {
    dialer: (port, options) => Dialer.socks5("127.0.0.1", port, { ...options, credentials }),
    said: [
      [4, Uint8Array.of(5, 2)],
      [3 + 3 + 4, Uint8Array.of(1, 0)],
      [4 + 1 + 11 + 2, Uint8Array.of(5, 0, 0, 3, 4, 104, 111, 115, 116, 0, 80)]
    ]
  },
  "HTTP CONNECT": {
    dialer: (port, options) => Dialer.httpConnect("127.0.0.1", port, options),
    said: [[request.length + 2, bytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nVia: x\r\n\r\n")]]
  }
}

/** A proxy that follows a script, and says its bytes with a pause at `cut`, where it may also end. */
const proxy = (script: Script, cut: number, end: "goes on" | "FIN" | "RST") =>
  Effect.gen(function* () {
    const socket = yield* ServerSocket.listen(0)
    yield* Server.start(
      socket,
      (stream) =>
        Effect.gen(function* () {
          let from = 0
          const pieces = [...script.said, [0, hello] as const]
          for (const [after, piece] of pieces) {
            yield* SocketStream.readExactly(stream, after)
            const at = cut - from
            from += piece.length
            if (at < 0 || at >= piece.length) {
              yield* SocketStream.write(stream, piece)
              continue
            }
            yield* SocketStream.write(stream, piece.subarray(0, at))
            yield* SocketStream.flush(stream)
            yield* Effect.sleep(1)
            if (end === "FIN") return
            if (end === "RST") return yield* Effect.interrupt
            yield* SocketStream.write(stream, piece.subarray(at))
          }
          yield* SocketStream.read(stream)
        }),
      { onError: () => Effect.void }
    )
    return portOf(socket)
  })

const lengthOf = (script: Script): number => script.said.reduce((sum, [, piece]) => sum + piece.length, 0)

describe.each(Object.entries(scripts))("%s", (_, script) => {
  const total = lengthOf(script)

  inMemory(
    "wherever the proxy's answers are split, the stream begins behind them",
    Effect.forEach(
      Array.from({ length: total + hello.length }, (_, i) => i),
      (cut) =>
        Effect.scoped(
          Effect.gen(function* () {
            const port = yield* proxy(script, cut, "goes on")
            const stream = yield* script.dialer(port)(Dialer.direct())("hidden.test", 80)
            assert.strictEqual(text(yield* SocketStream.readExactly(stream, hello.length)), "hello\r\n")
          })
        )
    )
  )

  for (const end of ["FIN", "RST"] as const) {
    inMemory(
      `wherever the proxy ends with ${end} before its answer is whole, the dial fails and leaves no connection`,
      Effect.forEach(
        Array.from({ length: total }, (_, i) => i),
        (cut) =>
          Effect.scoped(
            Effect.gen(function* () {
              const port = yield* proxy(script, cut, end)
              const error = yield* Effect.flip(script.dialer(port)(Dialer.direct())("hidden.test", 80))
              const expected = end === "RST" ? "ConnectionReset" : "UnexpectedEof"
              assert.strictEqual(error.reason._tag, expected, `cut at ${cut}: ${error.message}`)
            })
          )
      )
    )
  }

  onEach(
    "a proxy that says nothing is given up after timeout, and its connection is reset",
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const dialing = yield* Effect.forkChild(
        Effect.exit(
          Effect.scoped(script.dialer(portOf(socket), { timeout: 50 })(Dialer.direct())("hidden.test", 80)).pipe(
            Effect.flip
          )
        )
      )
      const peer = yield* ServerSocket.accept(socket)
      const error = yield* Fiber.join(dialing)
      assert.deepStrictEqual(Exit.isSuccess(error) && error.value.reason, { _tag: "TimedOut", millis: 50 })
      assert.strictEqual((yield* Effect.flip(SocketStream.readAll(peer))).reason._tag, "ConnectionReset")
    })
  )

  onEach(
    "an interrupted dial resets the connection to the proxy, though the scope stays open",
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const dialing = yield* Effect.forkChild(script.dialer(portOf(socket))(Dialer.direct())("hidden.test", 80))
      const peer = yield* ServerSocket.accept(socket)
      yield* SocketStream.read(peer)
      yield* Fiber.interrupt(dialing)
      assert.strictEqual((yield* Effect.flip(SocketStream.readAll(peer))).reason._tag, "ConnectionReset")
    })
  )

  inMemory(
    "options, hosts and ports that cannot be meant fail before anything is sent",
    Effect.gen(function* () {
      const reason = (options: Dialer.ProxyOptions, host = "hidden.test", port = 80) =>
        Effect.map(Effect.flip(script.dialer(1, options)(Dialer.direct())(host, port)), (error) => error.reason._tag)
      assert.strictEqual(yield* reason({ timeout: NaN }), "InvalidOption")
      assert.strictEqual(yield* reason({ timeout: -1 }), "InvalidOption")
      assert.strictEqual(yield* reason({}, "a b"), "InvalidAddress")
      assert.strictEqual(yield* reason({}, "x\r\nEvil: 1"), "InvalidAddress")
      assert.strictEqual(yield* reason({}, "hidden.test", 0), "InvalidAddress")
      assert.strictEqual(yield* reason({}, "hidden.test", 1.5), "InvalidAddress")
      assert.strictEqual(yield* reason({}), "ConnectionRefused")
    })
  )
})

/** What the dial fails with when the proxy answers so at once. */
const refusal = (
  dialer: (port: number) => (via: Dialer.Dialer) => Dialer.Dialer,
  ...answer: ReadonlyArray<Uint8Array>
) =>
  Effect.gen(function* () {
    const socket = yield* ServerSocket.listen(0)
    yield* Server.start(
      socket,
      (stream) =>
        Effect.forEach(answer, (piece) =>
          Effect.andThen(SocketStream.read(stream), SocketStream.write(stream, piece))
        ).pipe(Effect.andThen(SocketStream.read(stream))),
      { onError: () => Effect.void }
    )
    const { reason } = yield* Effect.flip(dialer(portOf(socket))(Dialer.direct())("hidden.test", 80))
    return "code" in reason ? reason.code : reason._tag
  })

describe("what proxies refuse", () => {
  const socks = (port: number) => Dialer.socks5("127.0.0.1", port)
  const http = (port: number) => Dialer.httpConnect("127.0.0.1", port)
  const reply = (code: number) => Uint8Array.of(5, code, 0, 1, 0, 0, 0, 0, 0, 0)

  inMemory(
    "each code of SOCKS5 has its reason (RFC 1928, section 6)",
    Effect.gen(function* () {
      const expected = ["SOCKS_1", "PermissionDenied", "NetworkUnreachable", "HostUnreachable", "ConnectionRefused"]
      for (const [i, tag] of [...expected, "HostUnreachable", "Unsupported", "Unsupported", "BAD_REPLY"].entries()) {
        assert.strictEqual(yield* refusal(socks, Uint8Array.of(5, 0), reply(i + 1)), tag)
      }
    })
  )

  inMemory(
    "no method, a method that was not offered, and what is no SOCKS5",
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal(socks, Uint8Array.of(5, 0xff)), "PermissionDenied")
      assert.strictEqual(yield* refusal(socks, Uint8Array.of(5, 2)), "PermissionDenied")
      assert.strictEqual(yield* refusal(socks, Uint8Array.of(5, 1)), "BAD_REPLY")
      assert.strictEqual(yield* refusal(socks, bytes("HTTP/1.1 400 Bad Request\r\n\r\n")), "BAD_REPLY")
      assert.strictEqual(yield* refusal(socks, Uint8Array.of(5, 0), Uint8Array.of(5, 0, 0, 9, 0)), "BAD_REPLY")
    })
  )

  inMemory(
    "statuses of HTTP, answers that are none, that never end, and that never come to the point",
    Effect.gen(function* () {
      for (const status of [401, 403, 407]) {
        assert.strictEqual(yield* refusal(http, bytes(`HTTP/1.1 ${status} No\r\n\r\n`)), "PermissionDenied")
      }
      assert.strictEqual(yield* refusal(http, bytes("HTTP/1.0 502\r\n\r\n")), "HTTP_502")
      assert.strictEqual(yield* refusal(http, bytes("HTTP/1.1 101 Other\r\n\r\n")), "HTTP_101")
      assert.strictEqual(yield* refusal(http, bytes("220 mail.test\r\n\r\n")), "BAD_REPLY")
      assert.strictEqual(yield* refusal(http, bytes(`HTTP/1.1 200 ${"x".repeat(20_000)}`)), "LineTooLong")
      assert.strictEqual(yield* refusal(http, bytes("HTTP/1.1 103 Hints\r\n\r\n".repeat(20))), "BAD_REPLY")
    })
  )
})

describe("composition", () => {
  onEach(
    "a PROXY header of version 1 or 2 is the first thing that the server gets, with the stream's own ends by default",
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const seen = (dial: Dialer.Dialer) =>
        Effect.gen(function* () {
          const stream = yield* dial("127.0.0.1", portOf(socket))
          const peer = yield* ServerSocket.accept(socket)
          return [yield* ProxyProtocol.read(peer), stream.localAddress] as const
        })
      const [own, local] = yield* seen(Dialer.proxyHeader()(Dialer.direct()))
      assert.deepStrictEqual(
        own._tag === "Proxied" && NetAddress.formatSocketAddress(own.source),
        NetAddress.formatSocketAddress(local)
      )
      const [given] = yield* seen(Dialer.proxyHeader({ _tag: "Unknown", version: 1, tlvs: [] })(Dialer.direct()))
      assert.deepStrictEqual(given, { _tag: "Unknown", version: 1, tlvs: [] })
    })
  )

  /** Relays to `up`, after `agree` has said that it does. */
  const relayTo = (
    up: NetAddress.SocketAddress,
    agree: (stream: SocketStream.SocketStream) => Effect.Effect<unknown, NetworkError>
  ) =>
    Effect.fnUntraced(function* (stream: SocketStream.SocketStream) {
      yield* agree(stream)
      const far = yield* SocketStream.open(up)
      const pass = (from: SocketStream.SocketStream, to: SocketStream.SocketStream) =>
        Effect.andThen(SocketStream.copy(from, to), SocketStream.endWrite(to))
      yield* Effect.all([pass(stream, far), pass(far, stream)], { concurrency: "unbounded" })
    })

  const quiet: Server.Options = { onError: () => Effect.void }

  /** A SOCKS5 proxy before a server under TLS, whatever it is asked for. */
  const beforeTls = (hostSize: number) =>
    Effect.gen(function* () {
      const inner = yield* ServerSocket.listen(0, { tls: { identity: certificates.server } })
      yield* Server.start(inner, (stream) => SocketStream.writeLine(stream, "inside"), quiet)
      const socket = yield* ServerSocket.listen(0)
      const agree = (stream: SocketStream.SocketStream) =>
        Effect.gen(function* () {
          yield* SocketStream.readExactly(stream, 3)
          yield* SocketStream.write(stream, Uint8Array.of(5, 0))
          yield* SocketStream.readExactly(stream, 4 + hostSize + 2)
          yield* SocketStream.write(stream, Uint8Array.of(5, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        })
      yield* Server.start(socket, relayTo(inner.address, agree), quiet)
      return pipe(
        Dialer.direct(),
        Dialer.socks5("127.0.0.1", portOf(socket)),
        Dialer.tls({ ca: [certificates.authority] })
      )
    })

  live(
    "TLS inside a tunnel of SOCKS5 is with the host behind it",
    Effect.gen(function* () {
      for (const name of ["socket.test", "Socket.Test."]) {
        const dial = yield* beforeTls(1 + "socket.test".length)
        assert.deepStrictEqual(yield* SocketStream.readLine(yield* dial(name, 443)), Option.some("inside"))
      }
    })
  )

  live(
    "a certificate must be for the address that was dialed: that it is for the proxy's is not enough",
    Effect.gen(function* () {
      const right = ["127.0.0.1", 0x7f000001 as Ipaddr.Ipaddr, NetAddress.ipv4Loopback] as const
      const wrong = ["127.0.0.2", 0x7f000002 as Ipaddr.Ipaddr, NetAddress.ipFromStringUnsafe("127.0.0.2")] as const
      const dial = yield* beforeTls(4)
      for (const host of right) {
        assert.deepStrictEqual(yield* SocketStream.readLine(yield* dial(host, 443)), Option.some("inside"))
      }
      for (const host of wrong) {
        const { reason } = yield* Effect.flip(dial(host, 443))
        assert.deepInclude(reason, { _tag: "Tls", code: "ERR_TLS_CERT_ALTNAME_INVALID" })
      }
    })
  )

  live(
    "an HTTPS proxy: TLS with the proxy, then CONNECT inside it; TLS inside that is refused and leaves no connection",
    Effect.gen(function* () {
      const inner = yield* ServerSocket.listen(0)
      yield* Server.start(inner, (stream) => SocketStream.writeLine(stream, "inside"), quiet)
      const outer = yield* ServerSocket.listen(0, { tls: { identity: certificates.server } })
      const asked: Array<string> = []
      const agree = (stream: SocketStream.SocketStream) =>
        SocketStream.readUntil(stream, bytes("\r\n\r\n")).pipe(
          Effect.tap((head) => Effect.sync(() => asked.push(text(Option.getOrThrow(head)).split("\r\n")[0]))),
          Effect.andThen(SocketStream.write(stream, "HTTP/1.1 200 OK\r\n\r\n"))
        )
      yield* Server.start(outer, relayTo(inner.address, agree), quiet)
      const tls = Dialer.tls({ ca: [certificates.authority] })
      const dial = pipe(Dialer.direct(), tls, Dialer.httpConnect("127.0.0.1", portOf(outer)))
      assert.deepStrictEqual(yield* SocketStream.readLine(yield* dial("hidden.test", 80)), Option.some("inside"))
      const { reason } = yield* Effect.flip(pipe(dial, tls)("other.test", 443))
      assert.deepStrictEqual(reason, { _tag: "Unsupported", detail: "TLS inside of TLS" })
      assert.deepStrictEqual(asked, ["CONNECT hidden.test:80 HTTP/1.1", "CONNECT other.test:443 HTTP/1.1"])
    })
  )

  live(
    "an HTTPS proxy whose certificate is another's is told no password",
    Effect.gen(function* () {
      const outer = yield* ServerSocket.listen(0, { tls: { identity: certificates.other } })
      const dial = pipe(
        Dialer.direct(),
        Dialer.tls({ ca: [certificates.authority] }),
        Dialer.httpConnect("127.0.0.1", portOf(outer), { credentials })
      )
      const heard = yield* Effect.forkChild(
        Effect.exit(Effect.flatMap(ServerSocket.accept(outer), (stream) => SocketStream.readAll(stream)))
      )
      assert.strictEqual((yield* Effect.flip(dial("hidden.test", 443))).reason._tag, "Tls")
      const exit = yield* Fiber.join(heard)
      assert.isTrue(Exit.isFailure(exit) || exit.value.length === 0)
    })
  )

  live(
    "options of the connection and of the handshake that cannot be meant are typed failures of the dial",
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const dialers = [
        Dialer.direct({ connectTimeout: NaN }),
        Dialer.direct({ highWaterMark: 0 }),
        Dialer.tls({ handshakeTimeout: -1 })(Dialer.direct()),
        Dialer.tls({ servername: "not a name" })(Dialer.direct())
      ]
      for (const dial of dialers) {
        assert.strictEqual((yield* Effect.flip(dial("127.0.0.1", portOf(socket)))).reason._tag, "InvalidOption")
      }
    })
  )

  inMemory(
    "what a program gives that throws, dies or fails ends its dial, and its connection with RST",
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const slip = (): never => {
        throw new Error("a slip")
      }
      const dialers: ReadonlyArray<(via: Dialer.Dialer) => Dialer.Dialer> = [
        Dialer.proxyHeader(slip),
        (via) => (host, port) =>
          Dialer.proxyHeader()((...to) => Effect.tap(via(...to), () => Effect.die("odd")))(host, port),
        Dialer.proxyHeader({ _tag: "Unknown", version: 1, tlvs: [{ _tag: "Crc32c" }] }),
        Dialer.tls({ alpnProtocols: [] as never })
      ]
      for (const dialer of dialers) {
        const exit = yield* Effect.scoped(Effect.exit(dialer(Dialer.direct())("127.0.0.1", portOf(socket))))
        assert.isTrue(Exit.isFailure(exit))
        const peer = yield* ServerSocket.accept(socket)
        assert.notStrictEqual(yield* ending(peer), "")
      }
      const thrown = yield* Effect.exit(Dialer.socks5("127.0.0.1", 1080)(slip)("hidden.test", 80))
      assert.isTrue(Exit.isFailure(thrown))
    })
  )
})
