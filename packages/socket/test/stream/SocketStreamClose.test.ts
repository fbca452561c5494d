import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as NetAddress from "effect/net/NetAddress"
import * as Stream from "effect/Stream"
import * as ServerSocket from "../../src/ServerSocket.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeConnection } from "../utils/fakeConnection.ts"
import { bytes, live, pair, pattern, portOf, text } from "../utils/live.ts"
import { openSockets } from "../utils/leaks.ts"
import { plainClient, plainServer, until } from "../utils/plain.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Every operation that a closed stream can be asked for. */
const operations: Record<string, (self: SocketStream.SocketStream) => Effect.Effect<unknown, NetworkError>> = {
  read: SocketStream.read,
  readLine: (self) => SocketStream.readLine(self),
  readUntil: (self) => SocketStream.readUntil(self, bytes("--")),
  readExactly: (self) => SocketStream.readExactly(self, 1),
  readAll: (self) => SocketStream.readAll(self),
  chunks: (self) => Stream.runDrain(SocketStream.chunks(self)),
  lines: (self) => Stream.runDrain(SocketStream.lines(self)),
  write: (self) => SocketStream.write(self, "x"),
  writeLine: (self) => SocketStream.writeLine(self, "x")
}

const assertAllClosed = Effect.fnUntraced(function* (self: SocketStream.SocketStream) {
  for (const [name, operation] of Object.entries(operations)) {
    const error = yield* Effect.flip(operation(self))
    assert.strictEqual(error.reason._tag, "Closed", name)
    assert.include(error.message, "127.0.0.1", name)
  }
})

describe("the end of a scope whose stream has read the peer's FIN", () => {
  live(
    "takes no turn: the descriptor is given back in the call that sends FIN",
    Effect.gen(function* () {
      const server = yield* plainServer()
      const scope = yield* Scope.make()
      const stream = yield* Scope.provide(SocketStream.open("127.0.0.1", server.port), scope)
      yield* until(() => server.peers.length === 1)
      server.peers[0].socket.end("hello")
      assert.strictEqual(text(yield* SocketStream.readAll(stream)), "hello")
      const before = openSockets()
      Effect.runSync(Scope.close(scope, Exit.void))
      if (before > 0) assert.strictEqual(openSockets(), before - 1)
      yield* until(() => server.peers[0].ended)
      assert.strictEqual(server.peers[0].error, undefined)
    })
  )
})

describe("use after the end", () => {
  for (const [name, end] of [
    ["close", SocketStream.close],
    ["reset", SocketStream.reset]
  ] as const) {
    live(
      `after ${name} every operation fails with Closed, whatever the peer had sent and ended`,
      Effect.gen(function* () {
        for (const said of ["", "unread", "unread and ended"]) {
          const [client, server] = yield* pair()
          if (said !== "") yield* SocketStream.write(client, said)
          if (said.endsWith("ended")) yield* SocketStream.endWrite(client)
          else
            yield* start(
              Effect.andThen(Effect.exit(SocketStream.readAll(client)), Effect.exit(SocketStream.close(client)))
            )
          yield* Effect.sleep(20)
          yield* end(server)
          yield* assertAllClosed(server)
        }
      })
    )
  }

  live(
    "after the scope of a stream, every operation fails with Closed",
    Effect.gen(function* () {
      const peers = yield* plainServer()
      const self = yield* Effect.scoped(SocketStream.open("127.0.0.1", peers.port))
      yield* assertAllClosed(self)
    })
  )

  live(
    "close, reset and endWrite can be called again, in any order and at the same time",
    Effect.gen(function* () {
      const calls = [SocketStream.close, SocketStream.endWrite, SocketStream.reset, SocketStream.flush]
      for (const first of calls) {
        for (const second of calls) {
          const [client, server] = yield* pair()
          yield* SocketStream.endWrite(client)
          yield* first(server)
          yield* Effect.ignore(second(server))
          yield* Effect.all([SocketStream.close(server), SocketStream.close(server), SocketStream.reset(server)], {
            concurrency: "unbounded"
          }).pipe(Effect.ignore)
        }
      }
    })
  )

  it.effect("a reader that waits fails with Closed when its stream is closed or reset", () =>
    Effect.gen(function* () {
      for (const end of [SocketStream.close, SocketStream.reset]) {
        const self = yield* SocketStream.make(new FakeConnection())
        const reading = yield* start(Effect.flip(SocketStream.readLine(self)))
        yield* end(self)
        assert.strictEqual((yield* Fiber.join(reading)).reason._tag, "Closed")
      }
    })
  )
})

describe("a connection that goes without a word", () => {
  for (const [name, before] of [
    ["before either end", () => Effect.void],
    ["after this side's FIN", SocketStream.endWrite]
  ] as const) {
    it.effect(`${name} is ConnectionReset to whoever reads, now and later`, () =>
      Effect.gen(function* () {
        const connection = new FakeConnection()
        connection.stubborn = true
        const self = yield* SocketStream.make(connection)
        yield* before(self)
        yield* Effect.yieldNow
        const reading = yield* start(Effect.flip(SocketStream.read(self)))
        connection.breaks()
        assert.strictEqual((yield* Fiber.join(reading)).reason._tag, "ConnectionReset")
        assert.strictEqual((yield* Effect.flip(SocketStream.readAll(self))).reason._tag, "ConnectionReset")
      })
    )
  }
})

describe("half-close", () => {
  live(
    "a peer that ended its output still gets the whole reply",
    Effect.gen(function* () {
      const [client, server] = yield* pair()
      const reply = pattern(3_000_000)
      const serving = yield* start(
        Effect.gen(function* () {
          const request = text(yield* SocketStream.readAll(server))
          yield* SocketStream.write(server, reply)
          yield* SocketStream.endWrite(server)
          return request
        })
      )
      yield* SocketStream.write(client, "request")
      yield* SocketStream.endWrite(client)
      const got = yield* SocketStream.readAll(client, { maxBytes: reply.length })
      assert.strictEqual(yield* Fiber.join(serving), "request")
      assert.isTrue(Buffer.from(got).equals(reply))
    })
  )

  live(
    "the end that finished first still takes input",
    Effect.gen(function* () {
      const [client, server] = yield* pair()
      yield* SocketStream.endWrite(server)
      assert.isTrue(Option.isNone(yield* SocketStream.read(client)))
      for (const word of ["one", "two"]) {
        yield* SocketStream.writeLine(client, word)
        assert.deepStrictEqual(yield* SocketStream.readLine(server), Option.some(word))
      }
    })
  )

  live(
    "none at the end of input, again and again",
    Effect.gen(function* () {
      const [client, server] = yield* pair()
      yield* SocketStream.endWrite(client)
      for (let i = 0; i < 3; i++) assert.isTrue(Option.isNone(yield* SocketStream.read(server)))
      assert.strictEqual((yield* SocketStream.readAll(server)).length, 0)
    })
  )
})

describe("the two ends of a connection", () => {
  live(
    "a reset is ConnectionReset to the peer's reader and never an end of input",
    Effect.gen(function* () {
      const [client, server] = yield* pair()
      const reading = yield* start(Effect.flip(SocketStream.read(client)))
      yield* SocketStream.reset(server)
      assert.strictEqual((yield* Fiber.join(reading)).reason._tag, "ConnectionReset")
      assert.strictEqual((yield* Effect.flip(SocketStream.readAll(client))).reason._tag, "ConnectionReset")
    })
  )

  for (const [name, exit, sees] of [
    ["success", Exit.void, { ended: true, error: undefined }],
    ["failure", Exit.fail("no"), { ended: false, error: "ECONNRESET" }],
    ["a defect", Exit.die("no"), { ended: false, error: "ECONNRESET" }],
    ["interruption", Exit.interrupt(1), { ended: false, error: "ECONNRESET" }]
  ] as const) {
    for (const side of ["open", "accept"] as const) {
      live(
        `a scope that ${side === "open" ? "opened" : "accepted"} a stream and ends with ${name} shows the peer ${sees.error ?? "FIN"}`,
        Effect.gen(function* () {
          const scope = yield* Scope.fork(yield* Effect.scope)
          const listener = yield* side === "open" ? plainServer() : ServerSocket.listen(0)
          if ("peers" in listener) {
            const self = yield* Scope.provide(SocketStream.open("127.0.0.1", listener.port), scope)
            yield* SocketStream.write(self, "hello")
            yield* until(() => listener.peers[0]?.text === "hello")
            yield* Scope.close(scope, exit)
            const peer = listener.peers[0]
            yield* until(() => peer.socket.closed)
            assert.deepStrictEqual({ ended: peer.ended, error: peer.error }, sees)
          } else {
            const peer = yield* plainClient(portOf(listener))
            const self = yield* Scope.provide(ServerSocket.accept(listener), scope)
            yield* SocketStream.write(self, "hello")
            yield* until(() => peer.text === "hello")
            yield* Scope.close(scope, exit)
            yield* until(() => peer.socket.closed)
            assert.deepStrictEqual({ ended: peer.ended, error: peer.error }, sees)
          }
        })
      )
    }
  }

  live(
    "hostPort of one end is hostPort of the other with the halves exchanged, over both families",
    Effect.gen(function* () {
      for (const host of ["127.0.0.1", "::1"]) {
        const listener = yield* ServerSocket.listen(NetAddress.inetAddressFromIpStringUnsafe(host, 0))
        const client = yield* SocketStream.open(host, portOf(listener))
        const server = yield* ServerSocket.accept(listener)
        const [localHost, localPort, remoteHost, remotePort] = SocketStream.hostPort(client)
        assert.deepStrictEqual(SocketStream.hostPort(server), [remoteHost, remotePort, localHost, localPort])
        assert.strictEqual(remotePort, portOf(listener))
        assert.notStrictEqual(localPort, remotePort)
        yield* SocketStream.endWrite(client)
      }
    })
  )
})

describe("lingering", () => {
  it.effect("sets no timer where the transport says that it closes by itself", () =>
    Effect.gen(function* () {
      const timers = Effect.fnUntraced(function* (isLast: boolean) {
        const connection = new FakeConnection()
        Object.assign(connection, { end: () => isLast })
        const self = yield* SocketStream.make(connection)
        connection.events.end()
        const closing = yield* Effect.forkChild(SocketStream.close(self), { startImmediately: true })
        const { active } = connection.timers
        connection.breaks()
        yield* Fiber.join(closing)
        return active
      })
      assert.deepStrictEqual([yield* timers(true), yield* timers(false)], [0, 1])
    })
  )

  for (const unread of [0, 1, 300_000]) {
    live(
      `a megabyte arrives whole at a slow peer of which ${unread} bytes were never read`,
      Effect.gen(function* () {
        const listener = yield* ServerSocket.listen(0)
        const peer = yield* plainClient(portOf(listener), { reads: false })
        peer.socket.write(pattern(unread))
        const reply = pattern(1_000_000)
        const serving = yield* start(
          Effect.scoped(
            Effect.andThen(ServerSocket.accept(listener), (self) =>
              Effect.andThen(Effect.sleep(20), SocketStream.write(self, reply))
            )
          )
        )
        const got: Array<Uint8Array> = []
        while (!peer.ended && peer.error === undefined) {
          const chunk: Uint8Array | null = peer.socket.read()
          if (chunk !== null) got.push(chunk)
          // Late input, while the reply is under way.
          if (unread > 0 && got.length < 10) peer.socket.write("more")
          yield* Effect.sleep(2)
        }
        assert.isUndefined(peer.error)
        assert.isTrue(Buffer.concat(got).equals(reply))
        yield* Fiber.join(serving)
      })
    )
  }

  it.effect("close drains input after FIN and returns when the peer ends too", () =>
    Effect.gen(function* () {
      const connection = new FakeConnection()
      connection.stubborn = true
      const self = yield* SocketStream.make(connection)
      yield* SocketStream.write(self, "bye")
      const closing = yield* start(SocketStream.close(self))
      yield* Effect.yieldNow
      assert.deepStrictEqual([text(connection.output), connection.calls], ["bye", ["end"]])
      connection.events.data(pattern(100_000))
      assert.isUndefined(closing.pollUnsafe())
      connection.finish()
      yield* Fiber.join(closing)
      assert.deepStrictEqual(connection.calls, ["end"])
      assert.strictEqual(connection.timers.active, 0)
    })
  )

  it.effect("a peer that never ends is left after lingerTimeout, counted from FIN", () =>
    Effect.gen(function* () {
      for (const writeTimeout of ["1 minute", "Infinity"] as const) {
        const connection = new FakeConnection()
        connection.stubborn = true
        connection.full = true
        const self = yield* SocketStream.make(connection, { lingerTimeout: 1000, writeTimeout })
        yield* SocketStream.write(self, "bye")
        const closing = yield* start(SocketStream.close(self))
        yield* Effect.yieldNow
        connection.timers.advance(1500)
        assert.deepStrictEqual(connection.calls, [])
        connection.release()
        yield* Effect.yieldNow
        connection.timers.advance(999)
        assert.deepStrictEqual(connection.calls, ["end"])
        connection.timers.advance(1)
        yield* Fiber.join(closing)
        assert.deepStrictEqual(connection.calls, ["end", "destroy"])
      }
    })
  )

  it.effect("closing again does not begin the linger again", () =>
    Effect.gen(function* () {
      const connection = new FakeConnection()
      connection.stubborn = true
      const self = yield* SocketStream.make(connection, { lingerTimeout: 1000 })
      const first = yield* start(SocketStream.close(self))
      yield* Effect.yieldNow
      connection.timers.advance(600)
      const second = yield* start(SocketStream.close(self))
      connection.timers.advance(400)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(connection.calls, ["end", "destroy"])
    })
  )

  it.effect("a peer that never stops sending is left after lingerBytes", () =>
    Effect.gen(function* () {
      const connection = new FakeConnection()
      connection.stubborn = true
      const self = yield* SocketStream.make(connection, { lingerBytes: 1000 })
      connection.events.data(pattern(400))
      const closing = yield* start(SocketStream.close(self))
      yield* Effect.yieldNow
      connection.events.data(pattern(600))
      assert.deepStrictEqual(connection.calls, ["end"])
      connection.events.data(pattern(1))
      yield* Fiber.join(closing)
      assert.deepStrictEqual(connection.calls, ["end", "destroy"])
    })
  )

  it.effect("output that a peer's flood cuts off before FIN is not taken for sent", () =>
    Effect.gen(function* () {
      const connection = new FakeConnection()
      connection.full = true
      const self = yield* SocketStream.make(connection, { lingerBytes: 1000 })
      yield* SocketStream.write(self, "bye")
      const closing = yield* start(Effect.flip(SocketStream.close(self)))
      yield* Effect.yieldNow
      connection.events.data(pattern(1001))
      const { operation, reason } = yield* Fiber.join(closing)
      assert.deepStrictEqual([operation, reason], ["close", { _tag: "InputTooLong", limit: 1000 }])
      assert.deepStrictEqual(connection.calls, ["reset"])
    })
  )

  it.effect("a write that waits for room when the stream is reset fails, though the kernel makes room just then", () =>
    Effect.gen(function* () {
      const connection = new FakeConnection()
      connection.full = true
      const self = yield* SocketStream.make(connection, { highWaterMark: 3 })
      yield* SocketStream.write(self, "one")
      yield* Effect.yieldNow
      const waiting = yield* start(Effect.flip(SocketStream.write(self, "two")))
      const resetting = yield* start(SocketStream.reset(self))
      connection.attached?.written()
      assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "Closed")
      yield* Fiber.join(resetting)
      assert.strictEqual(text(connection.output), "one")
    })
  )

  live(
    "what is written in the turn of a reset counts as lost",
    Effect.gen(function* () {
      const { port } = yield* plainServer()
      const self = yield* SocketStream.open("127.0.0.1", port)
      yield* SocketStream.write(self, "lost")
      yield* SocketStream.reset(self)
      assert.strictEqual(self.bytesWritten, 0)
    })
  )

  it.effect("closing a stream that was held back reads on, so that the peer's end is seen", () =>
    Effect.gen(function* () {
      const connection = new FakeConnection()
      const self = yield* SocketStream.make(connection, { highWaterMark: 10 })
      connection.events.data(pattern(10))
      yield* SocketStream.close(self)
      assert.deepStrictEqual(connection.calls, ["pause", "resume", "end"])
    })
  )

  it.effect("an interrupted close goes on", () =>
    Effect.gen(function* () {
      const connection = new FakeConnection()
      connection.full = true
      const self = yield* SocketStream.make(connection)
      yield* SocketStream.write(self, "bye")
      yield* Fiber.interrupt(yield* start(SocketStream.close(self)))
      connection.full = false
      connection.release()
      yield* Effect.yieldNow
      assert.deepStrictEqual([text(connection.output), connection.calls], ["bye", ["end"]])
    })
  )

  live(
    "with a lingerTimeout of 0 a written reply still arrives, and close does not wait for the peer",
    Effect.gen(function* () {
      const peers = yield* plainServer({ halfOpen: true })
      const self = yield* SocketStream.open("127.0.0.1", peers.port, { lingerTimeout: 0 })
      yield* SocketStream.write(self, pattern(100_000))
      yield* Effect.timeout(SocketStream.close(self), 1000)
      yield* until(() => peers.peers[0].ended)
      assert.isTrue(Buffer.from(peers.peers[0].received).equals(pattern(100_000)))
    })
  )

  live(
    "close towards a peer that never ends its output takes lingerTimeout and gives the descriptor back",
    Effect.gen(function* () {
      const peers = yield* plainServer({ halfOpen: true })
      const self = yield* SocketStream.open("127.0.0.1", peers.port, { lingerTimeout: 100 })
      yield* SocketStream.write(self, "bye")
      yield* Effect.timeout(SocketStream.close(self), 2000)
      yield* until(() => peers.peers[0].ended)
    })
  )

  live(
    "close towards a stalled peer takes writeTimeout and says that output was lost",
    Effect.gen(function* () {
      const peers = yield* plainServer({ reads: false })
      const self = yield* SocketStream.open("127.0.0.1", peers.port, { writeTimeout: 200 })
      yield* SocketStream.write(self, new Uint8Array(30_000_000))
      const error = yield* Effect.flip(Effect.timeout(SocketStream.close(self), 3000))
      assert.strictEqual(
        error._tag === "NetworkError" && error.message,
        `close 127.0.0.1:${peers.port}: timed out after 200 ms`
      )
    })
  )
})

describe("what stays behind", () => {
  live(
    "nothing, after three hundred connections that ended in every way",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const ends = [Effect.void, Effect.fail("no"), Effect.interrupt] as const
      for (let i = 0; i < 300; i++) {
        const serving = yield* start(
          Effect.exit(
            Effect.scoped(
              Effect.andThen(ServerSocket.accept(listener), (self) =>
                Effect.andThen(SocketStream.write(self, "hello"), ends[i % 3])
              )
            )
          )
        )
        yield* Effect.exit(
          Effect.scoped(
            Effect.andThen(SocketStream.open("127.0.0.1", portOf(listener)), (self) =>
              Effect.andThen(Effect.ignore(SocketStream.read(self)), ends[Math.floor(i / 3) % 3])
            )
          )
        )
        yield* Fiber.await(serving)
      }
    })
  )

  live(
    "in a long-lived scope, streams that have ended leave nothing to release",
    Effect.gen(function* () {
      const peers = yield* plainServer()
      const scope = yield* Scope.fork(yield* Effect.scope)
      for (let i = 0; i < 20; i++) {
        const self = yield* Scope.provide(SocketStream.open("127.0.0.1", peers.port), scope)
        yield* i % 2 === 0 ? SocketStream.close(self) : SocketStream.reset(self)
      }
      yield* Effect.yieldNow
      assert.strictEqual(scope.state._tag, "Empty")
    })
  )
})
