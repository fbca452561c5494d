import * as Effect from "effect/Effect"
import { spawn, type ChildProcess } from "node:child_process"
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"

export const packageFolder = fileURLToPath(new URL("../..", import.meta.url))

/** The command line's own file, in which it is published: `setup.ts` makes it. */
export const cli = fileURLToPath(new URL("../../dist/http09.js", import.meta.url))

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

const kill = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (ended(child)) return resume(Effect.void)
    child.on("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

/** A process that is killed with the scope. */
export const background = (command: string, args: ReadonlyArray<string>, cwd: string) =>
  Effect.acquireRelease(
    Effect.sync(() => spawn(command, args, { cwd, stdio: "ignore" })),
    kill
  )

/** What a process that ended left. */
export interface Ended {
  /** Its exit status, or the signal that ended it. */
  readonly status: number | NodeJS.Signals
  readonly stdout: Buffer
  readonly stderr: string
  /** Standard error's lines without the progress that starts with `>`. */
  readonly errors: ReadonlyArray<string>
}

/** A running process whose output is kept. */
export interface Running {
  readonly pid: number
  readonly child: ChildProcess
  readonly stdout: () => Buffer
  /** Waits until standard output or standard error has the text. */
  readonly until: (text: string | RegExp) => Effect.Effect<string>
  readonly ended: Effect.Effect<Ended>
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** Starts a process; it is killed with the scope. */
export const start = (command: string, args: ReadonlyArray<string>, options: RunOptions = {}) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() =>
        spawn(command, args, {
          cwd: options.cwd,
          env: { ...process.env, INIT_CWD: undefined, npm_lifecycle_event: undefined, ...options.env }
        })
      ),
      kill
    ),
    (child): Running => {
      const out: Array<Buffer> = []
      const err: Array<Buffer> = []
      child.stdout.on("data", (chunk: Buffer) => out.push(chunk))
      child.stderr.on("data", (chunk: Buffer) => err.push(chunk))
      const result = new Promise<Ended>((resolve) =>
        child.on("close", (code, signal) => {
          const stderr = Buffer.concat(err).toString()
          const errors = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("> "))
          resolve({ status: code ?? signal ?? -1, stdout: Buffer.concat(out), stderr, errors })
        })
      )
      return {
        pid: child.pid ?? -1,
        child,
        stdout: () => Buffer.concat(out),
        until: (text) =>
          Effect.callback((resume) => {
            const look = (): void => {
              const all = Buffer.concat([...out, ...err]).toString()
              if (typeof text === "string" ? all.includes(text) : text.test(all)) resume(Effect.succeed(all))
              else if (ended(child)) resume(Effect.die(new Error(`it ended before ${text}: ${all}`)))
            }
            child.stdout.on("data", look)
            child.stderr.on("data", look)
            child.on("close", look)
            look()
          }),
        ended: Effect.promise(() => result)
      }
    }
  )

/** Runs the command line to its end. */
export const http09 = (args: ReadonlyArray<string>, options?: RunOptions): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(start(process.execPath, [cli, ...args], options), (running) => running.ended))

/** Starts `http09 serve` on a free port and waits until it listens. */
export const serving = (args: ReadonlyArray<string>, options?: RunOptions) =>
  Effect.gen(function* () {
    const running = yield* start(process.execPath, [cli, "serve", "--port", "0", ...args], options)
    const text = yield* running.until(/Started server on port \d+\n/)
    return { ...running, port: Number(/port (\d+)/.exec(text)?.[1]) }
  })

/** The resident memory of a process in bytes. */
export const memory = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024
