/**
 * How the command line says what is wrong: one line on standard error, and an exit status.
 */
import * as Cause from "effect/Cause"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NodeOutput from "./output.ts"

/** A text without characters that would act on a terminal or break a line: each stands as `\u009b`. */
const escapeControls = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`
    ).join("")
  )

/** Longer lines are cut: what is complained of may be of any length. */
const longest = 500

/** A text as one line that acts on no terminal, whatever was typed or is said by a server. */
export const oneLine = (text: string): string => {
  const line = escapeControls(text.replace(/\s*\n\s*/g, " ").trim())
  return line.length > longest ? `${line.slice(0, longest)}…` : line
}

/** Says what is wrong. */
export const complain = (text: string): Effect.Effect<void> => NodeOutput.tell(`http09: ${oneLine(text)}`)

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
