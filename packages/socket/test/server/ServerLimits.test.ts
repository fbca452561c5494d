import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketMetrics from "../../src/SocketMetrics.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import type { FakeConnection } from "../utils/fakeConnection.ts"
import { FakeListener } from "../utils/fakeListener.ts"
import { bytes, live, text } from "../utils/live.ts"
import { plainClient, until } from "../utils/plain.ts"
import { echo, endOf, Gate, handling, ping, serving } from "../utils/serving.ts"

/** A test of a server whose connections and whose clock are in the test's hand. */
const held = <A, E>(
  name: string,
  handler: Server.Handler,
  options: Server.Options & ServerSocket.Options,
  test: (network: FakeListener, server: Server.Server) => Effect.Effect<A, E, Scope.Scope>
) => {
  const network = new FakeListener()
  return it.effect(name, () =>
    Effect.gen(function* () {
      const listener = yield* ServerSocket.listen(0, options)
      const server = yield* Server.start(listener, handler, { drainTimeout: 0, ...options })
      yield* Effect.addFinalizer(() => Effect.sync(() => network.connections.forEach((each) => each.breaks())))
      return yield* test(network, server)
    }).pipe(Effect.scoped, Effect.provide(network.layer))
  )
}

const said = ({ calls }: FakeConnection) => calls.filter((call) => call === "end" || call === "reset")

/** Wakes whoever waits for the microtasks of a connection. */
const settle = Effect.repeat(Effect.yieldNow, { times: 5 })

describe("idleTimeout", () => {
  held(
    "ends a connection whose peer said nothing for so long, with FIN between two messages, and no other",
    echo,
    { idleTimeout: 1000 },
    Effect.fnUntraced(function* (network, server) {
      const silent = network.connect()
      const talking = network.connect()
      for (let i = 0; i < 9; i++) {
        yield* TestClock.adjust(100)
        talking.events.data(bytes("ping\n"))
        yield* settle
      }
      assert.deepStrictEqual([said(silent), said(talking)], [[], []])
      yield* TestClock.adjust(400)
      yield* settle
      assert.deepStrictEqual([said(silent), said(talking)], [["end"], []])
      assert.strictEqual(yield* server.connections, 1)
      yield* TestClock.adjust(1300)
      yield* settle
      assert.deepStrictEqual(said(talking), ["end"])
      assert.strictEqual(yield* server.connections, 0)
    })
  )

  held(
    "cuts one that is silent inside a message, or while it is sent to: what this side sends does not count",
    (stream) =>
      Effect.raceFirst(
        SocketStream.readExactly(stream, 100),
        Effect.forever(Effect.andThen(SocketStream.write(stream, "tick"), Effect.sleep(100)))
      ),
    { idleTimeout: 1000 },
    Effect.fnUntraced(function* (network) {
      const half = network.connect()
      half.events.data(bytes("half"))
      yield* TestClock.adjust(1500)
      yield* settle
      assert.deepStrictEqual(said(half), ["reset"])
      assert.isAbove(half.output.length, 0)
    })
  )

  held(
    "costs a thousand connections no timer each",
    echo,
    { idleTimeout: 1000, maxAge: "1 hour" },
    Effect.fnUntraced(function* (network, server) {
      for (let i = 0; i < 1000; i++) network.connect()
      yield* settle
      assert.strictEqual(yield* server.connections, 1000)
      assert.strictEqual(network.timers.count, 0)
    })
  )
})

describe("an end by the clock", () => {
  for (const option of ["idleTimeout", "maxAge"] as const) {
    const network = new FakeListener()
    it.effect(`${option} lingers as any other: a peer that still reads is not cut by the next look`, () =>
      Effect.gen(function* () {
        const listener = yield* ServerSocket.listen(0)
        yield* Server.start(listener, echo, { [option]: 400, drainTimeout: 0, lingerTimeout: 2000 })
        const peer = network.connect()
        peer.stubborn = true
        yield* TestClock.adjust(5000)
        yield* settle
        assert.deepStrictEqual(peer.calls, ["end"])
        network.timers.advance(1999)
        assert.deepStrictEqual(peer.calls, ["end"])
        network.timers.advance(1)
        assert.deepStrictEqual(peer.calls, ["end", "destroy"])
      }).pipe(Effect.scoped, Effect.provide(network.layer))
    )
  }

  held(
    "leaves a handler a second for its last words, and no more",
    (stream) =>
      Effect.onInterrupt(SocketStream.readLine(stream), () =>
        Effect.andThen(Effect.sleep(stream.bytesRead === 0 ? 900 : 5000), SocketStream.write(stream, "bye"))
      ),
    { idleTimeout: 400 },
    Effect.fnUntraced(function* (network, server) {
      const polite = network.connect()
      yield* TestClock.adjust(1400)
      yield* settle
      assert.deepStrictEqual([said(polite), text(polite.output)], [["end"], "bye"])
      assert.strictEqual(yield* server.connections, 0)
    })
  )

  held(
    "resets a connection whose handler takes longer",
    (stream) => Effect.onInterrupt(SocketStream.readLine(stream), () => Effect.sleep(5000)),
    { idleTimeout: 400 },
    Effect.fnUntraced(function* (network) {
      const slow = network.connect()
      yield* TestClock.adjust(1300)
      yield* settle
      assert.deepStrictEqual(said(slow), [])
      yield* TestClock.adjust(400)
      yield* settle
      assert.deepStrictEqual(said(slow), ["reset"])
      yield* TestClock.adjust(5000)
    })
  )
})

describe("maxAge", () => {
  held(
    "ends a connection after that time, however much its peer says",
    echo,
    { maxAge: 2000 },
    Effect.fnUntraced(function* (network) {
      const old = network.connect()
      for (let i = 0; i < 19; i++) {
        yield* TestClock.adjust(100)
        old.events.data(bytes("ping\n"))
        yield* settle
      }
      const young = network.connect()
      assert.deepStrictEqual(said(old), [])
      yield* TestClock.adjust(700)
      yield* settle
      assert.deepStrictEqual([said(old), said(young)], [["end"], []])
    })
  )

  held(
    "cuts a connection whose handler is busy",
    () => Effect.never,
    { maxAge: 2000 },
    Effect.fnUntraced(function* (network, server) {
      const busy = network.connect()
      yield* TestClock.adjust(2600)
      yield* settle
      assert.deepStrictEqual(said(busy), ["reset"])
      assert.strictEqual(yield* server.connections, 0)
    })
  )
})

const other = "127.0.0.2"

/** The server's refusals, as `peer's address: why`. */
const refusals = () => {
  const heard: Array<string> = []
  const onRefused: Server.Options["onRefused"] = (peer, refusal) =>
    Effect.sync(() => {
      const host = NetAddress.isInetAddress(peer) ? NetAddress.formatIp(peer.address) : peer.path
      heard.push(`${host}: ${refusal}`)
    })
  return { heard, onRefused }
}

describe("access", () => {
  for (const [name, access] of [
    ["outside allow", { allow: IpSet.fromCidrsUnsafe(["127.0.0.1/32"]) }],
    ["inside deny", { deny: IpSet.fromCidrsUnsafe(["127.0.0.2/31"]) }],
    ["inside both", { allow: IpSet.all, deny: IpSet.fromCidrsUnsafe(["127.0.0.2/32"]) }]
  ] as const) {
    live(
      `refuses a peer ${name}, says whom, and lets others in`,
      Effect.gen(function* () {
        const { heard, onRefused } = refusals()
        const { connect, listener, server } = yield* serving(echo, { access, onRefused })
        const refused = yield* Effect.result(connect({ localAddress: other }))
        if (refused._tag === "Success") assert.strictEqual(yield* endOf(refused.success), "RST")
        yield* connect()
        yield* handling(server, 1)
        assert.deepStrictEqual([heard, listener.refused], [[`${other}: Access`], 1])
      })
    )
  }

  live(
    "knows an IPv4 peer on a port of both families",
    Effect.gen(function* () {
      const { heard, onRefused } = refusals()
      const listener = yield* ServerSocket.listen(NetAddress.inetAddressUnsafe(NetAddress.ipv6Unspecified, 0), {
        ipv6Only: false
      })
      const deny = IpSet.fromCidrsUnsafe(["127.0.0.0/8"])
      const server = yield* Server.start(listener, echo, { access: { deny }, onRefused })
      const port = NetAddress.isInetAddress(listener.address) ? listener.address.port : 0
      yield* Effect.exit(plainClient(port))
      yield* plainClient(port, { host: "::1" })
      yield* handling(server, 1)
      assert.deepStrictEqual(heard, ["127.0.0.1: Access"])
    })
  )

  live(
    "holds also for a connection that came before the server started",
    Effect.gen(function* () {
      const gate = new Gate()
      const listener = yield* ServerSocket.listen(0)
      const port = NetAddress.isInetAddress(listener.address) ? listener.address.port : 0
      const early = yield* plainClient(port)
      yield* Effect.sleep(30)
      yield* Server.start(listener, gate.handler, { access: { allow: IpSet.empty } })
      assert.strictEqual(yield* endOf(early), "RST")
      assert.strictEqual(gate.most, 0)
    })
  )
})

describe("maxPerPeer", () => {
  live(
    "bounds the connections of one address, not of others, and gives places back",
    Effect.gen(function* () {
      const { heard, onRefused } = refusals()
      const { connect, server } = yield* serving(echo, { maxPerPeer: 2, onRefused })
      const first = yield* connect()
      yield* connect()
      yield* handling(server, 2)
      yield* Effect.exit(connect())
      yield* until(() => heard.length === 1)
      yield* connect({ localAddress: other })
      yield* handling(server, 3)
      first.socket.end()
      yield* handling(server, 2)
      yield* connect()
      yield* handling(server, 3)
      assert.deepStrictEqual(heard, ["127.0.0.1: MaxPerPeer"])
    })
  )

  live(
    "counts those that wait, also from before the server started",
    Effect.gen(function* () {
      const gate = new Gate()
      const { heard, onRefused } = refusals()
      const listener = yield* ServerSocket.listen(0)
      const port = NetAddress.isInetAddress(listener.address) ? listener.address.port : 0
      for (let i = 0; i < 3; i++) yield* plainClient(port)
      yield* Effect.sleep(30)
      const server = yield* Server.start(listener, gate.handler, { maxPerPeer: 2, maxConnections: 1, onRefused })
      yield* handling(server, 1)
      yield* Effect.exit(plainClient(port))
      yield* until(() => heard.length === 2)
      yield* Deferred.succeed(gate.open, undefined)
      yield* handling(server, 0)
      assert.deepStrictEqual(heard, ["127.0.0.1: MaxPerPeer", "127.0.0.1: MaxPerPeer"])
    })
  )
})

describe("overload", () => {
  held(
    "beyond maxConnections and queue, connections are refused, and it is said whom and why",
    () => Effect.never,
    { maxConnections: 1, queue: 1, queueTimeout: 500, onRefused: () => Effect.void },
    Effect.fnUntraced(function* (network, server) {
      const [handled, queued, refused] = [network.connect(), network.connect(), network.connect()]
      yield* settle
      assert.deepStrictEqual([handled, queued, refused].map(said), [[], [], ["reset"]])
      network.timers.advance(500)
      assert.deepStrictEqual(said(queued), ["reset"])
      assert.strictEqual(yield* server.connections, 1)
    })
  )

  it.effect("each refusal has its reason", () => {
    const network = new FakeListener()
    return Effect.gen(function* () {
      const { heard, onRefused } = refusals()
      const listener = yield* ServerSocket.listen(0, { queue: 1, queueTimeout: 100 })
      const server = yield* Server.start(listener, () => Effect.never, {
        maxConnections: 1,
        drainTimeout: 0,
        onRefused
      })
      for (let i = 0; i < 3; i++) network.connect()
      network.timers.advance(100)
      network.connect()
      yield* settle
      const stopping = yield* Effect.forkChild(server.stop)
      yield* TestClock.adjust(5000)
      yield* stopping.pollUnsafe() ?? Effect.die("still stopping")
      assert.deepStrictEqual(
        heard.map((line) => line.slice("127.0.0.1: ".length)),
        ["QueueFull", "QueueTimeout", "Stopped"]
      )
    }).pipe(Effect.scoped, Effect.provide(network.layer))
  })

  live(
    "a peer that may not come in takes no place from one that waits",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(
        () => Effect.never,
        { maxConnections: 1, drainTimeout: 0, access: { deny: IpSet.fromCidrsUnsafe([`${other}/32`]) } },
        { queue: 1 }
      )
      yield* connect()
      yield* handling(server, 1)
      const waiting = yield* connect({ halfOpen: true })
      waiting.socket.end()
      yield* Effect.sleep(30)
      yield* Effect.exit(connect({ localAddress: other }))
      yield* Effect.sleep(30)
      assert.isUndefined(waiting.error)
    })
  )
})

/** Numbers that are the same each time. */
const dice = (seed: number) => (most: number) => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
  return Math.floor((seed / 2 ** 31) * most)
}

describe("the first read of a connection that waited", () => {
  held(
    "counts from its arrival: silent clients gain no time in the queue",
    (stream) => SocketStream.readLine(stream),
    { maxConnections: 1, readTimeout: 1000, onError: () => Effect.void },
    Effect.fnUntraced(function* (network, server) {
      const peers = Array.from({ length: 20 }, () => network.connect())
      network.timers.advance(500)
      const late = network.connect()
      yield* settle
      for (let i = 0; i < 75; i++) {
        network.timers.advance(10)
        yield* settle
      }
      for (const peer of peers) assert.deepStrictEqual(said(peer), ["reset"])
      assert.deepStrictEqual([said(late), yield* server.connections], [[], 1])
      late.events.data(bytes("hello\n"))
      yield* settle
      assert.deepStrictEqual(said(late), ["end"])
    })
  )
})

describe("setMaxConnections", () => {
  for (let seed = 1; seed <= 20; seed++) {
    held(
      `is exact while connections come, wait and go (seed ${seed})`,
      () => Effect.never,
      { maxConnections: 3, queue: 1000 },
      Effect.fnUntraced(function* (network, server) {
        const next = dice(seed)
        let bound = 3
        for (let step = 0; step < 150; step++) {
          const before = yield* server.connections
          const open = network.connections.filter(({ isOpen }) => isOpen)
          const what = next(4)
          const old = bound
          if (what === 0) {
            bound = 1 + next(8)
            const resizing = yield* Effect.forkChild(server.setMaxConnections(bound))
            if (next(2) === 0) network.connect()
            yield* Fiber.join(resizing)
          } else if (what === 1 && open.length > 0) open[next(open.length)].breaks({ _tag: "ConnectionReset" })
          else network.connect()
          const now = yield* server.connections
          const waiting = network.connections.filter(({ isOpen }) => isOpen).length - now
          // Beyond a smaller bound those go on that were there, and nobody new comes once it holds.
          const most = Math.max(bound, before, what === 0 ? Math.min(old, before + 1) : 0)
          assert.isAtMost(now, most, `step ${step}`)
          if (waiting > 0) assert.isAtLeast(now, bound, `step ${step}: ${waiting} wait`)
          yield* settle
        }
      })
    )
  }
})

describe("metrics", () => {
  live(
    "of several servers do not mix, and count down to nothing",
    Effect.gen(function* () {
      const servers = [yield* serving(echo), yield* serving(echo)]
      const peers = [yield* servers[0].connect()]
      for (let i = 0; i < 3; i++) peers.push(yield* servers[1].connect())
      for (const peer of peers) yield* ping(peer, "hello")
      const active = Effect.forEach(servers, ({ server }) =>
        Effect.map(Metric.value(SocketMetrics.at(server.address).active), ({ value }) => value)
      )
      assert.deepStrictEqual(yield* active, [1, 3])
      for (const { server } of servers) yield* server.stop
      // What has sent FIN lingers until its peer has answered.
      for (const { server } of servers) yield* handling(server, 0)
      assert.deepStrictEqual(yield* active, [0, 0])
    })
  )

  live(
    "count what was accepted, refused and ended, and the bytes both ways",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(
        (stream) =>
          Effect.andThen(
            echo(stream),
            Effect.sync(() => stream.bytesRead > 4)
          ).pipe(Effect.flatMap((long) => (long ? Effect.fail("long") : Effect.void))),
        { maxConnections: 1, onError: () => Effect.void },
        { queue: 1 }
      )
      const metrics = SocketMetrics.at(server.address)
      const counted = Effect.all({
        accepted: Metric.value(metrics.accepted),
        refused: Metric.value(metrics.refusedFor.QueueFull),
        succeeded: Metric.value(metrics.endedBy.Succeeded),
        failed: Metric.value(metrics.endedBy.Failed),
        read: Metric.value(metrics.bytesRead),
        written: Metric.value(metrics.bytesWritten)
      }).pipe(Effect.map((all) => Object.values(all).map(({ count }) => Number(count))))
      const before = yield* counted
      const peer = yield* connect()
      yield* handling(server, 1)
      const queued = yield* connect()
      yield* Effect.sleep(20)
      yield* Effect.exit(connect())
      peer.socket.end("abc\n")
      yield* endOf(peer)
      assert.strictEqual(text(peer.received), "abc\r\n")
      queued.socket.end("abcdef\n")
      yield* endOf(queued)
      yield* handling(server, 0)
      const after = yield* counted
      assert.deepStrictEqual(
        after.map((count, i) => count - before[i]),
        [2, 1, 1, 1, 11, 13]
      )
      assert.strictEqual((yield* Metric.value(metrics.active)).value, 0)
    })
  )
})
