import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as NetAddress from "effect/net/NetAddress"
import * as TestClock from "effect/testing/TestClock"
import * as Network from "../../src/Network.ts"
import { make as makeError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { FakeNetwork, type Script } from "../utils/fakeNetwork.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

/** Opens `host.test`, whose addresses are those of the script in its order, and lets `millis` pass. */
const race = Effect.fnUntraced(function* (script: Script, options?: SocketStream.OpenOptions, millis = 60_000) {
  const network = new FakeNetwork(script)
  const layer = Layer.merge(network.layer, Resolver.layerStatic({ hosts: { "host.test": Object.keys(script) } }))
  const fiber = yield* SocketStream.open("host.test", 80, options).pipe(Effect.provide(layer), Effect.forkChild)
  yield* TestClock.adjust(millis)
  return { network, fiber }
})

/** As `race`, until it has ended; the trace stops there. */
const raced = Effect.fnUntraced(function* (script: Script, options?: SocketStream.OpenOptions) {
  const { fiber, network } = yield* race(script, options)
  const exit = yield* Fiber.await(fiber)
  yield* Effect.yieldNow
  return { exit, network, trace: [...network.trace] }
})

const failure = <A, E>(exit: Exit.Exit<A, E>) => Effect.flip(exit)

describe("the order of attempts (RFC 8305, section 5)", () => {
  it.effect("an address that connects is the only one tried", () =>
    Effect.gen(function* () {
      const { exit, trace } = yield* raced({ "2001:db8::1": [100, true], "192.0.2.1": [0, true] })
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(trace, ["0 connect 2001:db8::1", "100 connected 2001:db8::1"])
    })
  )

  it.effect("a new attempt starts every 250 ms, the first to connect wins, the others are given up", () =>
    Effect.gen(function* () {
      const { network, trace } = yield* raced({
        "2001:db8::1": "silent",
        "192.0.2.1": [400, true],
        "2001:db8::2": "silent",
        "192.0.2.2": [0, true]
      })
      assert.deepStrictEqual(trace.slice(0, 4), [
        "0 connect 2001:db8::1",
        "250 connect 192.0.2.1",
        "500 connect 2001:db8::2",
        "650 connected 192.0.2.1"
      ])
      assert.deepStrictEqual(trace.slice(4).sort(), ["650 given up 2001:db8::1", "650 given up 2001:db8::2"])
      assert.strictEqual(network.open, 1)
    })
  )

  it.effect("an attempt that started earlier may still win", () =>
    Effect.gen(function* () {
      const { trace } = yield* raced({ "2001:db8::1": [300, true], "192.0.2.1": "silent" })
      assert.deepStrictEqual(trace, [
        "0 connect 2001:db8::1",
        "250 connect 192.0.2.1",
        "300 connected 2001:db8::1",
        "300 given up 192.0.2.1"
      ])
    })
  )

  it.effect("after a failure the next attempt starts at once", () =>
    Effect.gen(function* () {
      const { trace } = yield* raced({
        "2001:db8::1": [10, "ConnectionRefused"],
        "192.0.2.1": [20, "NetworkUnreachable"],
        "2001:db8::2": [30, true]
      })
      assert.deepStrictEqual(trace, [
        "0 connect 2001:db8::1",
        "10 failed 2001:db8::1",
        "10 connect 192.0.2.1",
        "30 failed 192.0.2.1",
        "30 connect 2001:db8::2",
        "60 connected 2001:db8::2"
      ])
    })
  )

  it.effect("attemptDelay sets the pace", () =>
    Effect.gen(function* () {
      const { trace } = yield* raced(
        { "192.0.2.1": "silent", "192.0.2.2": "silent", "192.0.2.3": [0, true] },
        { attemptDelay: 1000 }
      )
      assert.deepStrictEqual(
        trace.filter((line) => line.includes("connect ")),
        ["0 connect 192.0.2.1", "1000 connect 192.0.2.2", "2000 connect 192.0.2.3"]
      )
    })
  )

  it.effect("two that connect in one instant leave one connection", () =>
    Effect.gen(function* () {
      const { exit, network } = yield* raced({ "2001:db8::1": [500, true], "192.0.2.1": [250, true] })
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(network.open, 1)
      assert.strictEqual(network.attempts, 0)
    })
  )
})

describe("an address that comes late", () => {
  /** As `raced`, with an answer of the resolver for each time. */
  const racedLate = Effect.fnUntraced(function* (script: Script, answers: ReadonlyArray<readonly [number, string]>) {
    const network = new FakeNetwork(script)
    const late = Layer.effect(
      Resolver.Resolver,
      Effect.map(Resolver.Resolver, (resolver) => ({
        ...resolver,
        answers: () =>
          Stream.mapEffect(Stream.fromIterable(answers), ([millis, text]) =>
            Effect.as(Effect.sleep(millis), [NetAddress.ipFromStringUnsafe(text)])
          )
      }))
    ).pipe(Layer.provide(Resolver.layerStatic({})))
    const fiber = yield* SocketStream.open("host.test", 80).pipe(
      Effect.provide(Layer.merge(network.layer, late)),
      Effect.forkChild
    )
    yield* TestClock.adjust(60_000)
    yield* Fiber.await(fiber)
    return network.trace.filter((line) => line.includes(" connect"))
  })

  it.effect("is tried at once, where the attempt before it has had its time", () =>
    Effect.gen(function* () {
      const trace = yield* racedLate({ "2001:db8::1": "silent", "192.0.2.1": [10, true] }, [
        [0, "2001:db8::1"],
        [400, "192.0.2.1"]
      ])
      assert.deepStrictEqual(trace, ["0 connect 2001:db8::1", "400 connect 192.0.2.1", "410 connected 192.0.2.1"])
    })
  )

  it.effect("is tried at once, where the latest attempt has failed and an earlier one goes on", () =>
    Effect.gen(function* () {
      const script: Script = {
        "2001:db8::1": "silent",
        "192.0.2.1": [10, "ConnectionRefused"],
        "192.0.2.2": [10, true]
      }
      const trace = yield* racedLate(script, [
        [0, "2001:db8::1"],
        [300, "192.0.2.1"],
        [50, "192.0.2.2"]
      ])
      assert.deepStrictEqual(trace, [
        "0 connect 2001:db8::1",
        "300 connect 192.0.2.1",
        "350 connect 192.0.2.2",
        "360 connected 192.0.2.2"
      ])
    })
  )

  it.effect("waits, where the attempt before it still has the field to itself", () =>
    Effect.gen(function* () {
      const script: Script = { "2001:db8::1": "silent", "192.0.2.1": "silent", "192.0.2.2": [10, true] }
      const trace = yield* racedLate(script, [
        [0, "2001:db8::1"],
        [300, "192.0.2.1"],
        [50, "192.0.2.2"]
      ])
      assert.deepStrictEqual(trace, [
        "0 connect 2001:db8::1",
        "300 connect 192.0.2.1",
        "550 connect 192.0.2.2",
        "560 connected 192.0.2.2"
      ])
    })
  )
})

describe("when none connects", () => {
  it.effect("the error lists every address with its own reason, in the order of the attempts", () =>
    Effect.gen(function* () {
      const { exit } = yield* raced({
        "2001:db8::1": [300, "NetworkUnreachable"],
        "192.0.2.1": [10, "ConnectionRefused"]
      })
      const error = yield* failure(exit)
      assert.strictEqual(
        error.message,
        "open host.test:80: connection refused [connect [2001:db8::1]:80: network unreachable; " +
          "connect 192.0.2.1:80: connection refused]"
      )
      assert.strictEqual(error._tag === "NetworkError" && error.isRetryable, true)
    })
  )

  it.effect("it waits for an early attempt that fails last", () =>
    Effect.gen(function* () {
      const { trace } = yield* raced({ "2001:db8::1": [5000, "TimedOut"], "192.0.2.1": [10, "ConnectionRefused"] })
      assert.deepStrictEqual(trace.at(-1), "5000 failed 2001:db8::1")
    })
  )

  it.effect("connectTimeout ends all attempts and lists them, also those that had failed", () =>
    Effect.gen(function* () {
      const { exit, network, trace } = yield* raced(
        { "2001:db8::1": "silent", "192.0.2.1": [10, "ConnectionRefused"], "192.0.2.2": "silent" },
        { connectTimeout: 2000 }
      )
      const error = yield* failure(exit)
      assert.strictEqual(
        error.message,
        "open host.test:80: timed out after 2000 ms [connect [2001:db8::1]:80: timed out after 2000 ms; " +
          "connect 192.0.2.1:80: connection refused; connect 192.0.2.2:80: timed out after 2000 ms]"
      )
      assert.deepStrictEqual(trace.slice(-2).sort(), ["2000 given up 192.0.2.2", "2000 given up 2001:db8::1"])
      assert.strictEqual(network.attempts, 0)
    })
  )

  it.effect("connectTimeout says of an attempt that is held up by what", () =>
    Effect.gen(function* () {
      const detail = "the backlog of the listener is full"
      const heldUp = Layer.effect(
        Network.Network,
        Network.Network.useSync((network) =>
          Network.make({
            ...network,
            dial: (address, _, events) => {
              const delayed = () =>
                events.delayed?.(makeError("connect", address, { _tag: "Unknown", code: "EAGAIN", detail }))
              const cancels = [network.timers.set(100, delayed), network.timers.set(500, delayed)]
              return () => cancels.forEach((cancel) => cancel())
            }
          })
        )
      ).pipe(Layer.provide(new FakeNetwork({}).layer))
      const path = NetAddress.unixPathAddress("/run/service")
      const fiber = yield* SocketStream.open(path, { connectTimeout: 2000 }).pipe(
        Effect.provide(Layer.merge(heldUp, Resolver.layerStatic({}))),
        Effect.forkChild
      )
      yield* TestClock.adjust(2000)
      const error = yield* failure(yield* Fiber.await(fiber))
      assert.strictEqual(
        error.message,
        `open /run/service: timed out after 2000 ms [connect /run/service: ${detail} (EAGAIN)]`
      )
      assert.isTrue(error._tag === "NetworkError" && error.isRetryable)
    })
  )

  it.effect("by default it gives up after 30 seconds", () =>
    Effect.gen(function* () {
      const { exit, trace } = yield* raced({ "192.0.2.1": "silent" })
      assert.deepStrictEqual(trace, ["0 connect 192.0.2.1", "30000 given up 192.0.2.1"])
      assert.strictEqual((yield* failure(exit))._tag, "NetworkError")
    })
  )

  it.effect("a connection in the very instant of connectTimeout is either given out or closed", () =>
    Effect.gen(function* () {
      for (const attemptDelay of [0, 2000]) {
        const script: Script = { "192.0.2.1": [2000, true], "192.0.2.2": [2000 - attemptDelay, true] }
        const { exit, network } = yield* raced(script, { connectTimeout: 2000, attemptDelay })
        assert.strictEqual(network.open, Exit.isSuccess(exit) ? 1 : 0)
        assert.strictEqual(network.attempts, 0)
      }
    })
  )

  it.effect("connectTimeout bounds the resolution too, and nothing was tried", () =>
    Effect.gen(function* () {
      const network = new FakeNetwork({})
      const slow = Layer.effect(
        Resolver.Resolver,
        Effect.map(Resolver.Resolver, (resolver) => ({ ...resolver, answers: () => Stream.never }))
      ).pipe(Layer.provide(Resolver.layerStatic({})))
      const fiber = yield* SocketStream.open("host.test", 80, { connectTimeout: 500 }).pipe(
        Effect.provide(Layer.merge(network.layer, slow)),
        Effect.flip,
        Effect.forkChild
      )
      yield* TestClock.adjust(500)
      assert.strictEqual((yield* Fiber.join(fiber)).message, "open host.test:80: timed out after 500 ms")
    })
  )
})

describe("interruption", () => {
  const script: Script = { "2001:db8::1": "silent", "192.0.2.1": "silent", "192.0.2.2": [200, true] }

  it.effect("at any moment it gives up every attempt and leaves no connection", () =>
    Effect.gen(function* () {
      for (const millis of [0, 1, 249, 250, 251, 500, 699]) {
        const { fiber, network } = yield* race(script, {}, millis)
        assert.isUndefined(fiber.pollUnsafe())
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(network.attempts, 0, `at ${millis}`)
        assert.strictEqual(network.open, 0, `at ${millis}`)
      }
    })
  )

  it.effect("in the very instant of the connection, it is either used or closed", () =>
    Effect.gen(function* () {
      for (let hops = 0; hops < 20; hops++) {
        const network = new FakeNetwork({ "192.0.2.1": [100, true], "192.0.2.2": [100, true] })
        const layer = Layer.merge(
          network.layer,
          Resolver.layerStatic({ hosts: { "host.test": ["192.0.2.1", "192.0.2.2"] } })
        )
        const fiber = yield* Effect.scoped(
          Effect.andThen(SocketStream.open("host.test", 80, { attemptDelay: 0 }), Effect.never)
        ).pipe(Effect.provide(layer), Effect.forkChild)
        const interrupting = yield* Effect.sleep(100).pipe(
          Effect.andThen(Effect.repeat(Effect.yieldNow, { times: hops })),
          Effect.andThen(Effect.suspend(() => Fiber.interrupt(fiber))),
          Effect.forkChild
        )
        yield* TestClock.adjust(100)
        yield* Fiber.join(interrupting)
        assert.strictEqual(network.open, 0, `after ${hops} turns`)
        assert.strictEqual(network.attempts, 0, `after ${hops} turns`)
      }
    })
  )
})

const outcome = Schema.Union([
  Schema.Literal("silent"),
  Schema.Tuple([
    Schema.Literals([0, 1, 100, 249, 250, 251, 500, 1000]),
    Schema.Literals([true, "ConnectionRefused", "HostUnreachable"])
  ])
])

describe("any race", () => {
  it.effect.prop(
    "ends by its deadline with one connection or none, keeps the pace, and leaves nothing",
    [Arbitrary.array(Arbitrary.schema(outcome), { minLength: 1, maxLength: 6 })],
    Effect.fnUntraced(
      function* ([outcomes]) {
        const script = Object.fromEntries(outcomes.map((outcome, i) => [`192.0.2.${i + 1}`, outcome]))
        const { exit, network, trace } = yield* raced(script, { connectTimeout: 3000 })
        const won = Exit.isSuccess(exit)
        assert.strictEqual(network.open, won ? 1 : 0)
        assert.strictEqual(network.attempts, 0)
        // Every address that connects in its time is good enough for a win.
        assert.strictEqual(
          won,
          outcomes.some((outcome) => outcome !== "silent" && outcome[1] === true)
        )
        const events = trace.map((line) => line.split(" "))
        const starts = events.filter(([, event]) => event === "connect")
        assert.deepStrictEqual(
          starts.map(([, , host]) => host),
          Object.keys(script).slice(0, starts.length)
        )
        for (const [i, [time]] of starts.entries()) {
          if (i === 0) continue
          const since = Number(time) - Number(starts[i - 1][0])
          const failed = events.some(
            ([at, event, host]) => at === time && event === "failed" && host === starts[i - 1][2]
          )
          assert.isTrue(since === 250 || (since < 250 && failed), `attempt ${i} after ${since} ms`)
        }
        for (const [time] of events) assert.isAtMost(Number(time), 3000)
      },
      Effect.scoped,
      Effect.provide(TestClock.layer())
    ),
    { arbitrary: { runs: rounds(150) } }
  )
})
