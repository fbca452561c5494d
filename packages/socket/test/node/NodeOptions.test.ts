import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { spawnSync } from "node:child_process"
import * as Net from "node:net"
import type { Connection, SocketOptions } from "../../src/Connection.ts"
import { type ConnectOptions, type ListenOptions, Network } from "../../src/Network.ts"
import { PlainConnection } from "../../src/internal/node/NodeTls.ts"
import type * as Tls from "../../src/Tls.ts"
import { server } from "../utils/certificates.ts"
import { live } from "../utils/live.ts"
import { plainServer, until } from "../utils/plain.ts"

const loopback = NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 0)

const silent = { data() {}, borrow() {}, end() {}, written() {}, defect() {}, closed() {} }

const socketOptions: ReadonlyArray<readonly [SocketOptions, string]> = [
  [{ keepAlive: -1 }, "keepAlive is -1, and must be a duration of more than 0, or Infinity for none"],
  [{ keepAlive: NaN }, "keepAlive is NaN, and must be a duration of more than 0, or Infinity for none"],
  [{ keepAliveInterval: 0 }, "keepAliveInterval is 0, and must be a duration of more than 0, or Infinity for none"],
  [{ keepAliveCount: 0.5 }, "keepAliveCount is 0.5, and must be an integer from 1 to 127"],
  [{ typeOfService: 256 }, "typeOfService is 256, and must be an integer from 0 to 255"]
]

describe("options that cannot be meant", () => {
  live(
    "fail connect and listen, each by its name",
    Effect.gen(function* () {
      const network = yield* Network
      const events = { connection: () => {}, error: () => {} }
      const connects: ReadonlyArray<readonly [ConnectOptions, string]> = [
        ...socketOptions,
        [{ localPort: 0 }, "localPort is 0, and must be an integer from 1 to 65535"],
        [{ localPort: 65_536 }, "localPort is 65536, and must be an integer from 1 to 65535"],
        [{ localPort: Number("none") }, "localPort is NaN, and must be an integer from 1 to 65535"]
      ]
      for (const [options, text] of connects) {
        const error = yield* Effect.flip(network.connect(loopback, options))
        assert.deepStrictEqual([error.reason._tag, error.message], ["InvalidOption", `connect 127.0.0.1:0: ${text}`])
      }
      const listens: ReadonlyArray<readonly [ListenOptions, string]> = [
        ...socketOptions,
        [{ backlog: 0 }, "backlog is 0, and must be an integer from 1 to 2147483647"],
        [{ backlog: NaN }, "backlog is NaN, and must be an integer from 1 to 2147483647"]
      ]
      for (const [options, text] of listens) {
        const error = yield* Effect.flip(network.listen(loopback, events, options))
        assert.deepStrictEqual([error.reason._tag, error.message], ["InvalidOption", `listen 127.0.0.1:0: ${text}`])
      }
    })
  )

  live(
    "fail a handshake, each by its name, and a server's before it opens a port",
    Effect.gen(function* () {
      const network = yield* Network
      const servers: ReadonlyArray<readonly [Partial<Tls.ServerOptions>, string]> = [
        [{ handshakeTimeout: NaN }, "tls.handshakeTimeout"],
        [{ handshakeTimeout: 0 }, "tls.handshakeTimeout"],
        [{ alpnProtocols: [""] }, "tls.alpnProtocols"],
        [{ alpnProtocols: ["x".repeat(256)] }, "tls.alpnProtocols"],
        // Nobody could show what nobody signed.
        [{ clientCertificate: "required" }, "tls.ca"]
      ]
      for (const [options, name] of servers) {
        const reason = Result.getOrThrow(Result.flip(network.checkTls!({ identity: server, ...options })))
        assert.strictEqual(reason._tag === "InvalidOption" && reason.option, name)
      }
      const plain = yield* plainServer()
      const socket = Net.connect(plain.port, "127.0.0.1")
      yield* Effect.callback<void>((resume) => void socket.once("connect", () => resume(Effect.void)))
      const connection = new PlainConnection(socket)
      connection.attach(silent)
      const clients: ReadonlyArray<Tls.ClientOptions> = [
        { servername: "" },
        { servername: "two words" },
        { servername: "a..b" },
        { servername: "x".repeat(64) },
        { servername: "nul\0.test" }
      ]
      for (const options of clients) {
        const outcome = connection.startTls({ side: "client", options }, new Uint8Array(0))
        const reason = Result.getOrThrow(Result.flip(outcome))
        assert.strictEqual(reason._tag === "InvalidOption" && reason.option, "tls.servername")
      }
      // It is as it was.
      connection.write([new Uint8Array(3)])
      yield* until(() => plain.peers[0]?.size === 3)
      connection.destroy()
    })
  )
})

/** Both ends of a connection, as the transport gives them. */
const ends = Effect.fnUntraced(function* (near: ConnectOptions, far: ListenOptions) {
  const network = yield* Network
  const accepted: Array<Connection> = []
  const take = (connection: Connection): void => {
    connection.attach(silent)
    accepted.push(connection)
  }
  const listener = yield* network.listen(loopback, { connection: take, error: () => {} }, far)
  const connection = yield* network.connect(listener.address, near)
  connection.attach(silent)
  yield* Effect.addFinalizer(() => Effect.sync(() => [connection, ...accepted].forEach((end) => end.reset())))
  yield* until(() => accepted.length === 1)
  const { address } = listener
  return { near: connection, far: accepted[0], port: NetAddress.isInetAddress(address) ? address.port : 0 }
})

const ss = (port: number): string =>
  spawnSync("ss", ["-tnoieH", `( sport = :${port} or dport = :${port} )`], { encoding: "utf8" }).stdout

describe("keep-alive", () => {
  if (spawnSync("ss", ["-V"]).error === undefined) {
    const timers = (port: number): ReadonlyArray<string> =>
      [...ss(port).matchAll(/timer:\(keepalive,([^,]+),/g)].map(([, time]) => time)

    live(
      "of more than the kernel can count, or of less than a second, is the longest or the shortest that it can",
      Effect.gen(function* () {
        const long = yield* ends({ keepAlive: "30 days" }, { keepAlive: "30 days" })
        assert.deepStrictEqual(
          timers(long.port).map((time) => time.slice(0, 4)),
          ["546m", "546m"]
        )
        const short = yield* ends({ keepAlive: 1 }, {})
        assert.match(timers(short.port).join(), /^(1sec|\d+ms)$/)
        const none = yield* ends({ keepAlive: Infinity }, { keepAlive: "Infinity" })
        assert.deepStrictEqual(timers(none.port), [])
      })
    )

    live(
      "is set on an open stream, and ended again",
      Effect.gen(function* () {
        const { far, near, port } = yield* ends({}, {})
        for (const end of [near, far]) assert.isTrue(Result.isSuccess(end.configure!({ keepAlive: "700 seconds" })))
        assert.strictEqual(timers(port).length, 2)
        for (const end of [near, far]) end.configure!({ keepAlive: Infinity })
        assert.deepStrictEqual(timers(port), [])
      })
    )
  }
})

/** Writes down what is asked of TCP_NODELAY while the scope is open, of all sockets. */
const noDelays = Effect.acquireRelease(
  Effect.sync(() => {
    const { setNoDelay } = Net.Socket.prototype
    const asked: Array<boolean | undefined> = []
    Net.Socket.prototype.setNoDelay = function (this: Net.Socket, noDelay?: boolean) {
      asked.push(noDelay)
      return setNoDelay.call(this, noDelay)
    }
    return { asked, setNoDelay }
  }),
  ({ setNoDelay }) =>
    Effect.sync(() => {
      Net.Socket.prototype.setNoDelay = setNoDelay
    })
)

const chunk = new Uint8Array(1)

describe.runIf(process.platform === "linux")("TCP_NODELAY (needs Linux)", () => {
  live(
    "is set before the second write of a connection, once",
    Effect.gen(function* () {
      const { far, near } = yield* ends({}, {})
      const { asked } = yield* noDelays
      for (const end of [near, far]) assert.isTrue(end.write([chunk]))
      assert.deepStrictEqual(asked, [])
      for (let i = 0; i < 3; i++) assert.isTrue(near.write([chunk]))
      assert.deepStrictEqual(asked, [true])
      far.write([chunk])
      assert.deepStrictEqual(asked, [true, true])
    })
  )

  live(
    "is set at once if the kernel does not take all of the first write",
    Effect.gen(function* () {
      const { near } = yield* ends({}, {})
      const { asked } = yield* noDelays
      assert.isFalse(near.write([new Uint8Array(64 * 1024 * 1024)]))
      assert.deepStrictEqual(asked, [true])
    })
  )

  live(
    "is not set if it is not wanted, from the start or later",
    Effect.gen(function* () {
      const { asked } = yield* noDelays
      const { far, near } = yield* ends({ noDelay: false }, {})
      for (let i = 0; i < 3; i++) near.write([chunk])
      far.configure!({ noDelay: false })
      for (let i = 0; i < 3; i++) far.write([chunk])
      assert.notInclude(asked, true)
      near.configure!({ noDelay: true })
      for (let i = 0; i < 3; i++) near.write([chunk])
      assert.strictEqual(asked.filter((noDelay) => noDelay).length, 1)
    })
  )

  live(
    "is set before a TLS handshake, which writes by itself",
    Effect.gen(function* () {
      const { near } = yield* ends({}, {})
      const { asked } = yield* noDelays
      const secure = near.startTls!({ side: "client", options: {} }, new Uint8Array(0))
      assert.deepStrictEqual(asked, [true])
      Result.getOrThrow(secure).reset()
    })
  )
})
describe("options that not every version of Node has", () => {
  const hasTypeOfService = typeof Net.Socket.prototype.setTypeOfService === "function"
  const hasProbes = Net.Socket.prototype.setKeepAlive.length >= 4

  for (const [options, has] of [
    [{ typeOfService: 0x10 }, hasTypeOfService],
    [{ keepAlive: "10 seconds", keepAliveInterval: "2 seconds", keepAliveCount: 3 }, hasProbes]
  ] as const) {
    live(
      `${Object.keys(options).join(", ")}: ${has ? "are set at both ends, at the start and later" : "are Unsupported"}`,
      Effect.gen(function* () {
        const network = yield* Network
        if (has) {
          yield* ends(options, options)
          const { near } = yield* ends({}, {})
          assert.isTrue(Result.isSuccess(near.configure!(options)))
        } else {
          assert.strictEqual((yield* Effect.flip(network.connect(loopback, options))).reason._tag, "Unsupported")
          const { near } = yield* ends({}, {})
          assert.isTrue(Result.isFailure(near.configure!(options)))
        }
      })
    )
  }
})
