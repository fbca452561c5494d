import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as path from "node:path"
import { parameters, type Settings, share } from "../../../src/cli/serve/settings.ts"

type Env = Readonly<Record<string, string>>

/** What `http09 serve` would be told by a command line in an environment: the settings, or what is said instead. */
const read = (args: ReadonlyArray<string>, env: Env = {}) =>
  Effect.gen(function* () {
    let settings: Settings | undefined
    const said: Array<string> = []
    const command = Command.make("serve", parameters, (given) =>
      Effect.sync(() => {
        settings = given
      })
    )
    const presenter: CliOutput.Presenter = {
      present: (event) =>
        Effect.sync(() => {
          if ("errors" in event) said.push(...event.errors.map(({ message }) => message))
        })
    }
    yield* Command.runWith(command, { version: "0" })(args).pipe(
      Effect.ignore,
      Effect.provideService(CliOutput.Presenter, presenter),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(env)),
      Effect.provide(NodeServices.layer)
    )
    return { settings, said }
  })

const from = (file: string): string => path.resolve(process.env.INIT_CWD ?? process.cwd(), file)

interface Row {
  readonly flag: string
  readonly key: keyof Settings
  /** What is written, and what it means. */
  readonly right: ReadonlyArray<readonly [string, unknown]>
  readonly wrong: ReadonlyArray<string>
  readonly expected: string
  readonly otherwise: unknown
}

const counts = (flag: string, key: keyof Settings, most: number, otherwise: unknown): Row => ({
  flag,
  key,
  right: [
    ["1", 1],
    [String(most), most],
    ["007", 7]
  ],
  wrong: ["0", "-1", String(most + 1), "1.5", "1e3", "many", "0x10", " 1"],
  expected: `a number from 1 to ${most}`,
  otherwise
})

const times = (flag: string, key: keyof Settings, least: 0 | 1, otherwise: number): Row => ({
  flag,
  key,
  right: [
    ["500ms", 500],
    ["15", 15_000],
    ["15s", 15_000],
    ["0.5 s", 500],
    ["2m", 120_000],
    ["596h", 2_145_600_000],
    ...(least === 0 ? [["0", 0] as const] : [])
  ],
  wrong: ["soon", "15 parsecs", "-1s", "597h", "99999999999s", "s", "1s 1s", ...(least === 1 ? ["0", "0.1ms"] : [])],
  expected: `a time from ${least}ms to 596h, such as 500ms, 15s or 2m`,
  otherwise
})

const texts = (flag: string, key: keyof Settings, right: Row["right"], otherwise: unknown): Row => ({
  flag,
  key,
  right,
  wrong: [],
  expected: "",
  otherwise
})

const ports = "a number from 0 to 65535"

const rows: ReadonlyArray<Row> = [
  {
    flag: "port",
    key: "port",
    right: [
      ["0", 0],
      ["80", 80],
      ["65535", 65_535]
    ],
    wrong: ["65536", "-1", "80.5", "http", "0x50"],
    expected: ports,
    otherwise: 8080
  },
  {
    flag: "host",
    key: "hosts",
    right: [
      ["localhost", ["localhost"]],
      ["[::1]", ["::1"]],
      ["::", ["::"]],
      ["[::1], www.test", ["::1", "www.test"]]
    ],
    wrong: ["a,", ",", "a,,b"],
    expected: "names or addresses, with commas between them",
    otherwise: ["127.0.0.1"]
  },
  texts(
    "unix",
    "unix",
    [
      ["/run/x.sock", "/run/x.sock"],
      ["x.sock", from("x.sock")]
    ],
    undefined
  ),
  {
    flag: "dialect",
    key: "dialect",
    right: [
      ["book", "book"],
      ["1991", "1991"]
    ],
    wrong: ["1992", "BOOK"],
    expected: "book or 1991",
    otherwise: "book"
  },
  {
    flag: "log-format",
    key: "logFormat",
    right: [
      ["human", "human"],
      ["common", "common"],
      ["json", "json"]
    ],
    wrong: ["xml", "JSON"],
    expected: "human or common or json",
    otherwise: "human"
  },
  {
    flag: "metrics",
    key: "metrics",
    right: [
      ["0", { _tag: "Port", port: 0 }],
      ["9100", { _tag: "Port", port: 9100 }],
      ["/run/x.prom", { _tag: "File", file: "/run/x.prom" }],
      ["./9100", { _tag: "File", file: from("9100") }]
    ],
    wrong: ["65536", "999999999999"],
    expected: `${ports}, or a file`,
    otherwise: undefined
  },
  counts("workers", "workers", 256, 1),
  counts("max-connections", "maxConnections", 1_000_000, undefined),
  counts("max-per-peer", "maxPerPeer", 1_000_000, undefined),
  counts("accept-rate", "acceptRate", 1_000_000, undefined),
  counts("accept-rate-per-peer", "acceptRatePerPeer", 1_000_000, undefined),
  {
    flag: "proxy-protocol",
    key: "proxyProtocol",
    right: [
      ["192.0.2.0/24", ["192.0.2.0/24"]],
      ["192.0.2.1", ["192.0.2.1"]],
      ["::1, 192.0.2.0/24,unix", ["::1", "192.0.2.0/24", "unix"]]
    ],
    wrong: ["192.0.2.0/33", "192.0.2", "proxy.test", "192.0.2.1,", ",", "UNIX", "true"],
    expected: "networks or addresses, such as 192.0.2.0/24 or ::1, or unix, with commas between them",
    otherwise: []
  },
  times("header-timeout", "headerTimeout", 1, 15_000),
  times("send-timeout", "sendTimeout", 1, 60_000),
  times("total-timeout", "maxAge", 1, 3_600_000),
  times("drain-timeout", "drainTimeout", 0, 10_000)
]

const variableOf = (flag: string): string => `HTTP09_${flag.toUpperCase().replaceAll("-", "_")}`

describe("each setting with a value", () => {
  for (const { flag, key, right, wrong, expected, otherwise } of rows) {
    const variable = variableOf(flag)

    it.live(`--${flag} and ${variable} mean the same, the flag wins, and neither leaves the default`, () =>
      Effect.gen(function* () {
        for (const [text, value] of right) {
          assert.deepStrictEqual((yield* read([`--${flag}=${text}`])).settings?.[key], value, text)
          assert.deepStrictEqual((yield* read([], { [variable]: text })).settings?.[key], value, text)
        }
        const [[first, value], [second]] = right
        assert.deepStrictEqual((yield* read([`--${flag}=${first}`], { [variable]: second })).settings?.[key], value)
        assert.deepStrictEqual((yield* read([], { [variable]: "" })).settings?.[key], otherwise)
        assert.deepStrictEqual((yield* read([])).settings?.[key], otherwise)
      })
    )

    if (wrong.length > 0) {
      it.live(`a wrong --${flag} or ${variable} is named with its value and what was expected`, () =>
        Effect.gen(function* () {
          for (const text of wrong) {
            assert.deepStrictEqual(yield* read([`--${flag}=${text}`]), {
              settings: undefined,
              said: [`Invalid value for flag --${flag}: "${text}". Expected: ${expected}`]
            })
            assert.deepStrictEqual(yield* read([], { [variable]: text }), {
              settings: undefined,
              said: [`Invalid value for ${variable}: "${text}". Expected: ${expected}`]
            })
          }
          const [right1] = right[0]
          const masked = yield* read([`--${flag}=${right1}`], { [variable]: wrong[0] })
          assert.deepStrictEqual(masked.said, [])
        })
      )
    }
  }
})

describe("each switch", () => {
  for (const flag of ["listing", "dotfiles", "text"] as const) {
    it.live(`--${flag} turns on, --no-${flag} turns off what ${variableOf(flag)} turned on`, () =>
      Effect.gen(function* () {
        const variable = variableOf(flag)
        const value = (args: ReadonlyArray<string>, env?: Env) =>
          Effect.map(read(args, env), ({ settings }) => settings?.[flag])
        assert.isFalse(yield* value([]))
        assert.isTrue(yield* value([`--${flag}`]))
        for (const on of ["true", "yes", "on", "1"]) assert.isTrue(yield* value([], { [variable]: on }), on)
        for (const off of ["false", "no", "off", "0", ""]) assert.isFalse(yield* value([], { [variable]: off }), off)
        assert.isFalse(yield* value([`--no-${flag}`], { [variable]: "on" }))
        assert.isTrue(yield* value([`--${flag}`], { [variable]: "off" }))
        for (const wrong of ["maybe", "TRUE", "2", "constructor"]) {
          assert.deepStrictEqual((yield* read([], { [variable]: wrong })).said, [
            `Invalid value for ${variable}: "${wrong}". Expected: true or false`
          ])
        }
      })
    )
  }
})

it.live("--host and --proxy-protocol can be said again: all of it counts, and nothing of the environment's", () =>
  Effect.gen(function* () {
    for (const [flag, key] of [
      ["host", "hosts"],
      ["proxy-protocol", "proxyProtocol"]
    ] as const) {
      const { settings } = yield* read([`--${flag}=::1,127.0.0.1`, `--${flag}`, "127.0.0.2"], {
        [variableOf(flag)]: "127.0.0.3"
      })
      assert.deepStrictEqual(settings?.[key], ["::1", "127.0.0.1", "127.0.0.2"])
    }
  })
)

it.live("the folder is the argument, or HTTP09_ROOT, or the site of this package", () =>
  Effect.gen(function* () {
    const root = (args: ReadonlyArray<string>, env?: Env) =>
      Effect.map(read(args, env), ({ settings }) => settings?.root)
    assert.strictEqual(yield* root(["public"], { HTTP09_ROOT: "other" }), from("public"))
    assert.strictEqual(yield* root([], { HTTP09_ROOT: "other" }), from("other"))
    assert.strictEqual(yield* root([]), path.resolve(import.meta.dirname, "../../../site"))
  })
)

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))

describe("a worker's share of a limit", () => {
  it.prop(
    "all shares are the limit, or one each where it is smaller",
    [upTo(1_000_000), upTo(256)],
    ([limit, workers]) => {
      const shares = Array.from({ length: workers }, (_, index) => share(limit, index + 1, workers))
      assert.strictEqual(
        shares.reduce((sum, part) => sum + part, 0),
        Math.max(limit, workers)
      )
      assert.isAtMost(Math.max(...shares) - Math.min(...shares), 1)
    }
  )

  it("there is no share of no limit", () => assert.isUndefined(share(undefined, 1, 4)))
})
