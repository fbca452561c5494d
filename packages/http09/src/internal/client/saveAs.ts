/**
 * Bytes to a file, all of them or none.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"

/** Writes the stream to a file that is opened with `flag`; its size. It is on the disk when this returns. */
const write = <E, R>(
  fs: FileSystem.FileSystem,
  stream: Stream.Stream<Uint8Array, E, R>,
  path: string,
  flag: FileSystem.OpenFlag
): Effect.Effect<number, E | PlatformError, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = yield* fs.open(path, { flag })
      let size = 0
      yield* Stream.runForEach(stream, (chunk) => {
        size += chunk.length
        // The system would go on with a write that is given up, on a descriptor that is somebody else's by then.
        return Effect.uninterruptible(file.writeAll(chunk))
      })
      if (flag === "wx") yield* Effect.uninterruptible(file.sync)
      return size
    })
  )

/**
 * Saves a stream as a file, and gives its size: written beside, and renamed when it is complete and on the disk. Links
 * are followed. What is there and no plain file (a device, a pipe) is written to as it is.
 *
 * **Errors** `PlatformError`, and the stream's. A failure and an **interruption** leave what was there.
 */
export const saveAs =
  (path: string) =>
  <E, R>(
    stream: Stream.Stream<Uint8Array, E, R>
  ): Effect.Effect<number, E | PlatformError, R | FileSystem.FileSystem> =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const target = yield* Effect.orElseSucceed(fs.realPath(path), () => path)
      const isPlain = yield* fs.stat(target).pipe(
        Effect.map(({ type }) => type === "File"),
        Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed(true))
      )
      // To append is to write without a position, which a pipe has not.
      if (!isPlain) return yield* write(fs, stream, target, "a")
      const part = `${target}.${(yield* Random.nextIntBetween(0, 2 ** 32)).toString(36)}.part`
      return yield* write(fs, stream, part, "wx").pipe(
        Effect.tap(fs.rename(part, target)),
        Effect.onError(() => Effect.ignore(fs.remove(part)))
      )
    })
