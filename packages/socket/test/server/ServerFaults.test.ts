import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type { Reason } from "../../src/NetworkError.ts"
import type * as Server from "../../src/Server.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { layer as wrapping, Wrapped } from "../utils/brokenNetwork.ts"
import { live } from "../utils/live.ts"
import { type PlainPeer, until } from "../utils/plain.ts"
import { echo, endOf, handling, ping, serving } from "../utils/serving.ts"

/** Runs the test with what is logged in a list. */
const logging = <A, E, R>(test: (logged: Array<string>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const logged: Array<string> = []
    const logger = Logger.make(({ cause, logLevel, message }) => {
      logged.push(`${logLevel} ${String(message)} ${String(cause)}`)
    })
    return Effect.provide(test(logged), Logger.layer([logger]))
  })

const slip = (): never => {
  throw new Error("slip")
}

/** What can be wrong with a callback. */
const slips: ReadonlyArray<readonly [string, () => Effect.Effect<void>]> = [
  ["throws", slip],
  ["dies", () => Effect.die(new Error("slip"))],
  ["gives no effect", () => undefined as never]
]

/** How a connection ended for a peer that may be cut before it knows that it is connected. */
const endOfOne = <E, R>(connect: Effect.Effect<PlainPeer, E, R>) =>
  Effect.orElseSucceed(Effect.flatMap(connect, endOf), () => "RST" as const)

describe("a callback that", () => {
  for (const [how, callback] of slips) {
    live(
      `${how} as onError ends nothing, and is reported`,
      logging((logged) =>
        Effect.gen(function* () {
          const failing = (stream: SocketStream.SocketStream) =>
            Effect.andThen(SocketStream.readLine(stream), Effect.fail("no"))
          let next = 0
          const { connect, server } = yield* serving(
            (stream): Effect.Effect<void, unknown> => (next++ === 0 ? echo(stream) : failing(stream)),
            { maxConnections: 2, onError: callback }
          )
          const neighbour = yield* connect()
          yield* ping(neighbour, "before")
          for (let i = 0; i < 3; i++) {
            const peer = yield* connect()
            peer.socket.write("hello\n")
            assert.strictEqual(yield* endOf(peer), "RST")
          }
          yield* handling(server, 1)
          yield* ping(neighbour, "after")
          yield* until(() => logged.length === 3)
          for (const line of logged) assert.match(line, /^Error a callback of the server failed/)
        })
      )
    )

    live(
      `${how} as onRefused leaves the refused connection reset, ends nothing, and is reported`,
      logging((logged) =>
        Effect.gen(function* () {
          const { connect, server } = yield* serving(echo, { maxPerPeer: 1, onRefused: callback })
          const neighbour = yield* connect()
          yield* ping(neighbour, "before")
          for (let i = 0; i < 3; i++) {
            const end = yield* endOfOne(connect())
            assert.strictEqual(end, "RST")
          }
          yield* ping(neighbour, "after")
          assert.strictEqual(yield* server.connections, 1)
          yield* until(() => logged.length === 3)
          for (const line of logged) assert.match(line, /^Error a callback of the server failed/)
        })
      )
    )

    live(
      `${how} as handler costs its own connection, and onError hears of it`,
      Effect.gen(function* () {
        const heard: Array<string> = []
        let next = 0
        const { connect, server } = yield* serving((stream) => (next++ === 0 ? echo(stream) : callback()), {
          maxConnections: 2,
          onError: (cause) => Effect.sync(() => void heard.push(String(Cause.squash(cause))))
        })
        const neighbour = yield* connect()
        yield* ping(neighbour, "before")
        for (let i = 0; i < 3; i++) {
          const end = yield* endOfOne(connect())
          assert.strictEqual(end, "RST")
        }
        yield* handling(server, 1)
        yield* ping(neighbour, "after")
        assert.strictEqual(heard.length, 3)
        for (const error of heard) assert.match(error, how === "gives no effect" ? /undefined/ : /^Error: slip$/)
      })
    )
  }

  live(
    "throws as a set of addresses costs the connection that it was asked about, and onError hears of it",
    Effect.gen(function* () {
      const heard: Array<string> = []
      let asked = 0
      const allow: IpSet.IpSet = Object.create(IpSet.all, {
        v4: { get: () => (++asked === 2 ? slip() : IpSet.all.v4) }
      })
      const { connect, server } = yield* serving(echo, {
        access: { allow },
        onError: (cause, stream) =>
          Effect.sync(() => void heard.push(`${String(Cause.squash(cause))} ${String(stream).slice(0, 24)}`))
      })
      const neighbour = yield* connect()
      yield* ping(neighbour, "before")
      const end = yield* endOfOne(connect())
      assert.strictEqual(end, "RST")
      yield* ping(neighbour, "after")
      yield* ping(yield* connect(), "another")
      assert.strictEqual(yield* server.connections, 2)
      assert.deepStrictEqual(heard, ["Error: slip SocketStream([127.0.0.1:"])
    })
  )
})

type Call = "data" | "end" | "written" | "closed"

/** The first of a server's connections slips in that call of its transport; the others do not. */
class Slipping extends Wrapped {
  where: Call | undefined

  private call(name: Call): void {
    if (this.where !== name) return
    this.where = undefined
    slip()
  }
  override data(chunk: Uint8Array): void {
    this.call("data")
    super.data(chunk)
  }
  override borrow(chunk: Uint8Array): void {
    this.call("data")
    super.borrow(chunk)
  }
  override ended(): void {
    this.call("end")
    super.ended()
  }
  override written(): void {
    this.call("written")
    super.written()
  }
  override closed(reason: Reason | undefined): void {
    // Whoever is told last has been told: only then does it slip.
    super.closed(reason)
    this.call("closed")
  }
}

describe("a fault of a call that comes from the transport", () => {
  for (const where of ["data", "end", "written", "closed"] as const) {
    live(
      `in ${where} ends its own connection, and the server and its neighbours go on`,
      Effect.gen(function* () {
        const wrapped: Array<Slipping> = []
        const heard: Array<string> = []
        const slipping = wrapping((connection) => {
          const each = new Slipping(connection)
          if (wrapped.push(each) === 2) each.where = where
          return each
        })
        const handler: Server.Handler = (stream) =>
          where === "written"
            ? Effect.andThen(SocketStream.readLine(stream), SocketStream.write(stream, new Uint8Array(30_000_000)))
            : echo(stream)
        yield* Effect.gen(function* () {
          const { connect, server } = yield* serving(handler, {
            maxConnections: 2,
            onError: (cause) => Effect.sync(() => void heard.push(String(Cause.squash(cause))))
          })
          const neighbour = yield* connect()
          yield* handling(server, 1)
          const victim = yield* connect()
          yield* handling(server, 2)
          victim.socket.write("hello\n")
          if (where === "end" || where === "closed") victim.socket.end()
          assert.strictEqual(yield* endOf(victim), where === "closed" ? "FIN" : "RST")
          yield* handling(server, 1)
          if (where !== "closed") assert.deepStrictEqual(heard, ["Error: slip"])
          if (where === "written") return
          yield* ping(neighbour, "still here")
          yield* ping(yield* connect(), "another")
        }).pipe(Effect.provide(slipping))
      })
    )
  }
})
