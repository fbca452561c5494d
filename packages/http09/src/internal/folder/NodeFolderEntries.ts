/**
 * What can be had in a folder of the file system.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { type DocumentError, fromCause, notFound } from "../../DocumentError.ts"
import { type Entry, maxEntries } from "../../Listing.ts"
import type { RootBoundary } from "./NodeRootBoundary.ts"

/** The first names of a folder, and whether they are all. */
export interface FolderEntries {
  readonly entries: ReadonlyArray<Entry>
  readonly isWhole: boolean
}

/** FolderEntries asked about in one turn of the event loop: less than a millisecond's work. */
const batch = 100

/**
 * Reads the folder `name` in batches, between which others have their turn. What is neither a regular file nor a folder
 * is left out, and so are links to what is outside.
 *
 * The folder is opened and then asked where it is, and what is in it is looked up from there: names on the way to it may
 * change meanwhile.
 */
export const read = (boundary: RootBoundary, path: string, name: string): Effect.Effect<FolderEntries, DocumentError> =>
  Effect.acquireUseRelease(
    Effect.try({ try: () => open(boundary, path, name), catch: (cause) => fromCause(path, cause) }),
    Effect.fnUntraced(function* (fd) {
      const folder = boundary.proc ? `/proc/self/fd/${fd}` : name
      const names = yield* Effect.try({ try: () => namesOf(folder), catch: (cause) => fromCause(path, cause) })
      const entries: Array<Entry> = []
      for (let from = 0; from < names.length && from < maxEntries; from += batch) {
        yield* Effect.yieldNow
        for (const name of names.slice(from, Math.min(from + batch, maxEntries))) {
          const entry = entryOf(boundary, folder, name)
          if (entry !== undefined) entries.push(entry)
        }
      }
      return { entries, isWhole: names.length <= maxEntries }
    }),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )

const { O_DIRECTORY, O_NONBLOCK, O_RDONLY } = fs.constants
/** Linux: names a file without opening it, so that nothing happens to devices. Node has no name for the flag. */
const O_PATH = 0o10000000

const open = (boundary: RootBoundary, path: string, name: string): number => {
  const fd = fs.openSync(name, O_RDONLY | O_DIRECTORY | O_NONBLOCK)
  try {
    if (!boundary.isInside(boundary.where(fd, name, fs.fstatSync(fd)))) throw notFound(path, "outside the root")
    return fd
  } catch (cause) {
    fs.closeSync(fd)
    throw cause
  }
}

/** One more than are wanted, to know whether there are more. */
const namesOf = (folder: string): ReadonlyArray<string> => {
  const names: Array<string> = []
  const directory = fs.opendirSync(folder, { bufferSize: 1000 })
  try {
    for (let next = directory.readSync(); next !== null; next = directory.readSync()) {
      names.push(next.name)
      if (names.length > maxEntries) break
    }
  } finally {
    directory.closeSync()
  }
  return names
}

/** Nothing for what cannot be had, is gone by now, or has a name that is not UTF-8 and so leads nowhere. */
const entryOf = (boundary: RootBoundary, folder: string, name: string): Entry | undefined => {
  try {
    const file = `${folder}/${name}`
    const own = fs.lstatSync(file)
    const stats = own.isSymbolicLink() ? targetOf(boundary, file) : own
    if (stats === undefined || !(stats.isFile() || stats.isDirectory())) return undefined
    const isFolder = stats.isDirectory()
    return { name, isFolder, size: isFolder ? undefined : stats.size, modified: stats.mtimeMs }
  } catch {
    return undefined
  }
}

/** What a link leads to, if that is inside. */
const targetOf = (boundary: RootBoundary, file: string): fs.Stats | undefined => {
  if (!boundary.proc) {
    const real = fs.realpathSync.native(file)
    return boundary.isInside(real) ? fs.lstatSync(real) : undefined
  }
  const fd = fs.openSync(file, O_PATH)
  try {
    const stats = fs.fstatSync(fd)
    return boundary.isInside(boundary.where(fd, file, stats)) ? stats : undefined
  } finally {
    fs.closeSync(fd)
  }
}
