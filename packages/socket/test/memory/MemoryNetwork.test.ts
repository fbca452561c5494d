import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import { Network } from "../../src/Network.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { bytes, dial, hosts, layer, listening, pair, port80, settle } from "../utils/memory.ts"
import * as Simulation from "../../src/testing/Simulation.ts"

const format = NetAddress.formatSocketAddress

/** The reason of a failure, by its tag. */
const reason = <A, R>(effect: Effect.Effect<A, NetworkError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason._tag)

describe("a connection", () => {
  it.effect("FIN comes after every byte, however small the windows", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      client.connection.write([bytes(1000), bytes(500)])
      while (client.written_ === 0) yield* settle
      client.connection.end()
      yield* settle
      assert.deepStrictEqual(server.received, Buffer.concat([bytes(1000), bytes(500)]))
      assert.deepStrictEqual([server.log, client.log], [["end"], []])
      server.connection.end()
      yield* settle
      assert.deepStrictEqual(
        [server.log, client.log],
        [
          ["end", "closed"],
          ["end", "closed"]
        ]
      )
    }).pipe(Effect.provide(layer({ sendBuffer: 7, receiveBuffer: 5, maxChunk: 3 })))
  )

  it.effect("a reset is an error to the peer, never an end of input", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      client.connection.reset()
      yield* settle
      assert.deepStrictEqual([server.log, client.log], [["closed ConnectionReset"], ["closed"]])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("closing with unread input resets the peer; with none it is a FIN", () =>
    Effect.gen(function* () {
      for (const unread of [true, false]) {
        const { client, server } = yield* pair.pipe(Effect.scoped)
        if (unread) server.connection.pause()
        client.connection.write([bytes(10)])
        yield* settle
        server.connection.destroy()
        yield* settle
        assert.deepStrictEqual(client.log, unread ? ["closed ConnectionReset"] : ["end"])
        client.connection.reset()
      }
    }).pipe(Effect.provide(layer()))
  )

  it.effect("bytes for a closed end are answered with a reset", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      server.connection.destroy()
      yield* settle
      client.connection.write([bytes(1)])
      yield* settle
      assert.deepStrictEqual(client.log, ["end", "closed ConnectionReset"])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("what the kernel took is still delivered after the descriptor is given back", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      server.connection.pause()
      client.connection.write([bytes(150)])
      yield* settle
      client.connection.destroy()
      yield* settle
      assert.deepStrictEqual([client.log, server.received.length], [["closed"], 0])
      server.connection.resume()
      yield* settle
      assert.deepStrictEqual([server.received, server.log], [Buffer.from(bytes(150)), ["end"]])
    }).pipe(Effect.provide(layer({ sendBuffer: 100, receiveBuffer: 100 })))
  )

  it.effect("a write is reported when the kernel has it, and a stalled peer bounds what that is", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      server.connection.pause()
      client.connection.write([bytes(30)])
      yield* settle
      assert.strictEqual(client.written_, 1)
      client.connection.write([bytes(1)])
      yield* settle
      assert.strictEqual(client.written_, 1)
      server.connection.resume()
      yield* settle
      assert.deepStrictEqual([client.written_, server.received.length], [2, 31])
    }).pipe(Effect.provide(layer({ sendBuffer: 10, receiveBuffer: 20 })))
  )

  it.effect("arrays may be changed once they are written", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      server.connection.pause()
      // The `slice` of a Buffer is no copy.
      const chunks = [bytes(600), Buffer.from(bytes(600))]
      client.connection.write(chunks)
      yield* settle
      for (const chunk of chunks) chunk.fill(0)
      server.connection.resume()
      yield* settle
      assert.deepStrictEqual(server.received, Buffer.concat([bytes(600), bytes(600)]))
    }).pipe(Effect.provide(layer()))
  )

  it.effect("an interrupted attempt leaves nothing, wherever it was", () =>
    Effect.gen(function* () {
      const { accepted } = yield* MemoryNetwork.runOn(listening(), "server")
      const before = yield* MemoryNetwork.descriptors
      for (const millis of [0, 5, 15, 19]) {
        const attempt = yield* Effect.forkChild(MemoryNetwork.runOn(dial(), "client"), { startImmediately: true })
        yield* TestClock.adjust(millis)
        yield* Fiber.interrupt(attempt)
        yield* TestClock.adjust(100)
        assert.strictEqual(yield* MemoryNetwork.descriptors, before)
      }
      assert.deepStrictEqual(
        accepted.map(({ log }) => log),
        [["closed ConnectionReset"], ["closed ConnectionReset"]]
      )
    }).pipe(Effect.provide(layer({ latency: 10 })))
  )

  it.effect("when the network is released, its connections break", () =>
    Effect.gen(function* () {
      const outer = yield* Scope.Scope
      const read = yield* Effect.gen(function* () {
        yield* MemoryNetwork.runOn(listening(), "server")
        const stream = yield* Scope.provide(MemoryNetwork.runOn(SocketStream.open("server", 80), "client"), outer)
        return yield* Effect.forkIn(SocketStream.read(stream), outer, { startImmediately: true })
      }).pipe(Effect.scoped, Effect.provide(layer()))
      assert.strictEqual(yield* reason(Fiber.join(read)), "Closed")
    })
  )
})

describe("time", () => {
  it.effect("latency is the way of each segment; without any the clock stands still", () =>
    Effect.gen(function* () {
      for (const latency of [0, 25]) {
        const trace = yield* Effect.gen(function* () {
          yield* MemoryNetwork.runOn(listening(), "server")
          const client = yield* Effect.forkChild(MemoryNetwork.runOn(dial(), "client"))
          if (latency > 0) yield* TestClock.adjust(2 * latency)
          yield* Fiber.join(client)
          return yield* MemoryNetwork.trace
        }).pipe(Effect.scoped, Effect.provide(layer({ latency })))
        assert.deepStrictEqual(
          trace.map(({ at, kind }) => [at, kind]),
          [
            [0, "listen"],
            [0, "connect"],
            [latency, "accepted"],
            [2 * latency, "connected"]
          ]
        )
      }
    })
  )

  it.effect("a link differs from the others as it is told, in each direction", () =>
    Effect.gen(function* () {
      const { accepted } = yield* MemoryNetwork.runOn(listening(), "server")
      const client = yield* Effect.forkChild(MemoryNetwork.runOn(dial(), "client"))
      yield* TestClock.adjust(99)
      assert.deepStrictEqual([accepted.length, client.pollUnsafe()], [1, undefined])
      yield* TestClock.adjust(1)
      yield* Fiber.join(client)
    }).pipe(
      Effect.provide(
        layer({ latency: 10, link: (from) => (format(from) === "10.0.0.2:80" ? { latency: 90 } : undefined) })
      )
    )
  )

  it.effect("a delayed accept: the client is connected and writes meanwhile, up to the backlog", () =>
    Effect.gen(function* () {
      const { accepted } = yield* MemoryNetwork.runOn(listening(port80, { backlog: 2 }), "server")
      const connect = MemoryNetwork.runOn(dial(), "client")
      const client = yield* connect
      client.connection.write([bytes(5)])
      yield* connect
      assert.strictEqual(yield* reason(connect), "ConnectionRefused")
      assert.strictEqual(accepted.length, 0)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([accepted.length, accepted[0].received.length], [2, 5])
      yield* connect
    }).pipe(Effect.provide(layer({ acceptDelay: "1 second" })))
  )

  it.effect("a port that closes resets what it has not accepted", () =>
    Effect.gen(function* () {
      const { listener } = yield* MemoryNetwork.runOn(listening(), "server")
      const client = yield* MemoryNetwork.runOn(dial(), "client")
      yield* listener.close
      yield* settle
      assert.deepStrictEqual(client.log, ["closed ConnectionReset"])
    }).pipe(Effect.provide(layer({ acceptDelay: "1 second" })))
  )

  it.live("it runs on the real clock too", () =>
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      yield* Server.start(socket, (stream) =>
        Effect.flatMap(SocketStream.readExactly(stream, 100), (chunk) => SocketStream.write(stream, chunk))
      )
      const stream = yield* SocketStream.open(socket.address)
      yield* SocketStream.write(stream, bytes(100))
      assert.deepStrictEqual(Uint8Array.from(yield* SocketStream.readAll(stream)), bytes(100))
    }).pipe(Effect.provide(layer({ latency: 2, jitter: 1, bandwidth: 20_000, maxChunk: 30 })))
  )

  it.live("endless traffic without latency leaves the process its timers", () =>
    Effect.gen(function* () {
      const { client, server } = yield* pair
      let rounds = 0
      const reply = (probe: typeof client) => {
        probe.data = () => {
          rounds++
          probe.connection.write([bytes(1)])
        }
      }
      reply(client)
      reply(server)
      client.connection.write([bytes(1)])
      yield* Effect.sleep(1)
      assert.isAbove(rounds, 100)
    }).pipe(Effect.provide(layer()))
  )
})

describe("the trace", () => {
  const program = Effect.gen(function* () {
    const socket = yield* MemoryNetwork.runOn(ServerSocket.listen(port80), "server")
    yield* Server.start(socket, (stream) =>
      Effect.flatMap(SocketStream.readLine(stream), (line) =>
        SocketStream.writeLine(
          stream,
          Option.getOrElse(line, () => "none")
        )
      )
    )
    yield* Effect.forEach(
      [1, 2, 3],
      (n) =>
        SocketStream.open("server", 80, { readTimeout: "30 seconds" }).pipe(
          Effect.tap(SocketStream.writeLine("x".repeat(n * 10))),
          Effect.flatMap((stream) => SocketStream.readAll(stream)),
          Effect.scoped,
          MemoryNetwork.runOn("client"),
          Effect.exit
        ),
      { concurrency: "unbounded" }
    )
    yield* Effect.sleep("1 minute")
    return MemoryNetwork.format(yield* MemoryNetwork.trace)
  })
  const faulty = {
    latency: 5,
    jitter: 10,
    maxChunk: 4,
    bandwidth: 1000,
    faults: { reset: 0.3, vanish: 0.2, within: 20 }
  }
  const run = (options: MemoryNetwork.Options) =>
    program.pipe(Effect.scoped, Effect.provide(layer({ latency: 1, ...options })), Simulation.simulate)

  it.effect("the same seed gives the same trace, another seed another", () =>
    Effect.gen(function* () {
      const first = yield* run({ ...faulty, seed: 1 })
      assert.strictEqual(yield* run({ ...faulty, seed: 1 }), first)
      assert.notStrictEqual(yield* run({ ...faulty, seed: 2 }), first)
      assert.match(first, /#3 .*:49154 > .*:80 connect/)
    })
  )

  it.effect("what one connection draws does not depend on the others", () =>
    Effect.gen(function* () {
      const sizes = (only: number) =>
        run({ ...faulty, faults: ({ connection }) => (connection === only ? undefined : { _tag: "Refuse" }) }).pipe(
          Effect.map((text) => text.split("\n").filter((line) => line.includes(`#${only} `)))
        )
      const all = (yield* run({ ...faulty, faults: () => undefined })).split("\n")
      for (const only of [1, 2, 3]) {
        assert.deepStrictEqual(
          yield* sizes(only),
          all.filter((line) => line.includes(`#${only} `))
        )
      }
    })
  )

  it.effect("it keeps the latest events, as many as it is told", () =>
    Effect.gen(function* () {
      const all = (yield* run({})).split("\n")
      assert.deepStrictEqual((yield* run({ traceLimit: 5 })).split("\n"), all.slice(-5))
      assert.strictEqual(yield* run({ traceLimit: 0 }), "")
    })
  )
})

describe("a mistake in a test is a defect", () => {
  it.effect("a host that is not there", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        MemoryNetwork.runOn(
          Network.useSync(() => 0),
          "nowhere"
        )
      )
      assert.isTrue(Exit.isFailure(exit) && Exit.hasDies(exit))
      assert.isTrue(Exit.hasDies(yield* Effect.exit(MemoryNetwork.vanish("nowhere"))))
      assert.deepStrictEqual(Object.keys(hosts), ["client", "server"])
    }).pipe(Effect.provide(layer()))
  )
})
