/** Services on a faulty network, for many seeds. `SIMULATION_SEED=17` replays the one that a failure names. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Record from "effect/Record"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Decoder from "../../src/Decoder.ts"
import * as Ways from "../../src/internal/conformance/Ways.ts"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { bytes, port80 } from "../utils/memory.ts"
import { checkSeed, type Dice, type Program, type Requirements, runSeed, type World } from "../utils/simulation.ts"
import { patience, seedsOf } from "../../../../test/utils/rounds.ts"

const limits = { readTimeout: "20 seconds", writeTimeout: "20 seconds", lingerTimeout: "2 seconds" } as const
const openWith = (options: SocketStream.Options) =>
  SocketStream.open("server", 80, { ...limits, connectTimeout: "10 seconds", ...options })
const open = openWith({})
const marks = (dice: Dice) => ({ highWaterMark: dice.pick(1, 100, 65_536) })

/** Watches handlers: how many run, and when the handler of each peer ended. */
class Watch {
  running = 0
  most = 0
  readonly ended = new Map<string, number>()

  handler(handle: (stream: SocketStream.SocketStream) => Effect.Effect<unknown, unknown>) {
    return (stream: SocketStream.SocketStream) =>
      Effect.suspend(() => {
        this.running++
        this.most = Math.max(this.most, this.running)
        return handle(stream)
      }).pipe(
        Effect.ensuring(
          Effect.map(Clock.currentTimeMillis, (now) => {
            this.running--
            this.ended.set(NetAddress.formatSocketAddress(stream.remoteAddress), now)
          })
        )
      )
  }

  /** No handler runs, and none ended later than its connection. */
  readonly check = Effect.map(MemoryNetwork.trace, (trace) => {
    assert.strictEqual(this.running, 0, "handlers that still run")
    for (const { at, from, kind, to } of trace) {
      if (kind !== "closed" || from !== "10.0.0.2:80") continue
      const ended = this.ended.get(to)
      // Without a handler, it was refused or reset in the queue.
      if (ended !== undefined) assert.isAtMost(ended, at + 0.001, `the handler of ${to} outlived its connection`)
    }
  })
}

const serve = Effect.fnUntraced(function* (
  watch: Watch,
  handle: (stream: SocketStream.SocketStream) => Effect.Effect<unknown, unknown>,
  options: Server.Options & ServerSocket.Options
) {
  const socket = yield* ServerSocket.listen(port80, { ...limits, ...options })
  const server = yield* Server.start(socket, watch.handler(handle), { onError: () => Effect.void, ...options })
  return { ...server, socket }
}, MemoryNetwork.runOn("server"))

const clients = (world: World, count: number, client: (dice: Dice) => Effect.Effect<void, never, Requirements>) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => world.dice(`client ${i}`)),
    (dice) => Effect.andThen(Effect.sleep(dice.int(0, 2000)), client(dice)),
    { concurrency: "unbounded", discard: true }
  )

/** After the last client, whatever still lingers or is given up on is over. */
const afterwards = Effect.sleep("2 minutes")

// Echo ---------------------------------------------------------------------------------------------------------------

type Handle = (stream: SocketStream.SocketStream) => Effect.Effect<unknown, unknown>

/** A service in each of the ways to take its input; each connection of a simulation has one of them. */
const inWays = (world: World, services: { readonly [way: string]: Handle }): Handle => {
  const dice = world.dice("ways")
  return (stream) => dice.pick(...Object.values(services))(stream)
}

/** A frame is what is there, up to 50 bytes. */
const some = Decoder.make((input) => input.take(Math.min(input.size, 50)))

const echo = (world: World): Handle =>
  inWays(world, {
    reads: (stream) => Ways.ofBytes["a loop of reads"](stream, (bytes) => SocketStream.write(stream, bytes)),
    chunks: (stream) => SocketStream.forEachChunk(stream, (chunk) => SocketStream.write(stream, chunk)),
    frames: (stream) => SocketStream.forEachFrame(stream, some, (bytes) => SocketStream.write(stream, bytes)),
    copy: (stream) => SocketStream.copy(stream, stream)
  })

/**
 * Sends a message in pieces while it reads; what comes back is the message, or its beginning and an error. Some are
 * interrupted meanwhile.
 */
const echoClient = (dice: Dice) =>
  Effect.gen(function* () {
    const message = bytes(dice.int(0, 3000))
    const patience = dice.chance(0.3) ? dice.int(0, 1000) : "1 hour"
    const received: Array<Uint8Array> = []
    const result = yield* Effect.gen(function* () {
      const stream = yield* openWith(marks(dice))
      const send = Effect.forEach(dice.cut(message), (piece) => SocketStream.write(stream, piece)).pipe(
        Effect.andThen(SocketStream.endWrite(stream))
      )
      const receive = Effect.gen(function* () {
        for (;;) {
          const chunk = yield* SocketStream.read(stream)
          if (Option.isNone(chunk)) return
          received.push(chunk.value)
        }
      })
      yield* Effect.all([send, receive], { concurrency: 2 })
    }).pipe(Effect.scoped, Effect.timeoutOption(patience), MemoryNetwork.runOn("client"), Effect.result)
    const whole = Buffer.concat(received)
    assert.deepStrictEqual(whole, Buffer.from(message.subarray(0, whole.length)))
    if (Result.isSuccess(result) && Option.isSome(result.success)) {
      assert.strictEqual(whole.length, message.length, "the end of input, but not all")
    }
  })

const echoes =
  (handle = echo) =>
  (world: World) =>
    Effect.gen(function* () {
      const watch = new Watch()
      const server = yield* serve(watch, handle(world), marks(world.dice("server")))
      yield* clients(world, 6, echoClient)
      yield* world.calm
      yield* afterwards
      yield* watch.check
      assert.strictEqual(yield* server.connections, 0)
      assert.strictEqual(yield* MemoryNetwork.descriptors, 1, "the port alone is still open")
    })

// Lines, under limits ------------------------------------------------------------------------------------------------

const answer = (line: string): string => `${line.length} ${line}`

const lineService = (world: World): Handle =>
  inWays(
    world,
    Record.map(
      Ways.ofLines,
      (way): Handle =>
        (stream) =>
          way(stream, (line): Effect.Effect<void, unknown> => {
            if (line === "die") return Effect.die("as it was told")
            return line.length > 200 ? Effect.fail("too long") : SocketStream.writeLine(stream, answer(line))
          })
    )
  )

/** Sends lines and expects the answers in order. Some leave early, some make the handler fail or die. */
const lineClient = (dice: Dice) =>
  Effect.gen(function* () {
    const lines = Array.from({ length: dice.int(1, 20) }, (_, i) => `${i} ${"é".repeat(dice.int(0, 60))}`)
    const manner = dice.pick("patient", "patient", "patient", "leaves", "resets", "babbles", "kills", "stays" as const)
    const answers: Array<string> = []
    const result = yield* Effect.gen(function* () {
      const stream = yield* openWith(marks(dice))
      if (manner === "babbles") lines.push("x".repeat(201))
      if (manner === "kills") lines.push("die")
      for (const line of lines) yield* SocketStream.writeLine(stream, line)
      if (manner === "leaves") return
      if (manner === "resets") return yield* SocketStream.reset(stream)
      if (manner === "patient") yield* SocketStream.endWrite(stream)
      for (;;) {
        const line = yield* SocketStream.readLine(stream)
        if (Option.isNone(line)) return
        answers.push(line.value)
      }
    }).pipe(Effect.scoped, MemoryNetwork.runOn("client"), Effect.result)
    assert.deepStrictEqual(answers, lines.slice(0, answers.length).map(answer))
    if (manner === "babbles" || manner === "kills") assert.isTrue(Result.isFailure(result))
    if (manner === "patient" && Result.isSuccess(result)) assert.strictEqual(answers.length, lines.length)
  })

/** All permits and all places of the queue are there: so many connections are held at once, and one more is refused. */
const allReturned = Effect.fnUntraced(function* (permits: number, places: number) {
  const streams = yield* Effect.forEach(Array.from({ length: permits + places }), () =>
    Effect.tap(open, () => Effect.sleep(100))
  )
  const refused = yield* Effect.result(Effect.flatMap(open, SocketStream.read))
  assert.isTrue(Result.isFailure(refused) && refused.failure.reason._tag === "ConnectionReset")
  for (const stream of streams) {
    yield* SocketStream.writeLine(stream, "here")
    assert.deepStrictEqual(yield* SocketStream.readLine(stream), Option.some(answer("here")))
    yield* SocketStream.close(stream)
  }
})

const linesUnderLimits = (world: World) =>
  Effect.gen(function* () {
    const dice = world.dice("server")
    const [maxConnections, queue] = [dice.int(1, 4), dice.int(1, 4)]
    const watch = new Watch()
    const server = yield* serve(watch, lineService(world), {
      ...marks(dice),
      maxConnections,
      queue,
      queueTimeout: dice.pick("10 seconds", "1 hour")
    })
    const closedForAWhile = Effect.gen(function* () {
      yield* Effect.sleep(dice.int(0, 2000))
      yield* ServerSocket.suspend(server.socket)
      yield* Effect.sleep(dice.int(0, 500))
      yield* ServerSocket.resume(server.socket)
    })
    yield* Effect.all([clients(world, 12, lineClient), dice.chance(0.3) ? closedForAWhile : Effect.void], {
      concurrency: 2
    })
    yield* world.calm
    yield* afterwards
    yield* watch.check
    assert.isAtMost(watch.most, maxConnections)
    assert.strictEqual(yield* server.connections, 0)
    assert.strictEqual(yield* MemoryNetwork.descriptors, 1)
    yield* Effect.scoped(allReturned(maxConnections, queue)).pipe(MemoryNetwork.runOn("client"))
  })

// Drain --------------------------------------------------------------------------------------------------------------

/** One request, one answer, then FIN: who sees the end of input without an error has the whole answer or none. */
const requestService = (world: World): Handle =>
  inWays(
    world,
    Record.map(
      Ways.ofLines,
      (way): Handle =>
        (stream) =>
          way(stream, (line) =>
            Effect.gen(function* () {
              yield* Effect.sleep(Number(line))
              for (const piece of [0, 1, 2, 3]) {
                yield* SocketStream.write(stream, bytes(1000).subarray(piece * 250, piece * 250 + 250))
                yield* Effect.sleep(Number(line) / 4)
              }
              return yield* Effect.fail(answered)
            })
          ).pipe(
            Effect.catchIf(
              (error) => error === answered,
              () => Effect.void
            )
          )
    )
  )

/** How a driver is left after its first line. */
const answered = "answered"

const requestClient = (dice: Dice) =>
  Effect.gen(function* () {
    const result = yield* open.pipe(
      Effect.tap(() => Effect.sleep(dice.pick(0, dice.int(0, 3000)))),
      Effect.tap(SocketStream.writeLine(String(dice.int(0, 3000)))),
      Effect.flatMap((stream) => SocketStream.readAll(stream)),
      Effect.scoped,
      MemoryNetwork.runOn("client"),
      Effect.result
    )
    if (Result.isSuccess(result) && result.success.length > 0) {
      assert.deepStrictEqual(Buffer.from(result.success), Buffer.from(bytes(1000)))
    }
  })

const drains = (world: World) =>
  Effect.gen(function* () {
    const dice = world.dice("server")
    const drainTimeout = dice.int(0, 4000)
    const watch = new Watch()
    const server = yield* serve(watch, requestService(world), {
      maxConnections: dice.int(1, 6),
      queue: dice.int(1, 6),
      drainTimeout
    })
    const [, stopped] = yield* Effect.all(
      [
        clients(world, 12, requestClient),
        Effect.gen(function* () {
          yield* Effect.sleep(dice.int(0, 9000))
          const open = yield* server.connections
          const before = yield* Clock.currentTimeMillis
          const report = yield* server.stop
          return { open, report, took: (yield* Clock.currentTimeMillis) - before }
        })
      ],
      { concurrency: 2 }
    )
    assert.strictEqual(stopped.report.drained + stopped.report.aborted, stopped.open, "the report adds up")
    assert.isAtMost(stopped.took, drainTimeout + 1001)
    assert.deepStrictEqual(yield* server.stop, stopped.report)
    // What has sent FIN lingers on, for what is left of the time.
    yield* Effect.sleep(drainTimeout + 1001 - stopped.took)
    assert.strictEqual(yield* server.connections, 0)
    yield* world.calm
    yield* afterwards
    yield* watch.check
    assert.strictEqual(yield* MemoryNetwork.descriptors, 0)
    const late = yield* Effect.result(Effect.scoped(open)).pipe(MemoryNetwork.runOn("client"))
    assert.isTrue(Result.isFailure(late) && late.failure.reason._tag === "ConnectionRefused")
  })

// All seeds ----------------------------------------------------------------------------------------------------------

const seeds = seedsOf(200)

const all = (program: Program) => () => Effect.forEach(seeds, (seed) => checkSeed(seed, program), { discard: true })

describe(`on a faulty network, for ${seeds.length} seeds`, () => {
  it.live(
    "an echo brings back every byte in order, or a beginning of them and an error; no handler outlives its connection",
    all(echoes()),
    patience(seeds)
  )

  it.live(
    "a line service under limits answers in order or with an error; all permits and places of the queue return",
    all(linesUnderLimits),
    patience(seeds)
  )

  it.live(
    "a server that stops reports every connection, keeps its time, and no cut answer looks like a whole one",
    all(drains),
    patience(seeds)
  )
})

/** Loses a byte now and then, and says nothing. */
const leaky = (): Handle => (stream) =>
  SocketStream.forEachChunk(stream, (chunk) => SocketStream.write(stream, chunk.subarray(chunk[0] % 9 === 0 ? 1 : 0)))

describe("a seed", () => {
  it.live("replays: the same trace each time", () =>
    Effect.gen(function* () {
      for (const program of [echoes(), linesUnderLimits, drains]) {
        const text = Effect.map(runSeed(seeds[0], program), ({ trace }) => MemoryNetwork.format(trace))
        assert.strictEqual(yield* text, yield* text)
      }
    })
  )

  it.live("that fails is named, and fails again in the same way", () =>
    Effect.gen(function* () {
      const message = Effect.map(Effect.flip(Effect.catchDefect(checkSeed(3, echoes(leaky)), Effect.fail)), (defect) =>
        Cause.pretty(Cause.die(defect))
      )
      const first = yield* message
      assert.include(first, "seed 3, replay with SIMULATION_SEED=3")
      assert.strictEqual(yield* message, first)
    })
  )
})
