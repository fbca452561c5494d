import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as DocumentRoot from "../../src/DocumentRoot.ts"
import { collect, connect, exchange } from "../utils/raw.ts"
import { listening } from "../utils/servers.ts"

const refused = "HTTP/0.9 400 Invalid HTTP Request.\r\n"
const root = DocumentRoot.layerMemory({ "/index.html": "<p>Hello" })

/** Connections that say nothing, until the scope closes. */
const silent = (port: number, count: number) =>
  Effect.replicateEffect(connect(port), count, { concurrency: "unbounded" })

describe("a limit", () => {
  it.live("of the request line may be set to anything, and is kept to the byte", () =>
    Effect.gen(function* () {
      for (const maxLineBytes of [5, 20, 100_000]) {
        const port = yield* listening(root, { maxLineBytes })
        const longest = `GET /${"?".repeat(maxLineBytes - 5)}`
        for (const end of ["\n", "\r\n"]) {
          assert.strictEqual((yield* exchange(port, `${longest}${end}`)).text, "<p>Hello")
          assert.strictEqual((yield* exchange(port, `${longest}?${end}`)).text, refused)
        }
      }
    })
  )

  it.live("of connections of one address refuses those beyond, and gives places back", () =>
    Effect.gen(function* () {
      const refusals: Array<string> = []
      const port = yield* listening(root, {
        maxPerPeer: 3,
        onRefused: (_, refusal) => Effect.sync(() => refusals.push(refusal))
      })
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* silent(port, 3)
          yield* Effect.sleep("50 millis")
          assert.strictEqual((yield* exchange(port, "GET /\r\n")).ending, "reset")
          assert.deepStrictEqual(refusals, ["MaxPerPeer"])
        })
      )
      yield* Effect.sleep("50 millis")
      assert.strictEqual((yield* exchange(port, "GET /\r\n")).text, "<p>Hello")
    })
  )

  it.live("of connections at once lets others wait for their turn", () =>
    Effect.gen(function* () {
      const port = yield* listening(root, { maxConnections: 2, readTimeout: "300 millis" })
      yield* silent(port, 2)
      yield* Effect.sleep("50 millis")
      const waiting = yield* Effect.forkChild(exchange(port, "GET /\r\n"), { startImmediately: true })
      yield* Effect.sleep("50 millis")
      assert.isUndefined(waiting.pollUnsafe())
      assert.strictEqual((yield* Fiber.join(waiting)).text, "<p>Hello")
    }).pipe(Effect.scoped)
  )

  it.live("of the time to stop cuts downloads that are still under way", () =>
    Effect.gen(function* () {
      const body = "x".repeat(20_000_000)
      const scope = yield* Scope.make()
      const port = yield* Scope.provide(
        listening(DocumentRoot.layerMemory({ "/large": body }), {
          drainTimeout: "100 millis",
          onError: () => Effect.void
        }),
        scope
      )
      const socket = yield* connect(port)
      socket.pause()
      socket.write("GET /large\r\n")
      yield* Effect.sleep("100 millis")
      yield* Effect.timeout(Scope.close(scope, Exit.void), "5 seconds")
      const answer = yield* collect(socket)
      assert.strictEqual(answer.ending, "reset")
      assert.isBelow(answer.bytes.length, body.length)
    }).pipe(Effect.scoped)
  )
})
