import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import { FakeListener } from "../utils/fakeListener.ts"
import { live } from "../utils/live.ts"
import { echo, handling, serving } from "../utils/serving.ts"

interface Held {
  readonly heard: ReadonlyArray<string>
  readonly server: Server.Server
  /** So many connections come. */
  readonly come: (count: number) => void
  /** So many break. */
  readonly go: (count: number) => Effect.Effect<void>
}

/** A server whose connections come and go as the test says, and what its alarm has told. */
const held = Effect.fnUntraced(function* (network: FakeListener, options: Server.Options) {
  const heard: Array<string> = []
  const socket = yield* ServerSocket.listen(0)
  const server = yield* Server.start(socket, () => Effect.never, {
    onAlarm: ({ _tag, connections, maxConnections }) =>
      Effect.sync(() => void heard.push(`${_tag} ${connections}/${maxConnections}`)),
    drainTimeout: 0,
    ...options
  })
  const come = (count: number): void => {
    for (let i = 0; i < count; i++) network.connect()
  }
  const go = (count: number) =>
    Effect.gen(function* () {
      const open = network.connections.filter(({ isOpen }) => isOpen)
      for (const connection of open.slice(0, count)) connection.breaks()
      yield* Effect.yieldNow
    })
  const held: Held = { heard, server, come, go }
  return held
})

const test = (claim: string, options: Server.Options, check: (held: Held) => Effect.Effect<void, unknown>) =>
  it.effect(claim, () => {
    const network = new FakeListener()
    return Effect.flatMap(held(network, options), check).pipe(Effect.scoped, Effect.provide(network.layer))
  })

describe("onAlarm", () => {
  test(
    "hears at its share exactly, also where products of fractions are a little off",
    { maxConnections: 100, alarmAt: 0.55 },
    Effect.fnUntraced(function* ({ come, heard }) {
      come(54)
      assert.deepStrictEqual(heard, [])
      come(1)
      assert.deepStrictEqual(heard, ["Raised 55/100"])
    })
  )

  test(
    "hears once at its share of the bound, and once when they are a tenth below it again",
    { maxConnections: 100, alarmAt: 0.5 },
    Effect.fnUntraced(function* ({ come, go, heard }) {
      come(49)
      assert.deepStrictEqual(heard, [])
      come(51)
      assert.deepStrictEqual(heard, ["Raised 50/100"])
      yield* go(55)
      assert.deepStrictEqual(heard, ["Raised 50/100"])
      yield* go(1)
      assert.deepStrictEqual(heard, ["Raised 50/100", "Cleared 44/100"])
    })
  )

  test(
    "comes again when its cooldown is over, if it is still so, and needs no connection for that",
    { maxConnections: 10, alarmAt: 1, alarmCooldown: "1 minute" },
    Effect.fnUntraced(function* ({ come, go, heard }) {
      const once = ["Raised 10/10", "Cleared 8/10"]
      come(10)
      yield* go(2)
      assert.deepStrictEqual(heard, once)
      come(2)
      yield* go(2)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(heard, once)
      come(2)
      yield* go(2)
      assert.deepStrictEqual(heard, [...once, ...once])
      come(2)
      yield* TestClock.adjust(59_999)
      assert.deepStrictEqual(heard, [...once, ...once])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(heard, [...once, ...once, "Raised 10/10"])
    })
  )

  test(
    "is at 0.8 of the bound where nothing else is said, and has a cooldown of 5 seconds",
    { maxConnections: 10 },
    Effect.fnUntraced(function* ({ come, go, heard }) {
      come(7)
      assert.deepStrictEqual(heard, [])
      come(1)
      yield* go(2)
      assert.deepStrictEqual(heard, ["Raised 8/10", "Cleared 7/10"])
      come(2)
      yield* TestClock.adjust(4999)
      assert.strictEqual(heard.length, 2)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(heard.slice(2), ["Raised 8/10"])
    })
  )

  test(
    "follows a bound that is changed",
    { maxConnections: 10 },
    Effect.fnUntraced(function* ({ come, heard, server }) {
      come(5)
      yield* server.setMaxConnections(6)
      assert.deepStrictEqual(heard, ["Raised 5/6"])
      yield* server.setMaxConnections(100)
      assert.deepStrictEqual(heard, ["Raised 5/6", "Cleared 5/100"])
    })
  )

  it.effect("counts no connection that waits as handled, and says nothing while the server stops", () => {
    const network = new FakeListener()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { come, go, heard } = yield* Scope.provide(held(network, { maxConnections: 2, alarmAt: 1 }), scope)
      come(5)
      // The next that wait take the places of those that go.
      yield* go(2)
      assert.deepStrictEqual(heard, ["Raised 2/2"])
      // What the cooldown holds back is not told either.
      yield* go(2)
      come(1)
      const told = ["Raised 2/2", "Cleared 1/2"]
      assert.deepStrictEqual(heard, told)
      yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(heard, told)
    }).pipe(Effect.provide(network.layer))
  })

  live(
    "that dies is logged, and its server goes on",
    Effect.gen(function* () {
      const said: Array<string> = []
      const logger = Logger.make(({ message }) => void said.push(String(message)))
      const onAlarm = () => Effect.die("on purpose")
      yield* Effect.gen(function* () {
        const { connect, server } = yield* serving(echo, { maxConnections: 2, alarmAt: 0.5, onAlarm })
        yield* connect()
        yield* connect()
        yield* handling(server, 2)
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.match(said.join(), /a callback of the server failed/)
    })
  )

  live(
    "is logged where only alarmAt is given",
    Effect.gen(function* () {
      const said: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void said.push(`${logLevel} ${String(message)}`))
      yield* Effect.gen(function* () {
        const { connect, server } = yield* serving(echo, { maxConnections: 2, alarmAt: 1 })
        const peers = [yield* connect(), yield* connect()]
        yield* handling(server, 2)
        for (const { socket } of peers) socket.end()
        yield* handling(server, 0)
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(said.slice(0, 2), [
        "Warn 2 of at most 2 connections are in use",
        "Info 1 of at most 2 connections are in use again"
      ])
    })
  )
})
