import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as SocketPair from "@effect-sockets/socket/testing/SocketPair"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"

describe("SocketPair", () => {
  it.effect("what one end writes the other reads, in both directions", () =>
    Effect.gen(function* () {
      const [client, server] = yield* SocketPair.make()
      yield* SocketStream.writeLine(client, "question")
      assert.deepStrictEqual(yield* SocketStream.readLine(server), Option.some("question"))
      yield* SocketStream.writeLine(server, "answer")
      yield* SocketStream.endWrite(server)
      assert.deepStrictEqual(yield* SocketStream.readLine(client), Option.some("answer"))
      assert.deepStrictEqual(yield* SocketStream.read(client), Option.none())
    }).pipe(Effect.scoped)
  )

  it.live("the options are those of both ends", () =>
    Effect.gen(function* () {
      const ends = yield* SocketPair.make({ readTimeout: "10 millis" })
      for (const end of ends) {
        const error = yield* Effect.flip(SocketStream.read(end))
        assert.strictEqual(error.reason._tag, "TimedOut")
      }
    }).pipe(Effect.scoped)
  )

  it.effect("an option that cannot be meant is a failure", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(SocketPair.make({ highWaterMark: 0 }))
      assert.strictEqual(error.reason._tag, "InvalidOption")
    }).pipe(Effect.scoped)
  )
})
