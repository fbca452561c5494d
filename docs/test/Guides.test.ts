import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import type * as NetAddress from "effect/net/NetAddress"

const platform = Layer.mergeAll(NodeNetwork.layer, NodeResolver.layer)

const shout = (stream: SocketStream.SocketStream) =>
  SocketStream.lines(stream).pipe(Stream.runForEach((line) => SocketStream.writeLine(stream, line.toUpperCase())))

const limits = {
  maxConnections: 1000,
  maxPerPeer: 20,
  access: { deny: IpSet.fromCidrsUnsafe(["192.0.2.0/24"]) },
  readTimeout: "15 seconds",
  writeTimeout: "60 seconds",
  idleTimeout: "5 minutes",
  maxAge: "1 hour",
  drainTimeout: "10 seconds"
} satisfies Server.Options

describe("servers.md", () => {
  it.live("an idle server stops at once and reports that nothing was open", () => {
    const stopped = Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const server = yield* Server.start(socket, shout, limits)
      return yield* server.stop
    })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* stopped, { drained: 0, aborted: 0 })
    }).pipe(Effect.provide(platform))
  })
})

describe("socket.md", () => {
  const greetAt = (port: number) => {
    const greet = Effect.gen(function* () {
      const stream = yield* SocketStream.open("localhost", port)
      yield* SocketStream.writeLine(stream, "hello")
      yield* SocketStream.endWrite(stream)
      return yield* SocketStream.readAll(stream)
    })
    const orElseEmpty = greet.pipe(
      Effect.catchReason("NetworkError", "ConnectionRefused", () => Effect.succeed(new Uint8Array(0)))
    )
    const relay = Effect.fnUntraced(function* (client: SocketStream.SocketStream) {
      const upstream = yield* SocketStream.open("localhost", port)
      const pass = (from: SocketStream.SocketStream, to: SocketStream.SocketStream) =>
        Effect.andThen(SocketStream.copy(from, to), SocketStream.endWrite(to))
      yield* Effect.all([pass(client, upstream), pass(upstream, client)], { concurrency: "unbounded" })
    })
    return { greet, orElseEmpty, relay }
  }

  it.live("a client greets a server and reads its answer to the end; where nobody listens, it says so", () =>
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const server = yield* Server.start(socket, shout, limits)
      const { port } = socket.address as NetAddress.InetAddress
      const { greet, orElseEmpty } = greetAt(port)
      assert.strictEqual(new TextDecoder().decode(yield* greet), "HELLO\r\n")
      const proxy = yield* ServerSocket.listen(0)
      yield* Server.start(proxy, greetAt(port).relay)
      const { greet: greetProxy } = greetAt((proxy.address as NetAddress.InetAddress).port)
      assert.strictEqual(new TextDecoder().decode(yield* greetProxy), "HELLO\r\n")
      yield* server.stop
      assert.strictEqual((yield* orElseEmpty).length, 0)
    }).pipe(Effect.provide(platform))
  )
})
