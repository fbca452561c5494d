/**
 * The same servers on Node, Bun and Deno, beside what Bun and Deno have of their own, in interleaved rounds:
 * `node packages/bench/src/runtimes/main.ts [ROUNDS]`, with `bun` and `deno` on the path, and a C compiler.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { cpuSeconds, type Process, start } from "../http09/processes.ts"

const here = (file: string): string => path.join(import.meta.dirname, file)
const ours = here("../http09/peers/ours.ts")
const plain = here("../http09/peers/plain.ts")
const deno = ["deno", "run", "-A"]

type Command = readonly [string, ...ReadonlyArray<string>]

/** By runtime: what it has of its own, plain `node:net`, and this project. */
const peersOf = (work: string): Record<string, Command> => ({
  "Node, node:net": [process.execPath, plain, "echo"],
  "Node, effect-sockets": [process.execPath, ours, work],
  "Bun, Bun.listen": ["bun", here("peers/bun.mjs")],
  "Bun, node:net": ["bun", plain, "echo"],
  "Bun, effect-sockets": ["bun", ours, work],
  "Deno, Deno.listen": [...deno, here("peers/deno.mjs")] as unknown as Command,
  "Deno, node:net": [...deno, plain, "echo"] as unknown as Command,
  "Deno, effect-sockets": [...deno, ours, work] as unknown as Command
})

const works = [
  {
    title: "messages of 64 bytes, 64 connections",
    peers: peersOf("driver"),
    load: ["echo", "64", "0.6", "64", "1"]
  },
  {
    title: "a stream echoed, bytes, 4 connections",
    peers: peersOf("copy"),
    load: ["both", "4", "0.6", "262144"]
  },
  { title: "connections, 500 at once", peers: peersOf("driver"), load: ["burst", "500", "0.6"] }
]

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >>> 1]

interface Sample {
  readonly perSecond: number
  readonly micros: number
}

const measure = (driver: string, [mode, ...rest]: ReadonlyArray<string>, pid: number, port: number): Sample => {
  const before = cpuSeconds(pid)
  const { perSecond, total } = JSON.parse(execFileSync(driver, [mode, String(port), ...rest], { encoding: "utf8" }))
  return { perSecond, micros: ((cpuSeconds(pid) - before) * 1e6) / total }
}

const ready = ({ line }: Process) =>
  Effect.map(line, (text) => JSON.parse(text) as { readonly port: number; readonly pid: number })

const program = Effect.gen(function* () {
  const rounds = Number(process.argv[2] ?? 7)
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "runtimes-"))),
    (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
  )
  const driver = path.join(folder, "driver")
  execFileSync("cc", ["-O2", "-o", driver, here("../http09/driver.c")])
  for (const { load, peers, title } of works) {
    const servers = yield* Effect.forEach(Object.entries(peers), ([name, [command, ...args]]) =>
      Effect.map(Effect.flatMap(start(command, args), ready), (at) => ({ name, samples: [] as Array<Sample>, ...at }))
    )
    // The first round is for warming up.
    for (let round = 0; round <= rounds; round++) {
      for (const { pid, port, samples } of yield* Random.shuffle(servers)) {
        const sample = measure(driver, load, pid, port)
        if (round > 0) samples.push(sample)
      }
    }
    yield* Console.log(`\n${title}`)
    for (const { name, samples } of servers) {
      const rate = Math.round(median(samples.map(({ perSecond }) => perSecond)))
      yield* Console.log(`${name}: ${rate} a second, ${median(samples.map(({ micros }) => micros)).toPrecision(3)} µs`)
    }
  }
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
