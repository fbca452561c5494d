/**
 * The standard streams of the command line.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

let lines = ""

const flush = (): void => {
  const text = lines
  lines = ""
  if (text !== "") process.stdout.write(text)
}

/**
 * Prints a line of a server's log. The lines of 10 ms leave together: standard output is written synchronously, and
 * with two lines a request those system calls would be a tenth of the server's work.
 */
export const log = (line: string): Effect.Effect<void> =>
  Effect.sync(() => {
    if (lines === "") setTimeout(flush, 10)
    lines += `${line}\n`
  })

/** Lets a server outlive whoever read its log, and prints what is left at the end. */
export const keepLogging: Effect.Effect<void> = Effect.sync(() => {
  process.stdout.on("error", () => {})
  process.stderr.on("error", () => {})
  process.once("exit", flush)
})

/** Prints a line on standard error, now. */
export const tell = (line: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stderr.write(`${line}\n`)
  })

/** Standard output takes no more. */
export class OutputError extends Data.TaggedError("OutputError")<{ readonly message: string }> {}

/** Writes bytes to standard output and waits until they are taken. */
export const write = (chunk: Uint8Array): Effect.Effect<void, OutputError> =>
  Effect.callback((resume) => {
    // An error comes to the callback and as an event, which would end the process without a listener.
    const fail = (error: Error): void => resume(Effect.fail(new OutputError({ message: `write: ${error.message}` })))
    process.stdout.once("error", fail)
    process.stdout.write(chunk, (error) => {
      if (error) return fail(error)
      process.stdout.off("error", fail)
      resume(Effect.void)
    })
  })
