import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type * as net from "node:net"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import * as Http09Client from "../../../src/Http09Client.ts"
import { descriptors } from "../../utils/folders.ts"
import { client, forEver, scripted } from "../../utils/servers.ts"

const deadlines: Http09Client.Options = {
  firstByteTimeout: "300 millis",
  idleTimeout: "200 millis",
  timeout: "2 seconds"
}

/** What came of a document, and how it ended: as a whole, or with which reason. */
const outcome = (port: number, options: Http09Client.Options = {}) => {
  let text = ""
  return Http09Client.get(`http://127.0.0.1:${port}/x`, { ...deadlines, ...options }).pipe(
    Stream.runForEach((chunk) => Effect.sync(() => (text += Buffer.from(chunk).toString()))),
    Effect.match({
      onSuccess: () => "whole",
      onFailure: ({ reason }) => ("deadline" in reason ? reason.deadline : reason._tag)
    }),
    Effect.map((ending) => [ending, text] as const)
  )
}

const then = (text: string, end: (socket: net.Socket) => void) => (socket: net.Socket) =>
  socket.write(text, () => setTimeout(() => end(socket), 30))
const reset = (socket: net.Socket) => socket.resetAndDestroy()
const fin = (socket: net.Socket) => socket.end()
const nothing = (): void => {}

v8.setFlagsFromString("--expose-gc")
const collectGarbage = vm.runInNewContext("gc") as () => void

/** Bytes of memory that are held on to. */
const inUse = (): number => {
  // The second one waits for what the first one has freed.
  collectGarbage()
  collectGarbage()
  const { external, heapUsed } = process.memoryUsage()
  return external + heapUsed
}

describe("a server on a real socket", () => {
  const cases: ReadonlyArray<
    readonly [name: string, script: (socket: net.Socket) => void, ending: string, text: string, Http09Client.Options?]
  > = [
    ["that closes at once sends an empty document", fin, "whole", ""],
    ["that resets at once sends none", reset, "ConnectionReset", ""],
    ["that is silent sends none", nothing, "firstByte", ""],
    ["that resets in a status line sends none", then("HTTP/0.9 40", reset), "ConnectionReset", ""],
    ["that falls silent in a status line sends none", then("HTTP/0.9 401 Not", nothing), "idle", ""],
    ["that ends before a status line is one sends a document", then("HTTP/0.9 40", fin), "whole", "HTTP/0.9 40"],
    ["that ends a status line without LF sends none", then("HTTP/0.9 401 Not", fin), "StatusLine", ""],
    ["that goes on after a status line sends none", (s) => (s.write("HTTP/0.9 400 \n"), forEver(s)), "StatusLine", ""],
    ["that resets in the middle sends half a document", then("half", reset), "ConnectionReset", "half"],
    ["that falls silent in the middle sends half a document", then("half", nothing), "idle", "half"],
    ["that ends in the middle cannot be told from one that is done", then("half", fin), "whole", "half"],
    ["that never ends is left at the limit", forEver, "InputTooLong", "x".repeat(100_000), { maxBytes: 100_000 }]
  ]
  for (const [name, script, ending, text, options] of cases) {
    it.live(name, () =>
      Effect.gen(function* () {
        const port = yield* scripted(script)
        const before = descriptors()
        assert.deepStrictEqual(yield* outcome(port, options), [ending, text])
        // The server's end may need a moment more.
        yield* Effect.sleep("50 millis")
        assert.isAtMost(descriptors(), before + (script === nothing || name.includes("silent") ? 1 : 0))
      }).pipe(Effect.provide(client))
    )
  }

  it.live("that never ends is left when the time is over, with no memory of what came", () =>
    Effect.gen(function* () {
      const port = yield* scripted(forEver)
      const before = inUse()
      let [bytes, held] = [0, Infinity]
      const error = yield* Http09Client.get(`http://127.0.0.1:${port}/x`, { timeout: "1 second" }).pipe(
        Stream.runForEach((chunk) =>
          Effect.sync(() => {
            bytes += chunk.length
            if (bytes > 50_000_000 && held === Infinity) held = inUse() - before
          })
        ),
        Effect.flip
      )
      assert.strictEqual("deadline" in error.reason && error.reason.deadline, "total")
      assert.isBelow(held, 10_000_000)
    }).pipe(Effect.provide(client))
  )

  it.live("loses the connection when the request is interrupted, in whatever phase", () =>
    Effect.gen(function* () {
      let closed = 0
      const watched = (script: (socket: net.Socket) => void) =>
        scripted((socket) => {
          socket.on("close", () => closed++)
          script(socket)
        })
      const ports = [yield* watched(nothing), yield* watched(then("half", nothing)), yield* watched(forEver)]
      for (const port of ports) {
        const fiber = yield* Effect.forkChild(outcome(port, { firstByteTimeout: "1 minute", idleTimeout: "1 minute" }))
        yield* Effect.sleep("150 millis")
        yield* Fiber.interrupt(fiber)
      }
      yield* Effect.sleep("200 millis")
      assert.strictEqual(closed, 3)
    }).pipe(Effect.provide(client))
  )
})
