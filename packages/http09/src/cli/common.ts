/**
 * What the commands share: places, ports, and how a failure is told.
 */
import * as Cause from "effect/Cause"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Effect from "effect/Effect"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import * as NodeOutput from "./output.ts"

/** A file or folder of this package. */
export const inPackage = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))

/** A path as the user means it: pnpm runs scripts in the package's folder and says in INIT_CWD where the user is. */
export const fromUser = (file: string): string => path.resolve(process.env.INIT_CWD ?? process.cwd(), file)

/** Whether a number is a port, from `least` on. */
export const isPort = (least: number) => (value: number) => value >= least && value <= 65_535

/** What `isPort` asks for, in words. */
export const portRange = (least: number) => () => `a number from ${least} to 65535`

/** A host without the brackets that an IPv6 address has in a URL. */
export const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, "$1")

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, " ").trim()

/** Help and version on standard output; a bad command line is one line on standard error. */
export const presenter: CliOutput.Presenter = {
  present: (event) => {
    const isHelpWanted = event._tag === "Version" || (event._tag === "Help" && event.reason === "Requested")
    if (isHelpWanted) return CliOutput.defaultPresenter.present(event)
    const why =
      event._tag === "Help" ? "a subcommand is missing" : event.errors.map(({ message }) => message).join("; ")
    return NodeOutput.tell(`http09: ${oneLine(why)} (see ${event.commandPath.join(" ")} --help)`)
  }
}

/** Prints why it failed, unless the presenter already did. */
export const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return CliError.isCliError(error)
    ? Effect.void
    : NodeOutput.tell(`http09: ${oneLine(error instanceof Error ? error.message : String(error))}`)
}
