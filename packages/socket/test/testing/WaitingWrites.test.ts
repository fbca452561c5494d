/** A write is whole or was never there, on every transport: also one that waits, is interrupted, and has no reader. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as SocketStream from "../../src/SocketStream.ts"
import { bytes, text } from "../utils/live.ts"
import { connected, struck, transports } from "../utils/transports.ts"

/** A write that tells its beginning, its number and its end. */
const record = (number: number, size: number): Uint8Array => bytes(`<${number}:${"x".repeat(size)}>`)

/** Longer than any transport's room for one write. */
const stall = 150

for (const [name, transport] of Object.entries(transports)) {
  describe(`over ${name}`, () => {
    it.live.each([3, 7, 20, 2048])(
      "a write that waits for a peer that reads nothing, and is interrupted, is whole or was never there: %i operations a turn",
      (ops) =>
        transport.run(
          Effect.gen(function* () {
            const { far, near } = yield* connected(transport)
            const expected: Array<number> = []
            let number = 0
            // The room of both kernels and of the stream is taken, record by record, until one of them waits.
            for (let waited = false; !waited;) {
              const at = number++
              const exit = yield* Effect.timeoutOption(SocketStream.write(near, record(at, 60_000)), stall)
              waited = Option.isNone(exit)
              if (!waited) expected.push(at)
            }
            // All of these wait for room, and are interrupted while they do.
            for (let round = 0; round < 40; round++) {
              const exit = yield* struck(SocketStream.write(near, record(number++, 1000)), ops, round % 12)
              assert.isTrue(Exit.isFailure(exit), "nothing had room")
            }
            // These are interrupted while the peer makes room.
            const reading = yield* Effect.forkChild(SocketStream.readAll(far, { maxBytes: 256 * 1024 * 1024 }))
            const unknown = new Set<number>()
            for (let round = 0; round < 300; round++) {
              const at = number++
              const exit = yield* struck(SocketStream.write(near, record(at, 40_000)), ops, round % 9)
              if (Exit.isSuccess(exit)) expected.push(at)
              else unknown.add(at)
            }
            yield* SocketStream.endWrite(near)
            const whole = text(yield* Fiber.join(reading))
            const got: Array<number> = []
            assert.strictEqual(
              whole.replaceAll(/<(\d+):x*>/g, (_, number) => {
                got.push(Number(number))
                return ""
              }),
              "",
              "part of a write"
            )
            assert.deepStrictEqual(
              got.filter((number) => !unknown.has(number)),
              expected
            )
            assert.deepStrictEqual(
              got.toSorted((a, b) => a - b),
              got,
              "the order"
            )
          })
        ),
      60_000
    )
  })
}
