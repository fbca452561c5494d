import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type { ListeningPort } from "../../src/internal/server/ListeningPort.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as NetworkError from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeListener } from "../utils/fakeListener.ts"
import { bytes, live, portOf, text } from "../utils/live.ts"
import { plainClient, until } from "../utils/plain.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Says who it is, so that the stream at the other end can be told from others. */
const greeting = Effect.fnUntraced(function* (listener: ServerSocket.ServerSocket, name: string) {
  const peer = yield* plainClient(portOf(listener))
  peer.socket.write(name)
  return peer
})

const nameOf = (self: SocketStream.SocketStream) =>
  Effect.map(SocketStream.read(self), (chunk) => text(Option.getOrThrow(chunk)))

/** A test over a listener in the test's hand. */
const held = <A, E>(
  name: string,
  options: ServerSocket.Options,
  test: (listener: ServerSocket.ServerSocket, network: FakeListener) => Effect.Effect<A, E, Scope.Scope>
) => {
  const network = new FakeListener()
  return it.effect(name, () =>
    Effect.gen(function* () {
      return yield* test(yield* ServerSocket.listen(0, options), network)
    }).pipe(Effect.provide(network.layer))
  )
}

const byReset = { _tag: "ConnectionReset" } as const

describe("accept", () => {
  live(
    "connections are accepted in the order in which they came, also those that came before",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      for (const name of ["one", "two", "three"]) {
        yield* greeting(listener, name)
        yield* Effect.sleep(20)
      }
      for (const name of ["one", "two", "three"]) {
        assert.strictEqual(yield* nameOf(yield* ServerSocket.accept(listener)), name)
      }
    })
  )

  live(
    "what a peer sent, ended or broke before it was accepted is seen afterwards",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const ended = yield* greeting(listener, "ended")
      ended.socket.end()
      yield* Effect.sleep(30)
      const self = yield* ServerSocket.accept(listener)
      assert.strictEqual(text(yield* SocketStream.readAll(self)), "ended")
    })
  )

  held("many acceptors get one connection each, and none gets one twice", {}, (listener, network) =>
    Effect.gen(function* () {
      const acceptors = yield* Effect.forEach(Array.from({ length: 50 }), () => start(ServerSocket.accept(listener)))
      for (let i = 0; i < 50; i++) network.connect()
      const streams = yield* Effect.forEach(acceptors, Fiber.join)
      assert.strictEqual(new Set(streams).size, 50)
    })
  )

  held(
    "interrupted around the very moment of a connection, ten thousand times, it loses none",
    {},
    Effect.fnUntraced(function* (listener, network) {
      const accepted = new Set<SocketStream.SocketStream>()
      const rounds = 10_000
      for (let round = 0; round < rounds; round++) {
        const acceptor = yield* round % 2 === 0
          ? start(ServerSocket.accept(listener))
          : Effect.forkChild(ServerSocket.accept(listener))
        for (let turn = 0; turn < round % 3; turn++) yield* Effect.yieldNow
        if (round % 5 < 2) network.connect()
        acceptor.interruptUnsafe()
        if (round % 5 >= 2) network.connect()
        const exit = yield* Fiber.await(acceptor)
        if (Exit.isSuccess(exit)) accepted.add(exit.value)
        // Now and then somebody takes what waits.
        if (round % 7 === 0) Option.map(yield* ServerSocket.acceptWithin(listener, 0), (self) => accepted.add(self))
      }
      for (;;) {
        const next = yield* ServerSocket.acceptWithin(listener, 0)
        if (Option.isNone(next)) break
        accepted.add(next.value)
      }
      assert.strictEqual(accepted.size, rounds)
      assert.strictEqual(listener.refused, 0)
      // Each of them by its own port.
      assert.strictEqual(new Set([...accepted].map(String)).size, rounds)
      yield* Effect.forEach(accepted, SocketStream.reset, { discard: true })
    })
  )

  live(
    "interrupted around the moment of a real connection, three hundred times, it loses none",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      let accepted = 0
      const rounds = 300
      for (let round = 0; round < rounds; round++) {
        const acceptor = yield* start(ServerSocket.accept(listener))
        const peer = yield* plainClient(portOf(listener))
        for (let turn = 0; turn < round % 4; turn++) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(acceptor)
        const exit = yield* Fiber.await(acceptor)
        const self = Exit.isSuccess(exit) ? exit.value : yield* ServerSocket.accept(listener)
        accepted++
        yield* SocketStream.reset(self)
        peer.socket.destroy()
      }
      assert.strictEqual(accepted, rounds)
      assert.isTrue(Option.isNone(yield* ServerSocket.acceptWithin(listener, 20)))
    })
  )

  held("into a scope that is closed already, it gives the connection back at once", {}, (listener, network) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Scope.close(scope, Exit.void)
      const connection = network.connect()
      yield* Effect.exit(Scope.provide(ServerSocket.accept(listener), scope))
      yield* until(() => !connection.isOpen)
    })
  )
})

describe("acceptWithin", () => {
  held("zero takes a connection that waits, and gives none otherwise, without waiting", {}, (listener, network) =>
    Effect.gen(function* () {
      assert.isTrue(Option.isNone(yield* ServerSocket.acceptWithin(listener, 0)))
      network.connect()
      assert.isTrue(Option.isSome(yield* ServerSocket.acceptWithin(listener, 0)))
      assert.isTrue(Option.isNone(yield* ServerSocket.acceptWithin(listener, 0)))
    })
  )

  held("gives none when the time has passed, not earlier", {}, (listener) =>
    Effect.gen(function* () {
      const waiting = yield* start(ServerSocket.acceptWithin(listener, 1000))
      yield* TestClock.adjust(999)
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.isTrue(Option.isNone(yield* Fiber.join(waiting)))
    })
  )

  held("gives a connection that comes in time, at once", {}, (listener, network) =>
    Effect.gen(function* () {
      const waiting = yield* start(ServerSocket.acceptWithin(listener, 1000))
      yield* TestClock.adjust(999)
      network.connect()
      assert.isTrue(Option.isSome(yield* Fiber.join(waiting)))
    })
  )

  held("waits on when another acceptor was quicker", {}, (listener, network) =>
    Effect.gen(function* () {
      const waiting = yield* Effect.forEach([1, 2, 3], () => start(ServerSocket.acceptWithin(listener, 1000)))
      for (let i = 0; i < 3; i++) {
        yield* TestClock.adjust(300)
        network.connect()
      }
      const got = yield* Effect.forEach(waiting, Fiber.join)
      assert.deepStrictEqual(got.map(Option.isSome), [true, true, true])
    })
  )

  held(
    "a connection in the very instant in which the time passes is given out or still waits",
    {},
    (listener, network) =>
      Effect.gen(function* () {
        for (let hops = 0; hops < 10; hops++) {
          const waiting = yield* start(ServerSocket.acceptWithin(listener, 100))
          yield* Effect.sleep(100).pipe(
            Effect.andThen(Effect.repeat(Effect.yieldNow, { times: hops })),
            Effect.andThen(Effect.sync(() => network.connect())),
            Effect.forkChild
          )
          yield* TestClock.adjust(100)
          const got = yield* Fiber.join(waiting)
          yield* Effect.repeat(Effect.yieldNow, { times: 20 })
          if (Option.isNone(got)) assert.isTrue(Option.isSome(yield* ServerSocket.acceptWithin(listener, 0)))
          assert.isTrue(Option.isNone(yield* ServerSocket.acceptWithin(listener, 0)))
        }
      })
  )

  live(
    "a thousand times leaves the listener as it was",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const { queue } = listener as ListeningPort
      for (let i = 0; i < 1000; i++) {
        assert.isTrue(Option.isNone(yield* ServerSocket.acceptWithin(listener, i % 100 === 0 ? 1 : 0)))
      }
      assert.strictEqual(queue["acceptors"].size, 0)
      yield* greeting(listener, "after all")
      assert.strictEqual(yield* nameOf(yield* ServerSocket.accept(listener)), "after all")
    })
  )
})

describe("the queue", () => {
  held("is bounded: whoever finds it full is reset and counted", { queue: 3 }, (listener, network) =>
    Effect.gen(function* () {
      const all = Array.from({ length: 5 }, () => network.connect())
      assert.strictEqual(listener.refused, 2)
      assert.deepStrictEqual(
        all.map(({ calls }) => calls),
        [[], [], [], ["reset"], ["reset"]]
      )
      yield* ServerSocket.accept(listener)
      assert.isTrue(network.connect().isOpen)
      assert.strictEqual(listener.refused, 2)
    })
  )

  live(
    "the peer that is refused sees a reset, not an end of input",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0, { queue: 1 })
      yield* plainClient(portOf(listener))
      const refused = yield* plainClient(portOf(listener)).pipe(Effect.result)
      if (refused._tag === "Success") {
        yield* until(() => refused.success.socket.closed)
        assert.deepStrictEqual([refused.success.ended, refused.success.error], [false, "ECONNRESET"])
      } else {
        assert.include(refused.failure.message, "ECONNRESET")
      }
      assert.strictEqual(listener.refused, 1)
    })
  )

  held("a connection that breaks while it waits gives its place back", { queue: 2 }, (listener, network) =>
    Effect.gen(function* () {
      const first = network.connect()
      const second = network.connect()
      first.breaks(byReset)
      assert.isTrue(network.connect().isOpen)
      assert.strictEqual(listener.refused, 0)
      const next = yield* ServerSocket.accept(listener)
      assert.strictEqual(String(next.remoteAddress), String(second.remoteAddress))
    })
  )

  held(
    "only when a place is needed, a peer that has left or floods loses its own, the silent one last",
    { queue: 3, highWaterMark: 10 },
    (listener, network) =>
      Effect.gen(function* () {
        const silent = network.connect()
        const flooding = network.connect()
        flooding.events.data(new Uint8Array(10))
        const left = network.connect()
        left.events.end()
        assert.strictEqual(listener.refused, 0)
        for (const [loser, refused] of [
          [left, 1],
          [flooding, 2]
        ] as const) {
          assert.isTrue(network.connect().isOpen)
          assert.deepStrictEqual([loser.isOpen, listener.refused], [false, refused])
        }
        assert.isFalse(network.connect().isOpen)
        assert.isTrue(silent.isOpen)
        assert.strictEqual(String((yield* ServerSocket.accept(listener)).remoteAddress), String(silent.remoteAddress))
      })
  )

  held("a peer that sent its request and ended keeps its place", { queue: 1 }, (listener, network) =>
    Effect.gen(function* () {
      const first = network.connect()
      first.events.data(bytes("request"))
      first.events.end()
      assert.isFalse(network.connect().isOpen)
      assert.strictEqual(text(yield* SocketStream.readAll(yield* ServerSocket.accept(listener))), "request")
    })
  )

  live(
    "a queued peer that sent a megabyte and broke does not block the queue",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0, { queue: 1 })
      const greedy = yield* plainClient(portOf(listener))
      greedy.socket.write(new Uint8Array(1_000_000))
      yield* Effect.sleep(50)
      greedy.socket.resetAndDestroy()
      yield* Effect.sleep(20)
      yield* greeting(listener, "hello")
      yield* Effect.sleep(50)
      const next = Option.getOrThrow(yield* ServerSocket.acceptWithin(listener, 1000))
      assert.strictEqual(yield* nameOf(next), "hello")
    })
  )

  held(
    "queueTimeout refuses whoever waited for so long, and nobody earlier or later",
    { queueTimeout: 1000 },
    (listener, network) =>
      Effect.gen(function* () {
        const first = network.connect()
        network.timers.advance(600)
        const second = network.connect()
        const third = network.connect()
        network.timers.advance(399)
        assert.isTrue(first.isOpen)
        network.timers.advance(1)
        assert.deepStrictEqual([first.isOpen, second.isOpen, listener.refused], [false, true, 1])
        yield* ServerSocket.accept(listener)
        network.timers.advance(10_000)
        assert.deepStrictEqual([second.isOpen, third.isOpen, listener.refused], [true, false, 2])
        assert.strictEqual(network.timers.active, 0)
      })
  )

  live(
    "queueTimeout on a real port shows the peer a reset",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0, { queueTimeout: 50 })
      const peer = yield* plainClient(portOf(listener))
      yield* until(() => peer.socket.closed)
      assert.strictEqual(peer.error, "ECONNRESET")
    })
  )
})

describe("listen", () => {
  live(
    "a bare port is 127.0.0.1's, and 0 is any free one",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      assert.match(NetAddress.formatSocketAddress(listener.address), /^127\.0\.0\.1:[1-9]\d+$/)
    })
  )

  live(
    "a port that is open already is AddressInUse",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const error = yield* Effect.flip(ServerSocket.listen(portOf(listener)))
      assert.strictEqual(error.message, `listen 127.0.0.1:${portOf(listener)}: address already in use`)
    })
  )

  live(
    "with reusePort two listeners share a port",
    Effect.gen(function* () {
      const first = yield* ServerSocket.listen(0, { reusePort: true })
      yield* ServerSocket.listen(portOf(first), { reusePort: true })
    })
  )

  live(
    "an address of another machine is AddressNotAvailable",
    Effect.gen(function* () {
      const error = yield* Effect.flip(ServerSocket.listen(NetAddress.inetAddressFromStringUnsafe("192.0.2.1:0")))
      assert.strictEqual(error.reason._tag, "AddressNotAvailable")
    })
  )

  for (const port of [-1, 65_536, 1.5, Number.NaN, Infinity]) {
    live(
      `${port} is no port to listen on`,
      Effect.gen(function* () {
        const error = yield* Effect.flip(ServerSocket.listen(port))
        assert.strictEqual(
          error.message,
          `listen ${port}: invalid address: port ${port} is not an integer from 0 to 65535`
        )
      })
    )
  }

  live(
    "interrupted at any moment, it leaves the port closed",
    Effect.gen(function* () {
      const port = yield* Effect.scoped(Effect.map(ServerSocket.listen(0), portOf))
      for (let turns = 0; turns < 6; turns++) {
        const scope = yield* Scope.fork(yield* Effect.scope)
        const listening = yield* start(Scope.provide(ServerSocket.listen(port), scope))
        for (let turn = 0; turn < turns; turn++) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(listening)
        yield* Scope.close(scope, Exit.void)
        yield* Effect.scoped(ServerSocket.listen(port))
      }
    })
  )
})

describe("the end of a server socket", () => {
  live(
    "refuses new connections at once, resets those that wait, and lets accepted ones live",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      yield* greeting(listener, "accepted")
      const self = yield* ServerSocket.accept(listener)
      const waiting = yield* greeting(listener, "waiting")
      yield* Effect.sleep(30)
      yield* ServerSocket.close(listener)
      const late = yield* Effect.flip(plainClient(portOf(listener)))
      assert.include(late.message, "ECONNREFUSED")
      yield* until(() => waiting.error === "ECONNRESET")
      assert.strictEqual(yield* nameOf(self), "accepted")
      yield* ServerSocket.close(listener)
    })
  )

  held("fails whoever waits in accept, and every later accept, with Closed", {}, (listener) =>
    Effect.gen(function* () {
      const accepting = yield* Effect.forEach([1, 2], () => start(Effect.flip(ServerSocket.accept(listener))))
      const within = yield* start(Effect.flip(ServerSocket.acceptWithin(listener, "1 hour")))
      yield* ServerSocket.close(listener)
      const errors = [...(yield* Effect.forEach(accepting, Fiber.join)), yield* Fiber.join(within)]
      errors.push(yield* Effect.flip(ServerSocket.accept(listener)))
      errors.push(yield* Effect.flip(ServerSocket.acceptWithin(listener, 0)))
      for (const { message } of errors) assert.strictEqual(message, "accept 127.0.0.1:0: the socket is closed")
      assert.strictEqual(errors.length, 5)
    })
  )

  held("is what ends the stream of connections", {}, (listener, network) =>
    Effect.gen(function* () {
      network.connect()
      network.connect()
      const streams = yield* start(Stream.runCollect(ServerSocket.connections(listener)))
      yield* Effect.yieldNow
      network.connect()
      yield* Effect.yieldNow
      yield* ServerSocket.close(listener)
      assert.strictEqual((yield* Fiber.join(streams)).length, 3)
    })
  )

  held("a listener that breaks fails accept with its reason, and the waiting ones are reset", {}, (listener, network) =>
    Effect.gen(function* () {
      const waiting = network.connect()
      yield* ServerSocket.accept(listener)
      const queued = network.connect()
      const broken = NetworkError.NetworkError.make({
        operation: "accept",
        address: "127.0.0.1:0",
        reason: { _tag: "OutOfDescriptors" }
      })
      network.events?.error(broken)
      assert.strictEqual(yield* Effect.flip(ServerSocket.accept(listener)), broken)
      assert.deepStrictEqual([waiting.isOpen, queued.isOpen], [true, false])
      assert.isTrue(network.connections.length === 2)
    })
  )
})

describe("suspend and resume", () => {
  live(
    "close the port and open it again, while who waits can still be accepted",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      yield* greeting(listener, "before")
      yield* Effect.sleep(30)
      yield* ServerSocket.suspend(listener)
      yield* ServerSocket.suspend(listener)
      assert.include((yield* Effect.flip(plainClient(portOf(listener)))).message, "ECONNREFUSED")
      assert.strictEqual(yield* nameOf(yield* ServerSocket.accept(listener)), "before")
      yield* ServerSocket.resume(listener)
      yield* ServerSocket.resume(listener)
      yield* greeting(listener, "after")
      assert.strictEqual(yield* nameOf(yield* ServerSocket.accept(listener)), "after")
    })
  )

  live(
    "a port that somebody else took meanwhile is AddressInUse, and can be resumed later",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      yield* ServerSocket.suspend(listener)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* ServerSocket.listen(portOf(listener))
          assert.strictEqual((yield* Effect.flip(ServerSocket.resume(listener))).reason._tag, "AddressInUse")
        })
      )
      yield* ServerSocket.resume(listener)
      yield* greeting(listener, "again")
      assert.strictEqual(yield* nameOf(yield* ServerSocket.accept(listener)), "again")
    })
  )

  live(
    "a closed one stays closed",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      yield* ServerSocket.suspend(listener)
      yield* ServerSocket.close(listener)
      assert.strictEqual((yield* Effect.flip(ServerSocket.resume(listener))).reason._tag, "Closed")
    })
  )
})
