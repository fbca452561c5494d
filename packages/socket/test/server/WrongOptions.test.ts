import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { server as identity } from "../utils/certificates.ts"
import { live, portOf } from "../utils/live.ts"
import { plainServer } from "../utils/plain.ts"
import { echo, ping, serving } from "../utils/serving.ts"

/** Values that cannot be meant, by what an option is: with what an error shows of them. */
const wrong = {
  count: [NaN, -1, 0, 1.5, Infinity, "8", null, {}],
  countOrNone: [NaN, -1, 1.5, "8", null],
  duration: [NaN, -1, "soon", "-1 second", null],
  positiveDuration: [NaN, -1, 0, "soon", "0 seconds", null],
  truth: ["yes", 1, null],
  callback: ["log", null, {}],
  set: ["10.0.0.0/8", null, []],
  rate: [NaN, -1, 0, "8", null],
  finiteDuration: [NaN, -1, 0, "soon", "0 seconds", Infinity, null],
  share: [NaN, -0.1, 0, 1.01, Infinity, "0.5", null],
  group: ["", 0, 5, null, [1], IpSet.empty]
} as const

type Kind = keyof typeof wrong

const streamOptions: ReadonlyArray<readonly [string, Kind]> = [
  ["readTimeout", "positiveDuration"],
  ["writeTimeout", "positiveDuration"],
  ["lingerTimeout", "duration"],
  ["lingerBytes", "countOrNone"],
  ["highWaterMark", "count"]
]

const socketOptions: ReadonlyArray<readonly [string, Kind]> = [
  ["noDelay", "truth"],
  ["keepAlive", "positiveDuration"],
  ["keepAliveInterval", "positiveDuration"],
  ["keepAliveCount", "count"],
  ["typeOfService", "countOrNone"]
]

const serverOptions: ReadonlyArray<readonly [string, Kind]> = [
  ...streamOptions,
  ["maxConnections", "count"],
  ["maxPerPeer", "count"],
  ["peerPrefixLength", "count"],
  ["idleTimeout", "positiveDuration"],
  ["maxAge", "positiveDuration"],
  ["drainTimeout", "duration"],
  ["onError", "callback"],
  ["onRefused", "callback"],
  ["acceptRate.limit", "rate"],
  ["acceptRate.per", "finiteDuration"],
  ["acceptRate.burst", "count"],
  ["acceptRatePerPeer.limit", "rate"],
  ["acceptRatePerPeer.per", "finiteDuration"],
  ["acceptRatePerPeer.burst", "count"],
  ["alarmAt", "share"],
  ["alarmCooldown", "duration"],
  ["onAlarm", "callback"],
  ["access", "group"],
  ["access.allow", "set"],
  ["access.deny", "set"],
  ["proxyProtocol.trust", "set"],
  ["proxyProtocol.unix", "truth"],
  ["proxyProtocol.timeout", "positiveDuration"],
  ["proxyProtocol.maxBytes", "count"]
]

const portOptions: ReadonlyArray<readonly [string, Kind]> = [
  ...streamOptions,
  ...socketOptions,
  ["queue", "count"],
  ["queueTimeout", "positiveDuration"],
  ["backlog", "count"],
  ["reusePort", "truth"],
  ["ipv6Only", "truth"],
  ["tls.handshakeTimeout", "positiveDuration"]
]

const openOptions: ReadonlyArray<readonly [string, Kind]> = [
  ...streamOptions,
  ...socketOptions,
  ["connectTimeout", "positiveDuration"],
  ["attemptDelay", "duration"],
  ["maxAge", "positiveDuration"],
  ["localPort", "count"],
  ["access", "group"],
  ["access.allow", "set"],
  ["access.deny", "set"],
  ["tls.handshakeTimeout", "positiveDuration"]
]

/** What the group of an option needs besides it. */
const groups: { readonly [group: string]: object } = {
  access: {},
  acceptRate: { limit: 1 },
  acceptRatePerPeer: { limit: 1 },
  proxyProtocol: { trust: IpSet.empty },
  tls: { identity }
}

/** Options with that one, whose name may have its group before it. */
const optionsOf = (name: string, value: unknown): object => {
  const [group, option] = name.split(".")
  return option === undefined ? { [name]: value } : { [group]: { ...groups[group], [option]: value } }
}

/** What is wrong with each value, unless the operation takes it: then its name and the value. */
const refusals = <R>(
  options: ReadonlyArray<readonly [string, Kind]>,
  operation: (options: object) => Effect.Effect<unknown, NetworkError, R>
) =>
  Effect.gen(function* () {
    const taken: Array<string> = []
    for (const [name, kind] of options) {
      for (const value of wrong[kind]) {
        const result = yield* Effect.result(Effect.scoped(operation(optionsOf(name, value))))
        const what = `${name} = ${typeof value === "string" ? JSON.stringify(value) : String(value)}`
        if (result._tag === "Success") taken.push(what)
        else {
          const { reason } = result.failure
          if (reason._tag !== "InvalidOption") taken.push(`${what}: ${result.failure.message}`)
          else if (reason.option !== name || !what.endsWith(reason.value)) taken.push(`${what}: ${reason.option}`)
        }
      }
    }
    return taken
  })

describe("an option that cannot be meant is refused by name and value, by the operation that got it:", () => {
  const beginnings = {
    "Server.start": (socket: ServerSocket.ServerSocket, options: object) =>
      Effect.asVoid(Server.start(socket, echo, options)),
    "Server.serve": (socket: ServerSocket.ServerSocket, options: object) =>
      Effect.asVoid(Effect.timeoutOption(Server.serve(socket, echo, options), 1000))
  }
  for (const [name, begin] of Object.entries(beginnings)) {
    live(
      name,
      Effect.gen(function* () {
        const socket = yield* ServerSocket.listen(0)
        const taken = yield* refusals(serverOptions, (options) => begin(socket, options))
        assert.deepStrictEqual(taken, [])
        // The port is as it was.
        const server = yield* Server.start(socket, echo)
        yield* server.stop
      })
    )
  }

  live(
    "ServerSocket.listen",
    Effect.gen(function* () {
      const taken = yield* refusals(portOptions, (options) => ServerSocket.listen(0, options))
      assert.deepStrictEqual(taken, [])
    })
  )

  live(
    "SocketStream.open",
    Effect.gen(function* () {
      const { port } = yield* plainServer()
      const taken = yield* refusals(openOptions, (options) =>
        SocketStream.open("127.0.0.1", port, { lingerTimeout: 0, ...options })
      )
      assert.deepStrictEqual(taken, [])
    })
  )

  live(
    "setMaxConnections, whose bound stays",
    Effect.gen(function* () {
      const { connect, server } = yield* serving(echo, { maxConnections: 1 })
      for (const value of [NaN, -1, 0, 1.5, Infinity]) {
        const { reason } = yield* Effect.flip(server.setMaxConnections(value))
        assert.deepInclude(reason, { _tag: "InvalidOption", option: "maxConnections", value: String(value) })
      }
      yield* ping(yield* connect(), "hello")
    })
  )

  live(
    "proxyProtocol without anybody to trust",
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      const options = { proxyProtocol: {} } as Server.Options
      const { message } = yield* Effect.flip(Server.start(socket, echo, options))
      assert.match(message, /proxyProtocol\.trust is null, and must be an IpSet$/)
    })
  )
})

describe("what is no rule at all is refused, too:", () => {
  live(
    "a rate, and whom to believe",
    Effect.gen(function* () {
      const socket = yield* ServerSocket.listen(0)
      for (const [option, part] of [
        ["acceptRate", "limit"],
        ["acceptRatePerPeer", "limit"],
        ["proxyProtocol", "trust"]
      ]) {
        for (const value of [null, 0, 5, ""]) {
          const { reason } = yield* Effect.flip(Server.start(socket, echo, { [option]: value }))
          assert.deepInclude(reason, { _tag: "InvalidOption", option: `${option}.${part}`, value: "null" })
        }
      }
    })
  )
})

live(
  "TLS options that are no object are refused, wherever they are given",
  Effect.gen(function* () {
    const { address } = yield* ServerSocket.listen(0)
    const connected = SocketStream.open(address)
    for (const tls of [null, 5, "tls"] as unknown as ReadonlyArray<never>) {
      for (const [name, attempt] of [
        ["tls", ServerSocket.listen(0, { tls })],
        ["tls", SocketStream.open(address, { tls })],
        ["options", Effect.flatMap(connected, SocketStream.upgradeTls({ side: "client", options: tls }))],
        ["options", Effect.flatMap(connected, SocketStream.upgradeTls({ side: "server", options: tls }))],
        ["options", Effect.flatMap(connected, (stream) => SocketStream.upgradeTls(stream, tls))],
        ["side", Effect.flatMap(connected, SocketStream.upgradeTls({ side: tls, options: {} }))]
      ] satisfies ReadonlyArray<readonly [string, Effect.Effect<unknown, NetworkError, unknown>]>) {
        const { reason } = yield* Effect.flip(attempt as typeof connected)
        assert.strictEqual(reason._tag === "InvalidOption" ? reason.option : reason._tag, name)
      }
    }
  })
)

describe("a duration of", () => {
  for (const duration of ["Infinity", "30 days"] as const) {
    live(
      `${duration} neither fires nor spins nor hangs, whatever it bounds`,
      Effect.gen(function* () {
        const { listener, server } = yield* serving(
          echo,
          {
            maxConnections: 1,
            readTimeout: duration,
            writeTimeout: duration,
            lingerTimeout: duration,
            idleTimeout: duration,
            maxAge: duration,
            drainTimeout: duration,
            proxyProtocol: { trust: IpSet.fromCidrsUnsafe(["127.0.0.0/8"]), timeout: duration }
          },
          { queueTimeout: duration, keepAlive: duration === "Infinity" ? duration : "9 hours" }
        )
        const open = SocketStream.open("loop.test", portOf(listener), {
          connectTimeout: duration,
          attemptDelay: duration,
          maxAge: duration,
          readTimeout: duration,
          writeTimeout: duration,
          lingerTimeout: duration
        })
        const first = yield* open
        yield* SocketStream.write(first, "PROXY UNKNOWN\r\n")
        yield* SocketStream.writeLine(first, "hello")
        yield* SocketStream.readLine(first)
        const waiting = yield* open
        const original = globalThis.setTimeout
        let timers = 0
        globalThis.setTimeout = Object.assign((...all: Parameters<typeof setTimeout>) => {
          timers++
          return original(...all)
        }, original)
        yield* Effect.ensuring(
          Effect.sleep(200),
          Effect.sync(() => void (globalThis.setTimeout = original))
        )
        assert.isBelow(timers, 10)
        assert.strictEqual(yield* server.connections, 1)
        yield* SocketStream.close(first)
        yield* SocketStream.write(waiting, "PROXY UNKNOWN\r\nhello\r\n")
        yield* SocketStream.readLine(waiting)
        const stopping = yield* Effect.forkChild(server.stop, { startImmediately: true })
        yield* SocketStream.close(waiting)
        assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 1, aborted: 0 })
      })
    )
  }
})
