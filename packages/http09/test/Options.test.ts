import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { layerMemory } from "../src/DocumentRoot.ts"
import * as Http09Client from "../src/Http09Client.ts"
import * as Http09Server from "../src/Http09Server.ts"
import * as NodeDocumentRoot from "../src/NodeDocumentRoot.ts"
import { client, listening, portOf } from "./utils/servers.ts"

const root = layerMemory({ "/": "home", "/index.html": "home" })

/** What JavaScript and the environment give where the types say otherwise. */
const wrong = <A>(value: unknown): A => value as A

const optionOf = (error: unknown): string => {
  assert.isTrue(typeof error === "object" && error !== null && "reason" in error)
  const { reason } = error as { readonly reason: { readonly _tag: string; readonly option?: string } }
  assert.strictEqual(reason._tag, "InvalidOption", String(error))
  return reason.option ?? ""
}

describe("Options that cannot be meant", () => {
  const servers: ReadonlyArray<Omit<Http09Server.Options, "address">> = [
    { text: wrong("false") },
    { dialect: wrong("1992") },
    { maxLineBytes: 0 },
    { maxLineBytes: NaN },
    { maxLineBytes: 1.5 },
    { observe: wrong("log") },
    { readTimeout: 0 },
    { readTimeout: NaN },
    { writeTimeout: -1 },
    { maxAge: wrong("soon") }
  ]
  it.live("are failures of the server's layer, before its port is open", () =>
    Effect.forEach(
      servers,
      (options) =>
        Effect.scoped(Effect.flip(listening(root, options))).pipe(
          Effect.map((error) => assert.deepStrictEqual([optionOf(error)], Object.keys(options)))
        ),
      { discard: true }
    )
  )

  const folders: ReadonlyArray<NodeDocumentRoot.Options> = [
    { chunkBytes: 0 },
    { chunkBytes: NaN },
    { wholeBytes: -1 },
    { cacheBytes: NaN },
    { listing: wrong("no") },
    { dotfiles: wrong(1) }
  ]
  it.effect("are failures of the folder's layer", () =>
    Effect.forEach(
      folders,
      (options) =>
        Layer.build(NodeDocumentRoot.layer(".", options)).pipe(
          Effect.flip,
          Effect.scoped,
          Effect.map((error) => assert.deepStrictEqual([optionOf(error)], Object.keys(options)))
        ),
      { discard: true }
    )
  )

  const requests: ReadonlyArray<Http09Client.Options> = [
    { dialect: wrong("1992") },
    { raw: wrong(0) },
    { connectTimeout: 0 },
    { firstByteTimeout: NaN },
    { idleTimeout: -1 },
    { timeout: wrong("soon") },
    { maxBytes: NaN },
    { maxBytes: 1.5 }
  ]
  it.live("are failures of the request, and nothing is sent", () =>
    Effect.forEach(
      requests,
      (options) =>
        Effect.flip(Http09Client.getText("http://127.0.0.1:1/", options)).pipe(
          Effect.map((error) => assert.deepStrictEqual([optionOf(error)], Object.keys(options)))
        ),
      { discard: true }
    ).pipe(Effect.provide(client))
  )
})

describe("Durations", () => {
  for (const time of ["Infinity", "30 days"] as const) {
    it.live(`may be ${time}, in a server and a client`, () =>
      Effect.gen(function* () {
        const port = yield* listening(root, { readTimeout: time, writeTimeout: time, maxAge: time })
        const options = { connectTimeout: time, firstByteTimeout: time, idleTimeout: time, timeout: time }
        assert.strictEqual(yield* Http09Client.getText(`http://127.0.0.1:${port}/`, options), "home")
      }).pipe(Effect.scoped, Effect.provide(client), Effect.timeout("5 seconds"))
    )
  }
})

describe("Options that are none", () => {
  it.live("are failures of the server, however it is made", () =>
    Effect.gen(function* () {
      const layers = [Http09Server.layer(null as never), Http09Server.layerConfig(null as never)]
      for (const layer of layers) {
        const provided = Layer.provide(layer, [
          NodeNetwork.layer,
          Layer.orDie(Resolver.layerStatic({})),
          layerMemory({})
        ])
        const error = yield* Effect.flip(Effect.scoped(Layer.build(provided)))
        assert.match(error.message, /options is null, and must be an object$/)
      }
    })
  )
})

describe("Http09Server.layerConfig", () => {
  const start = (env: Record<string, string>, options: Omit<Http09Server.Options, "address"> = {}) =>
    Http09Server.layerConfig(options).pipe(
      Layer.provide([NodeNetwork.layer, Layer.orDie(Resolver.layerStatic({})), layerMemory({ "/a": "one\n" })]),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))),
      Layer.build,
      Effect.flatMap((context) => Effect.provideContext(Http09Server.Http09Server, context)),
      Effect.map((server) => portOf(server.address))
    )
  const page = (port: number) => Http09Client.getText(`http://127.0.0.1:${port}/a`)

  it.live("takes what is configured before what the program gives, and that before the defaults", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* page(yield* start({ HTTP09_PORT: "0" })), "one\n")
      assert.strictEqual(yield* page(yield* start({ HTTP09_PORT: "0" }, { text: true })), "one\r\n")
      const env = { HTTP09_PORT: "0", HTTP09_HOST: "localhost", HTTP09_TEXT: "false", HTTP09_READ_TIMEOUT: "2 seconds" }
      assert.strictEqual(yield* page(yield* start(env, { text: true })), "one\n")
    }).pipe(Effect.scoped, Effect.provide(client))
  )

  it.live("fails for what cannot be read or meant", () =>
    Effect.gen(function* () {
      const tag = (env: Record<string, string>) =>
        Effect.map(Effect.flip(start(env)), (error) => (error._tag === "NetworkError" ? error.reason._tag : error._tag))
      assert.strictEqual(yield* tag({ HTTP09_PORT: "http" }), "ConfigError")
      assert.strictEqual(yield* tag({ HTTP09_PORT: "65536" }), "InvalidAddress")
      assert.strictEqual(yield* tag({ HTTP09_PORT: "0", HTTP09_HOST: "example.org" }), "Resolution")
      assert.strictEqual(yield* tag({ HTTP09_PORT: "0", HTTP09_READ_TIMEOUT: "0 seconds" }), "InvalidOption")
    }).pipe(Effect.scoped)
  )
})
