/** Says after a run which tests were skipped for want of a program, and which Debian package brings them back. */
import type { Reporter, TestModule, Vitest } from "vitest/node"
import { has, needsOf, packages } from "./programs.ts"

/** A line for each thing that is missing, and for each test that does not say what it misses. */
export const linesOf = (
  skipped: ReadonlyArray<string>,
  isThere: (program: string) => boolean = has
): ReadonlyArray<string> => {
  const counts = new Map<string, number>()
  const untold = skipped.filter((title) => needsOf(title).length === 0)
  for (const need of skipped.flatMap(needsOf)) {
    if (!isThere(need)) counts.set(need, (counts.get(need) ?? 0) + 1)
  }
  const wanted = [...counts].map(([need, count]) => {
    const tests = `${count} ${count === 1 ? "test was" : "tests were"} skipped for want of ${need}`
    return packages[need] === undefined ? tests : `${tests}: apt-get install ${packages[need]}`
  })
  return [...wanted, ...untold.map((title) => `skipped: ${title}`)]
}

export default class SkippedReporter implements Reporter {
  private isWhole = true

  onInit({ config }: Vitest): void {
    // A pattern of names skips all others.
    this.isWhole = config.testNamePattern === undefined
  }

  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    if (!this.isWhole) return
    const skipped = modules.flatMap((module) => [...module.children.allTests("skipped")])
    for (const line of linesOf(skipped.map(({ fullName }) => fullName))) console.log(line)
  }
}
