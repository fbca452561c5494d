/**
 * An open regular file as a stream of chunks with read-ahead.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { type DocumentError, fromCause, truncated } from "../DocumentError.ts"

/** A descriptor that somebody owns until `close`. */
export interface NodeOpenFile {
  readonly chunks: Stream.Stream<Uint8Array, DocumentError>
  /** Gives the descriptor back, after a read that is still under way. Run it once. */
  readonly close: Effect.Effect<void>
}

/**
 * Takes over the descriptor. The stream gives the first `size` bytes, in chunks of `chunkBytes`, and starts the next
 * read when it gives a chunk away, so that one chunk at most waits in memory.
 */
export const make = (
  fd: number,
  options: { readonly path: string; readonly size: number; readonly chunkBytes: number }
): NodeOpenFile => {
  const { path, size, chunkBytes } = options
  // The descriptor's number may be another file's as soon as it is closed: never while a read is under way.
  let reads = 0
  let closing = false
  const closeIfIdle = (): void => {
    if (closing && reads === 0) fs.closeSync(fd)
  }

  const pull = (): Pull.Pull<readonly [Uint8Array], DocumentError> => {
    type Chunk = Effect.Effect<readonly [Uint8Array], DocumentError>
    let offset = 0
    let reading = false
    let ready: Chunk | undefined
    let waiting: ((chunk: Chunk) => void) | undefined

    const deliver = (chunk: Chunk): void => {
      if (waiting === undefined) {
        ready = chunk
        return
      }
      const resume = waiting
      waiting = undefined
      readAhead()
      resume(chunk)
    }
    const readAhead = (): void => {
      if (offset === size || closing) return
      const buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, size - offset))
      reading = true
      reads++
      fs.read(fd, buffer, 0, buffer.length, offset, (error, length) => {
        reading = false
        reads--
        closeIfIdle()
        const received = offset
        if (error === null && length > 0) {
          offset += length
          return deliver(Effect.succeed([length === buffer.length ? buffer : buffer.subarray(0, length)]))
        }
        offset = size
        deliver(Effect.fail(error === null ? truncated(path, size, received) : fromCause(path, error)))
      })
    }
    return Effect.suspend(() => {
      if (ready !== undefined) {
        const chunk = ready
        ready = undefined
        readAhead()
        return chunk
      }
      if (offset === size && !reading) return Cause.done()
      return Effect.callback((resume) => {
        waiting = resume
        if (!reading) readAhead()
        return Effect.sync(() => {
          waiting = undefined
        })
      })
    })
  }

  return {
    chunks: Stream.fromPull(Effect.sync(pull)),
    close: Effect.sync(() => {
      closing = true
      closeIfIdle()
    })
  }
}
