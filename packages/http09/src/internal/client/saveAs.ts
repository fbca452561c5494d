/**
 * Bytes to a file, all of them or none.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"

/** Writes the stream to a file that is opened so; its size. What is new is on the disk when this returns. */
const write = <E, R>(
  fs: FileSystem.FileSystem,
  stream: Stream.Stream<Uint8Array, E, R>,
  path: string,
  options: { readonly flag: FileSystem.OpenFlag; readonly mode?: number | undefined }
): Effect.Effect<number, E | PlatformError, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const file = yield* fs.open(path, options)
      let size = 0
      yield* Stream.runForEach(stream, (chunk) => {
        size += chunk.length
        // The system would go on with a write that is given up, on a descriptor that is somebody else's by then.
        return Effect.uninterruptible(file.writeAll(chunk))
      })
      if (options.flag === "wx") yield* Effect.uninterruptible(file.sync)
      return size
    })
  )

/** As many links follow each other at most as the system follows. */
const maxLinks = 40

/** Where a path leads, also where nothing is there yet. */
const follow = (fs: FileSystem.FileSystem, path: string, links = 0): Effect.Effect<string> =>
  fs.realPath(path).pipe(
    Effect.catch(() =>
      fs.readLink(path).pipe(
        Effect.map((link) => (/^([/\\]|[a-z]:)/i.test(link) ? link : path.replace(/[^/\\]*$/, "") + link)),
        Effect.flatMap((target) => (links < maxLinks ? follow(fs, target, links + 1) : Effect.succeed(path))),
        Effect.orElseSucceed(() => path)
      )
    )
  )

/** As much of a name as leaves room for what the file beside has after it, in characters of up to four bytes. */
const keptOfName = 60

const partOf = (target: string, random: number): string =>
  target.replace(/[^/\\]*$/, (name) => `${name.slice(0, keptOfName)}.${random.toString(36)}.part`)

/** Who may read and write, without what makes a program run as somebody else. */
const permissions = 0o777
const ofGroup = 0o070

/** Gives the new file the owner and the permissions of the old one; never more, where its group cannot be given. */
const likeOld = Effect.fnUntraced(function* (fs: FileSystem.FileSystem, part: string, old: FileSystem.File.Info) {
  if (Option.isSome(old.uid) && Option.isSome(old.gid)) {
    yield* Effect.ignore(fs.chown(part, old.uid.value, old.gid.value))
  }
  const { gid } = yield* fs.stat(part)
  const isSameGroup = Option.getOrUndefined(gid) === Option.getOrUndefined(old.gid)
  yield* fs.chmod(part, old.mode & permissions & (isSameGroup ? permissions : ~ofGroup))
})

/**
 * Saves a stream as a file, and gives its size: written beside, and renamed when it is complete and on the disk. Links
 * are followed, also to where nothing is yet. A file that is replaced hands its owner and its permissions on, as far as
 * the system lets it. What is there and no plain file (a device, a pipe) is written to as it is.
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
      const target = yield* follow(fs, path)
      const old = yield* fs.stat(target).pipe(
        Effect.map(Option.some),
        Effect.catchReason("PlatformError", "NotFound", () => Effect.succeed(Option.none<FileSystem.File.Info>()))
      )
      // To append is to write without a position, which a pipe has not.
      if (Option.isSome(old) && old.value.type !== "File") return yield* write(fs, stream, target, { flag: "a" })
      const part = partOf(target, yield* Random.nextIntBetween(0, 2 ** 32))
      const mode = Option.map(old, ({ mode }) => mode & permissions)
      return yield* write(fs, stream, part, { flag: "wx", mode: Option.getOrUndefined(mode) }).pipe(
        Effect.tap(Option.isSome(old) ? likeOld(fs, part, old.value) : Effect.void),
        Effect.tap(fs.rename(part, target)),
        Effect.onError(() => Effect.ignore(fs.remove(part)))
      )
    })
