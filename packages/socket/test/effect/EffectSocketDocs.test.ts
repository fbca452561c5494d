import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert, describe, it } from "@effect/vitest"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import type * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import * as Stream from "effect/Stream"

class Library extends RpcGroup.make(Rpc.make("Title", { payload: { isbn: Schema.String }, success: Schema.String })) {}

const librarian = Library.toLayer({ Title: ({ isbn }) => Effect.succeed(`Book ${isbn}`) })

const server = RpcServer.layer(Library).pipe(
  Layer.provide([librarian, RpcServer.layerProtocolSocketServer]),
  Layer.provide(RpcSerialization.layerNdjson),
  Layer.provide(EffectSocket.layerServer(4141, { maxConnections: 1000, maxPerPeer: 50 }))
)

const client = RpcClient.layerProtocolSocket().pipe(
  Layer.provide(RpcSerialization.layerNdjson),
  Layer.provide(EffectSocket.layer(SocketStream.open("localhost", 4141)))
)

const whoIsThere = (socket: Socket.Socket) =>
  EffectSocket.streamOf(socket).pipe(
    Option.map((stream) => NetAddress.formatSocketAddress(stream.remoteAddress)),
    Option.getOrElse(() => "somebody")
  )

const shout = (socket: Socket.Socket) =>
  Effect.gen(function* () {
    const stream = yield* EffectSocket.fromSocket(socket)
    yield* SocketStream.lines(stream).pipe(
      Stream.runForEach((line) => SocketStream.writeLine(stream, line.toUpperCase()))
    )
  }).pipe(Effect.scoped)

const reasonOf = (error: Socket.SocketError) => EffectSocket.fromEffectError(error).reason._tag

/** Both sides on one memory network, where port 4141 is free. */
const network = Layer.mergeAll(
  MemoryNetwork.layer(),
  Layer.orDie(Resolver.layerStatic({ hosts: { localhost: ["127.0.0.1"] } }))
)

describe("effect-socket.md", () => {
  it.live("a library is asked for a title over the memory network", () =>
    Effect.gen(function* () {
      yield* Layer.build(server)
      const library = yield* RpcClient.make(Library)
      assert.strictEqual(yield* library.Title({ isbn: "1" }), "Book 1")
    }).pipe(Effect.provide(client), Effect.scoped, Effect.provide(network))
  )

  it.live("a handler learns whom it talks to", () =>
    Effect.gen(function* () {
      const server = yield* EffectSocket.makeServer(4141)
      const heard = yield* Effect.forkChild(
        server.run((socket) => Effect.scoped(Effect.flatMap(socket.writer, ({ write }) => write(whoIsThere(socket)))))
      )
      const said = Effect.gen(function* () {
        const stream = yield* SocketStream.open("localhost", 4141)
        return [Option.getOrThrow(yield* SocketStream.readLine(stream)), stream.localAddress] as const
      })
      const [name, address] = yield* Effect.scoped(said)
      assert.strictEqual(name, NetAddress.formatSocketAddress(address))
      yield* Fiber.interrupt(heard)
    }).pipe(Effect.scoped, Effect.provide(network))
  )

  it.live("a handler of effect's own server reads lines, and its client says why a connection failed", () =>
    Effect.gen(function* () {
      const served = SocketServer.SocketServer.use((server) => server.run(shout))
      const server = yield* NodeSocketServer.make({ port: 0, host: "127.0.0.1", allowHalfOpen: true })
      yield* Effect.forkChild(Effect.provideService(served, SocketServer.SocketServer, server))
      if (server.address._tag === "UnixPathAddress") return assert.fail("a path")
      const { port } = server.address
      const stream = yield* Effect.flatMap(NodeSocket.makeNet({ port, host: "127.0.0.1" }), EffectSocket.fromSocket)
      yield* SocketStream.writeLine(stream, "hello")
      assert.deepStrictEqual(yield* SocketStream.readLine(stream), Option.some("HELLO"))
      const nobody = yield* NodeSocket.makeNet({ port: 1, host: "127.0.0.1" })
      assert.strictEqual(reasonOf(yield* Effect.flip(nobody.reader)), "ConnectionRefused")
    }).pipe(Effect.scoped)
  )
})
