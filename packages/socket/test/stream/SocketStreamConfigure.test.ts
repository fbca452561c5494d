import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as SocketStream from "../../src/SocketStream.ts"
import { fakeStream } from "../utils/fakeStream.ts"
import { live, pair } from "../utils/live.ts"

describe("configure", () => {
  live(
    "sets options of an open socket, on both ends, as often as it is asked",
    Effect.gen(function* () {
      for (const end of yield* pair()) {
        yield* SocketStream.configure(end, { keepAlive: "2 minutes", noDelay: false })
        yield* SocketStream.configure({ keepAlive: Infinity })(end)
        yield* SocketStream.configure(end, {})
      }
    })
  )

  live(
    "refuses a value that cannot be meant, and an end that is closed or reset",
    Effect.gen(function* () {
      const [near, far] = yield* pair()
      for (const keepAlive of [NaN, 0, -1]) {
        const { message, reason } = yield* Effect.flip(SocketStream.configure(near, { keepAlive }))
        assert.deepInclude(reason, { _tag: "InvalidOption", option: "keepAlive", value: String(keepAlive) })
        assert.match(message, /^configure 127\.0\.0\.1:\d+: keepAlive is/)
      }
      yield* SocketStream.reset(near)
      assert.strictEqual((yield* Effect.flip(SocketStream.configure(near, { noDelay: true }))).reason._tag, "Closed")
      yield* Effect.ignore(SocketStream.read(far))
      const error = yield* Effect.flip(SocketStream.configure(far, { noDelay: true }))
      assert.strictEqual(error.reason._tag, "ConnectionReset")
    })
  )

  live(
    "is Unsupported by a transport that has no options",
    Effect.gen(function* () {
      const [stream] = yield* fakeStream()
      const error = yield* Effect.flip(SocketStream.configure(stream, { noDelay: true }))
      assert.match(error.message, /not supported: options of sockets on this network$/)
    })
  )
})
