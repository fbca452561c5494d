import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { live } from "../utils/live.ts"
import { plainClient, until } from "../utils/plain.ts"
import { echo, endOf, handling, ping, serving } from "../utils/serving.ts"
import { transports } from "../utils/transports.ts"

/** Runs `stop` and says how long it took, in milliseconds. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = performance.now()
    const result = yield* effect
    return [result, performance.now() - start] as const
  })

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Answers each line after a while. */
const slowEcho = (millis: number) => (stream: SocketStream.SocketStream) =>
  Effect.gen(function* () {
    for (;;) {
      const line = yield* SocketStream.readLine(stream)
      if (Option.isNone(line)) return
      yield* Effect.sleep(millis)
      yield* SocketStream.writeLine(stream, `answer to ${line.value}`)
    }
  })

describe("connections between two messages", () => {
  live(
    "end with FIN at once, however long drainTimeout is",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(echo, { drainTimeout: "1 hour" })
      const peers = yield* Effect.forEach(Array.from({ length: 100 }), () => connect(), { concurrency: 20 })
      yield* Effect.forEach(peers, (peer) => ping(peer, "hello"), { concurrency: "unbounded" })
      const [report, millis] = yield* timed(server.stop)
      assert.deepStrictEqual(report, { drained: 100, aborted: 0 })
      assert.isBelow(millis, 2000)
      for (const peer of peers) assert.strictEqual(yield* endOf(peer), "FIN")
    })
  )

  live(
    "end so also if their peers never answer FIN with FIN: all of them linger at once",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(echo, { drainTimeout: "1 hour", lingerTimeout: 300 })
      for (let i = 0; i < 20; i++) yield* ping(yield* connect({ halfOpen: true }), "hello")
      const [report, millis] = yield* timed(server.stop)
      assert.deepStrictEqual(report, { drained: 20, aborted: 0 })
      assert.isBelow(millis, 1500)
    })
  )

  live(
    "that nobody ever spoke on are among them",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(echo, { drainTimeout: "1 hour" })
      const peer = yield* connect()
      yield* handling(server, 1)
      assert.deepStrictEqual(yield* server.stop, { drained: 1, aborted: 0 })
      assert.strictEqual(yield* endOf(peer), "FIN")
    })
  )
})

describe("handOver", () => {
  live(
    "closes the port, ends what is between two messages, and waits for the first message of who has sent none yet",
    Effect.gen(function* () {
      const { connect, port, server } = yield* serving(echo, { drainTimeout: "1 hour" })
      const used = yield* connect()
      yield* ping(used, "hello")
      const fresh = yield* connect()
      yield* handling(server, 2)
      const stopping = yield* start(server.handOver)
      assert.strictEqual(yield* endOf(used), "FIN")
      const error = yield* Effect.flip(SocketStream.open("127.0.0.1", port))
      assert.include(error.message, "connection refused")
      yield* ping(fresh, "hello")
      assert.strictEqual(yield* endOf(fresh), "FIN")
      assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 2, aborted: 0 })
    })
  )

  live(
    "gives those that wait their turn",
    Effect.gen(function* () {
      const { connect, listener, server } = yield* serving(
        slowEcho(50),
        { drainTimeout: "1 hour", maxConnections: 1 },
        { queue: 10 }
      )
      const peers = yield* Effect.forEach([1, 2, 3], () => connect())
      yield* handling(server, 1)
      const stopping = yield* start(server.handOver)
      yield* Effect.forEach(peers, (peer) => Effect.andThen(ping(peer, "hello, as it is answered"), endOf(peer)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 3, aborted: 0 })
      assert.strictEqual(listener.refused, 0)
    })
  )

  live(
    "sends those away at last that never say anything, with FIN, and a stop does so at once",
    Effect.gen(function* () {
      for (const [drainTimeout, isStopped] of [
        [100, false],
        ["1 hour", true]
      ] as const) {
        const { connect, server } = yield* serving(echo, { drainTimeout })
        const silent = yield* connect()
        yield* handling(server, 1)
        const stopping = yield* start(server.handOver)
        yield* Effect.sleep(20)
        if (isStopped) yield* server.stop
        assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 1, aborted: 0 })
        assert.strictEqual(yield* endOf(silent), "FIN")
      }
    })
  )
})

describe("what was written last", () => {
  const size = 200_000
  for (const [how, options, end] of [
    ["a stop", {}, (server: Server.Server) => Effect.asVoid(start(server.stop))],
    ["idleTimeout", { idleTimeout: 200 }, () => Effect.sleep(500)],
    ["maxAge", { maxAge: 300 }, () => Effect.sleep(500)]
  ] as const) {
    live(
      `reaches a peer that has not read it yet and goes on to speak: ${how} loses nothing`,
      Effect.gen(function* () {
        const { connect, server } = yield* serving(
          (stream) => SocketStream.forEachLine(stream, () => SocketStream.write(stream, new Uint8Array(size))),
          options
        )
        const peer = yield* connect({ reads: false, halfOpen: true })
        peer.socket.write("one\n")
        yield* Effect.sleep(100)
        yield* end(server)
        yield* Effect.sleep(100)
        peer.socket.write("two\n")
        yield* Effect.sleep(50)
        let got = 0
        peer.socket.on("data", (chunk) => (got += chunk.length))
        peer.socket.resume()
        assert.strictEqual(yield* endOf(peer), "FIN")
        assert.strictEqual(got, size)
        peer.socket.end()
        yield* handling(server, 0)
        assert.strictEqual((yield* server.stop).aborted, 0)
      })
    )
  }
})

describe("several requests at once", () => {
  for (const name of ["TCP", "TLS", "memory"] as const) {
    it.live(`all get their answers over ${name} before a stop, if the handler says that it is busy`, () => {
      const { address, listen, open, run } = transports[name]
      return run(
        Effect.gen(function* () {
          const socket = yield* ServerSocket.listen(address(), listen)
          const server = yield* Server.start(socket, (stream) =>
            Effect.gen(function* () {
              const scope = yield* Effect.scope
              yield* SocketStream.forEachLine(stream, (line) =>
                Effect.gen(function* () {
                  yield* SocketStream.busy(stream)
                  yield* Effect.sleep(line === "slow" ? 200 : 1)
                  yield* SocketStream.writeLine(stream, line)
                }).pipe(Effect.scoped, Effect.forkIn(scope, { startImmediately: true }))
              )
            })
          )
          const near = yield* SocketStream.open(socket.address, open)
          yield* SocketStream.write(near, "slow\nfast\n")
          assert.deepStrictEqual(yield* SocketStream.readLine(near), Option.some("fast"))
          const stopping = yield* start(server.stop)
          assert.deepStrictEqual(yield* SocketStream.readLine(near), Option.some("slow"))
          assert.isTrue(Option.isNone(yield* SocketStream.readLine(near)))
          yield* SocketStream.close(near)
          assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 1, aborted: 0 })
        })
      )
    })
  }
})

describe("a drainTimeout of 0", () => {
  live(
    "still ends those between two messages with FIN, and reports them as drained",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(slowEcho(0), { drainTimeout: 0 })
      const peers = yield* Effect.forEach(Array.from({ length: 50 }), () => connect(), { concurrency: 20 })
      yield* handling(server, peers.length)
      assert.deepStrictEqual(yield* server.stop, { drained: 50, aborted: 0 })
      for (const peer of peers) assert.strictEqual(yield* endOf(peer), "FIN")
    })
  )
})

describe("connections in use", () => {
  live(
    "get their answer, then end with FIN as soon as they wait for the next message",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(slowEcho(100), { drainTimeout: "1 hour" })
      const peer = yield* connect()
      peer.socket.write("question\n")
      yield* Effect.sleep(30)
      assert.deepStrictEqual(yield* server.stop, { drained: 1, aborted: 0 })
      assert.strictEqual(yield* endOf(peer), "FIN")
      assert.strictEqual(peer.text, "answer to question\r\n")
    })
  )

  live(
    "that have answered and are busy with something else end as soon as they wait for the next message",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(
        (stream) =>
          Effect.forever(
            Effect.gen(function* () {
              const line = Option.getOrThrow(yield* SocketStream.readLine(stream))
              yield* SocketStream.writeLine(stream, line)
              yield* SocketStream.flush(stream)
              yield* Effect.sleep(150)
            })
          ),
        { drainTimeout: "1 hour" }
      )
      const peer = yield* connect()
      yield* ping(peer, "question")
      assert.deepStrictEqual(yield* server.stop, { drained: 1, aborted: 0 })
      assert.strictEqual(yield* endOf(peer), "FIN")
    })
  )

  for (const [what, size, after] of [
    ["with a flush after each piece", 1000, SocketStream.flush],
    ["above the mark", 40_000, () => Effect.void]
  ] as const) {
    live(
      `are not idle while they write, though another fiber waits for a message: ${what}`,
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const { connect, server } = yield* serving(
          (stream) =>
            Effect.gen(function* () {
              yield* SocketStream.readLine(stream)
              yield* Deferred.await(gate)
              yield* start(SocketStream.readLine(stream))
              for (let i = 0; i < 20; i++) {
                yield* SocketStream.write(stream, new Uint8Array(size))
                yield* after(stream)
              }
            }),
          { drainTimeout: "1 hour" }
        )
        const peer = yield* connect()
        peer.socket.write("question\n")
        yield* Effect.sleep(30)
        const stopping = yield* start(server.stop)
        yield* Effect.sleep(30)
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 1, aborted: 0 })
        assert.strictEqual(yield* endOf(peer), "FIN")
        assert.strictEqual(peer.size, 20 * size)
      })
    )
  }

  live(
    "with half a message received are waited for, and answered",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(echo, { drainTimeout: "1 hour" })
      const peer = yield* connect()
      peer.socket.write("half a ")
      yield* Effect.sleep(30)
      const stopping = yield* start(server.stop)
      yield* Effect.sleep(50)
      assert.isUndefined(stopping.pollUnsafe())
      peer.socket.write("message\n")
      assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 1, aborted: 0 })
      assert.strictEqual(yield* endOf(peer), "FIN")
      assert.strictEqual(peer.text, "half a message\r\n")
    })
  )

  live(
    "that write an answer without end to a peer that reads it are cut after drainTimeout",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(
        (stream) => Effect.forever(Effect.andThen(SocketStream.write(stream, new Uint8Array(10_000)), Effect.sleep(1))),
        { drainTimeout: 100 }
      )
      const peer = yield* connect()
      yield* until(() => peer.size > 0)
      assert.deepStrictEqual(yield* server.stop, { drained: 0, aborted: 1 })
      assert.strictEqual(yield* endOf(peer), "RST")
    })
  )

  live(
    "a handler that works on an answer while it watches for its peer's end is in use when the server stops",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(
        (stream) =>
          Effect.gen(function* () {
            const question = yield* SocketStream.readLine(stream)
            const answer = Effect.as(Effect.sleep(200), question)
            const gone = Effect.andThen(SocketStream.read(stream), Effect.interrupt)
            yield* Effect.raceFirst(answer, gone)
            yield* SocketStream.write(stream, "answer")
          }),
        { drainTimeout: "1 hour" }
      )
      const peer = yield* connect()
      peer.socket.write("question\n")
      yield* Effect.sleep(50)
      yield* server.stop
      assert.strictEqual(yield* endOf(peer), "FIN")
      assert.strictEqual(peer.text, "answer")
    })
  )
})

describe("the port", () => {
  live(
    "refuses at once, while connections are still in use",
    Effect.gen(function* () {
      const { connect, port, server } = yield* serving(slowEcho(300), { drainTimeout: "1 hour" })
      const peer = yield* connect()
      peer.socket.write("question\n")
      yield* Effect.sleep(30)
      const stopping = yield* start(server.stop)
      assert.include((yield* Effect.flip(plainClient(port))).message, "ECONNREFUSED")
      assert.isUndefined(stopping.pollUnsafe())
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* endOf(peer), "FIN")
      assert.strictEqual(peer.text, "answer to question\r\n")
    })
  )

  live(
    "lets go of those that wait for a permit: they are reset and no handler sees them",
    Effect.gen(function* () {
      let handled = 0
      const refusals: Array<string> = []
      const { connect, listener, server } = yield* serving(
        () =>
          Effect.andThen(
            Effect.sync(() => handled++),
            Effect.never
          ),
        {
          maxConnections: 1,
          drainTimeout: 50,
          onRefused: (_, refusal) => Effect.sync(() => void refusals.push(refusal))
        }
      )
      yield* connect()
      yield* handling(server, 1)
      const waiting = yield* Effect.forEach([1, 2, 3], () => connect())
      yield* Effect.sleep(30)
      assert.deepStrictEqual(yield* server.stop, { drained: 0, aborted: 1 })
      for (const peer of waiting) assert.strictEqual(yield* endOf(peer), "RST")
      assert.deepStrictEqual([handled, listener.refused, refusals], [1, 3, ["Stopped", "Stopped", "Stopped"]])
    })
  )
})

/** Handlers that do not want to end. Each must still let the server stop. */
const stubborn: Record<string, Server.Handler> = {
  "never ends": () => Effect.never,
  "cannot be interrupted": () => Effect.uninterruptible(Effect.sleep(4000)),
  "takes long to clean up": () => Effect.onInterrupt(Effect.never, () => Effect.sleep(4000)),
  "starts again when it is interrupted": () =>
    Effect.onInterrupt(Effect.never, () => Effect.ignore(Effect.timeoutOption(Effect.never, 4000))),
  "waits for a peer that says nothing, in a region that cannot be interrupted": (stream) =>
    Effect.uninterruptible(SocketStream.readLine(stream)),
  "has filled the pipe to a peer that does not read": (stream) =>
    Effect.uninterruptible(Effect.forever(SocketStream.write(stream, new Uint8Array(1_000_000)))),
  "has ended, but its peer does not read what it wrote": (stream) =>
    SocketStream.write(stream, new Uint8Array(30_000_000))
}

describe("stopping is bounded when a handler", () => {
  for (const [name, handler] of Object.entries(stubborn)) {
    live(
      name,
      Effect.gen(function* () {
        const { connect, server } = yield* serving(handler, { drainTimeout: 100 })
        const peer = yield* connect({ reads: false })
        yield* handling(server, 1)
        yield* Effect.sleep(50)
        const [report, millis] = yield* timed(server.stop)
        assert.deepStrictEqual(report, { drained: 0, aborted: 1 })
        assert.isAbove(millis, 90)
        // drainTimeout, the second that aborted handlers get, and a busy machine.
        assert.isBelow(millis, 3000)
        peer.socket.resume()
        assert.strictEqual(yield* endOf(peer), "RST")
      })
    )
  }

  live(
    "is gone already: nothing to wait for",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(() => Effect.void, { drainTimeout: "1 hour" })
      yield* endOf(yield* connect())
      yield* handling(server, 0)
      assert.deepStrictEqual(yield* server.stop, { drained: 0, aborted: 0 })
    })
  )
})

describe("the report", () => {
  live(
    "adds up: every connection that was open is drained or aborted",
    Effect.gen(function* () {
      const answer = (stream: SocketStream.SocketStream) =>
        Effect.andThen(SocketStream.writeLine(stream, "ready"), echo(stream))
      const { connect, server } = yield* serving(
        (stream) =>
          Effect.flatMap(SocketStream.readLine(stream), (line) =>
            Option.match(line, {
              onNone: () => Effect.void,
              onSome: (kind) => (kind === "idle" ? answer(stream) : kind === "busy" ? Effect.sleep(150) : Effect.never)
            })
          ),
        { drainTimeout: 600 }
      )
      const kinds = ["idle", "busy", "stuck", "busy", "idle", "stuck", "silent"]
      const peers = yield* Effect.forEach(kinds, (kind) =>
        Effect.tap(connect(), (peer) => Effect.sync(() => kind !== "silent" && peer.socket.write(`${kind}\n`)))
      )
      yield* handling(server, kinds.length)
      yield* Effect.sleep(50)
      assert.deepStrictEqual(yield* server.stop, { drained: 5, aborted: 2 })
      const ends = yield* Effect.forEach(peers, endOf)
      assert.deepStrictEqual(
        ends,
        kinds.map((kind) => (kind === "stuck" ? "RST" : "FIN"))
      )
      yield* handling(server, 0)
    })
  )

  live(
    "is there before the linger is over: a peer that reads its last answer late, and says something more, gets all of it",
    Effect.gen(function* () {
      const size = 200_000
      const answers = (stream: SocketStream.SocketStream) =>
        Effect.gen(function* () {
          while (Option.isSome(yield* SocketStream.readLine(stream))) {
            yield* SocketStream.write(stream, new Uint8Array(size))
          }
        })
      for (const options of [{}, { idleTimeout: 400 }]) {
        const { connect, server } = yield* serving(answers, options)
        const peer = yield* connect({ halfOpen: true })
        peer.socket.pause()
        peer.socket.write("one\n")
        yield* Effect.sleep(150)
        if ("idleTimeout" in options) yield* Effect.sleep(700)
        else assert.deepStrictEqual(yield* server.stop, { drained: 1, aborted: 0 })
        peer.socket.write("two\n")
        yield* Effect.sleep(50)
        peer.socket.resume()
        assert.strictEqual(yield* endOf(peer), "FIN")
        assert.strictEqual(peer.received.length, size)
        peer.socket.end()
      }
    })
  )

  live(
    "is the same for everybody who stops, before, at the same time and after",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(() => Effect.never, { drainTimeout: 50 })
      yield* connect()
      yield* handling(server, 1)
      const reports = yield* Effect.all([server.stop, server.stop, server.stop], { concurrency: "unbounded" })
      for (const report of [...reports, yield* server.stop]) assert.deepStrictEqual(report, { drained: 0, aborted: 1 })
    })
  )

  for (const how of ["stop", "handOver", "abort"] as const) {
    live(
      `comes also when the one who asked for ${how} was interrupted: it goes on`,
      Effect.gen(function* () {
        const { connect, server } = yield* serving(() => Effect.never, { drainTimeout: 200 })
        const peer = yield* connect()
        yield* handling(server, 1)
        const stopping = yield* start(server[how])
        const [exit, millis] = yield* timed(Effect.andThen(Fiber.interrupt(stopping), Fiber.await(stopping)))
        assert.isTrue(Exit.isFailure(exit))
        assert.isBelow(millis, 2000)
        assert.strictEqual(yield* endOf(peer), "RST")
        assert.deepStrictEqual(yield* server.stop, { drained: 0, aborted: 1 })
      })
    )
  }
})

describe("abort", () => {
  live(
    "resets what is handled, idle or busy, and what waits for its turn, at once, and no handler of a waiting one begins",
    Effect.gen(function* () {
      let begun = 0
      const busy = () =>
        Effect.suspend(() => {
          begun++
          return Effect.never
        })
      const { connect, server } = yield* serving(busy, { drainTimeout: "1 hour", maxConnections: 3 })
      const peers = yield* Effect.forEach(Array.from({ length: 9 }), () => connect())
      yield* handling(server, 3)
      yield* Effect.sleep(50)
      const [report, millis] = yield* timed(server.abort)
      assert.deepStrictEqual(report, { drained: 0, aborted: 3 })
      assert.isBelow(millis, 1000)
      assert.strictEqual(begun, 3)
      for (const peer of peers) assert.strictEqual(yield* endOf(peer), "RST")
    })
  )

  live(
    "ends a stop that is under way",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(() => Effect.never, { drainTimeout: "1 hour" })
      const peer = yield* connect()
      yield* handling(server, 1)
      const stopping = yield* start(server.stop)
      yield* Effect.sleep(20)
      const [report, millis] = yield* timed(server.abort)
      assert.deepStrictEqual(report, { drained: 0, aborted: 1 })
      assert.deepStrictEqual(yield* Fiber.join(stopping), report)
      assert.isBelow(millis, 1000)
      assert.strictEqual(yield* endOf(peer), "RST")
    })
  )

  for (const [name, handler] of Object.entries(stubborn)) {
    live(
      `takes a second at most, whatever drainTimeout is, also when a handler ${name}`,
      Effect.gen(function* () {
        const { connect, server } = yield* serving(handler, { drainTimeout: "1 hour" })
        const peer = yield* connect({ reads: false })
        yield* handling(server, 1)
        yield* Effect.sleep(50)
        const [report, millis] = yield* timed(server.abort)
        assert.deepStrictEqual(report, { drained: 0, aborted: 1 })
        assert.isBelow(millis, 3000)
        peer.socket.resume()
        assert.strictEqual(yield* endOf(peer), "RST")
      })
    )
  }
})
