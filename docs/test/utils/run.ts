import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { missing, untagged } from "./coverage.ts"
import { type Example, titleOf, written } from "./examples.ts"
import { publicSymbols, root } from "./sources.ts"

/** How long a program that does not end by itself may run before it gets the signal to end. */
const patience = 3000

/** Runs an example as a process: it ends by itself with 0, or, if it serves for ever, when it is told to. */
const runProcess = async ({ file }: Example): Promise<void> => {
  const child = spawn(process.execPath, [path.join(root, file)], { cwd: root, stdio: "pipe" })
  let output = ""
  child.stdout.on("data", (chunk) => (output += String(chunk)))
  child.stderr.on("data", (chunk) => (output += String(chunk)))
  const timer = setTimeout(() => child.kill("SIGINT"), patience)
  try {
    const [code] = await once(child, "close")
    assert.include([0, 130], code, output)
  } finally {
    clearTimeout(timer)
    child.kill("SIGKILL")
  }
}

/** One test for each example. */
const run = (examples: ReadonlyArray<Example>): void => {
  const named = (kind: Example["kind"]) =>
    examples.filter((one) => one.kind === kind).map((one) => [titleOf(one), one] as const)
  // oxlint-disable vitest/expect-expect -- the assertions are the examples' own
  describe.each(named("Tests"))("%s", (_, { file }) => import(path.join(root, file)))
  it.each(named("Module"))("%s", (_, { file }) => import(path.join(root, file)))
  it.each(named("Process"))("%s", (_, example) => runProcess(example))
  // oxlint-enable vitest/expect-expect
}

/** The packages in which every public symbol has its example. */
const complete: ReadonlyArray<string> = ["http09", "ipaddr", "resolver", "socket"]

/** Tests the examples in the doc comments of a package, and that none is missing. */
export const describePackage = (name: string): void => {
  run(written().filter(({ source }) => source.startsWith(`packages/${name}/`)))
  const all = publicSymbols(name).length
  const without = missing(name)
  it(`${all - without.length} of the ${all} public symbols of ${name} have an example in their doc comment`, () =>
    assert.deepStrictEqual(complete.includes(name) ? without : [], []))
  it(`every public symbol of ${name} says its category and since when it is there`, () =>
    assert.deepStrictEqual(untagged(name), []))
}

/** Tests the examples of the pages in `docs`. */
export const describePages = (): void => run(written().filter(({ source }) => source.startsWith("docs/")))
