/**
 * The standard streams of the command line.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { LineBuffer, type Sink } from "./LineBuffer.ts"

type Name = "stdout" | "stderr"

const numbers = { stdout: 1, stderr: 2 } as const

/** How long to wait until a terminal that takes nothing is tried again, in milliseconds. */
const retry = 50

const encoder = new TextEncoder()

/** What Node has below a pipe or a socket. */
interface OverHandle {
  readonly _handle?: { readonly setBlocking?: (isBlocking: boolean) => unknown } | null
}

/** A pipe, a socket or a file, as Node writes to it: what cannot be written is lost, as for a reader that is gone. */
const streamSink =
  (name: Name): Sink =>
  (bytes, ready) => {
    const stream: NodeJS.WriteStream & OverHandle = process[name]
    // Whether a write waits belongs to the pipe, not to the process: another program of Node's that shares it and ends,
    // as the one does that this one has replaced, makes it wait again.
    stream._handle?.setBlocking?.(false)
    stream.write(bytes, () => ready())
  }

/**
 * A terminal. Node writes to it synchronously, and one that was stopped with Ctrl-S would stop the process: here it is
 * opened again so that a write which would wait fails instead, which leaves whoever shares the terminal as he is.
 */
const terminalSink = (fd: number): Sink => {
  const write = (bytes: Uint8Array, ready: () => void): void => {
    let written = 0
    try {
      written = fs.writeSync(fd, bytes)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Anything else is a terminal that is gone.
      if (code !== "EAGAIN") return ready()
    }
    if (written === bytes.length) return ready()
    setTimeout(() => write(bytes.subarray(written), ready), written > 0 ? 0 : retry).unref()
  }
  return write
}

const reopened = (name: Name): number | undefined => {
  if (!process[name].isTTY) return undefined
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = fs.constants
    return fs.openSync(`/dev/fd/${numbers[name]}`, O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    return undefined
  }
}

const bufferOf = (name: Name): LineBuffer => {
  const terminal = reopened(name)
  return new LineBuffer(terminal === undefined ? streamSink(name) : terminalSink(terminal), (lines) =>
    print(
      "stderr",
      `http09: ${lines} lines for standard ${name === "stdout" ? "output" : "error"} were not taken and are lost\n`
    )
  )
}

/** The streams of a server, which must not wait for whoever reads them. None for a command that prints and ends. */
let buffers: Readonly<Record<Name, LineBuffer>> | undefined

const print = (name: Name, text: string): void => {
  if (buffers === undefined) process[name].write(text)
  else buffers[name].add(encoder.encode(text))
}

let lines = ""

const flush = (): void => {
  const text = lines
  lines = ""
  if (text !== "") print("stdout", text)
}

/**
 * Prints a line of a server's log. The lines of 10 ms leave together: a write is a system call, and with two lines a
 * request those would be a tenth of the server's work.
 */
export const logUnsafe = (line: string): void => {
  if (lines === "") setTimeout(flush, 10)
  lines += `${line}\n`
}

export const log = (line: string): Effect.Effect<void> => Effect.sync(() => logUnsafe(line))

/** How long a reader may take for what is left at the end, in milliseconds. */
const lastWait = 500

/**
 * Lets a server outlive whoever reads its log, and one who has stopped to read: a bounded part of it waits, the rest is
 * dropped and counted. At the end of the scope what is left gets half a second.
 */
export const keepLogging = Effect.acquireRelease(
  Effect.sync(() => {
    process.stdout.on("error", () => {})
    process.stderr.on("error", () => {})
    buffers = { stdout: bufferOf("stdout"), stderr: bufferOf("stderr") }
    return buffers
  }),
  ({ stdout, stderr }) => {
    const drained = (buffer: LineBuffer) => Effect.callback<void>((resume) => buffer.drained(() => resume(Effect.void)))
    return Effect.sync(flush).pipe(
      Effect.andThen(Effect.all([drained(stdout), drained(stderr)], { concurrency: "unbounded" })),
      Effect.timeoutOption(lastWait)
    )
  }
)

/** Prints whole lines that another process wrote. */
export const pass = (name: Name, bytes: Uint8Array): void => {
  if (buffers === undefined) process[name].write(bytes)
  else buffers[name].add(bytes)
}

/** Prints a line on standard error, now. */
export const tell = (line: string): Effect.Effect<void> => Effect.sync(() => print("stderr", `${line}\n`))

/** Standard output takes no more. */
export class OutputError extends Data.TaggedError("OutputError")<{
  readonly message: string
  readonly isPipe: boolean
}> {}

/** Writes bytes to standard output and waits until they are taken. */
export const write = (chunk: Uint8Array): Effect.Effect<void, OutputError> =>
  Effect.callback((resume) => {
    // An error comes to the callback and as an event, which would end the process without a listener.
    const fail = (error: NodeJS.ErrnoException): void =>
      resume(Effect.fail(new OutputError({ message: `write: ${error.message}`, isPipe: error.code === "EPIPE" })))
    process.stdout.once("error", fail)
    process.stdout.write(chunk, (error) => {
      if (error) return fail(error)
      process.stdout.off("error", fail)
      resume(Effect.void)
    })
  })
