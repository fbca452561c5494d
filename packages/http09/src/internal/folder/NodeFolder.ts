/**
 * The files of a folder as documents: what `NodeDocumentRoot` is made of.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as fs from "node:fs"
import { type DocumentError, fromCause, notFound, truncated } from "../../DocumentError.ts"
import * as DocumentRoot from "../../DocumentRoot.ts"
import * as Listing from "../../Listing.ts"
import { isHidden, visible } from "../visibility.ts"
import * as NodeFolderEntries from "./NodeFolderEntries.ts"
import * as NodeFileReader from "./NodeFileReader.ts"
import * as NodeRootBoundary from "./NodeRootBoundary.ts"
import { FileCache, type Stamp } from "./FileCache.ts"

/** How files are found and read. */
export interface Options {
  /** Lists folders without `index.html`. */
  readonly listing: boolean
  /** Serves names that start with a dot. */
  readonly dotfiles: boolean
  /** Files up to so many bytes are read at once. */
  readonly wholeBytes: number
  /** Longer ones are read in chunks of so many. */
  readonly chunkBytes: number
  /** Memory for the bytes of files that were read at once. */
  readonly cacheBytes: number
  /** Whether Linux's /proc says where an open file is. */
  readonly proc: boolean
}

/** The service for a folder. Throws if the folder cannot be used. */
export const make = (root: string, options: Options): DocumentRoot.DocumentRoot["Service"] => {
  const { chunkBytes, cacheBytes } = options
  const cache = new FileCache(cacheBytes)
  const boundary = NodeRootBoundary.make(root, options.proc)
  const open = opener(boundary, options, cache)
  const listings = Semaphore.makeUnsafe(1)
  const list = (path: string, name: string): Effect.Effect<DocumentRoot.Whole, DocumentError> =>
    NodeFolderEntries.read(boundary, path, name).pipe(
      listings.withPermit,
      Effect.map(({ entries, isWhole }) => ({
        _tag: "Whole",
        name,
        bytes: Listing.page(path, visible(path, entries, options), isWhole)
      }))
    )
  const toDocument = (
    path: string,
    found: DocumentRoot.Whole | Opened | Folder,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ): Effect.Effect<DocumentRoot.Document, DocumentError, Scope.Scope> => {
    if (found._tag === "Whole") return Effect.succeed(found)
    if (found._tag === "Folder") return restore(list(path, found.name))
    const { name, fd, size } = found
    const { forEach, close } = NodeFileReader.make(fd, { path, size, chunkBytes })
    return Effect.as(
      Effect.addFinalizer(() => close),
      { _tag: "Chunked", name, size, forEach }
    )
  }
  const peek = (path: string): DocumentRoot.Whole | undefined => cache.get(path, thisTurn(), Date.now(), stampOf)
  return {
    peek,
    open: (path) =>
      Effect.suspend(() => {
        const kept = peek(path)
        if (kept !== undefined) return Effect.succeed(kept)
        return Effect.uninterruptibleMask((restore) =>
          Effect.flatMap(Effect.try({ try: () => open(path), catch: (cause) => fromCause(path, cause) }), (found) =>
            toDocument(path, found, restore)
          )
        )
      })
  }
}

let turn = 0
let isCounted = false

const nextTurn = (): void => {
  isCounted = false
  turn++
}

/** The number of this turn of the event loop. */
const thisTurn = (): number => {
  if (!isCounted) {
    isCounted = true
    setImmediate(nextTurn)
  }
  return turn
}

const stampOf = (name: string): Stamp | undefined => {
  try {
    return fs.statSync(name, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** A file that is not read yet. Whoever has it owns the descriptor. */
interface Opened {
  readonly _tag: "Opened"
  readonly name: string
  readonly fd: number
  readonly size: number
}

/** A folder without index. */
interface Folder {
  readonly _tag: "Folder"
  readonly name: string
}

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW, O_NOCTTY } = fs.constants
const flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY
const linkCodes: ReadonlySet<unknown> = new Set(["ELOOP", "EMLINK"])

const opener = (
  boundary: NodeRootBoundary.RootBoundary,
  { wholeBytes, dotfiles, listing }: Options,
  cache: FileCache
): ((path: string) => DocumentRoot.Whole | Opened | Folder) => {
  const openFile = (path: string, file: string): number => {
    try {
      return fs.openSync(file, flags)
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && linkCodes.has(cause.code))) throw cause
      const real = fs.realpathSync.native(file)
      if (!boundary.isInside(real)) throw notFound(path, "outside the root")
      return fs.openSync(real, flags)
    }
  }

  return (path) => {
    if (!dotfiles && isHidden(path)) throw notFound(path, "hidden")
    const name = locate(path, boundary.prefix, listing)
    if (name.endsWith("/")) return { _tag: "Folder", name }
    const fd = openFile(path, name)
    let kept = false
    try {
      const now = Date.now()
      const stats = fs.fstatSync(fd)
      if (!stats.isFile()) throw notFound(path, "not a regular file")
      if (!boundary.isInside(boundary.where(fd, name, stats))) throw notFound(path, "outside the root")
      if (stats.size <= wholeBytes) {
        const document = { _tag: "Whole", name, bytes: readWhole(path, fd, stats.size) } as const
        cache.set(path, document, stats, now)
        return document
      }
      kept = true
      return { _tag: "Opened", name, fd, size: stats.size }
    } finally {
      if (!kept) fs.closeSync(fd)
    }
  }
}

/**
 * The name of the file for a path, or of a folder to be listed, with a slash at its end.
 *
 * A file is asked what it is before it is opened, since opening a device or a FIFO may already do something.
 */
const locate = (path: string, prefix: string, listing: boolean): string => {
  const asked = `${prefix}${path}`
  const folder = path.endsWith("/") ? asked : `${asked}/`
  if (folder !== asked) {
    const stats = fs.statSync(asked, { throwIfNoEntry: false })
    if (stats === undefined) throw notFound(path)
    if (stats.isFile()) return asked
    if (!stats.isDirectory()) throw notFound(path, "not a regular file")
  }
  const index = `${folder}${DocumentRoot.indexName}`
  const stats = fs.statSync(index, { throwIfNoEntry: false })
  if (stats?.isFile()) return index
  // Where something else than a page stands for the page, somebody meant the folder to have one.
  if (listing && (stats === undefined || stats.isDirectory())) return folder
  throw stats === undefined ? notFound(path) : notFound(path, "not a regular file")
}

const readWhole = (path: string, fd: number, size: number): Uint8Array => {
  const bytes = Buffer.allocUnsafeSlow(size)
  let length = 0
  while (length < size) {
    const more = fs.readSync(fd, bytes, length, size - length, length)
    if (more === 0) throw truncated(path, size, length)
    length += more
  }
  return bytes
}
