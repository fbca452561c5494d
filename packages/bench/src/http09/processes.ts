/** Child processes that end with their scope, and what the system says of them. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as readline from "node:readline"

export class BenchError extends Schema.TaggedError<BenchError>()("BenchError", { message: Schema.String }) {}

export interface Process {
  readonly pid: number
  /** The next line of its output. */
  readonly line: Effect.Effect<string, BenchError>
  readonly send: (line: string) => Effect.Effect<void>
}

/** How long a process may take to end when its input has ended. */
const patience = 5000

const stop = (child: ChildProcess, bySignal: boolean): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    const timer = setTimeout(() => child.kill("SIGKILL"), patience)
    child.once("exit", () => {
      clearTimeout(timer)
      resume(Effect.void)
    })
    if (bySignal) child.kill()
    else child.stdin?.end()
  })

/**
 * Starts a program. When the scope closes, its input ends, or it gets SIGTERM, and it has a moment to end by itself.
 */
export const start = Effect.fnUntraced(function* (
  command: string,
  args: ReadonlyArray<string>,
  { endBySignal = false } = {}
): Effect.fn.Return<Process, BenchError, Scope.Scope> {
  const lines = yield* Queue.unbounded<string, BenchError>()
  const end = (why: string): void => {
    Queue.failCauseUnsafe(lines, Cause.fail(BenchError.make({ message: `${command} ${args.join(" ")}: ${why}` })))
  }
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] })),
    (child) => stop(child, endBySignal)
  )
  child.on("error", (error) => end(error.message))
  child.stdin.on("error", () => {})
  readline
    .createInterface(child.stdout)
    .on("line", (line) => Queue.offerUnsafe(lines, line))
    .on("close", () => end("ended"))
  return {
    pid: child.pid ?? 0,
    line: Queue.take(lines),
    send: (line) => Effect.sync(() => void child.stdin.write(`${line}\n`))
  }
})

/** A process and all that came from it. */
export const family = (pid: number): Array<number> => [
  pid,
  ...fs.readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    fs
      .readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8")
      .split(" ")
      .filter((child) => child !== "")
      .flatMap((child) => family(Number(child)))
  )
]

/** Seconds of processor time that a process has used, all its threads together. */
export const cpuSeconds = (pid: number): number => {
  let nanoseconds = 0
  for (const thread of fs.readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(fs.readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0])
  }
  return nanoseconds / 1e9
}

/** Bytes of a process that are in memory now. */
export const memoryBytes = (pid: number): number =>
  1024 * Number(/^Rss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1])
