/**
 * The command line: `http09 serve` and `http09 get`.
 *
 * Every failure is one line on standard error and exit status 1.
 */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import * as fs from "node:fs"
import { inPackage, presenter, report } from "./common.ts"
import { get } from "./get/command.ts"
import { serve } from "./serve/command.ts"

const http09 = Command.make("http09").pipe(
  Command.withDescription("An HTTP/0.9 server and client"),
  Command.withSubcommands([serve, get])
)

const isScript = process.env.npm_lifecycle_event === "start"
/** pnpm hands `start -- --port 9000` on with its `--`, which would make operands of all that follows. */
const args = process.argv.slice(2).filter((arg, index) => !(arg === "--" && index === 1 && isScript))

const { version } = JSON.parse(fs.readFileSync(inPackage("package.json"), "utf8")) as { readonly version: string }

const main = Command.runWith(http09, { version })(args).pipe(
  Effect.tapCause(report),
  Effect.provideService(CliOutput.Presenter, presenter),
  Effect.provideService(CliConfig.CliConfig, CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })),
  Effect.provide(Layer.merge(NodeServices.layer, NodeResolver.layer))
)

// Signals are not this runner's: `serve` takes its own, and `get` dies of them as other programs do.
Runtime.makeRunMain(({ fiber }) => {
  fiber.addObserver((exit) => process.exit(Exit.isSuccess(exit) ? 0 : 1))
})(main, { disableErrorReporting: true })
