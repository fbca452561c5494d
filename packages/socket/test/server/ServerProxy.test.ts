import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { live } from "../utils/live.ts"

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
    return { ask, refusals }
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
})
