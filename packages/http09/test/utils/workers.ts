import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { serving } from "./processes.ts"

const read = (file: string): string => {
  try {
    return fs.readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** The workers that a process has now, by their number. */
export const workersOf = (pid: number): ReadonlyMap<number, number> => {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number)
  const found = new Map<number, number>()
  for (const child of children) {
    const number = /^http09 worker (\d+)/.exec(read(`/proc/${child}/cmdline`))?.[1]
    if (number !== undefined) found.set(Number(number), child)
  }
  return found
}

/** Whether a process is there, with any of its threads: until then its descriptors are open. */
export const isAlive = (pid: number): boolean => {
  const states = fs.existsSync(`/proc/${pid}/task`)
    ? fs.readdirSync(`/proc/${pid}/task`).map((thread) => read(`/proc/${pid}/task/${thread}/status`))
    : []
  return states.some((status) => /^State:\s+[^ZX]/m.test(status))
}

/** Waits until something is so; what it was at last, if it never is. */
export const eventually = (holds: () => boolean | Promise<boolean>, within = 15_000) =>
  Effect.promise(async () => {
    const end = performance.now() + within
    let held = await holds()
    while (!held && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      held = await holds()
    }
    return held
  })

/** Samples by name and labels, as `name{labels}`. */
export type Samples = ReadonlyMap<string, number>

export const parseMetrics = (text: string): Samples =>
  new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const space = line.lastIndexOf(" ")
        return [line.slice(0, space), Number(line.slice(space + 1))] as const
      })
  )

/** What all workers counted together. */
export const total = (samples: Samples, name: string, label = ""): number =>
  [...samples].reduce((sum, [key, value]) => (key.split("{")[0] === name && key.includes(label) ? sum + value : sum), 0)

export const scrape = async (url: string): Promise<Samples> => parseMetrics(await (await fetch(url)).text())

/** `http09 serve` with metrics on a port, and where they are. */
export const measured = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const server = yield* serving([...args, "--metrics", "0"])
    const url = /http:\/\/\S+\/metrics/.exec(yield* server.until(/\/metrics\n/))?.[0] ?? ""
    return { ...server, url, samples: Effect.promise(() => scrape(url)) }
  })
