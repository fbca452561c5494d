import { assert, describe } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import * as Server from "../../src/Server.ts"
import { live } from "../utils/live.ts"
import { plainClient } from "../utils/plain.ts"
import { echo, endOf, Gate, handling, ping } from "../utils/serving.ts"

const portOf = ({ address }: Server.Server): number => (NetAddress.isInetAddress(address) ? address.port : 0)

const environment = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

describe("layer", () => {
  live(
    "serves while it is there, and its release is the graceful stop",
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Server.layer(0, echo), scope)
      const server = yield* Effect.provide(Server.Running, context)
      const peer = yield* plainClient(portOf(server))
      yield* ping(peer, "hello")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* endOf(peer), "FIN")
      assert.include((yield* Effect.flip(plainClient(portOf(server)))).message, "ECONNREFUSED")
    })
  )

  live(
    "listens on a host, and on several targets",
    Effect.gen(function* () {
      for (const targets of [{ host: "loop.test", port: 0 }, [0, { host: "localhost", port: 0 }]]) {
        const context = yield* Layer.build(Server.layer(targets, echo))
        assert.strictEqual(Context.get(context, Server.Running).addresses.length, 2)
      }
    })
  )

  live(
    "fails to build with options that cannot be meant, and leaves no port open",
    Effect.gen(function* () {
      for (const options of [{ maxConnections: NaN }, { queue: 0 }]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(Server.layer(0, echo, options))))
        assert.strictEqual(error.reason._tag, "InvalidOption")
      }
    })
  )
})

describe("layerConfig", () => {
  live(
    "fails for options that are none",
    Effect.gen(function* () {
      const layer = Server.layerConfig("CHAT", echo, null as never)
      const { message } = yield* Effect.flip(Layer.build(Layer.provide(layer, environment({ CHAT_PORT: "0" }))))
      assert.match(message, /options is null, and must be an object$/)
    })
  )

  live(
    "takes its address and bounds from the configuration, before its options",
    Effect.gen(function* () {
      const gate = new Gate()
      const env = {
        CHAT_HOST: "127.0.0.2, localhost",
        CHAT_PORT: "0",
        CHAT_QUEUE: "1",
        CHAT_MAX_CONNECTIONS: "1",
        CHAT_DRAIN_TIMEOUT: "0 seconds"
      }
      const layer = Server.layerConfig("CHAT", gate.handler, { maxConnections: 5, drainTimeout: "1 hour" })
      const server = yield* Effect.provide(Server.Running, yield* Layer.build(Layer.provide(layer, environment(env))))
      const port = portOf(server)
      const hosts = ["127.0.0.2", "127.0.0.1", "[::1]"]
      assert.deepStrictEqual(
        server.addresses.map(NetAddress.formatSocketAddress),
        hosts.map((host) => `${host}:${port}`)
      )
      const peers = yield* Effect.forEach([1, 2], () => plainClient(port, { host: "127.0.0.2" }))
      yield* handling(server, 1)
      // The queue has one place, and that is taken.
      const third = plainClient(port, { host: "::1" }).pipe(
        Effect.flatMap(endOf),
        Effect.orElseSucceed(() => "RST")
      )
      assert.strictEqual(yield* third, "RST")
      yield* Effect.sleep(30)
      assert.strictEqual(yield* server.connections, 1)
      assert.deepStrictEqual(yield* server.stop, { drained: 0, aborted: 1 })
      for (const peer of peers) assert.strictEqual(yield* endOf(peer), "RST")
    })
  )

  live(
    "takes accept rates and alarms from the configuration, and from the options what is not there",
    Effect.gen(function* () {
      const heard: Array<string> = []
      const env = { CHAT_PORT: "0", CHAT_ACCEPT_BURST: "1", CHAT_ACCEPT_RATE_PER_PEER: "5", CHAT_ALARM_AT: "0.1" }
      const layer = Server.layerConfig("CHAT", echo, {
        maxConnections: 10,
        acceptRate: { limit: 2, per: "1 hour" },
        onRefused: (_, refusal) => Effect.sync(() => void heard.push(refusal)),
        onAlarm: ({ _tag }) => Effect.sync(() => void heard.push(_tag))
      })
      const server = yield* Effect.provide(Server.Running, yield* Layer.build(Layer.provide(layer, environment(env))))
      yield* plainClient(portOf(server))
      yield* handling(server, 1)
      yield* plainClient(portOf(server)).pipe(
        Effect.flatMap(endOf),
        Effect.orElseSucceed(() => "RST")
      )
      assert.deepStrictEqual(heard, ["Raised", "AcceptRate"])
    })
  )

  live(
    "fails with what is wrong: a port that is missing or none, a host that nobody knows, a bound of nothing",
    Effect.gen(function* () {
      const tagOf = (env: Record<string, string>) =>
        Effect.scoped(Layer.build(Layer.provide(Server.layerConfig("CHAT", echo), environment(env)))).pipe(
          Effect.flip,
          Effect.map((error) => (error._tag === "NetworkError" ? error.reason._tag : error._tag))
        )
      assert.strictEqual(yield* tagOf({}), "ConfigError")
      assert.strictEqual(yield* tagOf({ CHAT_PORT: "http" }), "ConfigError")
      assert.strictEqual(yield* tagOf({ CHAT_PORT: "70000" }), "InvalidAddress")
      assert.strictEqual(yield* tagOf({ CHAT_PORT: "0", CHAT_HOST: "nobody.test" }), "Resolution")
      assert.strictEqual(yield* tagOf({ CHAT_PORT: "0", CHAT_HOST: "localhost,," }), "Resolution")
      for (const [option, value] of [
        ["MAX_CONNECTIONS", "0"],
        ["ACCEPT_RATE", "NaN"],
        ["ACCEPT_BURST", "5"],
        ["ACCEPT_RATE_PER_PEER", "-1"],
        ["ALARM_AT", "80"]
      ]) {
        assert.strictEqual(yield* tagOf({ CHAT_PORT: "0", [`CHAT_${option}`]: value }), "InvalidOption", option)
      }
    })
  )
})
