import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Simulation from "@effect-sockets/socket/testing/Simulation"

const hosts = { phone: ["10.0.0.1"], server: ["10.0.0.2"] }

const network = (options: MemoryNetwork.Options = {}) =>
  Layer.mergeAll(MemoryNetwork.layer({ hosts, ...options }), Resolver.layerStatic({ hosts }))

const shout = (stream: SocketStream.SocketStream) =>
  SocketStream.lines(stream).pipe(Stream.runForEach((line) => SocketStream.writeLine(stream, line.toUpperCase())))

const server = Effect.gen(function* () {
  const socket = yield* ServerSocket.listen(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80"))
  return yield* Server.start(socket, shout, { readTimeout: "30 seconds" })
}).pipe(MemoryNetwork.runOn("server"))

const ask = (question: string) =>
  Effect.gen(function* () {
    const stream = yield* SocketStream.open("server", 80, { connectTimeout: "5 seconds", readTimeout: "5 seconds" })
    yield* SocketStream.writeLine(stream, question)
    return yield* SocketStream.readLine(stream)
  }).pipe(Effect.scoped, MemoryNetwork.runOn("phone"))

// The examples of docs/testing.md, word for word.
describe("docs/testing.md", () => {
  it.effect("the server shouts back", () =>
    Effect.gen(function* () {
      yield* server
      assert.deepStrictEqual(yield* ask("hello"), Option.some("HELLO"))
    }).pipe(Effect.scoped, Effect.provide(network()))
  )

  it.effect("a question takes three round trips: handshake, answer, end", () =>
    Effect.gen(function* () {
      yield* server
      const [time] = yield* Effect.timed(ask("hello"))
      assert.strictEqual(Duration.toMillis(time), 3 * 2 * 25)
    }).pipe(Effect.scoped, Effect.provide(network({ latency: "25 millis" })), Simulation.simulate)
  )

  it.effect("a phone without a network tries again until it has one", () =>
    Effect.gen(function* () {
      yield* server
      yield* MemoryNetwork.partition("phone", "server")
      yield* Effect.forkChild(Effect.delay(MemoryNetwork.heal("phone", "server"), "1 minute"))
      const answer = yield* Effect.retry(ask("hello"), Schedule.spaced("1 second"))
      assert.deepStrictEqual(answer, Option.some("HELLO"))
    }).pipe(Effect.scoped, Effect.provide(network({ latency: "25 millis" })), Simulation.simulate)
  )

  it.effect.each([0, 1, 2, 3, 4, 5, 6, 7])(
    "after %i of 7 bytes a reset is an error, unless the answer was whole",
    (after) =>
      Effect.gen(function* () {
        yield* server
        const answer = yield* Effect.result(ask("hello"))
        assert.strictEqual(Result.isSuccess(answer), after === 7)
      }).pipe(
        Effect.scoped,
        Effect.provide(network({ latency: 10, faults: () => ({ _tag: "Reset", toward: "client", after }) })),
        Simulation.simulate
      )
  )

  const seeds = Array.from({ length: 50 }, (_, i) => i + 1)

  it.effect.each(seeds)("on a bad network questions get through in the end, and nothing leaks: seed %i", (seed) =>
    Effect.gen(function* () {
      yield* server
      const answer = yield* Effect.retry(ask("hello"), Schedule.spaced("1 second"))
      assert.deepStrictEqual(answer, Option.some("HELLO"))
      yield* Effect.sleep("1 minute")
      assert.strictEqual(yield* MemoryNetwork.descriptors, 1)
    }).pipe(
      Effect.onError(() => Effect.flatMap(MemoryNetwork.trace, (trace) => Effect.log(MemoryNetwork.format(trace)))),
      Effect.scoped,
      Effect.provide(
        network({
          seed,
          latency: "10 millis",
          jitter: "50 millis",
          maxChunk: 3,
          faults: { refuse: 0.1, reset: 0.3, vanish: 0.1, within: 7 }
        })
      ),
      Simulation.simulate
    )
  )

  it.effect("the trace of one question", () =>
    Effect.gen(function* () {
      yield* server
      yield* ask("hello")
      assert.deepStrictEqual(MemoryNetwork.format(yield* MemoryNetwork.trace).split("\n"), [
        "     0.000 10.0.0.2:80 listen",
        "     0.000 #1 10.0.0.1:49152 > 10.0.0.2:80 connect",
        "    10.000 #1 10.0.0.2:80 > 10.0.0.1:49152 accepted",
        "    20.000 #1 10.0.0.1:49152 > 10.0.0.2:80 connected",
        "    20.000 #1 10.0.0.1:49152 > 10.0.0.2:80 sent 7",
        "    30.000 #1 10.0.0.2:80 > 10.0.0.1:49152 delivered 7",
        "    30.000 #1 10.0.0.2:80 > 10.0.0.1:49152 sent 7",
        "    40.000 #1 10.0.0.1:49152 > 10.0.0.2:80 delivered 7",
        "    40.000 #1 10.0.0.1:49152 > 10.0.0.2:80 FIN",
        "    50.000 #1 10.0.0.2:80 > 10.0.0.1:49152 got FIN",
        "    50.000 #1 10.0.0.2:80 > 10.0.0.1:49152 FIN",
        "    50.000 #1 10.0.0.2:80 > 10.0.0.1:49152 closed",
        "    60.000 #1 10.0.0.1:49152 > 10.0.0.2:80 got FIN",
        "    60.000 #1 10.0.0.1:49152 > 10.0.0.2:80 closed"
      ])
    }).pipe(Effect.scoped, Effect.provide(network({ latency: "10 millis" })), Simulation.simulate)
  )
})
