/**
 * An open regular file, read in chunks with read-ahead.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { type DocumentError, fromCause, truncated } from "../../DocumentError.ts"
import type { Chunked } from "../../DocumentRoot.ts"

/** A descriptor that somebody owns until `close`. */
export interface FileReader {
  readonly forEach: Chunked["forEach"]
  /** Gives the descriptor back, after a read that is still under way. Run it once. */
  readonly close: Effect.Effect<void>
}

/**
 * Takes over the descriptor. `forEach` gives the first `size` bytes in chunks of `chunkBytes`, in two buffers by turns:
 * while one is sent the other is filled. New ones for each chunk would be garbage faster than it is collected.
 */
export const make = (
  fd: number,
  options: { readonly path: string; readonly size: number; readonly chunkBytes: number }
): FileReader => {
  const { path, size, chunkBytes } = options
  // The descriptor's number may be another file's as soon as it is closed: never while a read is under way.
  let reads = 0
  let closing = false
  const closeIfIdle = (): void => {
    if (closing && reads === 0) fs.closeSync(fd)
  }

  /** Starts a read now; the effect waits for it. */
  const read = (buffer: Buffer, offset: number): Effect.Effect<number, DocumentError> => {
    let outcome: Effect.Effect<number, DocumentError> | undefined
    let notify: ((outcome: Effect.Effect<number, DocumentError>) => void) | undefined
    reads++
    fs.read(fd, buffer, 0, Math.min(buffer.length, size - offset), offset, (error, length) => {
      reads--
      closeIfIdle()
      if (error !== null) outcome = Effect.fail(fromCause(path, error))
      else if (length === 0) outcome = Effect.fail(truncated(path, size, offset))
      else outcome = Effect.succeed(length)
      notify?.(outcome)
    })
    return Effect.suspend(
      () =>
        outcome ??
        Effect.callback((resume) => {
          notify = resume
        })
    )
  }

  return {
    forEach: Effect.fnUntraced(function* (f) {
      let [filled, other] = [Buffer.allocUnsafeSlow(chunkBytes), Buffer.allocUnsafeSlow(chunkBytes)]
      let offset = 0
      let next = read(filled, offset)
      while (offset < size) {
        const length = yield* next
        offset += length
        if (offset < size) next = read(other, offset)
        yield* f(filled.subarray(0, length))
        ;[filled, other] = [other, filled]
      }
    }),
    close: Effect.sync(() => {
      closing = true
      closeIfIdle()
    })
  }
}
