import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as CommandLine from "../src/CommandLine.ts"

/** What is complained of when a command with a subcommand is run. */
const complaints = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const said: Array<string> = []
    const presenter = CommandLine.presenter({
      missing: "a subcommand is missing",
      complain: (line) => Effect.sync(() => said.push(line))
    })
    const send = Command.make("send", { port: Flag.Int("port") })
    const command = Command.make("tool").pipe(Command.withSubcommands([send]))
    yield* Effect.exit(Command.runWith(command, { version: "1.0.0" })(args)).pipe(
      Effect.provideService(CliOutput.Presenter, presenter)
    )
    return said
  }).pipe(Effect.provide(NodeServices.layer))

describe("presenter", () => {
  it.effect("says in one line what is wrong, and which help to read", () =>
    Effect.gen(function* () {
      const [line, ...more] = yield* complaints("send", "--port", "x\u001b[2J")
      assert.deepStrictEqual(more, [])
      assert.match(line, /^[^\n]*port[^\n]* \(see tool send --help\)$/)
      assert.notMatch(line, /\p{C}/u)
    })
  )

  it.effect("says what is missing where nothing was asked for", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* complaints(), ["a subcommand is missing (see tool --help)"])
    })
  )
})

describe("fromScript", () => {
  const script = { npm_lifecycle_event: "start" }

  it("drops the -- that a package manager put where the user's arguments begin, and no other", () => {
    assert.deepStrictEqual(CommandLine.fromScript(["serve", "--", "a", "--", "b"], 1, script), [
      "serve",
      "a",
      "--",
      "b"
    ])
    assert.deepStrictEqual(CommandLine.fromScript(["--", "a"], 0, script), ["a"])
    assert.deepStrictEqual(CommandLine.fromScript(["serve", "a", "--"], 1, script), ["serve", "a", "--"])
  })

  it("drops nothing where the user ran the command", () => {
    assert.deepStrictEqual(CommandLine.fromScript(["serve", "--", "-x"], 1, {}), ["serve", "--", "-x"])
  })
})
