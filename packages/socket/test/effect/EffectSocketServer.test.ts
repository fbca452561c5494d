import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as DevToolsClient from "effect/devtools/DevToolsClient"
import * as DevToolsServer from "effect/devtools/DevToolsServer"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Ndjson from "effect/encoding/Ndjson"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"
import * as Stream from "effect/Stream"
import * as EffectSocket from "../../src/EffectSocket.ts"
import * as EffectSocketServer from "../../src/EffectSocketServer.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { drained, ending, inMemory, nameOf, onEach, start, textOf } from "../utils/effectSocket.ts"

/** Programs that know nothing but effect. */
const echo = (socket: Socket.Socket) =>
  Effect.gen(function* () {
    const { writeAll } = yield* socket.writer
    const { pull } = yield* socket.reader
    return yield* Effect.forever(Effect.flatMap(pull, writeAll))
  })

const echoServer = SocketServer.SocketServer.use((server) => server.run((socket) => Effect.scoped(echo(socket))))

const say = (words: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const socket = yield* Socket.Socket
      const reader = yield* socket.reader
      yield* Effect.scoped(Effect.flatMap(socket.writer, ({ write }) => write(words)))
      return yield* drained(reader)
    })
  )

/** A server on a free port, and how to reach it. */
const listening = (options?: EffectSocketServer.Options) =>
  Effect.map(EffectSocketServer.make(0, options), (server) => ({
    server,
    open: SocketStream.open(server.address),
    client: EffectSocket.layer(SocketStream.open(server.address))
  }))

describe("makeServer", () => {
  onEach(
    "effect's programs run unchanged: what was said comes back, then the end",
    Effect.gen(function* () {
      const { client, server } = yield* listening()
      yield* start(Effect.provideService(echoServer, SocketServer.SocketServer, server))
      const words = Array.from({ length: 20 }, (_, i) => `${i} `.repeat(1000 * i))
      const heard = yield* Effect.forEach(words, (word) => Effect.provide(say(word), client), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        heard.map(([word, error]) => [word, nameOf(error)]),
        words.map((word) => [word, "1000"])
      )
    })
  )

  onEach(
    "a handler that fails or dies resets its own connection; the others go on, and onError hears why",
    Effect.gen(function* () {
      const causes: Array<unknown> = []
      const { open, server } = yield* listening({
        onError: (cause) => Effect.sync(() => causes.push(Cause.squash(cause)))
      })
      const handler = (socket: Socket.Socket) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { pull } = yield* socket.reader
            const word = textOf(yield* pull)
            if (word === "fail") return yield* Effect.fail("failed")
            if (word === "die") return yield* Effect.die("died")
            return yield* Effect.flatMap(socket.writer, ({ write }) => write(word))
          })
        )
      yield* start(server.run(handler))
      const ask = (word: string) =>
        Effect.scoped(
          Effect.flatMap(open, (stream) => Effect.andThen(SocketStream.write(stream, word), ending(stream)))
        )
      const seen = yield* Effect.forEach(["fail", "well", "die"], ask, { concurrency: "unbounded" })
      assert.deepStrictEqual(seen, ["ConnectionReset", "well, FIN", "ConnectionReset"])
      assert.sameMembers(causes, ["failed", "died"])
    })
  )

  onEach(
    "peers that end, or break, or leave in the middle are not logged as errors",
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ message }) => void logged.push(message))
      const { open, server } = yield* listening()
      const served = yield* start(
        server.run((socket) => Effect.orDie(Effect.scoped(echo(socket)))).pipe(Effect.provide(Logger.layer([logger])))
      )
      for (const end of [SocketStream.close, SocketStream.reset]) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const stream = yield* open
            yield* SocketStream.write(stream, "x")
            yield* SocketStream.readExactly(stream, 1)
            yield* end(stream)
          })
        )
      }
      yield* Fiber.interrupt(served)
      assert.deepStrictEqual(logged, [])
    })
  )

  onEach(
    "no more handlers run at once than maxConnections says; the next one waits",
    Effect.gen(function* () {
      const { open, server } = yield* listening({ maxConnections: 2 })
      let most = 0
      let now = 0
      const counted = (socket: Socket.Socket) =>
        Effect.ensuring(
          Effect.suspend(() => {
            most = Math.max(most, ++now)
            return Effect.scoped(echo(socket))
          }),
          Effect.sync(() => now--)
        )
      yield* start(server.run(counted))
      const talk = Effect.scoped(
        Effect.gen(function* () {
          const stream = yield* open
          yield* SocketStream.write(stream, "x")
          yield* SocketStream.readExactly(stream, 1)
          yield* Effect.sleep(5)
        })
      )
      yield* Effect.all(
        Array.from({ length: 8 }, () => talk),
        { concurrency: "unbounded", discard: true }
      )
      assert.strictEqual(most, 2)
    })
  )

  onEach(
    "interrupting run stops in order: who waits for input sees FIN at once, who works may finish",
    Effect.gen(function* () {
      const { open, server } = yield* listening({ drainTimeout: "5 seconds" })
      const working = yield* Deferred.make<void>()
      const finish = yield* Deferred.make<void>()
      const handler = (socket: Socket.Socket) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { pull } = yield* socket.reader
            const { write } = yield* socket.writer
            yield* pull
            yield* Deferred.done(working, Exit.void)
            yield* Deferred.await(finish)
            yield* write("done")
          })
        )
      const running = yield* start(server.run(handler))
      const [idle, busy] = [yield* open, yield* open]
      yield* SocketStream.write(busy, "work")
      yield* Deferred.await(working)
      const stopping = yield* start(Fiber.interrupt(running))
      assert.strictEqual(yield* ending(idle), ", FIN")
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(Fiber.join(stopping), 20)))
      yield* Deferred.done(finish, Exit.void)
      assert.strictEqual(yield* ending(busy), "done, FIN")
      yield* SocketStream.close(busy)
      yield* Fiber.join(stopping)
    })
  )

  onEach(
    "stop of the handle lets requests under way be answered, says how it ended, and run fails with Closed",
    Effect.gen(function* () {
      const { open, server } = yield* listening({ drainTimeout: "5 seconds" })
      const handler = (socket: Socket.Socket) =>
        Effect.scoped(
          Effect.gen(function* () {
            const { pull } = yield* socket.reader
            const { write } = yield* socket.writer
            const { length } = textOf(yield* pull)
            yield* Effect.sleep(length * 50)
            yield* write(`took ${length}`)
            return yield* pull
          })
        )
      const running = yield* start(Effect.flip(server.run(handler)))
      const clients = [yield* open, yield* open, yield* open]
      const requests = ["", "xx", "xxxxxx"]
      yield* Effect.forEach(clients, (client, i) => SocketStream.write(client, requests[i]), { discard: true })
      yield* Effect.sleep(20)
      const stopping = yield* start(server.stop)
      const again = yield* start(server.stop)
      const answers = Effect.forEach(
        clients,
        (client) => Effect.tap(ending(client), () => SocketStream.close(client)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(yield* answers, [", FIN", "took 2, FIN", "took 6, FIN"])
      assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 3, aborted: 0 })
      assert.deepStrictEqual(yield* Fiber.join(again), { drained: 3, aborted: 0 })
      const { reason } = yield* Fiber.join(running)
      assert.strictEqual((reason.cause as NetworkError).reason._tag, "Closed")
    })
  )

  onEach(
    "a request that takes longer than drainTimeout is reset, and the handle's stop says so in time",
    Effect.gen(function* () {
      const { open, server } = yield* listening({ drainTimeout: 100 })
      yield* start(
        Effect.exit(
          server.run((socket) =>
            Effect.scoped(Effect.flatMap(socket.reader, ({ pull }) => Effect.andThen(pull, Effect.never)))
          )
        )
      )
      const client = yield* open
      yield* SocketStream.write(client, "request")
      yield* Effect.sleep(20)
      const [time, report] = yield* Effect.timed(server.stop)
      assert.deepStrictEqual(report, { drained: 0, aborted: 1 })
      assert.isBelow(Duration.toMillis(time), 600)
      assert.strictEqual(yield* ending(client), "ConnectionReset")
    })
  )

  inMemory(
    "options that cannot be meant are a SocketServerOpenError before the port is open, those of the server too",
    Effect.gen(function* () {
      const wrong: ReadonlyArray<EffectSocketServer.Options> = [
        { maxConnections: 0 },
        { maxConnections: NaN },
        { maxPerPeer: NaN },
        { idleTimeout: -1 },
        { drainTimeout: NaN },
        { queue: 0 },
        { highWaterMark: 1.5 },
        { onError: "log" as never },
        { proxyProtocol: { trust: IpSet.empty, timeout: NaN } }
      ]
      const address = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 4242)
      for (const options of wrong) {
        const { reason } = yield* Effect.flip(Effect.scoped(EffectSocketServer.make(address, options)))
        assert.strictEqual(reason._tag, "SocketServerOpenError")
        const { message, reason: ours } = reason.cause as NetworkError
        assert.strictEqual(ours._tag, "InvalidOption")
        assert.include(message, Object.keys(options)[0])
        assert.include(message, "127.0.0.1:4242")
        assert.strictEqual((yield* Effect.flip(SocketStream.open(address))).reason._tag, "ConnectionRefused")
      }
    })
  )

  inMemory(
    "onError and onRefused that throw or die cost nobody anything",
    Effect.gen(function* () {
      const slip = (): never => {
        throw new Error("a slip")
      }
      const { open, server } = yield* listening({
        maxConnections: 8,
        maxPerPeer: 2,
        onError: slip,
        onRefused: slip
      })
      yield* start(
        server.run((socket) =>
          Effect.scoped(
            Effect.gen(function* () {
              const { pull } = yield* socket.reader
              const { writeAll } = yield* socket.writer
              const batch = yield* pull
              if (textOf(batch) === "die") return yield* Effect.die("died")
              if (textOf(batch) === "throw") slip()
              return yield* writeAll(batch)
            })
          )
        )
      )
      for (const word of ["die", "throw"]) {
        const stream = yield* open
        yield* SocketStream.write(stream, word)
        assert.strictEqual(yield* ending(stream), "ConnectionReset")
      }
      const [first, second, third] = [yield* open, yield* open, yield* open]
      assert.strictEqual(yield* ending(third), "ConnectionReset")
      for (const stream of [first, second]) {
        yield* SocketStream.write(stream, "hello")
        assert.strictEqual(yield* ending(stream), "hello, FIN")
      }
    })
  )

  onEach(
    "a handler that never takes the reader does not keep its connection",
    Effect.gen(function* () {
      const { open, server } = yield* listening()
      yield* start(server.run(() => Effect.void))
      assert.strictEqual(yield* ending(yield* open), ", FIN")
    })
  )

  onEach(
    "a handler can ask for the stream behind its socket: whom it talks to",
    Effect.gen(function* () {
      const { open, server } = yield* listening()
      const peer = yield* Deferred.make<string>()
      yield* start(
        server.run((socket) => {
          const stream = Option.getOrThrow(EffectSocket.streamOf(socket))
          return Deferred.succeed(peer, NetAddress.formatSocketAddress(stream.remoteAddress))
        })
      )
      const stream = yield* open
      assert.strictEqual(yield* Deferred.await(peer), NetAddress.formatSocketAddress(stream.localAddress))
    })
  )

  onEach(
    "an address in use is a SocketServerOpenError with our error inside; a second run finds the port closed",
    Effect.gen(function* () {
      const taken = yield* ServerSocket.listen(0)
      const failed = yield* Effect.flip(EffectSocketServer.make(taken.address))
      assert.strictEqual(failed.reason._tag, "SocketServerOpenError")
      assert.strictEqual((failed.reason.cause as NetworkError).reason._tag, "AddressInUse")
      const { server } = yield* listening()
      yield* Fiber.interrupt(yield* start(server.run(echo)))
      const { reason } = yield* Effect.flip(server.run((socket) => Effect.scoped(echo(socket))))
      assert.strictEqual(reason._tag, "SocketServerUnknownError")
      assert.strictEqual((reason.cause as NetworkError).reason._tag, "Closed")
    })
  )
})

describe("effect's own protocols", () => {
  class Library extends RpcGroup.make(
    Rpc.make("Title", { payload: { isbn: Schema.String }, success: Schema.String }),
    Rpc.make("Pages", { payload: { count: Schema.Int }, success: Schema.String, stream: true })
  ) {}

  const librarian = Library.toLayer({
    Title: ({ isbn }) => Effect.succeed(`Book ${isbn}`),
    Pages: ({ count }) => Stream.map(Stream.range(1, count), (page) => `page ${page} ${"x".repeat(1000)}`)
  })

  onEach(
    "RPC: calls and streams of one connection, and clients that come and go",
    Effect.gen(function* () {
      const { client, server } = yield* listening()
      const serving = RpcServer.layer(Library).pipe(
        Layer.provide([librarian, RpcServer.layerProtocolSocketServer]),
        Layer.provide([RpcSerialization.layerNdjson, Layer.succeed(SocketServer.SocketServer, server)])
      )
      const protocol = RpcClient.layerProtocolSocket().pipe(Layer.provide([client, RpcSerialization.layerNdjson]))
      const visit = Effect.gen(function* () {
        const library = yield* RpcClient.make(Library)
        const titles = Array.from({ length: 50 }, (_, i) => library.Title({ isbn: `${i}` }))
        const pages = Stream.runCount(library.Pages({ count: 300 }))
        return yield* Effect.all([Effect.all(titles, { concurrency: "unbounded" }), pages], {
          concurrency: "unbounded"
        })
      }).pipe(Effect.scoped, Effect.provide(protocol, { local: true }))
      yield* Layer.build(serving)
      for (const [titles, pages] of yield* Effect.all([visit, visit, visit], { concurrency: "unbounded" })) {
        assert.deepStrictEqual([titles[49], pages], ["Book 49", 300])
      }
    })
  )

  onEach(
    "Ndjson over Socket.toChannel: values out and back, and the end",
    Effect.gen(function* () {
      const { client, server } = yield* listening()
      yield* start(Effect.provideService(echoServer, SocketServer.SocketServer, server))
      const socket = yield* Effect.provide(Socket.Socket, client)
      const values = Array.from({ length: 1000 }, (_, number) => ({ number, text: "é".repeat(number % 70) }))
      const back = yield* Stream.fromIterable(values).pipe(
        Stream.pipeThroughChannel(Ndjson.duplex(Socket.toChannelWith<Ndjson.NdjsonError>()(socket))),
        Stream.take(values.length),
        Stream.runCollect
      )
      assert.deepStrictEqual(back, values)
    })
  )

  onEach(
    "DevTools: a span of the client reaches the server",
    Effect.gen(function* () {
      const { client, server } = yield* listening()
      const heard = yield* Queue.unbounded<string>()
      const listen = DevToolsServer.run(({ queue }) =>
        Effect.forever(
          Effect.flatMap(Queue.take(queue), (request) =>
            Queue.offer(heard, "name" in request ? request.name : request._tag)
          )
        )
      )
      yield* start(Effect.provideService(listen, SocketServer.SocketServer, server))
      const scope = yield* Scope.fork(yield* Effect.scope)
      const tracer = yield* Layer.buildWithScope(DevToolsClient.layerTracer.pipe(Layer.provide(client)), scope)
      yield* Effect.provide(Effect.withSpan(Effect.void, "a walk"), tracer)
      assert.strictEqual(yield* Queue.take(heard), "a walk")
      yield* Scope.close(scope, Exit.void)
    })
  )
})
