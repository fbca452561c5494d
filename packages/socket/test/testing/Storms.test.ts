/**
 * Storms of interruptions, with fibers whose turn may end after any operation: whatever is interrupted leaves no
 * connection and no byte behind.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
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

    it.live.each(turns)("interrupted reads lose no byte, with %i operations a turn", (ops) =>
      transport.run(
        Effect.gen(function* () {
          const { far, near } = yield* connected(transport)
          const lines = Array.from({ length: 200 }, (_, i) => `line ${i}`)
          yield* Effect.forkChild(
            Effect.forEach(lines, (line, i) =>
              Effect.andThen(
                SocketStream.write(near, `${line}\n`),
                i % 3 === 0 ? Effect.sleep(0) : i % 3 === 1 ? Effect.yieldNow : Effect.void
              )
            ).pipe(Effect.andThen(SocketStream.endWrite(near)))
          )
          const got: Array<string> = []
          for (let round = 0; got.length < lines.length; round++) {
            const exit = yield* struck(SocketStream.readLine(far), ops, round % 12)
            if (Exit.isSuccess(exit)) got.push(Option.getOrThrow(exit.value))
            else if (round % 20 === 19) got.push(Option.getOrThrow(yield* SocketStream.readLine(far)))
          }
          assert.deepStrictEqual(got, lines)
        })
      )
    )
  })
}
