import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Codec from "../../src/Codec.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import type { StreamState } from "../../src/internal/stream/StreamState.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeConnection } from "../utils/fakeConnection.ts"
import { FakeListener } from "../utils/fakeListener.ts"
import { bytes, live, pair, text } from "../utils/live.ts"
import { interruptedAfter, manySteps } from "../utils/turns.ts"

/** Each read, as the text that it takes from the front of "one\ntwo\n". */
const reads: Record<string, (self: SocketStream.SocketStream) => Effect.Effect<string, NetworkError>> = {
  read: (self) => Effect.map(SocketStream.read(self), (chunk) => text(Option.getOrThrow(chunk))),
  readExactly: (self) => Effect.map(SocketStream.readExactly(self, 5), text),
  readLine: (self) => Effect.map(SocketStream.readLine(self), (line) => `${Option.getOrThrow(line)}\n`),
  readUntil: (self) =>
    Effect.map(SocketStream.readUntil(self, bytes("t")), (piece) => `${text(Option.getOrThrow(piece))}t`)
}

/** Each driver, with what its effects were given. */
const drivers: Record<
  string,
  (self: SocketStream.SocketStream, got: Array<string>) => Effect.Effect<void, NetworkError>
> = {
  forEachChunk: (self, got) => SocketStream.forEachChunk(self, (chunk) => Effect.sync(() => got.push(text(chunk)))),
  forEachLine: (self, got) => SocketStream.forEachLine(self, (line) => Effect.sync(() => got.push(`${line}\n`))),
  forEachFrame: (self, got) =>
    SocketStream.forEachFrame(self, Codec.bytes(2), (frame) => Effect.sync(() => got.push(text(frame)))),
  withFrame: (self, got) =>
    SocketStream.withFrame(self, Codec.bytes(6), (frame) =>
      Effect.sync(() => void got.push(text(Option.getOrThrow(frame))))
    )
}

describe("at the end of its fiber's turn", () => {
  for (const [name, drive] of Object.entries(drivers)) {
    it.effect(
      `an interrupted ${name} loses no byte`,
      Effect.fnUntraced(function* () {
        const ends = new Set<string>()
        for (let steps = 0; steps < manySteps; steps++) {
          const connection = new FakeConnection()
          const self = yield* SocketStream.make(connection)
          connection.events.data(bytes("one\ntwo\n"))
          connection.events.end()
          const got: Array<string> = []
          const exit = yield* interruptedAfter(steps, drive(self, got))
          const rest = text(yield* SocketStream.readAll(self))
          assert.strictEqual(got.join("") + rest, "one\ntwo\n", `after ${steps} steps`)
          ends.add(exit._tag)
        }
        assert.strictEqual(ends.size, 2)
      }),
      20_000
    )
  }

  for (const [name, read] of Object.entries(reads)) {
    it.effect(
      `an interrupted ${name} loses no byte`,
      Effect.fnUntraced(function* () {
        const ends = new Set<string>()
        for (let steps = 0; steps < manySteps; steps++) {
          const connection = new FakeConnection()
          const self = yield* SocketStream.make(connection)
          connection.events.data(bytes("one\ntwo\n"))
          const exit = yield* interruptedAfter(steps, read(self))
          connection.events.end()
          const got = Exit.isSuccess(exit) ? exit.value : ""
          assert.strictEqual(got + text(yield* SocketStream.readAll(self)), "one\ntwo\n", `after ${steps} steps`)
          ends.add(exit._tag)
        }
        assert.strictEqual(ends.size, 2)
      }),
      20_000
    )
  }

  it.effect(
    "an interrupted write sends all or nothing, and later writes follow",
    Effect.fnUntraced(function* () {
      for (let steps = 0; steps < manySteps; steps++) {
        const connection = new FakeConnection()
        const self = yield* SocketStream.make(connection)
        const exit = yield* interruptedAfter(steps, SocketStream.write(self, "first"))
        yield* SocketStream.write(self, "second")
        yield* SocketStream.flush(self)
        const sent = text(connection.output)
        assert.include(Exit.isSuccess(exit) ? ["firstsecond"] : ["firstsecond", "second"], sent, `after ${steps} steps`)
      }
    }),
    20_000
  )

  for (const [name, accept] of [
    ["accept", (self: ServerSocket.ServerSocket) => Effect.asSome(ServerSocket.accept(self))],
    ["acceptWithin(0)", (self: ServerSocket.ServerSocket) => ServerSocket.acceptWithin(self, 0)],
    ["acceptWithin(1000)", (self: ServerSocket.ServerSocket) => ServerSocket.acceptWithin(self, 1000)]
  ] as const) {
    const network = new FakeListener()
    it.effect(
      `an interrupted ${name} leaves the connection to the next, in a scope that lives on`,
      Effect.fnUntraced(function* () {
        const listener = yield* ServerSocket.listen(0)
        for (let steps = 0; steps < manySteps; steps++) {
          network.connect()
          const exit = yield* interruptedAfter(steps, accept(listener))
          const next = yield* ServerSocket.acceptWithin(listener, 0)
          assert.strictEqual(Option.isSome(next), Exit.isFailure(exit), `after ${steps} steps`)
        }
      }, Effect.provide(network.layer)),
      20_000
    )
  }
})

describe("of whatever waits", () => {
  live(
    "ten thousand interrupted reads on one stream leave it as it was",
    Effect.gen(function* () {
      const [client, server] = yield* pair()
      for (let i = 0; i < 10_000; i++) {
        const reading = yield* Effect.forkChild(SocketStream.readLine(server), { startImmediately: true })
        yield* Fiber.interrupt(reading)
      }
      assert.strictEqual((server as StreamState).readers.isEmpty, true)
      yield* SocketStream.writeLine(client, "still here")
      assert.deepStrictEqual(yield* SocketStream.readLine(server), Option.some("still here"))
    })
  )

  live(
    "a timed read that gives up leaves its bytes to the next",
    Effect.gen(function* () {
      const [client, server] = yield* pair()
      const words: Array<string> = []
      yield* Effect.forkChild(
        Effect.forEach([..."abcdefghij"], (letter) =>
          Effect.andThen(SocketStream.write(client, letter === "j" ? "j\n" : letter), Effect.sleep(3))
        )
      )
      while (words.length === 0) {
        const line = yield* Effect.timeoutOption(SocketStream.readLine(server), 2)
        if (Option.isSome(line)) words.push(Option.getOrThrow(line.value))
      }
      assert.deepStrictEqual(words, ["abcdefghij"])
    })
  )
})
