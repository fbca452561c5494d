/** Two streams that are each other's continuation, as a proxy needs it. */
import * as Effect from "effect/Effect"
import type { NetworkError } from "../../NetworkError.ts"
import { copy } from "./copy.ts"
import type { StreamState } from "./StreamState.ts"

/** How often silence is looked for within the time that it may last. */
const looks = 4

const pass = (from: StreamState, to: StreamState): Effect.Effect<void, NetworkError> =>
  Effect.flatMap(copy(from, to), () => {
    to.endWrite()
    return to.flush("write")
  })

/** Fails when neither stream has moved a byte for so long. */
const silence = Effect.fnUntraced(function* (a: StreamState, b: StreamState, millis: number) {
  // Output that the kernel takes counts: a peer may read for long what came at once.
  const moved = () => a.bytesRead + a.bytesWritten + b.bytesRead + b.bytesWritten
  let before = moved()
  for (let quiet = 0; quiet < looks; quiet++) {
    yield* Effect.sleep(millis / looks)
    const now = moved()
    if (now !== before) quiet = -1
    before = now
  }
  return yield* a.error("read", { _tag: "TimedOut", millis })
})

/** Until both have ended; `millis` is `Infinity` for no bound of silence. */
export const relay = (a: StreamState, b: StreamState, millis: number): Effect.Effect<void, NetworkError> => {
  const both = Effect.all([pass(a, b), pass(b, a)], { concurrency: "unbounded", discard: true })
  return Effect.acquireUseRelease(
    Effect.sync(() => {
      a.beginWork()
      b.beginWork()
    }),
    () => (millis === Infinity ? both : Effect.raceFirst(both, silence(a, b, millis))),
    () =>
      Effect.sync(() => {
        a.endWork()
        b.endWork()
      })
  )
}
