/**
 * Storms of interruptions, with fibers whose turn may end after any operation: whatever is interrupted leaves no
 * connection and no byte behind.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Ways from "../../src/internal/conformance/Ways.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { connected, limits, struck, transports } from "../utils/transports.ts"

/**
 * Operations that a fiber may run before its turn ends. With 1 and 2 no fiber of effect's gets on at all: the turn's end
 * takes as many. The last one is effect's own default.
 */
const turns = [3, 4, 5, 7, 20, 100, 511, 512, 2048]

const withoutTls = Object.entries(transports).filter(([name]) => name !== "TLS")

for (const [name, transport] of withoutTls) {
  describe(`over ${name}`, () => {
    it.live.each(turns)("an interrupted open leaves no connection behind, with %i operations a turn", (ops) =>
      transport.run(
        Effect.gen(function* () {
          const port = yield* ServerSocket.listen(transport.address(), { ...limits, queue: 1000 })
          for (let round = 0; round < 120; round++) {
            // The scope of the whole round: an open that was interrupted must not wait for its end.
            yield* struck(SocketStream.open(port.address, limits), ops, round % 24)
          }
          // Those that came through are the scope's, and end with it; the peers of all others are gone by themselves.
          yield* ServerSocket.close(port)
        })
      )
    )

    it.live.each(turns)("an interrupted accept loses no connection, with %i operations a turn", (ops) =>
      transport.run(
        Effect.gen(function* () {
          const port = yield* ServerSocket.listen(transport.address(), limits)
          for (let round = 0; round < 60; round++) {
            const [exit, client] = yield* Effect.all(
              [struck(ServerSocket.accept(port), ops, round % 12), SocketStream.open(port.address, limits)],
              { concurrency: 2 }
            )
            const stream = Exit.isSuccess(exit) ? exit.value : yield* Effect.timeout(ServerSocket.accept(port), 5000)
            yield* SocketStream.writeLine(client, `${round}`)
            assert.deepStrictEqual(yield* SocketStream.readLine(stream), Option.some(`${round}`), `round ${round}`)
            yield* Effect.all([SocketStream.reset(stream), SocketStream.reset(client)])
          }
          assert.deepStrictEqual(yield* ServerSocket.acceptWithin(port, 0), Option.none())
        })
      )
    )

    for (const [kind, way] of Object.entries(Ways.ofBytes)) {
      it.live.each(turns)(`${kind}, interrupted, loses no byte, with %i operations a turn`, (ops) =>
        transport.run(
          Effect.gen(function* () {
            const { far, near } = yield* connected(transport)
            const count = 60
            const sent = Ways.lines(count * Ways.lineSize)
            yield* Effect.forkChild(
              Effect.forEach(Array.from({ length: count }), (_, i) =>
                Effect.andThen(
                  SocketStream.write(near, sent.subarray(i * Ways.lineSize, (i + 1) * Ways.lineSize)),
                  i % 3 === 0 ? Effect.sleep(0) : i % 3 === 1 ? Effect.yieldNow : Effect.void
                )
              ).pipe(Effect.andThen(SocketStream.endWrite(near)))
            )
            const got: Array<Uint8Array> = []
            let isStruck = false
            let late = 0
            // Some effects are interrupted, but each has begun: what it was called with it has.
            const take = way(far, (bytes) => {
              if (isStruck) late++
              return got.push(bytes) % 4 === 0 ? Effect.yieldNow : Effect.void
            })
            // Each round may be too short for any; in time all of them come to the end of the input.
            for (let round = 0; ; round++) {
              isStruck = false
              if (Exit.isSuccess(yield* struck(take, ops, round % 12))) break
              isStruck = true
              yield* Effect.sleep(0)
            }
            assert.strictEqual(late, 0, "who was interrupted takes nothing more")
            assert.deepStrictEqual(Buffer.concat(got), Buffer.from(sent))
          })
        )
      )
    }

    for (const [route, maxConnections] of [
      ["straight to their handlers", 1000],
      ["through the queue", 1]
    ] as const) {
      for (const [kind, way] of Object.entries(Ways.ofLines)) {
        it.live.each([3, 7, 100, 2048])(
          `clients of ${kind} that come ${route} and are interrupted leave no place taken, with %i operations a turn`,
          (ops) =>
            transport.run(
              Effect.gen(function* () {
                const port = yield* ServerSocket.listen(transport.address(), { ...limits, queue: 1000 })
                const handler: Server.Handler = (stream) => way(stream, (line) => SocketStream.writeLine(stream, line))
                const options = { maxConnections, onError: () => Effect.void, drainTimeout: 2000 }
                const server = yield* Server.start(port, handler, options)
                const ask = Effect.gen(function* () {
                  const stream = yield* SocketStream.open(port.address, limits)
                  yield* SocketStream.write(stream, "one\ntwo\n")
                  assert.deepStrictEqual(yield* SocketStream.readLine(stream), Option.some("one"))
                  assert.deepStrictEqual(yield* SocketStream.readLine(stream), Option.some("two"))
                }).pipe(Effect.scoped)
                yield* Effect.forEach(Array.from({ length: 40 }), (_, round) => struck(ask, ops, round % 20), {
                  concurrency: 4
                })
                // The last of a queue of one comes through only when all those before it have left.
                yield* Effect.timeout(ask, 5000)
                for (let i = 0; i < 300 && (yield* server.connections) > 0; i++) yield* Effect.sleep(5)
                assert.strictEqual(yield* server.connections, 0)
              })
            )
        )
      }
    }
  })
}
