import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import * as Server from "../src/Server.ts"
import * as ServerSocket from "../src/ServerSocket.ts"
import * as SocketMetrics from "../src/SocketMetrics.ts"
import * as SocketStream from "../src/SocketStream.ts"
import { authority, server as identity } from "./utils/certificates.ts"
import { FakeNetwork, type Script } from "./utils/fakeNetwork.ts"
import { live, portOf } from "./utils/live.ts"
import * as memory from "./utils/memory.ts"
import { plainClient, until } from "./utils/plain.ts"
import { echo, handling } from "./utils/serving.ts"

/** With counters of its own. */
const isolated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

const { client } = SocketMetrics

/** What was counted, by name and reason; nothing for what was not. */
const counted = Effect.map(Metric.snapshot, (metrics) => {
  const counts: Record<string, number> = {}
  for (const { attributes = {}, id, state, type } of metrics) {
    if (type !== "Counter" && type !== "Histogram") continue
    const labels = ["reason", "side"].flatMap((name) => (name in attributes ? [attributes[name]] : []))
    if (id.startsWith("socket_")) counts[[id, ...labels].join(" ")] = Number(state.count)
  }
  return counts
})

describe("clients", () => {
  /** Opens `host.test`, and counts. */
  const race = (script: Script, hosts = Object.keys(script)) =>
    isolated(
      Effect.gen(function* () {
        const layer = Layer.merge(
          new FakeNetwork(script).layer,
          Resolver.layerStatic({ hosts: hosts.length === 0 ? {} : { "host.test": hosts } })
        )
        const fiber = yield* SocketStream.open("host.test", 80, { connectTimeout: "2 seconds" }).pipe(
          Effect.scoped,
          Effect.provide(layer),
          Effect.forkChild
        )
        yield* TestClock.adjust(60_000)
        yield* Fiber.await(fiber)
        return { counts: yield* counted, open: yield* Metric.value(client.openTime) }
      })
    )

  it.effect("count attempts, those that failed, and how long the open took from the lookup on", () =>
    Effect.gen(function* () {
      const { counts, open } = yield* race({ "2001:db8::1": [300, "HostUnreachable"], "192.0.2.1": [500, true] })
      assert.deepStrictEqual(counts, {
        socket_attempts: 2,
        "socket_attempts_failed host_unreachable": 1,
        socket_open_seconds: 1
      })
      assert.strictEqual(open.sum, 0.75)
      assert.deepStrictEqual(
        open.buckets.filter(([boundary]) => boundary === 0.5 || boundary === 1),
        [
          [0.5, 0],
          [1, 1]
        ]
      )
    })
  )

  it.effect("count an open that failed as a whole by its own reason, and no attempt that was given up", () =>
    Effect.gen(function* () {
      const { counts } = yield* race({ "2001:db8::1": "silent", "192.0.2.1": "silent" })
      assert.deepStrictEqual(counts, { socket_attempts: 2, "socket_opens_failed timed_out": 1 })
    })
  )

  it.effect("count a name that cannot be resolved, and no attempt", () =>
    Effect.gen(function* () {
      const { counts } = yield* race({}, [])
      assert.deepStrictEqual(counts, { "socket_opens_failed resolution": 1 })
    })
  )

  const refused = isolated(
    Effect.gen(function* () {
      const port = portOf(yield* Effect.scoped(ServerSocket.listen(0)))
      yield* Effect.exit(SocketStream.open("127.0.0.1", port))
      assert.deepStrictEqual(yield* counted, {
        socket_attempts: 1,
        "socket_attempts_failed connection_refused": 1,
        "socket_opens_failed connection_refused": 1
      })
    })
  )
  live("count what a machine refuses", refused)
  it.live("count what a machine refuses, in memory", () => refused.pipe(Effect.scoped, Effect.provide(memory.layer())))
})

describe("servers", () => {
  live(
    "show how many connections wait, and count how long those had waited that a handler got",
    isolated(
      Effect.gen(function* () {
        const socket = yield* ServerSocket.listen(0)
        const server = yield* Server.start(socket, echo, { maxConnections: 1 })
        const { active, waitTime, waiting } = SocketMetrics.at(server.address)
        const now = Effect.all([Metric.value(active), Metric.value(waiting)]).pipe(
          Effect.map((gauges) => gauges.map(({ value }) => value))
        )
        assert.deepStrictEqual(yield* now, [0, 0])
        const first = yield* plainClient(portOf(socket))
        yield* handling(server, 1)
        const second = yield* plainClient(portOf(socket))
        yield* until(() => JSON.stringify(socket).includes('"waiting":1'))
        assert.deepStrictEqual(yield* now, [1, 1])
        assert.strictEqual((yield* Metric.value(waitTime)).count, 0)
        yield* Effect.sleep(50)
        first.socket.end()
        second.socket.write("hello\n")
        yield* until(() => second.size > 0)
        assert.deepStrictEqual(yield* now, [1, 0])
        const { count, sum } = yield* Metric.value(waitTime)
        assert.strictEqual(count, 1)
        assert.isTrue(sum >= 0.049 && sum < 5, String(sum))
        second.socket.destroy()
        yield* handling(server, 0)
        yield* server.stop
      })
    )
  )

  it.effect("leave no gauge behind when they have stopped", () =>
    isolated(
      Effect.gen(function* () {
        const gauges = Effect.map(Metric.snapshot, (all) =>
          all.filter(({ type }) => type === "Gauge").map(({ id }) => id)
        )
        const start = Effect.flatMap(ServerSocket.listen(0), Server.start(echo))
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* start
            assert.deepStrictEqual(yield* gauges, ["socket_connections_active", "socket_connections_waiting"])
          })
        )
        assert.deepStrictEqual(yield* gauges, [])
      })
    ).pipe(Effect.provide(memory.layer()))
  )
})

describe("TLS handshakes that failed", () => {
  const tls = { ca: authority, servername: "socket.test" }

  live(
    "are counted by reason on the side that saw it",
    isolated(
      Effect.gen(function* () {
        const socket = yield* ServerSocket.listen(0, { tls: { identity, handshakeTimeout: 100 }, lingerTimeout: 100 })
        const server = yield* Server.start(socket, echo)
        const failed = SocketMetrics.at(server.address).handshakesFailedFor
        const seen = (counter: Metric.Counter<number>) =>
          Effect.map(Metric.value(counter), ({ count }) => Number(count))
        const eventually = (counter: Metric.Counter<number>): Effect.Effect<void> =>
          Effect.flatMap(seen(counter), (count) =>
            count > 0 ? Effect.void : Effect.andThen(Effect.sleep(2), eventually(counter))
          )
        const open = (options: typeof tls) => SocketStream.open(socket.address, { tls: options, lingerTimeout: 100 })
        const stream = yield* open(tls)
        yield* SocketStream.writeLine(stream, "hello")
        assert.deepStrictEqual(yield* SocketStream.readLine(stream), Option.some("hello"))
        const none = Object.keys(yield* counted).filter((name) => name.startsWith("socket_handshakes"))
        assert.deepStrictEqual(none, [])
        yield* Effect.exit(open({ ...tls, servername: "elsewhere.test" }))
        assert.strictEqual(yield* seen(client.handshakesFailedFor.Tls), 1)
        const noTls = yield* plainClient(portOf(socket))
        noTls.socket.write("GET / HTTP/1.0\r\n\r\n")
        yield* eventually(failed.Tls)
        yield* plainClient(portOf(socket))
        yield* eventually(failed.TimedOut)
      })
    )
  )
})
