/** What a program's callbacks throw costs their own connection, is reported, and reaches nobody else. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import type { Connection, ConnectionEvents } from "../../src/Connection.ts"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import { type DialEvents, Network } from "../../src/Network.ts"
import { bytes, dial, layer, listening, port80, Probe, settle } from "../utils/memory.ts"

const thrown = new Error("on purpose")

const fail = (): never => {
  throw thrown
}

/** Throws from one of its calls. */
const throwing = (connection: Connection, name: "data" | "end" | "written" | "closed" | "defect"): Probe => {
  const probe = new Probe(connection)
  Object.assign(probe, {
    [name]: fail,
    ...(name === "defect" ? { data: fail } : {})
  } satisfies Partial<ConnectionEvents>)
  return probe
}

/** A port whose first connection throws from a call, and whose other ones do not. */
const port = Effect.fnUntraced(function* (name: Parameters<typeof throwing>[1]) {
  const network = yield* Network
  const accepted: Array<Probe> = []
  yield* network.listen(port80, {
    connection: (connection) =>
      accepted.push(accepted.length === 0 ? throwing(connection, name) : new Probe(connection)),
    error: () => {}
  })
  return accepted
}, MemoryNetwork.runOn("server"))

const client = MemoryNetwork.runOn(dial(), "client")

describe("a call that throws", () => {
  for (const name of ["data", "end", "written", "closed", "defect"] as const) {
    it.effect(`${name}: its connection is reset, the defect reported, and neighbours and listener go on`, () =>
      Effect.gen(function* () {
        const accepted = yield* port(name)
        const victim = yield* client
        const neighbour = yield* client
        yield* settle
        accepted[0].connection.write([bytes(3)])
        victim.connection.write([bytes(5)])
        yield* settle
        victim.connection.end()
        yield* settle
        if (name === "closed") accepted[0].connection.end()
        yield* settle
        if (name !== "defect") assert.include(accepted[0].log, "defect Error: on purpose")
        if (name === "closed") assert.deepStrictEqual(victim.log, ["end", "closed"])
        else assert.deepStrictEqual(victim.log, ["closed ConnectionReset"])
        neighbour.connection.write([bytes(7)])
        yield* client
        yield* settle
        assert.deepStrictEqual(accepted[1].received, Buffer.from(bytes(7)))
        assert.strictEqual(accepted.length, 3)
        assert.strictEqual(yield* MemoryNetwork.descriptors, 1 + 2 + 2)
      }).pipe(Effect.provide(layer()))
    )
  }

  it.effect("the listener's: the connection that was reported is reset, and the next one is served", () =>
    Effect.gen(function* () {
      const network = yield* Network
      const defects: Array<unknown> = []
      const accepted: Array<Probe> = []
      let first = true
      yield* network.listen(port80, {
        connection: (connection) => {
          if (!first) return void accepted.push(new Probe(connection))
          first = false
          fail()
        },
        error: () => {},
        defect: (cause) => {
          defects.push(cause)
          fail()
        }
      })
      const victim = yield* client
      yield* settle
      assert.deepStrictEqual([victim.log, defects], [["closed ConnectionReset"], [thrown]])
      yield* client
      yield* settle
      assert.strictEqual(accepted.length, 1)
    }).pipe(MemoryNetwork.runOn("server"), Effect.provide(layer()))
  )

  it.effect("the dialler's: the connection is reset, and the defect reported", () =>
    Effect.gen(function* () {
      const { accepted } = yield* MemoryNetwork.runOn(listening(), "server")
      const network = yield* Network
      const defects: Array<unknown> = []
      const events: DialEvents = { connected: fail, failed: fail, defect: (cause) => void defects.push(cause) }
      network.dial(port80, {}, events)
      network.dial({ ...port80, port: 81 } as typeof port80, {}, events)
      network.dial(port80, { localPort: NaN }, events)
      yield* settle
      assert.deepStrictEqual([accepted[0].log, defects], [["closed ConnectionReset"], [thrown, thrown, thrown]])
      assert.strictEqual(yield* MemoryNetwork.descriptors, 1)
    }).pipe(MemoryNetwork.runOn("client"), Effect.provide(layer()))
  )

  for (const name of ["faults", "link"] as const) {
    it.effect(`\`${name}\`: a defect of that attempt alone, which leaves no port behind`, () => {
      let first = true
      const once = (): undefined => {
        if (!first) return
        first = false
        fail()
      }
      return Effect.gen(function* () {
        const { accepted } = yield* MemoryNetwork.runOn(listening(), "server")
        const attempt = MemoryNetwork.runOn(dial(port80, { localPort: 5000 }), "client")
        assert.strictEqual(yield* Effect.catchDefect(attempt, Effect.succeed), thrown)
        yield* attempt
        yield* settle
        assert.strictEqual(accepted.length, 1)
      }).pipe(Effect.provide(layer({ [name]: once })))
    })
  }

  it.effect("a timer's: its connection is reset", () =>
    Effect.gen(function* () {
      const { accepted } = yield* MemoryNetwork.runOn(listening(), "server")
      const victim = yield* client
      yield* settle
      accepted[0].connection.timers.set(10, fail)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(accepted[0].log, ["defect Error: on purpose", "closed"])
      assert.deepStrictEqual(victim.log, ["closed ConnectionReset"])
    }).pipe(Effect.provide(layer()))
  )

  it.effect("a timer's of the network itself: it is logged, and the others still run", () => {
    const logged: Array<unknown> = []
    const logger = Logger.make((entry) => void logged.push(entry.message))
    return Effect.gen(function* () {
      const { timers } = yield* Network
      let ran = 0
      timers.set(10, fail)
      timers.set(10, () => ran++)
      timers.set(20, () => ran++)
      yield* TestClock.adjust(20)
      assert.strictEqual(ran, 2)
      assert.strictEqual(logged.length, 1)
    }).pipe(Effect.provide(Layer.provideMerge(layer(), Logger.layer([logger]))))
  })
})
