/**
 * How the command line says what is wrong: one line on standard error, and an exit status.
 */
import * as CommandLine from "@effect-sockets/resolver/CommandLine"
import * as Printable from "@effect-sockets/resolver/Printable"
import * as Cause from "effect/Cause"
import * as CliError from "effect/cli/CliError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NodeOutput from "./output.ts"

/** Says what is wrong. */
export const complain = (text: string): Effect.Effect<void> => NodeOutput.tell(`http09: ${Printable.line(text)}`)

/** Help and version on standard output; a bad command line is one line on standard error. */
export const presenter = CommandLine.presenter({
  missing: "a subcommand is missing",
  complain: (line) => NodeOutput.tell(`http09: ${line}`)
})

/** Says why it failed, unless the presenter already did. A reader that has read enough, as `head` has, is no failure. */
export const report = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const error = Cause.squash(cause)
  return CliError.isCliError(error) || isEnough(error)
    ? Effect.void
    : complain(error instanceof Error ? error.message : String(error))
}

const isEnough = (error: unknown): boolean => error instanceof NodeOutput.OutputError && error.isPipe

/** 0 if all went well, 2 for a command line that cannot be meant, 1 for what failed otherwise. */
export const statusOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = Cause.squash(exit.cause)
  if (isEnough(error)) return 0
  return CliError.isCliError(error) ? 2 : 1
}
