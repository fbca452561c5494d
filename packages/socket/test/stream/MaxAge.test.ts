import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { live } from "../utils/live.ts"

const open = (maxAge: number | undefined) =>
  Effect.gen(function* () {
    const socket = yield* ServerSocket.listen(0)
    yield* Server.start(socket, (stream) =>
      Stream.runForEach(SocketStream.chunks(stream), (chunk) => SocketStream.write(stream, chunk))
    )
    return yield* SocketStream.open(socket.address, { maxAge })
  })

/** Talks with the echo server without a pause. */
const talk = (stream: SocketStream.SocketStream, times: number) =>
  Effect.forEach(
    Array.from({ length: times }),
    () => Effect.andThen(SocketStream.write(stream, "x"), Effect.andThen(SocketStream.read(stream), Effect.sleep(5))),
    { discard: true }
  )

live(
  "maxAge ends a connection that is never silent",
  Effect.gen(function* () {
    const error = yield* Effect.flip(talk(yield* open(100), 1000))
    assert.deepStrictEqual(error.reason, { _tag: "TimedOut", millis: 100 })
  })
)

live(
  "without maxAge, a connection lasts",
  Effect.gen(function* () {
    yield* talk(yield* open(undefined), 40)
  })
)
