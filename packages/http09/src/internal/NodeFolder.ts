/**
 * The files of a folder as documents: what `NodeDocumentRoot` is made of.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as Path from "node:path"
import { DocumentError, fromCause, notFound, truncated } from "../DocumentError.ts"
import * as DocumentRoot from "../DocumentRoot.ts"
import * as NodeOpenFile from "./NodeOpenFile.ts"
import { SmallFiles, type Stamp } from "./SmallFiles.ts"

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
  const cache = new SmallFiles(cacheBytes)
  const open = opener(root, options, cache)
  const toDocument = (
    path: string,
    found: DocumentRoot.Whole | Opened
  ): Effect.Effect<DocumentRoot.Document, never, Scope.Scope> => {
    if (found._tag === "Whole") return Effect.succeed(found)
    const { name, fd, size } = found
    const { forEach, close } = NodeOpenFile.make(fd, { path, size, chunkBytes })
    return Effect.as(
      Effect.addFinalizer(() => close),
      { _tag: "Chunked", name, size, forEach }
    )
  }
  return {
    open: (path) =>
      Effect.suspend(() => {
        const kept = cache.get(path, thisTurn(), stampOf)
        if (kept !== undefined) return Effect.succeed(kept)
        return Effect.try({ try: () => open(path), catch: (cause) => fromCause(path, cause) }).pipe(
          Effect.flatMap((found) => toDocument(path, found)),
          Effect.uninterruptible
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

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW, O_NOCTTY } = fs.constants
const flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY
const linkCodes: ReadonlySet<unknown> = new Set(["ELOOP", "EMLINK"])

const opener = (
  root: string,
  { wholeBytes, proc, dotfiles }: Options,
  cache: SmallFiles
): ((path: string) => DocumentRoot.Whole | Opened) => {
  const prefix = Path.resolve(root).replace(/^\/$/, "")
  let realPrefix = realFolder(root, prefix)
  const where = proc ? whereByProc : whereByName

  const isInside = (real: string): boolean => {
    if (real.startsWith(`${realPrefix}/`)) return true
    // The root may be a link that leads elsewhere since the last request, as deployments do.
    realPrefix = realFolder(root, prefix)
    return real.startsWith(`${realPrefix}/`)
  }

  const openFile = (path: string, file: string): number => {
    try {
      return fs.openSync(file, flags)
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && linkCodes.has(cause.code))) throw cause
      const real = fs.realpathSync.native(file)
      if (!isInside(real)) throw notFound(path, "outside the root")
      return fs.openSync(real, flags)
    }
  }

  return (path) => {
    if (!dotfiles && DocumentRoot.isHidden(path)) throw notFound(path, "hidden")
    const name = locate(path, prefix)
    const fd = openFile(path, name)
    let kept = false
    try {
      const now = Date.now()
      const stats = fs.fstatSync(fd)
      if (!stats.isFile()) throw notFound(path, "not a regular file")
      if (!isInside(where(fd, name, stats))) throw notFound(path, "outside the root")
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

const realFolder = (root: string, prefix: string): string => {
  const real = fs.realpathSync.native(prefix === "" ? "/" : prefix)
  if (!fs.statSync(real).isDirectory()) throw new DocumentError({ path: root, reason: { _tag: "NotAFolder" } })
  return real === "/" ? "" : real
}

// Asked what it is before it is opened, since opening a device or a FIFO may already do something.
const locate = (path: string, prefix: string): string => {
  const isFolder = path.endsWith("/")
  let file = `${prefix}${path}${isFolder ? DocumentRoot.indexName : ""}`
  let stats = fs.statSync(file, { throwIfNoEntry: false })
  if (stats !== undefined && stats.isDirectory() && !isFolder) {
    file = `${file}/${DocumentRoot.indexName}`
    stats = fs.statSync(file, { throwIfNoEntry: false })
  }
  if (stats === undefined) throw notFound(path)
  if (!stats.isFile()) throw notFound(path, "not a regular file")
  return file
}

const whereByProc = (fd: number): string => fs.readlinkSync(`/proc/self/fd/${fd}`)

/** What the name leads to, if that is still the file that was opened. */
const whereByName = (_fd: number, name: string, opened: fs.Stats): string => {
  const real = fs.realpathSync.native(name)
  const { dev, ino } = fs.statSync(real)
  return dev === opened.dev && ino === opened.ino ? real : ""
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
