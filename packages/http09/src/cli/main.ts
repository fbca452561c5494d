/**
 * The command line: `http09 serve` and `http09 get`.
 *
 * Every failure is one line on standard error and exit status 1; 2 for a command line that cannot be meant.
 */
import * as CommandLine from "@effect-sockets/resolver/CommandLine"
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as fs from "node:fs"
import { inPackage } from "./common.ts"
import { presenter, report, statusOf } from "./complaints.ts"
import { get } from "./get/command.ts"
import { serve } from "./serve/command.ts"

const http09 = Command.make("http09").pipe(
  Command.withDescription("An HTTP/0.9 server and client"),
  Command.withSubcommands([serve, get])
)

// `start` is `serve`, in front of what the user types.
const args = CommandLine.fromScript(process.argv.slice(2), 1, process.env)

const { version } = JSON.parse(fs.readFileSync(inPackage("package.json"), "utf8")) as { readonly version: string }

const main = Command.runWith(http09, { version })(args).pipe(
  Effect.tapCause(report),
  Effect.provideService(CliOutput.Presenter, presenter),
  Effect.provideService(
    CliConfig.CliConfig,
    CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] })
  ),
  Effect.provide(Layer.merge(NodeServices.layer, NodeResolver.layer))
)

/** How long whoever reads may take for what was printed last, in milliseconds. */
const lastWait = 1000

/** Ends when what was printed last is taken. A reader that is gone has read enough; a full disk is said. */
const end = (status: number): void => {
  setTimeout(() => process.exit(status), lastWait)
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(status)
    process.stderr.write(`http09: write: ${error.message}\n`, () => process.exit(1))
  })
  process.stdout.write("", () => setImmediate(() => process.exit(status)))
}

// Signals are not this runner's: `serve` takes its own, and `get` dies of them as other programs do.
Runtime.makeRunMain(({ fiber }) => {
  fiber.addObserver((exit) => end(statusOf(exit)))
})(main, { disableErrorReporting: true })
