/** Processes of tests: an example, and the clients that talk to it. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { describe } from "vitest"
import { has } from "../../test/utils/programs.ts"

/** A process that is killed when its variable goes out of scope. */
export class Process implements AsyncDisposable {
  /** What it has printed so far. */
  output = ""
  /** What it has printed on standard error so far. */
  errors = ""
  readonly name: string
  readonly child: ChildProcess
  private readonly ended: Promise<number | null>

  constructor(command: string, args: ReadonlyArray<string>) {
    this.name = path.basename([command, ...args].find((word) => word.endsWith("main.ts")) ?? command)
    this.child = spawn(command, args, { stdio: "pipe" })
    this.child.stdout!.on("data", (bytes) => (this.output += String(bytes)))
    this.child.stderr!.on("data", (bytes) => (this.errors += String(bytes)))
    // A client that ended has no use for what it is still told.
    this.child.stdin!.on("error", () => {})
    this.ended = once(this.child, "close").then(([status]) => status as number | null)
  }

  send(text: string): void {
    this.child.stdin!.write(text)
  }

  /** Waits until it has printed something. */
  async sees(pattern: RegExp): Promise<RegExpExecArray> {
    const enough = AbortSignal.timeout(20_000)
    for (;;) {
      const found = pattern.exec(this.output)
      if (found !== null) return found
      const more = once(this.child.stdout!, "data", { signal: enough })
      const ended = this.ended.then(() => pattern.test(this.output))
      const isHopeful = await Promise.race([more, ended]).catch(() => false)
      if (isHopeful === false) throw new Error(`${this.name} never printed ${pattern}:\n${this.output}${this.errors}`)
    }
  }

  /** Sends SIGTERM, if it is told to, and waits for its end: its exit status, null if a signal ended it. */
  async end(signal?: "SIGTERM"): Promise<number | null> {
    if (signal !== undefined) this.child.kill(signal)
    return this.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL")
    await this.ended
  }
}

/** A process of the example in the folder `name`, once it has said on which port it listens. */
export const example = async (name: string, ...args: ReadonlyArray<string>): Promise<Process & { port: string }> => {
  const main = path.join(import.meta.dirname, "..", name, "main.ts")
  const program = new Process(process.execPath, [main, ...args])
  const [, port] = await program.sees(/\(127\.0\.0\.1:(\d+)\)/)
  return Object.assign(program, { port })
}

/** What a client prints until it ends. */
export const ask = async (command: string, args: ReadonlyArray<string>, input = ""): Promise<string> => {
  await using client = new Process(command, args)
  client.child.stdin!.end(input)
  const status = await client.end()
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")} ended with ${status}:\n${client.output}${client.errors}`)
  return client.output
}

/** Tests that need a program of somebody else. */
export const describeWith = (program: string, claim: string, tests: () => void): void => {
  describe.skipIf(!has(program))(`${claim} (needs ${program})`, () => {
    tests()
  })
}
