/** Connections that are kept for the next exchange: over servers that restart, leave and answer too late. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import * as StreamPool from "../../src/StreamPool.ts"
import * as Simulation from "../../src/testing/Simulation.ts"
import { live } from "../utils/live.ts"
import { handling } from "../utils/serving.ts"
import { layer, port80 } from "../utils/memory.ts"
import { checkSeed, type Dice, type World } from "../utils/simulation.ts"

const shout = (stream: SocketStream.SocketStream) =>
  SocketStream.forEachLine(stream, (line) => SocketStream.writeLine(stream, line.toUpperCase()))

/** A line and its answer; no answer is a failure. */
const exchange = (line: string) => (stream: SocketStream.SocketStream) =>
  Effect.flatMap(Effect.andThen(SocketStream.writeLine(stream, line), SocketStream.readLine(stream)), (answer) =>
    Option.isSome(answer) ? Effect.succeed(answer.value) : Effect.fail("no answer" as const)
  )

const ask = (pool: StreamPool.StreamPool, line: string, options?: StreamPool.UseOptions) =>
  StreamPool.use(pool, exchange(line), options)

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

const quiet = { onError: () => Effect.void }

/** A server on the host `server` of a memory network, and the options of its clients. */
const serve = (handler: Server.Handler, options: Server.Options = {}) =>
  Effect.flatMap(ServerSocket.listen(port80), Server.start(handler, { ...quiet, ...options })).pipe(
    MemoryNetwork.runOn("server")
  )

const open = SocketStream.open("server", 80, { connectTimeout: "20 seconds" }).pipe(MemoryNetwork.runOn("client"))

/** A test in simulated time. */
const simulated = (
  name: string,
  test: Effect.Effect<void, unknown, Scope.Scope | MemoryNetwork.MemoryNetwork | Layered>
) => it.live(name, () => test.pipe(Effect.scoped, Effect.provide(layer({ latency: 5 })), Simulation.simulate))

type Layered = Effect.Services<typeof open>

describe("a pool", () => {
  live(
    "goes on over a server that restarts on its port: what was idle is closed at once, and no use fails",
    Effect.gen(function* () {
      const first = yield* ServerSocket.listen(0)
      const { address } = first
      const pool = yield* StreamPool.make(SocketStream.open(address), { max: 4 })
      let server = yield* Server.start(first, shout)
      const round = Effect.forEach(range(4), (i) => ask(pool, `line ${i}`, { repeatable: true }), {
        concurrency: "unbounded"
      })
      for (let restart = 0; restart < 5; restart++) {
        assert.deepStrictEqual(yield* round, ["LINE 0", "LINE 1", "LINE 2", "LINE 3"])
        assert.strictEqual(yield* server.connections, 4)
        assert.deepStrictEqual(yield* server.stop, { drained: 4, aborted: 0 })
        // Its streams linger for two seconds, unless the other end closes too.
        yield* Effect.timeout(handling(server, 0), 1500)
        server = yield* Effect.flatMap(ServerSocket.listen(address), Server.start(shout))
      }
      assert.deepStrictEqual(yield* round, ["LINE 0", "LINE 1", "LINE 2", "LINE 3"])
    }),
    20_000
  )

  simulated(
    "uses one connection for one exchange after the other, and has no more than `max`",
    Effect.gen(function* () {
      let most = 0
      const server: Server.Server = yield* serve((stream) =>
        SocketStream.forEachLine(stream, (line) =>
          Effect.gen(function* () {
            most = Math.max(most, yield* server.connections)
            yield* Effect.sleep(10)
            yield* SocketStream.writeLine(stream, line)
          })
        )
      )
      const pool = yield* StreamPool.make(open, { max: 3 })
      for (let i = 0; i < 5; i++) yield* ask(pool, "one after the other")
      assert.strictEqual(yield* server.connections, 1)
      const answers = yield* Effect.forEach(range(20), (i) => ask(pool, `${i}`), { concurrency: "unbounded" })
      assert.deepStrictEqual(answers, range(20).map(String))
      assert.strictEqual(most, 3)
    })
  )

  simulated(
    "closes what was not used for its `idleTimeout`",
    Effect.gen(function* () {
      const server = yield* serve(shout)
      const pool = yield* StreamPool.make(open, { idleTimeout: "1 minute" })
      yield* Effect.forEach(range(3), (i) => ask(pool, `${i}`), { concurrency: "unbounded" })
      yield* Effect.sleep("50 seconds")
      assert.strictEqual(yield* server.connections, 3)
      yield* Effect.sleep("75 seconds")
      assert.strictEqual(yield* server.connections, 0)
      assert.strictEqual(yield* ask(pool, "again"), "AGAIN")
    })
  )

  simulated(
    "never gives the answer to an interrupted exchange to the next one",
    Effect.gen(function* () {
      yield* serve((stream) =>
        SocketStream.forEachLine(stream, (line) =>
          Effect.andThen(Effect.sleep(50), SocketStream.writeLine(stream, line))
        )
      )
      const pool = yield* StreamPool.make(open, { max: 1 })
      for (let i = 0; i < 30; i++) {
        yield* Effect.timeoutOption(ask(pool, `never ${i}`), i * 4)
        assert.strictEqual(yield* ask(pool, `${i}`), `${i}`)
      }
    })
  )

  simulated(
    "does not take back a stream with something unread, and closes it",
    Effect.gen(function* () {
      const server = yield* serve((stream) =>
        SocketStream.forEachLine(stream, (line) => SocketStream.write(stream, `${line}\nand more\n`))
      )
      const pool = yield* StreamPool.make(open, { max: 1 })
      for (let i = 0; i < 3; i++) {
        assert.strictEqual(yield* ask(pool, `${i}`), `${i}`)
        yield* Effect.sleep("1 second")
        assert.strictEqual(yield* server.connections, 0)
      }
    })
  )

  const idle = {
    "was reset": MemoryNetwork.reset("client", "server"),
    "was ended": Effect.void,
    "got what nobody asked for": Effect.void
  }
  for (const [what, happens] of Object.entries(idle)) {
    simulated(
      `does not hand out a stream that ${what} while it waited`,
      Effect.gen(function* () {
        yield* serve((stream) =>
          SocketStream.forEachLine(stream, (line) =>
            Effect.gen(function* () {
              yield* SocketStream.writeLine(stream, line)
              yield* Effect.sleep(50)
              if (what === "was ended") yield* SocketStream.endWrite(stream)
              if (what.startsWith("got")) yield* SocketStream.writeLine(stream, "news")
            })
          )
        )
        const pool = yield* StreamPool.make(open)
        for (let i = 0; i < 3; i++) {
          assert.strictEqual(yield* ask(pool, `${i}`), `${i}`)
          yield* Effect.sleep(100)
          yield* happens
          yield* Effect.sleep(1)
        }
      })
    )
  }

  simulated(
    "resets what was left in the middle of an exchange",
    Effect.gen(function* () {
      const ends: Array<string> = []
      yield* serve((stream) =>
        Effect.matchEffect(SocketStream.readAll(stream), {
          onFailure: ({ reason }) => Effect.sync(() => ends.push(reason._tag)),
          onSuccess: () => Effect.sync(() => ends.push("FIN"))
        })
      )
      const pool = yield* StreamPool.make(open)
      yield* Effect.timeoutOption(ask(pool, "never answered"), 100)
      yield* Effect.exit(StreamPool.use(pool, () => Effect.fail("mine")))
      yield* Effect.sleep(100)
      assert.deepStrictEqual(ends, ["ConnectionReset", "ConnectionReset"])
    })
  )

  simulated(
    "gives each waiter a typed failure while the server is away, in bounded time, and works when it is back",
    Effect.gen(function* () {
      const pool = yield* StreamPool.make(open, { max: 2, acquireTimeout: "3 seconds" })
      const round = Effect.forEach(range(6), (i) => Effect.result(ask(pool, `${i}`)), { concurrency: "unbounded" })
      const tags = Effect.map(round, (results) =>
        results.map((result) =>
          Result.isFailure(result) ? (result.failure as NetworkError).reason._tag : result.success
        )
      )
      const start = yield* Clock.currentTimeMillis
      assert.deepStrictEqual(
        yield* tags,
        range(6).map(() => "ConnectionRefused")
      )
      assert.isBelow((yield* Clock.currentTimeMillis) - start, 3000)
      yield* MemoryNetwork.partition("client", "server")
      const cut = yield* Clock.currentTimeMillis
      assert.deepStrictEqual(
        yield* tags,
        range(6).map(() => "TimedOut")
      )
      assert.isAtMost((yield* Clock.currentTimeMillis) - cut, 3001)
      yield* MemoryNetwork.heal()
      yield* serve(shout)
      // The connect that was under way may still have to find out.
      yield* Effect.sleep("30 seconds")
      assert.deepStrictEqual(yield* tags, range(6).map(String))
    })
  )

  simulated(
    "gives a waiter up that is interrupted, and nobody else",
    Effect.gen(function* () {
      yield* serve((stream) =>
        SocketStream.forEachLine(stream, (line) =>
          Effect.andThen(Effect.sleep(100), SocketStream.writeLine(stream, line))
        )
      )
      const pool = yield* StreamPool.make(open, { max: 1 })
      const waiting = yield* Effect.forEach(range(5), (i) => Effect.forkChild(ask(pool, `${i}`)))
      yield* Effect.sleep(50)
      yield* Fiber.interrupt(waiting[1])
      yield* Fiber.interrupt(waiting[3])
      for (const i of [0, 2, 4]) assert.strictEqual(yield* Fiber.join(waiting[i]), `${i}`)
      assert.strictEqual(yield* ask(pool, "more"), "more")
    })
  )

  simulated(
    "closes all its streams with its scope, side by side, and exchanges under way fail with Closed",
    Effect.gen(function* () {
      const server = yield* serve((stream) =>
        SocketStream.forEachLine(stream, (line) =>
          line === "stuck" ? Effect.never : SocketStream.writeLine(stream, line)
        )
      )
      const scope = yield* Scope.make()
      const pool = yield* Scope.provide(StreamPool.make(open), scope)
      const stuck = yield* Effect.forkChild(Effect.flip(ask(pool, "stuck")), { startImmediately: true })
      yield* Effect.forEach(range(6), (i) => ask(pool, `${i}`), { concurrency: "unbounded" })
      // Nothing is heard of the server any more: each of the streams lingers to its end.
      yield* MemoryNetwork.partition("client", "server")
      const [time] = yield* Effect.timed(Scope.close(scope, Exit.void))
      assert.isAtMost(Duration.toMillis(time), 2001)
      assert.strictEqual(((yield* Fiber.join(stuck)) as NetworkError).reason._tag, "Closed")
      yield* MemoryNetwork.heal()
      yield* server.abort
      yield* Effect.sleep("5 minutes")
      assert.strictEqual(yield* MemoryNetwork.descriptors, 0)
      const late = yield* Effect.exit(ask(pool, "late"))
      assert.isTrue(Exit.isFailure(late) && Exit.hasInterrupts(late))
    })
  )

  simulated(
    "refuses options that cannot be meant, by their names",
    Effect.gen(function* () {
      for (const options of [{ max: 0 }, { max: 1.5 }, { idleTimeout: -1 }, { acquireTimeout: NaN }]) {
        const { reason } = yield* Effect.flip(StreamPool.make(open, options))
        assert.strictEqual(reason._tag === "InvalidOption" && reason.option, Object.keys(options)[0])
      }
      const { reason } = yield* Effect.flip(StreamPool.make(open, null as unknown as StreamPool.Options))
      assert.strictEqual(reason._tag === "InvalidOption" && reason.option, "options")
    })
  )
})

describe("an exchange that finds its peer gone", () => {
  /** Answers one question a connection; at the next it does what it is told. */
  const oneEach = (then: (stream: SocketStream.SocketStream, line: string) => Effect.Effect<unknown, unknown>) => {
    const asked: Array<string> = []
    const handler = (stream: SocketStream.SocketStream) =>
      Effect.gen(function* () {
        const first = yield* SocketStream.readLine(stream)
        if (Option.isNone(first)) return
        asked.push(first.value)
        yield* SocketStream.writeLine(stream, first.value)
        const second = yield* SocketStream.readLine(stream)
        if (Option.isSome(second)) yield* then(stream, second.value)
      })
    return [asked, handler] as const
  }

  const noAnswer = {
    "an end of input": () => Effect.void,
    "a reset": () => Effect.fail("no")
  }

  for (const [end, then] of Object.entries(noAnswer)) {
    simulated(
      `by ${end} without a byte is done again where it is repeatable`,
      Effect.gen(function* () {
        const [asked, handler] = oneEach(then)
        yield* serve(handler)
        const pool = yield* StreamPool.make(open)
        for (const line of ["one", "two", "three"]) {
          assert.strictEqual(yield* ask(pool, line, { repeatable: true }), line)
        }
        assert.deepStrictEqual(asked, ["one", "two", "three"])
      })
    )

    simulated(
      `by ${end} without a byte fails where it is not`,
      Effect.gen(function* () {
        const [asked, handler] = oneEach(then)
        yield* serve(handler)
        const pool = yield* StreamPool.make(open)
        yield* ask(pool, "one")
        yield* Effect.flip(ask(pool, "two"))
        assert.strictEqual(yield* ask(pool, "three"), "three")
        assert.deepStrictEqual(asked, ["one", "three"])
      })
    )
  }

  simulated(
    "fails once something of an answer has come, and on a connection that was new: it is done once",
    Effect.gen(function* () {
      const [asked, handler] = oneEach((stream) =>
        SocketStream.write(stream, "half an ans").pipe(
          Effect.andThen(Effect.sleep(100)),
          Effect.andThen(Effect.fail("no"))
        )
      )
      const server = yield* serve(handler)
      const pool = yield* StreamPool.make(open)
      yield* ask(pool, "one", { repeatable: true })
      yield* Effect.flip(ask(pool, "two", { repeatable: true }))
      assert.deepStrictEqual(asked, ["one"])
      yield* server.abort
      let opened = 0
      yield* serve(() =>
        Effect.andThen(
          Effect.sync(() => opened++),
          Effect.fail("no")
        )
      )
      yield* Effect.flip(ask(pool, "three", { repeatable: true }))
      assert.strictEqual(opened, 1)
    })
  )

  simulated(
    "is not done again for what is no end of the peer's: its own failure, a defect, a deadline",
    Effect.gen(function* () {
      yield* serve(shout)
      const pool = yield* StreamPool.make(open)
      const failures: ReadonlyArray<(stream: SocketStream.SocketStream) => Effect.Effect<never, unknown>> = [
        () => Effect.fail("mine"),
        () => Effect.die("bug"),
        () => Effect.interrupt,
        (stream) => Effect.andThen(SocketStream.endWrite(stream), Effect.fail("mine, and no more output")),
        (stream) => Effect.flatMap(Effect.timeout(SocketStream.readLine(stream), 100), () => Effect.never)
      ]
      for (const [index, failing] of failures.entries()) {
        yield* ask(pool, "warm")
        let count = 0
        const own = StreamPool.use(
          pool,
          (stream) =>
            Effect.andThen(
              Effect.sync(() => count++),
              failing(stream)
            ),
          { repeatable: true }
        )
        assert.isTrue(Exit.isFailure(yield* Effect.exit(own)))
        assert.strictEqual(count, 1, `failure ${index}`)
      }
    })
  )
})

// Seeds --------------------------------------------------------------------------------------------------------------

/** Twenty by default: `SIMULATION_SEEDS=500` runs more, `SIMULATION_SEED=17` replays one. */
const seeds =
  process.env.SIMULATION_SEED === undefined
    ? Array.from({ length: Number(process.env.SIMULATION_SEEDS ?? 20) }, (_, i) => i + 1)
    : [Number(process.env.SIMULATION_SEED)]

/** A server that is stopped and started again and again, by its own will. */
const restarting = Effect.fnUntraced(function* (dice: Dice, world: World) {
  for (let i = 0; i < 4; i++) {
    const server = yield* serve(
      (stream) =>
        SocketStream.forEachLine(stream, (line) =>
          Effect.andThen(Effect.sleep(dice.int(0, 300)), SocketStream.writeLine(stream, line.toUpperCase()))
        ),
      { drainTimeout: dice.int(0, 1000), idleTimeout: dice.pick(undefined, dice.int(100, 2000)) }
    )
    yield* Effect.sleep(dice.int(100, 3000))
    yield* dice.chance(0.5) ? server.stop : server.abort
    yield* Effect.sleep(dice.int(0, 1000))
  }
  yield* world.calm
  yield* serve(shout)
})

const pooled = (world: World) =>
  Effect.gen(function* () {
    const dice = world.dice("pool")
    yield* Effect.scoped(
      Effect.gen(function* () {
        const max = dice.int(1, 4)
        const acquireTimeout = dice.int(100, 5000)
        const idleTimeout = dice.int(200, 5000)
        const pool = yield* StreamPool.make(open, { max, idleTimeout, acquireTimeout })
        const client = (name: number) =>
          Effect.gen(function* () {
            const dice = world.dice(`client ${name}`)
            for (let i = 0; i < 20; i++) {
              const question = `question ${name} ${i}`
              const answer = yield* Effect.result(
                Effect.timeoutOption(
                  ask(pool, question, { repeatable: dice.chance(0.5) }),
                  dice.pick(60_000, dice.int(1, 500))
                )
              )
              if (Result.isSuccess(answer) && Option.isSome(answer.success)) {
                assert.strictEqual(answer.success.value, question.toUpperCase())
              }
              yield* Effect.sleep(dice.int(0, 500))
            }
          })
        yield* Effect.all([restarting(world.dice("server"), world), ...range(6).map(client)], {
          concurrency: "unbounded",
          discard: true
        })
        // What was opened before the calm may still have to find out that it leads nowhere.
        yield* Effect.sleep("10 minutes")
        for (const i of range(2 * max)) assert.strictEqual(yield* ask(pool, `calm ${i}`), `CALM ${i}`)
      })
    )
    yield* Effect.sleep("5 minutes")
    assert.strictEqual(yield* MemoryNetwork.descriptors, 0)
  })

describe(`on a faulty network, under a server that restarts, for ${seeds.length} seeds`, () => {
  it.live(
    "each answer of a pool is that to its question, all work in the end, and nothing stays open",
    () => Effect.forEach(seeds, (seed) => checkSeed(seed, pooled), { discard: true }),
    20_000 + seeds.length * 500
  )
})
