/** From one stream to another, through buffers that are used again: a new one for each read would cost more than it. */
import * as Effect from "effect/Effect"
import type { NetworkError } from "../../NetworkError.ts"
import { allocate } from "./Bytes.ts"
import type { StreamCore } from "./StreamState.ts"

/** As much as Node reads at once. */
const bufferSize = 64 * 1024
/** What is kept for later copies, of all streams together: 1 MiB. */
const mostFree = 16
const free: Array<Uint8Array> = []

/** A stream holds a buffer only while the kernel has not taken what is in it, not while it waits for input. */
export const copy = (from: StreamCore, to: StreamCore): Effect.Effect<number, NetworkError> =>
  Effect.gen(function* () {
    let buffer: Uint8Array | undefined
    // The bytes go from one stream to the other in one step, so that no interruption finds them in between.
    const move = (): Effect.Effect<number, NetworkError> | undefined => {
      const { ended, input } = from
      if (input.size === 0) return ended ? Effect.succeed(0) : from.inputFailure()
      const error = to.outputError("write")
      if (error !== undefined) return Effect.fail(error)
      buffer = free.pop() ?? allocate(bufferSize)
      const chunk = input.takeInto(buffer)
      to.accept(chunk)
      return Effect.succeed(chunk.length)
    }
    let total = 0
    while (true) {
      yield* to.flush("write")
      if (buffer !== undefined && free.length < mostFree) free.push(buffer)
      buffer = undefined
      const count = yield* from.read(move)
      if (count === 0) return total
      total += count
    }
  })
