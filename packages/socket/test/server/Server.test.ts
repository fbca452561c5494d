import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { live, pattern, portOf } from "../utils/live.ts"
import { plainClient, until } from "../utils/plain.ts"
import { echo, endOf, Gate, handling, ping, serving } from "../utils/serving.ts"

const ignored = () => Effect.void

describe("serve", () => {
  live(
    "handles connections, many of them at once, each in a fiber of its own",
    Effect.gen(function* () {
      const { connect } = yield* serving(echo)
      const peers = yield* Effect.forEach(Array.from({ length: 30 }), () => connect(), { concurrency: 10 })
      for (let round = 0; round < 3; round++) {
        yield* Effect.forEach(peers, (peer, i) => ping(peer, `${round}:${i}`), { concurrency: "unbounded" })
      }
      assert.deepStrictEqual(
        peers.map(({ text }) => text),
        peers.map((_, i) => `0:${i}\r\n1:${i}\r\n2:${i}\r\n`)
      )
    })
  )

  live(
    "as an effect never succeeds, and its interruption is the graceful stop",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const fiber = yield* Effect.forkChild(Server.serve(listener, echo), { startImmediately: true })
      const peer = yield* plainClient(portOf(listener))
      yield* ping(peer, "hello")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* endOf(peer), "FIN")
      assert.isTrue(Cause.hasInterruptsOnly(yield* Effect.flip(Effect.sandbox(Fiber.join(fiber)))))
    })
  )

  live(
    "fails with Closed when somebody else closes its port",
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0)
      const fiber = yield* Effect.forkChild(Effect.flip(Server.serve(listener, echo)), { startImmediately: true })
      yield* ServerSocket.close(listener)
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Closed")
    })
  )
})

describe("maxConnections", () => {
  live(
    "is exact: as many handlers run as permits, never more, and the rest wait their turn",
    Effect.gen(function* () {
      const gate = new Gate()
      const { connect, listener, server } = yield* serving(gate.handler, { maxConnections: 3 })
      yield* Effect.forEach(Array.from({ length: 10 }), () => connect())
      yield* handling(server, 3)
      yield* Effect.sleep(50)
      assert.strictEqual(gate.running, 3)
      yield* Deferred.succeed(gate.open, undefined)
      yield* handling(server, 0)
      assert.deepStrictEqual([gate.most, listener.refused], [3, 0])
    })
  )

  for (const [name, outcome] of [
    ["succeed", Effect.void],
    ["fail", Effect.fail("no")],
    ["die", Effect.die("no")],
    ["are interrupted", Effect.interrupt]
  ] as const) {
    live(
      `permits come back from handlers that ${name}`,
      Effect.gen(function* () {
        let handled = 0
        const { connect, server } = yield* serving(
          () =>
            Effect.andThen(
              Effect.sync(() => handled++),
              outcome
            ),
          {
            maxConnections: 1,
            onError: ignored
          }
        )
        for (let i = 0; i < 20; i++) yield* Effect.exit(connect())
        yield* until(() => handled === 20)
        yield* handling(server, 0)
      })
    )
  }

  live(
    "changed while running, holds for new connections and ends none",
    Effect.gen(function* () {
      const gate = new Gate()
      const { connect, server } = yield* serving(gate.handler, { maxConnections: 2 })
      yield* Effect.forEach(Array.from({ length: 6 }), () => connect())
      yield* handling(server, 2)
      yield* server.setMaxConnections(4)
      yield* handling(server, 4)
      yield* server.setMaxConnections(1)
      yield* Effect.sleep(30)
      assert.strictEqual(gate.running, 4)
      yield* Deferred.succeed(gate.open, undefined)
      yield* handling(server, 0)
      assert.strictEqual(gate.most, 4)
    })
  )

  live(
    "a connection that lingers still holds its permit, and gives it back in bounded time",
    Effect.gen(function* () {
      let handled = 0
      const { connect } = yield* serving(() => Effect.sync(() => void handled++), {
        maxConnections: 1,
        lingerTimeout: 150
      })
      // It never answers FIN with FIN.
      yield* connect({ halfOpen: true })
      yield* until(() => handled === 1)
      yield* connect()
      yield* Effect.sleep(30)
      assert.strictEqual(handled, 1)
      yield* until(() => handled === 2)
    })
  )
})

describe("how a connection ends", () => {
  for (const [name, handler, end] of [
    ["succeeds", () => Effect.void, "FIN"],
    ["fails", () => Effect.fail("no"), "RST"],
    ["dies", () => Effect.die("no"), "RST"],
    ["interrupts itself", () => Effect.interrupt, "RST"],
    [
      "throws before it gives an effect",
      () => {
        throw new Error("no")
      },
      "RST"
    ]
  ] as ReadonlyArray<readonly [string, Server.Handler, "FIN" | "RST"]>) {
    live(
      `by ${end} if its handler ${name}, and its neighbour goes on`,
      Effect.gen(function* () {
        const { connect, server } = yield* serving(
          (stream) =>
            Effect.flatMap(SocketStream.readLine(stream), (line) =>
              Option.contains(line, "neighbour")
                ? echo(stream)
                : Effect.andThen(SocketStream.write(stream, "ok"), SocketStream.flush(stream)).pipe(
                    Effect.andThen(Effect.sleep(20)),
                    Effect.andThen(Effect.suspend(() => handler(stream)))
                  )
            ),
          { onError: ignored }
        )
        const neighbour = yield* connect()
        neighbour.socket.write("neighbour\n")
        const peer = yield* connect()
        peer.socket.write("go\n")
        assert.strictEqual(yield* endOf(peer), end)
        assert.strictEqual(peer.text, "ok")
        yield* ping(neighbour, "still here")
        yield* handling(server, 1)
      })
    )
  }

  live(
    "a handler that throws at once ends its connection only",
    Effect.gen(function* () {
      let calls = 0
      const { connect } = yield* serving(
        (stream) => {
          if (calls++ === 0) throw new Error("no")
          return echo(stream)
        },
        { onError: ignored }
      )
      const first = yield* Effect.result(connect())
      if (first._tag === "Success") assert.strictEqual(yield* endOf(first.success), "RST")
      yield* ping(yield* connect(), "second")
    })
  )

  live(
    "what a handler wrote arrives to the last byte, though 300 kB of its input were never read",
    Effect.gen(function* () {
      const reply = pattern(1_000_000)
      const { connect } = yield* serving((stream) => SocketStream.write(stream, reply))
      const peer = yield* connect({ halfOpen: true })
      peer.socket.write(new Uint8Array(300_000))
      assert.strictEqual(yield* endOf(peer), "FIN")
      assert.isTrue(Buffer.from(peer.received).equals(reply))
    })
  )

  live(
    "the handler's own finalizers run, and can still write, before the connection ends",
    Effect.gen(function* () {
      const { connect } = yield* serving((stream) =>
        Effect.addFinalizer(() => Effect.ignore(SocketStream.write(stream, "finalizer")))
      )
      const peer = yield* connect()
      assert.strictEqual(yield* endOf(peer), "FIN")
      assert.strictEqual(peer.text, "finalizer")
    })
  )

  live(
    "a peer that breaks off interrupts a handler that is busy elsewhere",
    Effect.gen(function* () {
      const ended = yield* Deferred.make<Exit.Exit<unknown, unknown>>()
      const { connect } = yield* serving(() => Effect.onExit(Effect.never, (exit) => Deferred.succeed(ended, exit)))
      const peer = yield* connect()
      yield* Effect.sleep(20)
      peer.socket.resetAndDestroy()
      const exit = yield* Deferred.await(ended)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
    })
  )
})

describe("a peer that breaks off", () => {
  live(
    "fails the read of a handler that waits for it, and lets it clean up",
    Effect.gen(function* () {
      const heard = yield* Deferred.make<string>()
      const { connect, server } = yield* serving((stream) =>
        Effect.catch(SocketStream.readLine(stream), (error) =>
          Effect.andThen(Effect.sleep(20), Deferred.succeed(heard, error.reason._tag))
        )
      )
      const peer = yield* connect()
      yield* handling(server, 1)
      peer.socket.resetAndDestroy()
      assert.strictEqual(yield* Deferred.await(heard), "ConnectionReset")
      yield* handling(server, 0)
    })
  )
})

describe("a handler that closed its connection itself", () => {
  live(
    "goes on with its own work when the peer breaks off then",
    Effect.gen(function* () {
      const worked = yield* Deferred.make<string>()
      const { connect } = yield* serving((stream) =>
        Effect.gen(function* () {
          yield* Effect.forkChild(Effect.ignore(SocketStream.close(stream)))
          yield* Effect.sleep(150)
          yield* Deferred.succeed(worked, "done")
        })
      )
      const peer = yield* connect({ halfOpen: true })
      yield* until(() => peer.ended)
      peer.socket.resetAndDestroy()
      assert.strictEqual(yield* Deferred.await(worked), "done")
    })
  )
})

describe("options of streams", () => {
  live(
    "of the server socket hold for its server, unless the server names its own",
    Effect.gen(function* () {
      for (const [options, millis] of [
        [{}, 50],
        [{ readTimeout: 70 }, 70]
      ] as const) {
        const failed = yield* Deferred.make<Cause.Cause<unknown>>()
        const { connect } = yield* serving(
          SocketStream.read,
          { ...options, onError: (cause) => Effect.asVoid(Deferred.succeed(failed, cause)) },
          { readTimeout: 50 }
        )
        yield* connect()
        assert.include(String(Cause.squash(yield* Deferred.await(failed))), `timed out after ${millis} ms`)
      }
    })
  )
})

describe("onError", () => {
  live(
    "hears failures and defects with their stream, and neither success nor interruption",
    Effect.gen(function* () {
      const heard: Array<string> = []
      const outcomes = [Effect.void, Effect.fail("failure"), Effect.interrupt, Effect.die("defect")]
      let next = 0
      const { connect, server } = yield* serving(() => outcomes[next++], {
        onError: (cause, stream) =>
          Effect.sync(() => void heard.push(`${String(Cause.squash(cause))} ${String(stream).slice(0, 24)}`))
      })
      for (const _ of outcomes) {
        yield* Effect.exit(connect())
        yield* Effect.sleep(20)
      }
      yield* until(() => next === 4)
      yield* handling(server, 0)
      assert.deepStrictEqual(heard, ["failure SocketStream([127.0.0.1:", "defect SocketStream([127.0.0.1:"])
    })
  )

  live(
    "that dies itself harms nobody",
    Effect.gen(function* () {
      const { connect, server } = yield* serving((stream) => Effect.andThen(echo(stream), Effect.fail("no")), {
        onError: () => Effect.die("worse"),
        maxConnections: 1
      })
      for (let i = 0; i < 3; i++) {
        const peer = yield* connect()
        yield* ping(peer, "hello")
        peer.socket.end()
        yield* endOf(peer)
      }
      yield* handling(server, 0)
    })
  )

  live(
    "left out, a failure is logged as an error with the peer's address, and an ordinary disconnect is not",
    Effect.gen(function* () {
      const logged: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void logged.push(`${logLevel} ${String(message)}`))
      yield* Effect.gen(function* () {
        const { connect, server } = yield* serving(
          (stream) =>
            Effect.flatMap(SocketStream.readLine(stream), (line) =>
              Option.contains(line, "fail") ? Effect.fail("no") : Effect.void
            ),
          { readTimeout: 50 }
        )
        const failing = yield* connect()
        failing.socket.write("fail\n")
        const breaking = yield* connect()
        yield* Effect.sleep(10)
        breaking.socket.resetAndDestroy()
        // Times out.
        yield* connect()
        yield* endOf(failing)
        yield* Effect.sleep(80)
        yield* handling(server, 0)
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.strictEqual(logged.length, 1)
      assert.match(
        logged[0],
        /^Error .*SocketStream\(\[127\.0\.0\.1:\d+\] to \[127\.0\.0\.1:\d+\]\): the handler failed/
      )
    })
  )
})

describe("a server that is started", () => {
  live(
    "tells its address and its connections",
    Effect.gen(function* () {
      const { connect, listener, server } = yield* serving(echo)
      assert.strictEqual(server.address, listener.address)
      assert.strictEqual(yield* server.connections, 0)
      yield* ping(yield* connect(), "hello")
      assert.strictEqual(yield* server.connections, 1)
    })
  )

  live(
    "stops with its scope",
    Effect.gen(function* () {
      const port = yield* Effect.scoped(
        Effect.gen(function* () {
          const { connect, port } = yield* serving(echo)
          yield* ping(yield* connect(), "hello")
          return port
        })
      )
      assert.include((yield* Effect.flip(plainClient(port))).message, "ECONNREFUSED")
    })
  )

  live(
    "fails await with Closed when it is stopped, and with the listener's reason when that breaks",
    Effect.gen(function* () {
      const { listener, server } = yield* serving(echo)
      const awaiting = yield* Effect.forkChild(Effect.flip(server.await), { startImmediately: true })
      yield* server.stop
      assert.strictEqual(
        (yield* Fiber.join(awaiting)).message,
        `accept 127.0.0.1:${portOf(listener)}: the socket is closed`
      )
      assert.strictEqual((yield* Effect.flip(server.await)).reason._tag, "Closed")
    })
  )
})
