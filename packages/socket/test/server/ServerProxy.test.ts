import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import { assert, describe } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as Net from "node:net"
import { Duplex } from "node:stream"
import * as NodeTls from "node:tls"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { authority, server as identity } from "../utils/certificates.ts"
import { folder } from "../utils/folders.ts"
import { live, portOf } from "../utils/live.ts"

const client = NetAddress.inetAddressFromStringUnsafe("203.0.113.7:5000")
const service = NetAddress.inetAddressFromStringUnsafe("198.51.100.1:80")
const header = ProxyProtocol.encodeUnsafe(ProxyProtocol.proxied(client, service))
const loopback = IpSet.fromCidrsUnsafe(["127.0.0.0/8"])

/** A server that answers with the client's address, and what it refused. */
const whoami = (options: Server.Options) =>
  Effect.gen(function* () {
    const refusals: Array<string> = []
    const socket = yield* ServerSocket.listen(0)
    yield* Server.start(
      socket,
      (stream) => SocketStream.write(stream, NetAddress.formatSocketAddress(stream.remoteAddress)),
      {
        ...options,
        onRefused: (peer, refusal) =>
          Effect.sync(() => void refusals.push(`${NetAddress.formatSocketAddress(peer)} ${refusal}`))
      }
    )
    const ask = (bytes: Uint8Array) =>
      Effect.scoped(
        Effect.gen(function* () {
          const stream = yield* SocketStream.open(socket.address)
          yield* SocketStream.write(stream, bytes)
          return new TextDecoder().decode(yield* SocketStream.readAll(stream))
        })
      )
    return { ask, refusals, silent: SocketStream.open(socket.address, { lingerTimeout: 0 }) }
  })

describe("a server behind a proxy", () => {
  live(
    "knows a client by the header of a proxy that it trusts",
    Effect.gen(function* () {
      const { ask } = yield* whoami({ proxyProtocol: { trust: loopback } })
      assert.strictEqual(yield* ask(header), "203.0.113.7:5000")
    })
  )

  live(
    "believes nobody else: the header is data",
    Effect.gen(function* () {
      const { ask } = yield* whoami({ proxyProtocol: { trust: IpSet.empty } })
      assert.match(yield* ask(header), /^127\.0\.0\.1:/)
    })
  )

  live(
    "refuses a trusted proxy that sends no header, or none in time",
    Effect.gen(function* () {
      const { ask, refusals } = yield* whoami({ proxyProtocol: { trust: loopback, timeout: 50 } })
      for (const bytes of [new TextEncoder().encode("GET /\r\n"), header.subarray(0, 5)]) {
        const answer = yield* Effect.result(ask(bytes))
        assert.isTrue(Result.isFailure(answer) && answer.failure.reason._tag === "ConnectionReset")
      }
      assert.deepStrictEqual(
        refusals.map((refusal) => refusal.split(" ")[1]),
        ["ProxyHeader", "ProxyHeader"]
      )
    })
  )

  live(
    "holds its rules for the client, not for the proxy",
    Effect.gen(function* () {
      const deny = IpSet.fromCidrsUnsafe(["203.0.113.0/24"])
      const denied = yield* whoami({ proxyProtocol: { trust: loopback }, access: { deny } })
      assert.isTrue(Result.isFailure(yield* Effect.result(denied.ask(header))))
      assert.deepStrictEqual(denied.refusals, ["203.0.113.7:5000 Access"])
      const exempt = yield* whoami({ proxyProtocol: { trust: loopback }, access: { deny: loopback } })
      assert.strictEqual(yield* exempt.ask(header), "203.0.113.7:5000")
    })
  )

  live(
    "counts a client only while it is there",
    Effect.gen(function* () {
      const { ask, refusals } = yield* whoami({ proxyProtocol: { trust: loopback }, maxPerPeer: 1 })
      for (let i = 0; i < 20; i++) assert.strictEqual(yield* ask(header), "203.0.113.7:5000")
      assert.deepStrictEqual(refusals, [])
    })
  )
})

/** Says hello through TLS to a port, after the header; the first bytes of the connection go in two parts. */
const helloThroughTls = (port: number, split: number) =>
  Effect.callback<string>((resume) => {
    const raw = Net.connect({ port, host: "127.0.0.1", noDelay: true })
    let isFirst = true
    // TLS writes to this end, and reads what the server sends.
    const between = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        if (!isFirst) return void raw.write(chunk, () => done())
        isFirst = false
        const all = Buffer.concat([header, chunk])
        raw.write(all.subarray(0, split))
        setTimeout(() => raw.write(all.subarray(split), () => done()), split < all.length ? 3 : 0)
      },
      final(done) {
        raw.end(() => done())
      }
    })
    raw.on("data", (chunk) => between.push(chunk))
    raw.on("end", () => between.push(null))
    raw.on("error", () => between.destroy())
    const secure = NodeTls.connect({ socket: between, ca: authority, servername: "socket.test" })
    let heard = ""
    secure.on("data", (chunk: Buffer) => (heard += chunk.toString()))
    secure.on("error", (error) => resume(Effect.succeed(error.message)))
    secure.on("end", () => {
      secure.end()
      resume(Effect.succeed(heard))
    })
    return Effect.sync(() => void raw.destroy())
  })

describe("a server under TLS behind a proxy", () => {
  live(
    "reads the header first, then takes the handshake, wherever the first bytes are split",
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0, { tls: { identity } })
      const answer = (stream: SocketStream.SocketStream) =>
        SocketStream.write(stream, NetAddress.formatSocketAddress(stream.remoteAddress))
      yield* Server.start(socket, answer, { proxyProtocol: { trust: loopback } })
      const splits = [...Array.from({ length: header.length + 8 }, (_, i) => i + 1), 100, 200, 100_000]
      const heard = yield* Effect.forEach(splits, (split) => helloThroughTls(portOf(socket), split), {
        concurrency: 4
      })
      assert.deepStrictEqual([...new Set(heard)], ["203.0.113.7:5000"])
    })
  )

  live(
    "takes others' handshakes without a header, and refuses a proxy that sends none",
    Effect.gen(function* () {
      const refusals: Array<string> = []
      const socket = yield* ServerSocket.listen(0, { tls: { identity } })
      const options = (trust: IpSet.IpSet): Server.Options => ({
        proxyProtocol: { trust, timeout: 100 },
        onRefused: (_, refusal) => Effect.sync(() => void refusals.push(refusal))
      })
      const hello = Effect.scoped(
        Effect.gen(function* () {
          const tls = { ca: authority, servername: "socket.test" }
          const stream = yield* SocketStream.open(socket.address, { tls })
          return new TextDecoder().decode(yield* SocketStream.readAll(stream))
        })
      )
      const answer = (stream: SocketStream.SocketStream) => SocketStream.write(stream, "hello")
      yield* Server.start(socket, answer, options(IpSet.empty))
      assert.strictEqual(yield* hello, "hello")
      const other = yield* ServerSocket.listen(0, { tls: { identity } })
      yield* Server.start(other, answer, options(loopback))
      const opened = SocketStream.open(other.address, { tls: { ca: authority, servername: "socket.test" } })
      assert.isTrue(Result.isFailure(yield* Effect.result(Effect.scoped(opened))))
      assert.deepStrictEqual(refusals, ["ProxyHeader"])
    })
  )
})

describe("a server behind a proxy on the same machine, over a Unix-domain socket,", () => {
  const asked = Effect.fnUntraced(function* (unix: boolean | undefined) {
    const path = NetAddress.unixPathAddress(`${yield* folder}/socket`)
    const socket = yield* ServerSocket.listen(path)
    yield* Server.start(
      socket,
      (stream) => SocketStream.write(stream, NetAddress.formatSocketAddress(stream.remoteAddress)),
      { proxyProtocol: { trust: IpSet.all, ...(unix === undefined ? {} : { unix }) } }
    )
    const stream = yield* SocketStream.open(path)
    yield* SocketStream.write(stream, header)
    return new TextDecoder().decode(yield* SocketStream.readAll(stream))
  })

  live(
    "knows a client by its header, if it is told that such peers are proxies",
    Effect.gen(function* () {
      assert.strictEqual(yield* asked(true), "203.0.113.7:5000")
    })
  )

  live(
    "and otherwise leaves the header to the handler, whatever addresses it trusts",
    Effect.gen(function* () {
      assert.deepStrictEqual([yield* asked(false), yield* asked(undefined)], ["", ""])
    })
  )
})

describe("proxies that say nothing", () => {
  live(
    "gain no time by their wait in the queue: who comes behind them has its turn when the header's time is over",
    Effect.gen(function* () {
      const { ask, refusals, silent } = yield* whoami({
        maxConnections: 2,
        proxyProtocol: { trust: loopback, timeout: 300 }
      })
      for (let i = 0; i < 20; i++) yield* silent
      const [took, answer] = yield* Effect.timed(ask(header))
      assert.strictEqual(answer, "203.0.113.7:5000")
      assert.isBelow(Duration.toMillis(took), 1000)
      assert.strictEqual(refusals.length, 20)
    })
  )
})
