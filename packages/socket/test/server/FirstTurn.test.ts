import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Codec from "../../src/Codec.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeListener } from "../utils/fakeListener.ts"
import { live } from "../utils/live.ts"
import { endOf, handling, serving } from "../utils/serving.ts"

describe("what happens in the first turn of a handler reaches it:", () => {
  it.effect("a connection that breaks, whose place is free again", () => {
    const network = new FakeListener()
    return Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const server = yield* Server.start(socket, () => {
        network.connections[0].breaks({ _tag: "ConnectionReset" })
        return Effect.never
      })
      network.connect()
      yield* Effect.yieldNow
      assert.strictEqual(yield* server.connections, 0)
    }).pipe(Effect.scoped, Effect.provide(network.layer))
  })

  for (const [way, handler] of [
    ["a fiber", () => Effect.never],
    ["a driver", (stream) => SocketStream.forEachLine(stream, () => Effect.void)],
    ["a driver of one frame", (stream) => SocketStream.withFrame(stream, Codec.line(), () => Effect.void)]
  ] satisfies ReadonlyArray<readonly [string, Server.Handler<never>]>) {
    it.effect(`an alarm that aborts the server ends the handler that is ${way}`, () => {
      const network = new FakeListener()
      return Effect.gen(function* () {
        const socket = yield* ServerSocket.listen(0)
        let abort: Effect.Effect<unknown> = Effect.void
        const server = yield* Server.start(socket, handler, {
          maxConnections: 1,
          onAlarm: () => Effect.asVoid(Effect.forkDetach(abort, { startImmediately: true }))
        })
        abort = server.abort
        network.connect()
        for (let i = 0; i < 10; i++) yield* Effect.yieldNow
        assert.strictEqual(yield* server.connections, 0)
        assert.deepStrictEqual(yield* server.abort, { drained: 0, aborted: 1 })
      }).pipe(Effect.scoped, Effect.provide(network.layer))
    })
  }

  live(
    "a port that is handed over, where the answer is out before the first wait",
    Effect.gen(function* () {
      const answer = Effect.fnUntraced(function* (stream: SocketStream.SocketStream) {
        for (;;) {
          const line = yield* SocketStream.readLine(stream)
          if (Option.isNone(line) || line.value === "bye") return
          yield* SocketStream.writeLine(stream, line.value)
          yield* SocketStream.flush(stream)
        }
      })
      const { connect, listener, server } = yield* serving(answer, { maxConnections: 1, drainTimeout: "1 hour" })
      const first = yield* connect()
      yield* handling(server, 1)
      const waiting = yield* connect()
      waiting.socket.write("hello\n")
      yield* waitsIn(listener)
      yield* Effect.sleep(50)
      const stopping = yield* Effect.forkChild(server.handOver, { startImmediately: true })
      first.socket.end("bye\n")
      assert.strictEqual(yield* endOf(waiting), "FIN")
      assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 2, aborted: 0 })
    })
  )
})

/** Until a connection waits. */
const waitsIn = (socket: ServerSocket.ServerSocket): Effect.Effect<void> =>
  Effect.suspend(() =>
    JSON.stringify(socket).includes('"waiting":1') ? Effect.void : Effect.andThen(Effect.sleep(2), waitsIn(socket))
  )
