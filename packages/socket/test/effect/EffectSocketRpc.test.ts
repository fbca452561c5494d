import { assert, describe } from "@effect/vitest"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as NetAddress from "effect/net/NetAddress"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as SocketServer from "effect/socket/SocketServer"
import * as Stream from "effect/Stream"
import * as EffectSocket from "../../src/EffectSocket.ts"
import * as EffectSocketRpc from "../../src/EffectSocketRpc.ts"
import * as EffectSocketServer from "../../src/EffectSocketServer.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import type * as Tls from "../../src/Tls.ts"
import * as certificates from "../utils/certificates.ts"
import { ending, inMemory, onEach, start } from "../utils/effectSocket.ts"
import { live } from "../utils/live.ts"

class Kitchen extends RpcGroup.make(
  Rpc.make("Cook", { payload: { minutes: Schema.Int }, success: Schema.String }),
  Rpc.make("Serve", { payload: { plates: Schema.Int }, success: Schema.String, stream: true })
) {}

/** A kitchen that says when `calls` calls have begun; its call of n minutes takes n * 100 ms. */
const kitchen = (calls: number) =>
  Effect.map(Deferred.make<void>(), (begun) => {
    let count = 0
    const began = Effect.suspend(() => (++count === calls ? Deferred.succeed(begun, undefined) : Effect.void))
    const cooks = Kitchen.toLayer({
      Cook: ({ minutes }) => began.pipe(Effect.andThen(Effect.sleep(minutes * 100)), Effect.as(`done in ${minutes}`)),
      Serve: ({ plates }) =>
        Stream.unwrap(
          Effect.as(
            began,
            Stream.map(Stream.range(1, plates), (plate) => `plate ${plate}`)
          )
        ).pipe(Stream.tap(() => Effect.sleep(30)))
    })
    return { cooks, begun: Deferred.await(begun) }
  })

const clientOf = <R>(open: Effect.Effect<SocketStream.SocketStream, NetworkError, R>) =>
  RpcClient.layerProtocolSocket().pipe(Layer.provide([EffectSocket.layer(open), RpcSerialization.layerNdjson]))

/** A free port: the protocol does not tell which one it got. */
const freePort = Effect.scoped(
  Effect.map(EffectSocketServer.make(0), ({ address }) => address as NetAddress.InetAddress)
)

const outcome = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? exit.value : "interrupted or failed"

/** An RPC server of a kitchen for `calls` calls, and the scope that stops it. */
const opened = (calls: number, options: EffectSocketServer.Options = {}) =>
  Effect.gen(function* () {
    const { begun, cooks } = yield* kitchen(calls)
    const address = yield* freePort
    const scope = yield* Scope.fork(yield* Effect.scope)
    yield* RpcServer.layer(Kitchen).pipe(
      Layer.provide([cooks, EffectSocketRpc.layerProtocol(address, options)]),
      Layer.provide(RpcSerialization.layerNdjson),
      Layer.buildWithScope(scope)
    )
    return { address, begun, scope }
  })

/** Three calls of one connection when the server's layer is released: what came of them, and how long the release took. */
const stopDuringCalls = (options: EffectSocketServer.Options = {}, tls?: Tls.ClientOptions) =>
  Effect.gen(function* () {
    const { address, begun, scope } = yield* opened(3, options)
    return yield* Effect.gen(function* () {
      const client = yield* RpcClient.make(Kitchen)
      const calls = yield* start(
        Effect.all(
          [
            Effect.exit(client.Cook({ minutes: 1 })),
            Effect.exit(client.Cook({ minutes: 6 })),
            Effect.exit(Stream.runCollect(client.Serve({ plates: 9 })))
          ],
          { concurrency: "unbounded" }
        )
      )
      yield* begun
      const [time] = yield* Effect.timed(Scope.close(scope, Exit.void))
      return { answers: (yield* Fiber.join(calls)).map(outcome), millis: Duration.toMillis(time) }
    }).pipe(Effect.scoped, Effect.provide(clientOf(SocketStream.open(address, { tls })), { local: true }))
  })

const plates = Array.from({ length: 9 }, (_, i) => `plate ${i + 1}`)

const answered = (options?: EffectSocketServer.Options, tls?: Tls.ClientOptions) =>
  Effect.map(stopDuringCalls(options, tls), ({ answers }) =>
    assert.deepStrictEqual(answers, ["done in 1", "done in 6", plates])
  )

describe("EffectSocketRpc", () => {
  const claim =
    "the release of the layers waits for the answers of all calls under way, a quick one, a slow one, a stream"
  onEach(claim, answered())
  live(
    `TLS: ${claim}`,
    answered({ tls: { identity: certificates.server } }, { ca: [certificates.authority], servername: "socket.test" })
  )

  onEach(
    "a call that takes longer than drainTimeout is given up then, not after twice as long",
    Effect.gen(function* () {
      const outcomes = yield* stopDuringCalls({ drainTimeout: 400 })
      assert.deepStrictEqual([outcomes.answers[0], outcomes.answers[1]], ["done in 1", "interrupted or failed"])
      assert.isBelow(outcomes.millis, 400 + 350)
    })
  )

  onEach(
    "a call keeps its connection from idleTimeout, though its client says nothing meanwhile; without one it ends",
    Effect.gen(function* () {
      const { address } = yield* opened(1, { idleTimeout: 100 })
      yield* Effect.gen(function* () {
        const client = yield* RpcClient.make(Kitchen)
        assert.strictEqual(yield* client.Cook({ minutes: 5 }), "done in 5")
      }).pipe(Effect.scoped, Effect.provide(clientOf(SocketStream.open(address)), { local: true }))
      const silent = yield* SocketStream.open(address)
      assert.strictEqual(yield* ending(silent), ", FIN")
    })
  )

  inMemory(
    "maxAge never takes a connection with a call for idle: its client sees a reset, no end",
    Effect.gen(function* () {
      const { address } = yield* opened(1, { maxAge: 200 })
      const answered = yield* Effect.gen(function* () {
        const stream = yield* SocketStream.open(address)
        const request = { _tag: "Request", id: "1", tag: "Cook", payload: { minutes: 50 }, headers: [] }
        yield* SocketStream.writeLine(stream, JSON.stringify(request))
        return yield* ending(stream)
      }).pipe(Effect.scoped)
      assert.strictEqual(answered, "ConnectionReset")
    })
  )

  inMemory(
    "what needs no answer holds up no stop: a call that its client has interrupted, a ping, an answer that was acknowledged",
    Effect.gen(function* () {
      const { address, begun, scope } = yield* opened(1)
      const stream = yield* SocketStream.open(address)
      const say = (message: object) => SocketStream.writeLine(stream, JSON.stringify(message))
      yield* say({ _tag: "Request", id: "1", tag: "Cook", payload: { minutes: 50 }, headers: [] })
      yield* begun
      yield* say({ _tag: "Interrupt", requestId: "1" })
      assert.include(Option.getOrThrow(yield* SocketStream.readLine(stream)), "Exit")
      yield* say({ _tag: "Ping" })
      assert.include(Option.getOrThrow(yield* SocketStream.readLine(stream)), "Pong")
      yield* say({ _tag: "Ack", requestId: "1" })
      yield* Effect.sleep(20)
      const stopping = yield* start(Scope.close(scope, Exit.void))
      assert.strictEqual(yield* Effect.timeout(ending(stream), 1000), ", FIN")
      yield* SocketStream.close(stream)
      yield* Effect.timeout(Fiber.join(stopping), 1000)
    })
  )

  inMemory(
    "options that cannot be meant fail before the port is open",
    Effect.gen(function* () {
      const address = yield* freePort
      const made = EffectSocketRpc.make(address, { drainTimeout: NaN }).pipe(
        Effect.provide(RpcSerialization.layerNdjson)
      )
      const { reason } = yield* Effect.flip(made)
      assert.strictEqual(reason._tag, "SocketServerOpenError")
      assert.strictEqual((reason.cause as NetworkError).reason._tag, "InvalidOption")
      assert.strictEqual((yield* Effect.flip(SocketStream.open(address))).reason._tag, "ConnectionRefused")
    })
  )

  inMemory(
    "clients that only wait do not hold up the stop",
    Effect.gen(function* () {
      const { address, scope } = yield* opened(1)
      yield* Effect.gen(function* () {
        const client = yield* RpcClient.make(Kitchen)
        assert.strictEqual(yield* client.Cook({ minutes: 0 }), "done in 0")
        yield* Effect.timeout(Scope.close(scope, Exit.void), 1000)
      }).pipe(Effect.scoped, Effect.provide(clientOf(SocketStream.open(address)), { local: true }))
    })
  )

  inMemory(
    "a client that leaves with calls open does not hold up the stop",
    Effect.gen(function* () {
      const { address, begun, scope } = yield* opened(1)
      yield* Effect.gen(function* () {
        const client = yield* RpcClient.make(Kitchen)
        yield* start(client.Cook({ minutes: 100 }))
        yield* begun
      }).pipe(Effect.scoped, Effect.provide(clientOf(SocketStream.open(address)), { local: true }))
      yield* Effect.timeout(Scope.close(scope, Exit.void), 2000)
    })
  )
})

describe("RpcServer.layerProtocolSocketServer, released while a call is under way", () => {
  /** Whether the call was answered. */
  const released = <E, R>(servers: Layer.Layer<SocketServer.SocketServer, E, R>) =>
    Effect.gen(function* () {
      const { begun, cooks } = yield* kitchen(1)
      const scope = yield* Scope.fork(yield* Effect.scope)
      let address: NetAddress.SocketAddress | undefined
      const seen = Layer.effectDiscard(
        SocketServer.SocketServer.useSync((server) => {
          address = server.address
        })
      )
      yield* Layer.mergeAll(RpcServer.layer(Kitchen), seen).pipe(
        Layer.provide([cooks, RpcServer.layerProtocolSocketServer]),
        Layer.provide([RpcSerialization.layerNdjson, servers]),
        Layer.buildWithScope(scope)
      )
      return yield* Effect.gen(function* () {
        const client = yield* RpcClient.make(Kitchen)
        const call = yield* start(Effect.exit(client.Cook({ minutes: 3 })))
        yield* begun
        yield* Scope.close(scope, Exit.void)
        return outcome(yield* Fiber.join(call))
      }).pipe(Effect.scoped, Effect.provide(clientOf(SocketStream.open(address!)), { local: true }))
    })

  const interrupted = "interrupted or failed"
  live(
    "interrupts the call over effect's own server",
    Effect.map(released(NodeSocketServer.layer({ port: 0, host: "127.0.0.1" })), (got) =>
      assert.strictEqual(got, interrupted)
    )
  )
  onEach(
    "interrupts the call over ours too",
    Effect.map(released(EffectSocketServer.layer(0)), (got) => assert.strictEqual(got, interrupted))
  )
})

live(
  "the layer of the protocol has the server below it, which tells the port that it got",
  Effect.gen(function* () {
    const { cooks } = yield* kitchen(1)
    const protocol = EffectSocketRpc.layerProtocol(0)
    const context = yield* RpcServer.layer(Kitchen).pipe(
      Layer.provideMerge(protocol),
      Layer.provide([cooks, RpcSerialization.layerNdjson]),
      Layer.build
    )
    const { address } = Context.get(context, EffectSocketServer.EffectSocketServer)
    const client = RpcClient.make(Kitchen)
    const got = yield* Effect.flatMap(client, ({ Cook }) => Cook({ minutes: 0 })).pipe(
      Effect.scoped,
      Effect.provide(clientOf(SocketStream.open(address)))
    )
    assert.strictEqual(got, "done in 0")
  })
)

inMemory(
  "a client that reads no answers is held back, and has all of them when it reads",
  Effect.gen(function* () {
    let cooked = 0
    const Cook = () => Effect.sync(() => `done in ${++cooked}`)
    const address = yield* freePort
    yield* RpcServer.layer(Kitchen).pipe(
      Layer.provide([Kitchen.toLayer({ Cook, Serve: () => Stream.empty }), EffectSocketRpc.layerProtocol(address)]),
      Layer.provide(RpcSerialization.layerNdjson),
      Layer.build
    )
    const client = yield* SocketStream.open(address, { highWaterMark: 1024 })
    const orders = 20_000
    const order = (id: number) =>
      `${JSON.stringify({ _tag: "Request", id: String(id), tag: "Cook", payload: { minutes: 0 }, headers: [] })}\n`
    // What comes before RPC runs is not held back.
    yield* SocketStream.write(client, order(orders))
    yield* SocketStream.readLine(client)
    const many = 100
    const asking = yield* start(
      Effect.forEach(Array.from({ length: orders / many }), (_, batch) =>
        SocketStream.write(client, Array.from({ length: many }, (_, i) => order(batch * many + i)).join(""))
      )
    )
    const counted = Effect.suspend(() => Effect.as(Effect.sleep(100), cooked))
    yield* Effect.repeat(counted, { until: (before) => before > 1 && before === cooked })
    assert.isBelow(cooked, orders / 2)
    assert.isUndefined(asking.pollUnsafe())
    const answers = yield* SocketStream.lines(client).pipe(Stream.take(orders), Stream.runCount)
    assert.strictEqual(answers, orders)
    yield* Fiber.join(asking)
  })
)
