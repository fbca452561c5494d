/**
 * What the command lines of these packages have in common, over effect's cli: a wrong one is one line on standard error,
 * and its arguments come as they were typed, also through a package manager's script.
 */
import * as CliOutput from "effect/cli/CliOutput"
import type * as Effect from "effect/Effect"
import * as Printable from "./Printable.ts"

/**
 * Help and version on standard output, as effect has them. What is wrong with a command line goes to `complain`, as one
 * line that says which help to read. `missing` is what to say where nothing was asked for.
 *
 * ```ts
 * import * as CommandLine from "@effect-sockets/resolver/CommandLine"
 * import * as NodeServices from "@effect/platform-node/NodeServices"
 * import { Effect } from "effect"
 * import { CliOutput, Command, Flag } from "effect/cli"
 * const said: Array<string> = []
 * const presenter = CommandLine.presenter({ missing: "", complain: (line) => Effect.sync(() => said.push(line)) })
 * const ping = Command.runWith(Command.make("ping", { port: Flag.Int("port") }), { version: "1.0.0" })(["--port", "x"])
 * const given = ping.pipe(Effect.provideService(CliOutput.Presenter, presenter), Effect.provide(NodeServices.layer))
 * await Effect.runPromise(Effect.ignore(given))
 * said[0].endsWith(" (see ping --help)") // => true
 * ```
 *
 * @category command line
 * @since 0.1.0
 */
export const presenter = ({
  complain,
  missing
}: {
  readonly complain: (line: string) => Effect.Effect<void>
  readonly missing: string
}): CliOutput.Presenter => ({
  present: (event) => {
    if (event._tag === "Version" || (event._tag === "Help" && event.reason === "Requested")) {
      return CliOutput.defaultPresenter.present(event)
    }
    const why = event._tag === "Help" ? missing : event.errors.map(({ message }) => message).join("; ")
    return complain(`${Printable.line(why)} (see ${event.commandPath.join(" ")} --help)`)
  }
})

/**
 * The arguments without the `--` that pnpm hands on: `pnpm start -- --port 9000` gives a script `-- --port 9000`, which
 * would make operands of all that follows. `at` is how many arguments the script itself has. Elsewhere than in a script
 * named `start`, which the environment says, they stay as they are.
 *
 * ```ts
 * import * as CommandLine from "@effect-sockets/resolver/CommandLine"
 * const script = { npm_lifecycle_event: "start" }
 * CommandLine.fromScript(["serve", "--", "--port", "9000"], 1, script) // => ["serve", "--port", "9000"]
 * CommandLine.fromScript(["get", "--", "-x"], 1, {}) // => ["get", "--", "-x"]
 * ```
 *
 * @category command line
 * @since 0.1.0
 */
export const fromScript = (
  args: ReadonlyArray<string>,
  at: number,
  environment: Readonly<Record<string, string | undefined>>
): ReadonlyArray<string> =>
  environment.npm_lifecycle_event === "start" && args[at] === "--" ? args.toSpliced(at, 1) : args
