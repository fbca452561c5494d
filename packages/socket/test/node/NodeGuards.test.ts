import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as NodeTls from "node:tls"
import type { Connection, ConnectionEvents } from "../../src/Connection.ts"
import { Network } from "../../src/Network.ts"
import type * as Tls from "../../src/Tls.ts"
import { authority, server } from "../utils/certificates.ts"
import { live } from "../utils/live.ts"
import { plainClient, PlainPeer, until } from "../utils/plain.ts"
import { endOf } from "../utils/serving.ts"

type Call = "data" | "borrow" | "end" | "written" | "closed" | "timer"

/** What throws, in the order of its calls, and what was said of it. */
class Slipping implements ConnectionEvents {
  readonly defects: Array<string> = []
  readonly heard: Array<string> = []
  private readonly where: Call | "nowhere"
  private readonly connection: Connection

  constructor(connection: Connection, where: Call | "nowhere") {
    this.where = where
    this.connection = connection
    connection.attach(this)
  }

  private call(name: Call): void {
    this.heard.push(name)
    if (name === this.where) throw new Error(`slip of ${name}`)
  }

  data(chunk: Uint8Array): void {
    this.borrow(chunk)
  }
  borrow(chunk: Uint8Array): void {
    this.call("data")
    this.call("borrow")
    if (this.where === "written") while (this.connection.write([new Uint8Array(256 * 1024)])) continue
    if (this.where === "timer") this.connection.timers.set(1, () => this.call("timer"))
    if (this.where === "nowhere") this.connection.write([chunk.slice()])
  }
  end(): void {
    this.call("end")
    this.connection.end()
  }
  written(): void {
    this.call("written")
  }
  defect(cause: unknown): void {
    this.defects.push(String(cause))
    throw new Error("slip of defect")
  }
  closed(): void {
    this.call("closed")
  }
}

/** A port whose first connection slips in that call, and whose others echo. `secure` puts TLS on all of them. */
const slipping = Effect.fnUntraced(function* (where: Call, secure: boolean) {
  const network = yield* Network
  const all: Array<Slipping> = []
  const tls: Tls.HandshakeOptions = { side: "server", options: { identity: server } }
  const listener = yield* network.listen(NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 0), {
    connection: (plain) => {
      const connection = secure ? Result.getOrThrow(plain.startTls!(tls, new Uint8Array(0))) : plain
      all.push(new Slipping(connection, all.length === 0 ? where : "nowhere"))
    },
    error: () => {}
  })
  const { address } = listener
  const port = NetAddress.isInetAddress(address) ? address.port : 0
  const connect = Effect.suspend(() => (secure ? secureClient(port) : plainClient(port, { halfOpen: true })))
  return { all, connect }
})

const secureClient = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<PlainPeer>((resume) => {
      const options = { port, host: "127.0.0.1", ca: authority, servername: "socket.test", allowHalfOpen: true }
      const socket = NodeTls.connect(options, () => resume(Effect.succeed(peer)))
      const peer = new PlainPeer(socket, true)
    }),
    ({ socket }) =>
      Effect.andThen(
        Effect.sync(() => socket.destroy()),
        until(() => socket.closed)
      )
  )

/** Defects of receivers that throw when they are told of one are logged: the tests look at them, not at the log. */
const silenced = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const { log, error } = console
      console.log = console.error = () => {}
      return { log, error }
    }),
    () => effect,
    (before) => Effect.sync(() => Object.assign(console, before))
  )

for (const secure of [false, true]) {
  describe(`a call that throws${secure ? ", under TLS," : ""} costs its own connection, and is reported:`, () => {
    for (const where of ["data", "borrow", "end", "written", "closed", "timer"] as const) {
      live(
        where,
        silenced(
          Effect.gen(function* () {
            const { all, connect } = yield* slipping(where, secure)
            const victim = yield* connect
            yield* until(() => all.length === 1)
            const neighbour = yield* connect
            yield* until(() => all.length === 2)
            victim.socket.write("hello")
            if (where === "end" || where === "closed") victim.socket.end()
            yield* until(() => all[0].defects.length > 0)
            assert.deepStrictEqual(all[0].defects, [`Error: slip of ${where}`])
            // What throws when it hears that the connection is gone has nothing left to lose.
            if (where !== "closed") assert.strictEqual(yield* endOf(victim), "RST")
            yield* until(() => all[0].heard.includes("closed"))
            neighbour.socket.write("still here")
            yield* until(() => neighbour.text === "still here")
            yield* connect
            yield* until(() => all.length === 3)
          })
        )
      )
    }
  })
}

describe("a listener", () => {
  const loopback = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 0)

  live(
    "whose receiver throws resets that connection, reports it, and goes on",
    Effect.gen(function* () {
      const network = yield* Network
      const defects: Array<string> = []
      let calls = 0
      const listener = yield* network.listen(loopback, {
        connection: (connection) => {
          if (++calls === 1) throw new Error("slip")
          connection.attach(new Slipping(connection, "nowhere"))
        },
        error: () => {},
        defect: (cause) => void defects.push(String(cause))
      })
      const port = NetAddress.isInetAddress(listener.address) ? listener.address.port : 0
      // The reset may be faster than the news of the connection.
      const end = yield* Effect.catch(Effect.flatMap(plainClient(port), endOf), () => Effect.succeed("RST"))
      assert.strictEqual(end, "RST")
      yield* plainClient(port)
      yield* until(() => calls === 2)
      assert.deepStrictEqual(defects, ["Error: slip"])
    })
  )

  live(
    "whose own error nobody can take does not end the process",
    Effect.gen(function* () {
      const network = yield* Network
      const heard: Array<string> = []
      yield* network.listen(loopback, {
        connection: () => {},
        error: (error) => {
          heard.push(error.message)
          throw new Error("slip of error")
        },
        defect: (cause) => {
          heard.push(String(cause))
          throw new Error("slip of defect")
        }
      })
      yield* silenced(
        Effect.sync(() => {
          for (const handle of activeServers())
            handle.emit("error", Object.assign(new Error("out"), { code: "EMFILE" }))
        })
      )
      assert.strictEqual(heard.length, 2)
      assert.match(heard[0], /^accept 127\.0\.0\.1:\d+: out of file descriptors$/)
      assert.strictEqual(heard[1], "Error: slip of error")
    })
  )
})

interface Emitter {
  emit(event: "error", error: Error): boolean
}

/** Servers of this process: only the platform can make one fail. */
const activeServers = (): ReadonlyArray<Emitter> => {
  const handles: unknown = Reflect.apply(Reflect.get(process, "_getActiveHandles"), process, [])
  return Array.isArray(handles) ? handles.filter((handle) => handle.constructor.name === "Server") : []
}
