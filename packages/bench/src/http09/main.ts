/**
 * `pnpm bench`: this project's sockets and HTTP/0.9 beside plain `node:net`, effect's own sockets and nginx.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { execFileSync, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { parseArgs } from "node:util"
import { chart } from "./chart.ts"
import { compete, type Result } from "./compete.ts"
import { BenchError } from "./processes.ts"
import { goals, table } from "./report.ts"
import { documents, works } from "./works.ts"

const usage = `pnpm bench [options]

  --quick          two minutes: short rounds, few of them
  --only ID,ID     only these works
  --rounds N       rounds that count (12; quick 3)
  --seconds S      of one measurement (1; quick 0.25)
  --warm-up S      for each server before the first round that counts (5; quick 0.5)
  --json           the result as JSON on standard output, instead of the table
  --svg FILE       a chart, too
  --list           the works`

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    "warm-up": { type: "string" },
    json: { type: "boolean", default: false },
    svg: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false }
  }
})

const fail = (message: string) => Effect.fail(BenchError.make({ message }))

/** What was asked for, in seconds or rounds. */
const number = (name: "rounds" | "seconds" | "warm-up", otherwise: number) => {
  const given = values[name]
  const value = given === undefined ? otherwise : Number(given)
  return value > 0 && value <= 3600
    ? Effect.succeed(value)
    : fail(`--${name} is ${given}, and must be more than 0, and 3600 at most`)
}

const isThere = (command: string, ...args: ReadonlyArray<string>): boolean =>
  spawnSync(command, args, { stdio: "ignore" }).status === 0

/** The folder of this run: the compiled driver and the documents. */
const folder = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "effect-sockets-bench-"))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
)

const compile = Effect.fnUntraced(function* (folder: string) {
  const compiler = ["cc", "gcc", "clang"].find((name) => isThere(name, "--version"))
  if (compiler === undefined)
    return yield* fail("the driver is a C program, and there is no C compiler (cc, gcc, clang)")
  const driver = path.join(folder, "driver")
  return yield* Effect.try({
    try: () => {
      execFileSync(compiler, ["-O2", "-o", driver, path.join(import.meta.dirname, "driver.c")])
      return driver
    },
    catch: () => BenchError.make({ message: "the driver does not compile here" })
  })
})

const command = (folder: string): string => path.join(folder, "http09/dist/http09.js")

/** Makes the command as it is published: one file, below its package's own description. */
const bundle = (folder: string) =>
  Effect.try({
    try: () => {
      const source = path.join(import.meta.dirname, "../../../http09")
      const built = path.join(folder, "http09")
      const file = command(folder)
      const bundler = path.join(source, "node_modules/.bin/rolldown")
      execFileSync(bundler, ["-c", "rolldown.config.ts", "--file", file], { cwd: source, stdio: "ignore" })
      fs.copyFileSync(path.join(source, "package.json"), path.join(built, "package.json"))
    },
    catch: () => BenchError.make({ message: "the command http09 cannot be bundled here" })
  })

const writeDocuments = (folder: string): string => {
  const root = path.join(folder, "root")
  fs.mkdirSync(root)
  for (const [name, size] of Object.values(documents)) fs.writeFileSync(path.join(root, name), Buffer.alloc(size, "x"))
  return root
}

/** A file of the system, or nothing where it does not tell. */
const told = (file: string): string => {
  try {
    return fs.readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** The processor as the system knows it. A virtual machine often hides its name, but not its family and its caches. */
const processor = (): string => {
  const info = told("/proc/cpuinfo")
  const field = (name: string): string => new RegExp(`^${name}\\s*:\\s*(.*)$`, "m").exec(info)?.[1] ?? "?"
  const caches = [0, 1, 2, 3, 4].flatMap((index) => {
    const [level, type, size] = ["level", "type", "size"].map((name) =>
      told(`/sys/devices/system/cpu/cpu0/cache/index${index}/${name}`).trim()
    )
    return level === "" ? [] : [`L${level}${type === "Unified" ? "" : ` ${type.toLowerCase()}`} ${size}`]
  })
  const family = `family ${field("cpu family")} model ${field("model")}`
  return `${os.cpus().length} × ${os.cpus()[0].model} (${[family, ...caches].join("; ")})`
}

const machine = () => ({
  node: process.version,
  effect: versionOf("effect"),
  platformNode: versionOf("@effect/platform-node"),
  system: `${os.type()} ${os.release()}`,
  processor: processor(),
  load: os.loadavg()[0]
})

const versionOf = (name: string): string => {
  const manifest = fs.readFileSync(path.join(import.meta.dirname, "../../node_modules", name, "package.json"), "utf8")
  return (JSON.parse(manifest) as { readonly version: string }).version
}

const main = Effect.gen(function* () {
  if (values.help) return yield* Console.log(usage)
  if (os.platform() !== "linux") return yield* fail("the driver needs Linux (epoll, /proc)")
  const home = yield* folder
  const all = works(path.join(home, "root"), {
    command: command(home),
    nginx: isThere("nginx", "-v"),
    redis: isThere("redis-server", "--version")
  })
  if (values.list) return yield* Console.log(all.map(({ id, title }) => `${id.padEnd(10)}${title}`).join("\n"))
  const wanted = values.only?.split(",")
  const unknown = wanted?.find((id) => all.every((work) => work.id !== id))
  if (unknown !== undefined) return yield* fail(`no work is called ${unknown}: see --list`)
  const seconds = yield* number("seconds", values.quick ? 0.25 : 1)
  const rounds = {
    counted: Math.ceil(yield* number("rounds", values.quick ? 3 : 12)),
    warmUp: Math.ceil((yield* number("warm-up", values.quick ? 0.5 : 5)) / seconds)
  }
  const driver = yield* compile(home)
  if (wanted?.includes("start") ?? true) yield* bundle(home)
  writeDocuments(home)
  // This project's server keeps small files in memory once they have rested for two seconds.
  yield* Effect.sleep("2.5 seconds")
  const setting = { driver, seconds, idle: values.quick ? 2000 : 6000 }
  const results: Array<Result> = []
  for (const work of all.filter(({ id }) => wanted?.includes(id) ?? true)) {
    const since = performance.now()
    results.push(yield* compete(work, setting, rounds))
    yield* Console.error(`${work.title}: ${((performance.now() - since) / 1000).toFixed(0)} s`)
  }
  const report = { machine: machine(), command: ["pnpm bench", ...process.argv.slice(2)].join(" "), results }
  yield* Effect.sync(() => values.svg !== undefined && fs.writeFileSync(values.svg, chart(results)))
  yield* Console.log(
    values.json
      ? JSON.stringify(report, undefined, 2)
      : `${Object.entries(report.machine)
          .map(([k, v]) => `${k} ${v}`)
          .join(", ")}\n${report.command}\n\n${table(results)}\n\n${goals(results)}`
  )
}).pipe(Effect.scoped)

NodeRuntime.runMain(
  Effect.catchTag(main, "BenchError", ({ message }) =>
    Effect.andThen(
      Console.error(`bench: ${message}`),
      Effect.sync(() => {
        process.exitCode = 1
      })
    )
  )
)
