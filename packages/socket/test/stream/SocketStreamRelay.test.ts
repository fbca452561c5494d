import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import * as SocketPair from "../../src/testing/SocketPair.ts"
import { live } from "../utils/live.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** A client and a server, and the relay between them. */
const joined = Effect.fnUntraced(function* (options?: SocketStream.RelayOptions) {
  const [client, front] = yield* SocketPair.make()
  const [back, server] = yield* SocketPair.make()
  const relay = yield* start(SocketStream.relay(front, back, options))
  return { client, front, back, server, relay }
})

describe("relay", () => {
  it.effect("passes on each end for itself, and succeeds after both", () =>
    Effect.gen(function* () {
      const { client, relay, server } = yield* joined()
      yield* SocketStream.write(client, "question")
      yield* SocketStream.endWrite(client)
      assert.strictEqual(String(Buffer.from(yield* SocketStream.readAll(server))), "question")
      assert.isUndefined(relay.pollUnsafe())
      yield* SocketStream.writeLine(server, "answer")
      yield* SocketStream.endWrite(server)
      assert.deepStrictEqual(yield* SocketStream.readLine(client), Option.some("answer"))
      assert.deepStrictEqual(yield* SocketStream.read(client), Option.none())
      yield* Fiber.join(relay)
    }).pipe(Effect.scoped)
  )

  it.effect("fails when one of them breaks, and leaves the other to its scope", () =>
    Effect.gen(function* () {
      const { client, front, relay, server } = yield* joined()
      yield* SocketStream.reset(server)
      assert.strictEqual((yield* Effect.flip(Fiber.join(relay))).reason._tag, "ConnectionReset")
      yield* SocketStream.writeLine(front, "still open")
      assert.deepStrictEqual(yield* SocketStream.readLine(client), Option.some("still open"))
    }).pipe(Effect.scoped)
  )

  it.effect("with idleTimeout, lasts as long as either direction moves", () =>
    Effect.gen(function* () {
      const { client, relay, server } = yield* joined({ idleTimeout: "1 minute" })
      for (const [from, to] of [
        [client, server],
        [server, client],
        [server, client]
      ]) {
        yield* TestClock.adjust("59 seconds")
        yield* SocketStream.writeLine(from, "x")
        assert.deepStrictEqual(yield* SocketStream.readLine(to), Option.some("x"))
      }
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(relay.pollUnsafe())
      yield* TestClock.adjust("16 seconds")
      const { reason } = yield* Effect.flip(Fiber.join(relay))
      assert.deepStrictEqual(reason, { _tag: "TimedOut", millis: 60_000 })
    }).pipe(Effect.scoped)
  )

  it.effect("interrupted, loses no byte", () =>
    Effect.gen(function* () {
      const { back, client, front, relay, server } = yield* joined()
      yield* SocketStream.writeLine(client, "one")
      assert.deepStrictEqual(yield* SocketStream.readLine(server), Option.some("one"))
      yield* Fiber.interrupt(relay)
      yield* SocketStream.writeLine(client, "two")
      assert.deepStrictEqual(yield* SocketStream.readLine(front), Option.some("two"))
      yield* SocketStream.writeLine(back, "three")
      assert.deepStrictEqual(yield* SocketStream.readLine(server), Option.some("three"))
    }).pipe(Effect.scoped)
  )

  it.effect("an idleTimeout that cannot be meant is refused", () =>
    Effect.gen(function* () {
      const [a, b] = yield* SocketPair.make()
      const { reason } = yield* Effect.flip(SocketStream.relay(a, b, { idleTimeout: 0 }))
      assert.deepInclude(reason, { _tag: "InvalidOption", option: "idleTimeout" })
    }).pipe(Effect.scoped)
  )

  live(
    "is in use for a server that stops, though an answer has gone",
    Effect.gen(function* () {
      const origin = yield* ServerSocket.listen(0)
      const socket = yield* ServerSocket.listen(0)
      const server = yield* Server.start(socket, (stream) =>
        Effect.flatMap(SocketStream.open(origin.address), (up) => SocketStream.relay(stream, up))
      )
      const client = yield* SocketStream.open(socket.address)
      const up = yield* ServerSocket.accept(origin)
      yield* SocketStream.writeLine(client, "question")
      yield* SocketStream.readLine(up)
      yield* SocketStream.writeLine(up, "half of an")
      assert.deepStrictEqual(yield* SocketStream.readLine(client), Option.some("half of an"))
      const stopping = yield* start(server.stop)
      yield* SocketStream.writeLine(up, "answer")
      assert.deepStrictEqual(yield* SocketStream.readLine(client), Option.some("answer"))
      yield* Effect.all([SocketStream.close(up), SocketStream.close(client)], { concurrency: 2 })
      assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 1, aborted: 0 })
    })
  )

  live(
    "a server whose relay fails resets both peers",
    Effect.gen(function* () {
      const origin = yield* ServerSocket.listen(0)
      const socket = yield* ServerSocket.listen(0)
      yield* Server.start(
        socket,
        (stream) =>
          Effect.flatMap(SocketStream.open(origin.address), (up) =>
            SocketStream.relay(stream, up, { idleTimeout: "40 millis" })
          ).pipe(Effect.scoped),
        { onError: () => Effect.void }
      )
      const client = yield* SocketStream.open(socket.address)
      const up = yield* ServerSocket.accept(origin)
      const exits = yield* Effect.forEach([client, up], (stream) => Effect.exit(SocketStream.read(stream)))
      assert.isTrue(exits.every(Exit.isFailure))
    })
  )
})
