/** A write is whole or was never there, on every transport: also one that waits, is interrupted, and has no reader. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { bytes, text } from "../utils/live.ts"
import { connected, struck, transports } from "../utils/transports.ts"

/** A write that tells its beginning, its number and its end. */
const record = (number: number, size: number): Uint8Array => bytes(`<${number}:${"x".repeat(size)}>`)

/** Longer than any transport's room for one write. */
const stall = 150

/** Who writes, again and again: a fiber for each write, or the effect of a driver whose peer asks for it. */
const writers: {
  readonly [name: string]: (
    stream: SocketStream.SocketStream,
    write: Effect.Effect<void, NetworkError>
  ) => Effect.Effect<void, NetworkError>
} = {
  "a write": (_, write) => write,
  "the write of a driver": (stream, write) => SocketStream.forEachLine(stream, () => write)
}

const cases = Object.entries(transports).flatMap(([name, transport]) =>
  Object.entries(writers).map(([who, writer]) => ({ name, transport, who, writer }))
)

for (const { name, transport, who, writer } of cases) {
  describe(`over ${name}`, () => {
    it.live.each([3, 7, 20, 2048])(
      `${who} that waits for a peer that reads nothing, and is interrupted, is whole or was never there: %i operations a turn`,
      (ops) =>
        transport.run(
          Effect.gen(function* () {
            const { far, near } = yield* connected(transport)
            const done = new Set<number>()
            let begun = 0
            /** How many more a driver may write before its round is over: it would go on for as long as there is room. */
            let left = Infinity
            /** A record of this size: those whose writes have returned have surely left. */
            const write = (size: number) =>
              Effect.suspend(() => {
                if (left-- === 0) return Effect.never
                const number = begun++
                return Effect.tap(SocketStream.write(near, record(number, size)), () =>
                  Effect.sync(() => done.add(number))
                )
              })
            const asking = yield* Effect.forkChild(Effect.forever(SocketStream.write(far, "more\n")))
            // The room of both kernels and of the stream is taken, record by record, until one of them waits.
            for (let before = [0, 0]; done.size > before[0] || begun === before[1];) {
              before = [done.size, begun]
              while (Option.isSome(yield* Effect.timeoutOption(writer(near, write(60_000)), stall)));
            }
            const early = done.size
            // All of these wait for room, and are interrupted while they do.
            for (let round = 0; round < 40; round++) yield* struck(writer(near, write(1000)), ops, round % 12)
            assert.strictEqual(done.size, early, "nothing had room")
            assert.isAbove(begun, early + 1, "some have waited")
            // These are interrupted while the peer makes room.
            const reading = yield* Effect.forkChild(SocketStream.readAll(far, { maxBytes: 256 * 1024 * 1024 }))
            for (let round = 0; round < 300; round++) {
              left = 3
              yield* struck(writer(near, write(40_000)), ops, round % 9)
            }
            assert.isAbove(done.size, early, "some had room")
            yield* Fiber.interrupt(asking)
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
            const arrived = new Set(got)
            assert.deepStrictEqual(
              [...done].filter((number) => !arrived.has(number)),
              [],
              "writes that returned and did not arrive"
            )
            assert.deepStrictEqual(
              got,
              [...arrived].toSorted((a, b) => a - b),
              "the order"
            )
          })
        ),
      20_000
    )
  })
}
