/** Descriptors and handles of this process, to show that a test gave back what it took. */
import * as Effect from "effect/Effect"
import { existsSync, readdirSync, readlinkSync } from "node:fs"

const descriptors = "/proc/self/fd"

const isSocket = (descriptor: string): boolean => {
  try {
    return readlinkSync(`${descriptors}/${descriptor}`).startsWith("socket:")
  } catch {
    // It was the one that listed the folder.
    return false
  }
}

/** Open descriptors that are sockets, where the system tells. The test runner opens and closes files of its own. */
export const openSockets = (): number =>
  existsSync(descriptors) ? readdirSync(descriptors).filter(isSocket).length : 0

/** How many handles of each kind there are, and how many sockets are open. */
const held = (): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const resource of process.getActiveResourcesInfo()) counts.set(resource, (counts.get(resource) ?? 0) + 1)
  counts.set("open sockets", openSockets())
  return counts
}

/** What the test runner has now and then: files that it reads, turns of the event loop, and one timer. */
const passing = (kind: string, count: number): boolean =>
  kind.startsWith("FS") || kind === "Immediate" || (kind === "Timeout" && count <= 1)

/** What there is now and was not before, and what there is no more. */
const difference = (before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): string =>
  [...new Set([...before.keys(), ...now.keys()])]
    .map((kind) => [kind, (now.get(kind) ?? 0) - (before.get(kind) ?? 0)] as const)
    .filter(([kind, count]) => count !== 0 && !passing(kind, count))
    .map(([kind, count]) => `${kind} ${count}`)
    .join(", ")

/** How long the system may take to report what is closed already, in steps of 5 ms. */
const patience = 600

/** Waits until the condition holds, for so many steps. */
const settled = (condition: () => boolean, steps: number): Effect.Effect<void> =>
  Effect.suspend(() =>
    steps === 0 || condition() ? Effect.void : Effect.andThen(Effect.sleep(5), settled(condition, steps - 1))
  )

const isQuiet = (): boolean =>
  !process.getActiveResourcesInfo().some((kind) => kind.startsWith("TCP") || kind === "ProcessWrap")

/** Runs the test and waits until descriptors and handles are what they were; dies with the difference otherwise. */
export const leavesNothing = <A, E, R>(test: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    // What a test before this one left when it failed is not this one's.
    yield* settled(isQuiet, patience)
    const before = held()
    const result = yield* test
    yield* settled(() => difference(before, held()) === "", patience)
    const left = difference(before, held())
    if (left !== "") return yield* Effect.die(new Error(`not as it was before: ${left}`))
    return result
  })
