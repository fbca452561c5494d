import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Http09Client from "../../src/Http09Client.ts"
import type { Deadline } from "../../src/Http09Error.ts"
import { against, type Script } from "../utils/memoryClient.ts"

const url = "http://server/x"

/** What came, and which deadline ended it when: seconds by the program's clock, without the network's milliseconds. */
const outcome = (options: Http09Client.Options, consume: Effect.Effect<void> = Effect.void) =>
  Effect.gen(function* () {
    let text = ""
    const got = yield* Http09Client.get(url, options).pipe(
      Stream.runForEach((chunk) => {
        text += Buffer.from(chunk).toString()
        return consume
      }),
      Effect.match({
        onSuccess: () => "whole",
        onFailure: (error) =>
          error._tag === "Http09Error" && error.reason._tag === "TimedOut"
            ? `${error.reason.deadline} after ${error.reason.millis} ms`
            : error.message
      })
    )
    return { got, text, at: Math.floor((yield* Clock.currentTimeMillis) / 1000) }
  })

const silent: Script = () => Effect.never
const half =
  (text: string): Script =>
  (stream) =>
    Effect.andThen(SocketStream.write(stream, text), Effect.never)
const drops =
  (times: number, every: number, text: string): Script =>
  (stream) =>
    Effect.repeat(Effect.delay(SocketStream.write(stream, text), every), { times: times - 1 })

describe("a deadline ends the request when it passes, and says which it was", () => {
  const cases: ReadonlyArray<
    readonly [name: string, Script, Http09Client.Options, deadline: Deadline, seconds: number, text: string]
  > = [
    ["no answer by default", silent, {}, "firstByte", 60, ""],
    ["no answer, as long as idle", silent, { firstByteTimeout: "9 seconds", idleTimeout: 9000 }, "firstByte", 9, ""],
    ["no answer, sooner than idle", silent, { firstByteTimeout: "5 seconds" }, "firstByte", 5, ""],
    ["no answer, later than idle", silent, { firstByteTimeout: "3 minutes" }, "firstByte", 180, ""],
    ["no answer in all the time there is", silent, { timeout: "5 seconds" }, "total", 5, ""],
    ["no answer, no other deadline", silent, { firstByteTimeout: "Infinity", timeout: 90_000 }, "total", 90, ""],
    ["half an answer by default", half("half"), {}, "idle", 60, "half"],
    ["half an answer", half("half"), { idleTimeout: "20 seconds" }, "idle", 20, "half"],
    ["half a status line", half("HTTP/0.9 40"), { idleTimeout: "20 seconds" }, "idle", 20, ""],
    ["drops", drops(99, 9000, "."), { idleTimeout: "10 seconds", timeout: "1 minute" }, "total", 60, "......"]
  ]
  for (const [name, script, options, deadline, seconds, text] of cases) {
    it.live(`${name}: ${deadline}`, () =>
      Effect.gen(function* () {
        const got = `${deadline} after ${seconds * 1000} ms`
        assert.deepStrictEqual(yield* against(script, outcome(options)), { got, text, at: seconds })
      })
    )
  }

  it.live("no connection: connect, or total if that is shorter", () =>
    Effect.gen(function* () {
      const cut = MemoryNetwork.partition("client", "server")
      const lost = (options: Http09Client.Options) =>
        Effect.map(against(silent, Effect.andThen(cut, outcome(options))), ({ got }) => got)
      assert.strictEqual(yield* lost({}), "connect after 30000 ms")
      assert.strictEqual(yield* lost({ connectTimeout: "7 seconds" }), "connect after 7000 ms")
      assert.strictEqual(yield* lost({ timeout: "3 seconds" }), "total after 3000 ms")
    })
  )

  it.live("a consumer that takes too long for itself: total", () =>
    Effect.gen(function* () {
      const { got, text } = yield* against(
        drops(9, 1000, "."),
        outcome({ timeout: "1 minute" }, Effect.sleep("50 seconds"))
      )
      assert.deepStrictEqual([got, text.length], ["total after 60000 ms", 2])
    })
  )
})

describe("no deadline passes", () => {
  it.live("while drops come in time, for hours", () =>
    Effect.gen(function* () {
      const { at, got, text } = yield* against(
        drops(300, 9000, "."),
        outcome({ idleTimeout: "10 seconds", connectTimeout: "Infinity" })
      )
      assert.deepStrictEqual([got, text.length, at], ["whole", 300, 2700])
    })
  )

  it.live("while the consumer takes its time: that is not the server's silence", () =>
    Effect.gen(function* () {
      const slow = outcome({ idleTimeout: "1 second", firstByteTimeout: "1 second" }, Effect.sleep("5 seconds"))
      const { got, text } = yield* against(drops(20, 0, "x".repeat(50_000)), slow, { maxChunk: 50_000 })
      assert.deepStrictEqual([got, text.length], ["whole", 1_000_000])
    })
  )
})

it.live("every way in which a request ends gives its connection back", () =>
  Effect.gen(function* () {
    for (const script of [
      silent,
      half("half"),
      drops(2, 10, "x"),
      (stream: SocketStream.SocketStream) => SocketStream.reset(stream)
    ]) {
      const left = yield* against(
        script,
        Effect.gen(function* () {
          const before = yield* MemoryNetwork.descriptors
          yield* outcome({ timeout: "5 seconds" })
          yield* outcome({ idleTimeout: "5 seconds", firstByteTimeout: "6 seconds" })
          yield* outcome({ maxBytes: 1 })
          yield* Effect.timeoutOption(outcome({}), "1 second")
          yield* Effect.sleep("1 second")
          return (yield* MemoryNetwork.descriptors) - before
        })
      )
      assert.strictEqual(left, 0)
    }
  })
)

it.live("so many bytes come as are allowed, and then the failure if there are more", () =>
  Effect.gen(function* () {
    for (const size of [0, 1, 9, 10, 11, 12, 1000, 100_000]) {
      const document = "x".repeat(size)
      for (const [limit, maxChunk] of [
        [10, 1],
        [10, 3],
        [10, 100_000],
        [0, 2],
        [99_999, 7000],
        [1e9, 7000]
      ]) {
        const { got, text } = yield* against(drops(1, 0, document), outcome({ maxBytes: limit }), { maxChunk })
        assert.strictEqual(text, document.slice(0, limit))
        assert.strictEqual(got, size > limit ? `get ${url}: the document is longer than ${limit} bytes` : "whole")
      }
    }
  })
)
