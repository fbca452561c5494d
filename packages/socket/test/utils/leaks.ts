/** Descriptors and handles of this process, to show that a test gave back what it took. */
import * as Effect from "effect/Effect"
import { existsSync, readdirSync } from "node:fs"

const descriptors = "/proc/self/fd"

/** The handles that sockets and timers are, and how many descriptors are open; vitest's own pipes stay as they are. */
const held = (): string => {
  const counts = new Map<string, number>()
  for (const resource of process.getActiveResourcesInfo()) counts.set(resource, (counts.get(resource) ?? 0) + 1)
  if (existsSync(descriptors)) counts.set("descriptors", readdirSync(descriptors).length)
  return [...counts]
    .filter(([, count]) => count > 0)
    .map(([resource, count]) => `${resource}: ${count}`)
    .sort()
    .join(", ")
}

/** How long the system may take to report what is closed already. */
const patience = 3000

/** Runs the test and waits until descriptors and handles are what they were; dies with the difference otherwise. */
export const leavesNothing = <A, E, R>(test: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    yield* Effect.sleep(0)
    const before = held()
    const result = yield* test
    const until = performance.now() + patience
    while (held() !== before) {
      if (performance.now() > until) return yield* Effect.die(new Error(`left behind: ${held()}; before: ${before}`))
      yield* Effect.sleep(5)
    }
    return result
  })
