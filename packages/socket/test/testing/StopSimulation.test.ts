/**
 * A server that is stopped at a random moment, on a faulty network, for many seeds: its report, its metrics and what its
 * peers saw must agree. `SIMULATION_SEED=17` replays the one that a failure names.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Ways from "../../src/internal/conformance/Ways.ts"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import { isNetworkError } from "../../src/NetworkError.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { bytes, port80 } from "../utils/memory.ts"
import { checkSeed, type Dice, type Requirements, type World } from "../utils/simulation.ts"
import { patience, seedsOf } from "../../../../test/utils/rounds.ts"

const lingerTimeout = 2000

/** One message of the longest answer, whose beginning is every shorter one. */
const longest = bytes(4000)

/** What one handler did. */
interface Handled {
  readonly stream: SocketStream.SocketStream
  readonly since: number
  until: number
  /** Bytes that its writes were told are taken. */
  written: number
  /** Requests that it has read, and whose answers are not written yet. */
  owed: number
  exit: Exit.Exit<unknown, unknown> | undefined
}

type Answer = (line: string) => Effect.Effect<void, unknown>

type Way = (stream: SocketStream.SocketStream, answer: Answer) => Effect.Effect<void, unknown>

/** The ways to read requests and answer them. */
const ways: { readonly [name: string]: Way } = {
  ...Ways.ofLines,
  /** As a driver; each answer is begun at once, says that it is at work, and is written after the one before. */
  pipelining: (stream, answer) =>
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      let before: Effect.Effect<unknown> = Effect.void
      yield* SocketStream.forEachLine(stream, (line) =>
        Effect.gen(function* () {
          const previous = before
          const fiber = yield* Effect.andThen(SocketStream.busy(stream), Effect.andThen(previous, answer(line))).pipe(
            Effect.scoped,
            Effect.forkIn(scope, { startImmediately: true })
          )
          before = Fiber.await(fiber)
        })
      )
      yield* before
    }).pipe(Effect.scoped)
}

/** Answers each line `wait size` after so long with so many bytes, in pieces, until the input ends. */
const service =
  (dice: Dice, handled: Map<string, Handled>) =>
  (stream: SocketStream.SocketStream): Effect.Effect<void, unknown> =>
    Effect.gen(function* () {
      const since = yield* Clock.currentTimeMillis
      const mine: Handled = { stream, since, until: Infinity, written: 0, owed: 0, exit: undefined }
      handled.set(NetAddress.formatSocketAddress(stream.remoteAddress), mine)
      const answer = (line: string): Effect.Effect<void, unknown> => {
        mine.owed++
        return Effect.gen(function* () {
          const [wait, size] = line.split(" ").map(Number)
          for (let at = 0; at < size; at += 1000) {
            yield* Effect.sleep(wait)
            const piece = longest.subarray(at, Math.min(size, at + 1000))
            yield* SocketStream.write(stream, piece)
            mine.written += piece.length
          }
          mine.owed--
        })
      }
      const way = dice.pick(...Object.values(ways))
      yield* Effect.onExit(way(stream, answer), (exit) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          mine.exit = exit
          mine.until = now
        })
      )
    })

/** What one peer saw of its connection. */
interface Seen {
  readonly sizes: ReadonlyArray<number>
  received: number
  /** Bytes that its own kernel has taken. */
  sent: () => number
  end: "FIN" | "RST" | "nothing" | "left"
}

/** Asks now and then, also while an answer is under way, and reads at its own pace until the end. */
const client = (dice: Dice, seen: Map<string, Seen>): Effect.Effect<void, never, Requirements> =>
  Effect.gen(function* () {
    const stream = yield* SocketStream.open("server", 80, {
      lingerTimeout,
      connectTimeout: "10 seconds",
      // What its program does not read stays in its kernel.
      highWaterMark: dice.pick(65_536, 1, 500)
    })
    const sizes = Array.from({ length: dice.int(0, 5) }, () => dice.int(0, 4000))
    const mine: Seen = { sizes, received: 0, sent: () => stream.bytesWritten, end: "nothing" }
    seen.set(NetAddress.formatSocketAddress(stream.localAddress), mine)
    const isPipelining = dice.chance(0.3)
    const ask = Effect.forEach(sizes, (size) =>
      Effect.andThen(
        isPipelining ? Effect.void : Effect.sleep(dice.int(0, 3000)),
        SocketStream.writeLine(stream, `${dice.int(0, 600)} ${size}`)
      )
    )
    const expected = Buffer.concat(sizes.map((size) => longest.subarray(0, size)))
    const pace = dice.pick(0, 0, dice.int(1, 200), dice.int(1, 1500))
    const read: Effect.Effect<void, unknown> = Effect.gen(function* () {
      const chunk = yield* SocketStream.read(stream)
      if (Option.isNone(chunk)) {
        mine.end = "FIN"
        return
      }
      const part = expected.subarray(mine.received, mine.received + chunk.value.length)
      assert.deepStrictEqual(Buffer.from(chunk.value), part, "bytes of the answer")
      mine.received += chunk.value.length
      yield* Effect.sleep(pace)
      yield* read
    })
    const saying = yield* Effect.forkChild(Effect.ignore(ask))
    const patience = dice.chance(0.2) ? dice.int(0, 4000) : "10 minutes"
    yield* Effect.timeoutOrElse(read, {
      duration: patience,
      orElse: () =>
        Effect.sync(() => {
          mine.end = typeof patience === "number" ? "left" : "nothing"
        })
    }).pipe(
      Effect.catch((error) =>
        Effect.sync(() => {
          if (isNetworkError(error) && error.reason._tag === "ConnectionReset") mine.end = "RST"
        })
      )
    )
    // A peer that says something late is not heard, and must not lose what it was sent.
    if (mine.end === "left" && dice.chance(0.5)) yield* SocketStream.reset(stream)
    saying.interruptUnsafe()
  }).pipe(Effect.scoped, MemoryNetwork.runOn("client"), Effect.ignore)

// What the network saw ------------------------------------------------------------------------------------------------

/** How the server's end of one connection ended. */
interface End {
  /** The network's or the peer's doing: nothing is promised. */
  struck: boolean
  /** What the server sent before it gave its descriptor back. */
  sent: "FIN" | "RST" | undefined
  finAt: number
  peerEnded: boolean
  closedAt: number
  /** The kernel answered bytes that came after that with a reset. */
  lateReset: boolean
}

const strikes: ReadonlySet<string> = new Set([
  "reset by fault",
  "vanished by fault",
  "timed out",
  "lost RST",
  "refused"
])

const endsOf = (trace: ReadonlyArray<MemoryNetwork.TraceEvent>): ReadonlyMap<string, End> => {
  const ends = new Map<string, End>()
  const isServer = (event: MemoryNetwork.TraceEvent) =>
    event.from === "10.0.0.2:80" || event.from.startsWith("[2001:db8::2]:80")
  for (const event of trace) {
    if (event.kind === "reset" && event.connection === 0) {
      for (const end of ends.values()) if (end.closedAt === Infinity || !end.peerEnded) end.struck = true
    }
    if (event.connection === 0) continue
    const peer = isServer(event) ? event.to : event.from
    const end = ends.get(peer) ?? {
      struck: false,
      sent: undefined,
      finAt: Infinity,
      peerEnded: false,
      closedAt: Infinity,
      lateReset: false
    }
    ends.set(peer, end)
    if (strikes.has(event.kind)) end.struck = true
    if (!isServer(event)) continue
    if (event.kind === "got RST") end.struck ||= end.closedAt === Infinity
    if (event.kind === "got FIN") end.peerEnded = true
    if (event.kind === "closed") end.closedAt = event.at
    if (event.kind === "FIN") {
      end.sent ??= "FIN"
      end.finAt = event.at
    }
    if (event.kind === "RST") {
      if (end.closedAt === Infinity) end.sent = "RST"
      else end.lateReset = true
    }
  }
  return ends
}

/** The sum of a metric's series, of those with an attribute's value if one is given. */
const total = (
  metrics: ReadonlyArray<Metric.Metric.Snapshot>,
  name: string,
  attribute?: readonly [name: string, value: string]
): number => {
  let sum = 0
  for (const { attributes, id, state } of metrics) {
    if (id !== name || (attribute !== undefined && attributes?.[attribute[0]] !== attribute[1])) continue
    if ("count" in state) sum += Number(state.count)
    else if ("value" in state) sum += Number(state.value)
  }
  return sum
}

const stops = (isBad: boolean) => (world: World) =>
  Effect.gen(function* () {
    if (!isBad) yield* world.calm
    const dice = world.dice("server")
    const handled = new Map<string, Handled>()
    const seen = new Map<string, Seen>()
    const drainTimeout = dice.pick(0, dice.int(1, 6000), dice.int(1, 6000))
    const options = {
      lingerTimeout,
      maxConnections: dice.int(1, 12),
      queue: dice.int(1, 6),
      drainTimeout,
      idleTimeout: dice.pick(undefined, dice.int(200, 4000)),
      maxAge: dice.pick(undefined, dice.int(200, 8000)),
      onError: () => Effect.void
    }
    const server = yield* Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(port80, options)
      return yield* Server.start(socket, service(world.dice("handlers"), handled), options)
    }).pipe(MemoryNetwork.runOn("server"))
    const stop = Effect.gen(function* () {
      yield* Effect.sleep(dice.int(0, 9000))
      const at = yield* Clock.currentTimeMillis
      const open = yield* server.connections
      const shown = yield* server.snapshot
      assert.strictEqual(shown.length, open, "the snapshot")
      const isAbort = dice.chance(0.2)
      const report = yield* isAbort ? server.abort : server.stop
      return { at, open, report, patience: isAbort ? 0 : drainTimeout, took: (yield* Clock.currentTimeMillis) - at }
    })
    const [stopped] = yield* Effect.all(
      [
        stop,
        Effect.forEach(
          Array.from({ length: 12 }, (_, i) => world.dice(`client ${i}`)),
          (dice) => Effect.andThen(Effect.sleep(dice.int(0, 4000)), client(dice, seen)),
          { concurrency: "unbounded" }
        )
      ],
      { concurrency: "unbounded" }
    )
    yield* world.calm
    yield* Effect.sleep("2 minutes")

    // The metrics.
    const metrics = yield* Metric.snapshot
    const ended = (outcome: string) => total(metrics, "socket_connections_ended", ["outcome", outcome])
    assert.strictEqual(total(metrics, "socket_connections_active"), 0, "the metrics: active")
    assert.strictEqual(total(metrics, "socket_connections_accepted"), handled.size, "the metrics: accepted")
    assert.strictEqual(total(metrics, "socket_connections_ended"), handled.size, "the metrics: ended")
    const successes = [...handled.values()].filter(({ exit }) => exit !== undefined && Exit.isSuccess(exit)).length
    assert.strictEqual(ended("succeeded"), successes, "the metrics: succeeded")

    const sum = (count: (each: Handled) => number) => [...handled.values()].reduce((all, each) => all + count(each), 0)
    const bytesRead = sum(({ stream }) => stream.bytesRead)
    assert.strictEqual(total(metrics, "socket_bytes_read"), bytesRead, "the metrics: bytes read")
    const bytesWritten = sum(({ stream }) => stream.bytesWritten)
    assert.strictEqual(total(metrics, "socket_bytes_written"), bytesWritten, "the metrics: bytes written")

    // The report, beside what the network saw.
    const ends = endsOf(yield* MemoryNetwork.trace)
    const { at, open, patience, report, took } = stopped
    assert.strictEqual(report.drained + report.aborted, open, "the report adds up")
    assert.isAtMost(took, patience + 1001, "the stop keeps its time")
    const atStop = [...handled].filter(
      ([peer, { since, until }]) => since <= at && Math.max(until, ends.get(peer)?.closedAt ?? 0) >= at
    )
    const count = (sent: "FIN" | "RST") =>
      atStop.filter(([peer]) => ends.get(peer)?.struck === false && ends.get(peer)?.sent === sent).length
    const text = `${patience} ms to drain, ${JSON.stringify(report)} beside ${count("FIN")} FIN and ${count("RST")} RST of ${atStop.length}`
    const unsure = atStop.length - count("FIN") - count("RST")
    assert.isAtMost(Math.abs(report.drained - count("FIN")), unsure, `drained: ${text}`)
    assert.isAtMost(Math.abs(report.aborted - count("RST")), unsure, `aborted: ${text}`)

    // The peers.
    for (const [peer, { end, received, sent, sizes }] of seen) {
      const mine = ends.get(peer)
      const handler = handled.get(peer)
      if (mine === undefined || handler === undefined || mine.struck) continue
      const { stream, ...did } = handler
      const what = `${peer}: ${JSON.stringify({ ...mine, end, received, sizes, ...did })}, stopped at ${at}`
      if (mine.peerEnded) assert.strictEqual(stream.bytesRead, sent(), `bytes read: ${what}`)
      if (mine.sent === "FIN") assert.strictEqual(handler.owed, 0, `an answer was owed: ${what}`)
      if (end === "left") continue
      if (end === "FIN") {
        assert.notStrictEqual(mine.finAt, Infinity, `saw the end of input: ${what}`)
        assert.strictEqual(received, handler.written, `saw the end of input before everything: ${what}`)
      } else if (mine.sent === "FIN") {
        assert.isTrue(mine.lateReset, `saw no end of input: ${what}`)
        // FIN leaves behind what the network has not taken yet: the linger may have begun before it is seen there.
        const from = handler.until
        const bound = Math.min(from + lingerTimeout, Math.max(from, at + patience))
        assert.isTrue(mine.peerEnded || mine.closedAt >= bound - 1, `the end did not linger: ${what}`)
      } else {
        assert.strictEqual(end, "RST", `saw no reset: ${what}`)
      }
    }
    assert.strictEqual(yield* MemoryNetwork.descriptors, 0)
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

const seeds = seedsOf(200)

for (const [network, isBad] of [
  ["a slow network", false],
  ["a faulty network", true]
] as const) {
  describe(`on ${network}, for ${seeds.length} seeds`, () => {
    it.live(
      "the report of a stop, the metrics and what the peers saw agree",
      () => Effect.forEach(seeds, (seed) => checkSeed(seed, stops(isBad)), { discard: true }),
      patience(seeds)
    )
  })
}
