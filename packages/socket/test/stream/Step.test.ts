import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import * as Codec from "../../src/Codec.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { fakeStream } from "../utils/fakeStream.ts"
import { bytes, text } from "../utils/live.ts"

/** Counts the operations of fibers. */
class Counting extends Scheduler.MixedScheduler {
  operations = 0
  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    this.operations++
    return super.shouldYield(fiber)
  }
}

type Answer = (stream: SocketStream.SocketStream, line: string) => Effect.Effect<unknown, unknown>

/** A driver that answers a line, and the operations that the answer took. */
const answered = Effect.fnUntraced(function* (answer: Answer, { full = false } = {}) {
  const scheduler = new Counting()
  const [stream, connection] = yield* fakeStream({ highWaterMark: 8 }, { full, prompt: true })
  const driver = SocketStream.forEachLine(stream, (line) => answer(stream, line))
  const fiber = yield* Effect.forkChild(Effect.provideService(driver, Scheduler.Scheduler, scheduler), {
    startImmediately: true
  })
  const before = scheduler.operations
  connection.events.data(bytes("one\n"))
  return { connection, fiber, operations: scheduler.operations - before }
})

const echo: Answer = (stream, line) => SocketStream.write(stream, line)

describe("what a driver runs for a frame", () => {
  const steps: Record<string, Answer> = {
    "a write": echo,
    "a line": (stream, line) => SocketStream.writeLine(stream, line),
    "a frame": (stream, line) => SocketStream.writeFrame(stream, Codec.line(), line),
    "a flush": (stream) => SocketStream.flush(stream),
    "what is done already": () => Effect.void
  }
  for (const [name, answer] of Object.entries(steps)) {
    it.effect(`takes no fiber if it is ${name} and ends at once`, () =>
      Effect.gen(function* () {
        const { operations } = yield* answered(answer)
        assert.strictEqual(operations, 0)
      })
    )
  }

  it.effect("takes one if it is more than a step", () =>
    Effect.gen(function* () {
      const { operations } = yield* answered((stream, line) => Effect.andThen(echo(stream, line), Effect.void))
      assert.isAbove(operations, 1)
    })
  )

  it.effect("waits for a step that does not end at once, and is called once", () =>
    Effect.gen(function* () {
      const { connection, fiber } = yield* answered(echo, { full: true })
      connection.events.data(bytes("two and more\nthree\nfour\n"))
      yield* Effect.yieldNow
      connection.full = false
      for (let i = 0; i < 10; i++) {
        connection.release()
        yield* Effect.yieldNow
      }
      assert.strictEqual(text(connection.output), "onetwo and morethreefour")
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("ends the driver with the failure of a step", () =>
    Effect.gen(function* () {
      const { fiber } = yield* answered((stream, line) =>
        SocketStream.writeFrame(stream, Codec.line({ maxBytes: 1 }), line)
      )
      const error = yield* Effect.flip(Effect.flatten(Fiber.await(fiber)))
      assert.match(String(error), /InputTooLong|longer|more than/)
    })
  )

  it.effect("ends the driver with the defect of a step", () =>
    Effect.gen(function* () {
      const fault = { fault: true }
      const broken = {
        ...Codec.line(),
        encode: () => {
          throw fault
        }
      } as unknown as Codec.Codec<string>
      const { fiber } = yield* answered((stream, line) => SocketStream.writeFrame(stream, broken, line))
      const exit = yield* Fiber.await(fiber)
      assert.deepStrictEqual(exit, Exit.die(fault))
    })
  )

  it.effect("may be a step that interrupts the driver", () =>
    Effect.gen(function* () {
      const own: { fiber?: Fiber.Fiber<unknown, unknown> } = {}
      const stopping = { ...Codec.line(), encode: (line: string) => (own.fiber?.interruptUnsafe(), bytes(line)) }
      const [stream, connection] = yield* fakeStream({}, { prompt: true })
      const driver = SocketStream.forEachLine(stream, (line) =>
        SocketStream.writeFrame(stream, stopping as unknown as Codec.Codec<string>, line)
      )
      own.fiber = yield* Effect.forkChild(driver, { startImmediately: true })
      connection.events.data(bytes("one\ntwo\n"))
      const exit = yield* Fiber.await(own.fiber)
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.strictEqual(text(connection.output), "one")
    })
  )
})
