import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as EffectSocket from "../../src/EffectSocket.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { drained, ending, fill, inMemory, nameOf, onEach, sizeOf, start } from "../utils/effectSocket.ts"
import { authority, server as identity } from "../utils/certificates.ts"
import { bytes, live, pair, pattern } from "../utils/live.ts"

/** Our stream as effect's socket, and our stream at the other end. */
const half = (options?: Parameters<typeof pair>[0]) =>
  Effect.map(pair(options), ([client, peer]) => ({ client, peer, socket: EffectSocket.toSocket(client) }))

describe("toSocket", () => {
  onEach(
    "text, bytes and batches arrive in order, and the end of input is close code 1000",
    Effect.gen(function* () {
      const [near, far] = (yield* pair()).map((stream) => EffectSocket.toSocket(stream))
      const reader = yield* near.reader
      const answering = yield* start(Effect.flatMap(far.reader, drained))
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { write, writeAll } = yield* near.writer
          yield* write("añb")
          yield* write(bytes("c"))
          yield* writeAll(["d", bytes("é"), "", "f"])
          yield* writeAll([bytes("g")])
        })
      )
      const [received, end] = yield* Fiber.join(answering)
      assert.deepStrictEqual([received, nameOf(end)], ["añbcdéfg", "1000"])
      // Half-closed: the other direction is still open.
      yield* Effect.scoped(Effect.flatMap(far.writer, ({ write }) => write("late")))
      assert.strictEqual((yield* drained(reader))[0], "late")
    })
  )

  inMemory(
    "a peer that does not read holds the writer back, after the buffers and one chunk",
    Effect.gen(function* () {
      const { peer, socket } = yield* half({ highWaterMark: 1000 })
      const { write } = yield* socket.writer
      const taken = yield* fill(write, 300)
      assert.isAtMost(taken, 1000 + 300 + 500 + 500 + 1000 + 300)
      const read = yield* SocketStream.readExactly(peer, taken)
      assert.strictEqual(read.length, taken)
    }),
    { sendBuffer: 500, receiveBuffer: 500 }
  )

  inMemory(
    "nothing is read that nobody pulls: the peer is held back",
    Effect.gen(function* () {
      const { peer, socket } = yield* half({ highWaterMark: 1000 })
      const { pull } = yield* socket.reader
      const taken = yield* fill((chunk) => SocketStream.write(peer, chunk), 300)
      assert.isAtMost(taken, 1000 + 300 + 500 + 500 + 1000 + 300)
      let read = 0
      while (read < taken) read += sizeOf(yield* pull)
      assert.strictEqual(read, taken)
    }),
    { sendBuffer: 500, receiveBuffer: 500 }
  )

  onEach(
    "a batch is one write: two that wait at the same time do not mix",
    Effect.gen(function* () {
      const { peer, socket } = yield* half({ highWaterMark: 64 })
      const { writeAll } = yield* socket.writer
      const batch = (name: string) => writeAll([name.repeat(1000), name.repeat(2000)])
      const names = ["a", "b", "c", "d"]
      const writing = yield* start(Effect.forEach(names, batch, { concurrency: "unbounded" }))
      for (const name of names) {
        assert.deepStrictEqual(yield* SocketStream.readExactly(peer, 3000), bytes(name.repeat(3000)))
      }
      yield* Fiber.join(writing)
    })
  )

  onEach(
    "pulls that are interrupted lose no byte",
    Effect.gen(function* () {
      const { peer, socket } = yield* half()
      const { pull } = yield* socket.reader
      const sent = pattern(20_000)
      const drip = Effect.forEach(
        Array.from({ length: 200 }, (_, i) => sent.subarray(i * 100, i * 100 + 100)),
        (part) => Effect.andThen(SocketStream.write(peer, part), Effect.sleep(0))
      )
      const writing = yield* start(Effect.andThen(drip, SocketStream.endWrite(peer)))
      const received: Array<number> = []
      for (let done = false; !done;) {
        const outcome = yield* Effect.exit(Effect.timeoutOption(pull, Math.random() * 2))
        if (Exit.isFailure(outcome)) done = true
        else if (Option.isSome(outcome.value))
          for (const chunk of outcome.value.value) received.push(...(chunk as Uint8Array))
      }
      yield* Fiber.join(writing)
      assert.deepStrictEqual(Uint8Array.from(received), sent)
    })
  )

  onEach(
    "closing the reader's scope fails a suspended pull with close code 1006, and further ones too",
    Effect.gen(function* () {
      const { peer, socket } = yield* half()
      const scope = yield* Scope.make()
      const { pull } = yield* Scope.provide(socket.reader, scope)
      const pulling = yield* start(Effect.flip(pull))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(nameOf(yield* Fiber.join(pulling)), "1006")
      assert.strictEqual(nameOf(yield* Effect.flip(pull)), "1006")
      assert.strictEqual(yield* ending(peer), ", FIN")
    })
  )

  onEach(
    "a write after the end fails at once, with our error inside",
    Effect.gen(function* () {
      const { client, socket } = yield* half()
      const { write } = yield* socket.writer
      yield* SocketStream.reset(client)
      const { reason } = yield* Effect.flip(write("x"))
      assert(reason._tag === "SocketWriteError")
      assert.strictEqual((reason.cause as NetworkError).reason._tag, "Closed")
    })
  )

  onEach(
    "a reset of the peer is a SocketReadError and a SocketWriteError with our ConnectionReset inside",
    Effect.gen(function* () {
      const { client, peer, socket } = yield* half()
      const reader = yield* socket.reader
      const { write } = yield* socket.writer
      yield* SocketStream.reset(peer)
      const [, error] = yield* drained(reader)
      const ours = EffectSocket.fromEffectError(error)
      assert.deepStrictEqual(
        [nameOf(error), ours.reason._tag, ours.operation],
        ["SocketReadError", "ConnectionReset", "read"]
      )
      assert.include(ours.message, SocketStream.hostPort(client)[3].toString())
      const failed = yield* Effect.flip(write("x"))
      assert.strictEqual(EffectSocket.fromEffectError(failed).reason._tag, "ConnectionReset")
    })
  )

  for (const [code, seen] of [
    [1000, "all, FIN"],
    [1009, "ConnectionReset"]
  ] as const) {
    onEach(
      `after a CloseEvent of ${code} the peer sees ${seen}, and this side's pull fails with ${code}`,
      Effect.gen(function* () {
        const { peer, socket } = yield* half()
        const reader = yield* socket.reader
        const { write } = yield* socket.writer
        yield* write("all")
        yield* write(new Socket.CloseEvent(code, "enough"))
        const error = yield* Effect.flip(reader.pull)
        assert.deepStrictEqual([nameOf(error), error.message], [String(code), `${code}: enough`])
        assert.strictEqual(yield* ending(peer), seen)
      })
    )
  }

  const ends: ReadonlyArray<readonly [string, Effect.Effect<void, unknown>, string]> = [
    ["success", Effect.void, "all, FIN"],
    ["interruption", Effect.interrupt, "all, FIN"],
    [
      "an end of input",
      Effect.fail(new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: 1000 }) })),
      "all, FIN"
    ],
    ["a failure", Effect.fail("mine"), "ConnectionReset"],
    ["a defect", Effect.die("mine"), "ConnectionReset"]
  ]
  for (const [name, end, seen] of ends) {
    for (const order of ["reader, writer", "writer, reader"]) {
      onEach(
        `a program (${order}) that ends by ${name} shows its peer: ${seen}`,
        Effect.gen(function* () {
          const { peer, socket } = yield* half()
          const program = Effect.gen(function* () {
            if (order.startsWith("reader")) yield* socket.reader
            const { write } = yield* socket.writer
            if (order.startsWith("writer")) yield* socket.reader
            yield* write("all")
            yield* end
          })
          yield* Effect.exit(Effect.scoped(program))
          assert.strictEqual(yield* ending(peer), seen)
        })
      )
    }
  }

  it.effect("tells the stream behind it, and of other sockets that there is none", () =>
    Effect.sync(() => {
      const other = Socket.make({ reader: Effect.never, writer: Effect.never })
      assert.isTrue(Option.isNone(EffectSocket.streamOf(other)))
    })
  )

  live(
    "upgrade takes both sides of a TLS handshake in place",
    Effect.gen(function* () {
      const [near, far] = yield* pair()
      const client = EffectSocket.toSocket(near)
      const server = EffectSocket.toSocket(far, { side: "server" })
      const [reader, peer] = [yield* client.reader, yield* server.reader]
      const shown = { cert: bytes(identity.cert), key: Redacted.make(identity.key) }
      yield* Effect.all([reader.upgrade({ servername: "socket.test", ca: authority }), peer.upgrade(shown)], {
        concurrency: "unbounded"
      })
      yield* Effect.scoped(Effect.flatMap(client.writer, ({ write }) => write("secret")))
      assert.strictEqual((yield* drained(peer))[0], "secret")
      assert.strictEqual((yield* SocketStream.handshake(near)).authorized, true)
    })
  )

  live(
    "an upgrade that cannot be had fails with SocketUpgradeError and leaves the connection as it was",
    Effect.gen(function* () {
      const [near, far] = yield* pair()
      const { upgrade } = yield* EffectSocket.toSocket(near, { side: "server" }).reader
      const refusals = [
        {},
        { cert: identity.cert },
        { key: Redacted.make(identity.key) },
        { cert: [identity.cert, identity.cert] },
        { passphrase: Redacted.make("x") }
      ]
      for (const options of refusals)
        assert.strictEqual(nameOf(yield* Effect.flip(upgrade(options))), "SocketUpgradeError")
      yield* SocketStream.write(near, "clear")
      yield* SocketStream.endWrite(near)
      assert.strictEqual(yield* ending(far), "clear, FIN")
    })
  )
})

describe("make", () => {
  onEach(
    "opens a connection for each acquisition; writes wait for the first and between two",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const socket = yield* EffectSocket.make(SocketStream.open(listener.address))
      const { write } = yield* socket.writer
      const peers = yield* Effect.scope
      for (const word of ["one", "two"]) {
        const writing = yield* start(write(word))
        assert.isTrue(Option.isNone(yield* ServerSocket.acceptWithin(listener, 20)))
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* socket.reader
            const peer = yield* Scope.provide(ServerSocket.accept(listener), peers)
            yield* Fiber.join(writing)
            assert.deepStrictEqual(yield* SocketStream.readExactly(peer, 3), bytes(word))
            yield* SocketStream.endWrite(peer)
          })
        )
      }
    })
  )

  onEach(
    "reconnects by a retry around the scoped loop, as effect's documentation has it",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const socket = yield* EffectSocket.make(SocketStream.open(listener.address))
      const heard: Array<string> = []
      const loop = Effect.flatMap(socket.reader, (reader) =>
        Effect.flatMap(drained(reader), ([words, error]) =>
          Effect.andThen(
            Effect.sync(() => heard.push(words)),
            Effect.fail(error)
          )
        )
      )
      yield* start(Effect.retry(Effect.scoped(loop), Schedule.recurs(10)))
      for (const word of ["one", "two", "three"]) {
        const peer = yield* ServerSocket.accept(listener)
        yield* SocketStream.write(peer, word)
        yield* SocketStream.close(peer)
      }
      assert.deepStrictEqual(heard, ["one", "two", "three"])
    })
  )

  onEach(
    "a refused connection is a SocketOpenError with our error inside, which names the address",
    Effect.gen(function* () {
      const { address } = yield* Effect.scoped(ServerSocket.listen(0))
      const socket = yield* EffectSocket.make(SocketStream.open(address))
      const { reason } = yield* Effect.flip(socket.reader)
      assert(reason._tag === "SocketOpenError" && reason.kind === "Unknown")
      assert.include((reason.cause as NetworkError).message, "127.0.0.1")
      assert.strictEqual((reason.cause as NetworkError).reason._tag, "ConnectionRefused")
    })
  )

  inMemory(
    "a connection that takes too long is a SocketOpenError of kind Timeout; interrupting it leaves nothing",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const { reason } = yield* EffectSocket.make(SocketStream.open(listener.address, { connectTimeout: 20 })).pipe(
        Effect.flatMap((socket) => Effect.flip(socket.reader))
      )
      assert(reason._tag === "SocketOpenError" && reason.kind === "Timeout")
      const socket = yield* EffectSocket.make(SocketStream.open(listener.address))
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(socket.reader, 20)))
    }),
    { latency: "10 seconds" }
  )
})
