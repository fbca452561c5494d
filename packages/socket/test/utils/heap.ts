/** What becomes old of the objects that many pass through. */
import * as v8 from "node:v8"
import * as vm from "node:vm"

v8.setFlagsFromString("--expose-gc")
const collect = vm.runInNewContext("gc") as (options: { readonly type: "minor" | "major" }) => void

const oldBytes = (): number =>
  v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")?.space_used_size ?? NaN

/**
 * Lets many pass through, 64 at a time, while young objects are collected now and then: how many bytes of each have become
 * old.
 */
export const oldOfEach = <A>(enter: () => A, leave: (member: A) => unknown): number => {
  const count = 10_000
  const present: Array<A> = []
  const pass = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      present.push(enter())
      if (present.length > 64) leave(present.shift()!)
      if (i % 500 === 499) collect({ type: "minor" })
    }
  }
  pass(0, count / 10)
  collect({ type: "major" })
  const before = oldBytes()
  pass(0, count)
  const kept = (oldBytes() - before) / count
  for (const member of present) leave(member)
  return kept
}
