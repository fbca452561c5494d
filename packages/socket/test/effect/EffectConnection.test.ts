import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import type { ConnectionEvents } from "../../src/Connection.ts"
import { EffectConnection } from "../../src/internal/effect/EffectConnection.ts"
import { make as makeError } from "../../src/NetworkError.ts"
import { bytes } from "../utils/live.ts"

const address = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 1)

type Call = Exclude<keyof ConnectionEvents, "borrow">

/** What a connection does whose receiver throws in `slip`: a byte comes, then the end; one is written, then the end. */
const throwingIn = (...slips: ReadonlyArray<Call>) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const gone = yield* Deferred.make<void>()
    const left = [Effect.succeed([bytes("x")])]
    const end = Effect.fail(makeError("read", address, { _tag: "UnexpectedEof", received: 0 }))
    const parts = {
      pull: Effect.suspend(() => left.shift() ?? end),
      write: () => Effect.void,
      end: Effect.void,
      reset: Effect.sync(() => void log.push("reset")),
      close: Effect.sync(() => void log.push("released"))
    }
    const clock = yield* Clock.Clock
    const connection = new EffectConnection(parts, address, address, Context.empty(), clock)
    const heard = (call: Call) => {
      log.push(call)
      if (call === "closed") Deferred.doneUnsafe(gone, Effect.void)
      if (slips.includes(call)) throw new Error(`a slip in ${call}`)
    }
    const events: ConnectionEvents = {
      data: () => heard("data"),
      borrow: () => {},
      end: () => heard("end"),
      written: () => {
        heard("written")
        connection.end()
      },
      defect: () => heard("defect"),
      closed: () => heard("closed")
    }
    connection.attach(events)
    connection.write([bytes("y")])
    yield* Effect.timeout(Deferred.await(gone), 1000)
    yield* Effect.sleep(5)
    return log
  })

for (const slip of ["data", "end", "written"] as const) {
  for (const also of [[], ["defect"]] as const) {
    it.live(`a receiver that throws in ${[slip, ...also].join(" and ")} is told so, and the connection is reset`, () =>
      Effect.gen(function* () {
        const log = yield* throwingIn(slip, ...also)
        assert.deepStrictEqual(
          log.slice(log.indexOf("defect")).filter((entry) => entry !== "released"),
          ["defect", "reset", "closed"]
        )
        assert.include(log, "released")
      })
    )
  }
}

it.live("a receiver that throws when the connection is gone is told so", () =>
  Effect.gen(function* () {
    const log = yield* throwingIn("closed")
    assert.deepStrictEqual(log.slice(-2), ["closed", "defect"])
  })
)
