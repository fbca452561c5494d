/**
 * Where documents come from: a request's path to its bytes. The contract, and the layer over a record in memory;
 * `NodeDocumentRoot` has the one over a folder.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type DocumentError, notFound } from "./DocumentError.ts"
import { isHidden, visible } from "./internal/visibility.ts"
import * as Listing from "./Listing.ts"

export { isHidden } from "./internal/visibility.ts"

/**
 * A document that is in memory.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * const whole: DocumentRoot.Whole = { _tag: "Whole", name: "/a", bytes: new TextEncoder().encode("Hello") }
 * whole.bytes.length // => 5
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Whole {
  readonly _tag: "Whole"
  /** What it is called in logs: the file that was opened, or the path in a record. */
  readonly name: string
  /** All of it. Not to be changed: it may be served again. */
  readonly bytes: Uint8Array
}

/**
 * A document that is read while it is sent.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import { Effect } from "effect"
 * const halves = [new Uint8Array(3), new Uint8Array(2)]
 * const document: DocumentRoot.Chunked = {
 *   _tag: "Chunked", name: "/a", size: 5, forEach: (f) => Effect.forEach(halves, f, { discard: true })
 * }
 * const sizes: Array<number> = []
 * await Effect.runPromise(document.forEach((chunk) => Effect.sync(() => sizes.push(chunk.length))))
 * sizes // => [3, 2]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Chunked {
  readonly _tag: "Chunked"
  /** What it is called in logs. */
  readonly name: string
  /** Its length in bytes when it was opened. The chunks have exactly so many, or `forEach` fails. */
  readonly size: number
  /**
   * Hands out its bytes in order. A chunk is only lent: its memory is used again once the effect of `f` has ended.
   * Valid until the scope of `open` closes.
   *
   * **Errors**: `Truncated` if the document became shorter meanwhile; why it could not be read.
   */
  readonly forEach: <E, R>(
    f: (chunk: Uint8Array) => Effect.Effect<unknown, E, R>
  ) => Effect.Effect<void, DocumentError | E, R>
}

/**
 * A document that was found.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * const sizeOf = (document: DocumentRoot.Document) => document._tag === "Whole" ? document.bytes.length : document.size
 * sizeOf({ _tag: "Whole", name: "/a", bytes: new Uint8Array(5) }) // => 5
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Document = Whole | Chunked

/**
 * Where documents come from.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as DocumentError from "@effect-sockets/http09/DocumentError"
 * import { Effect, Layer } from "effect"
 * const clock = Layer.succeed(DocumentRoot.DocumentRoot, {
 *   open: (path) => path === "/year"
 *     ? Effect.sync(() => ({ _tag: "Whole", name: path, bytes: new TextEncoder().encode(`${new Date(0).getUTCFullYear()}`) }))
 *     : Effect.fail(DocumentError.notFound(path))
 * })
 * const year = DocumentRoot.DocumentRoot.pipe(Effect.flatMap(({ open }) => open("/year")), Effect.scoped, Effect.provide(clock))
 * ;(await Effect.runPromise(year)).name // => "/year"
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class DocumentRoot extends Context.Service<
  DocumentRoot,
  {
    /**
     * The document for a path as `RequestLine.decode` gives it: decoded, from `/`, without dot segments.
     *
     * A folder, with or without the slash, gives its `index.html`; a slash after anything else gives nothing. What
     * `isHidden` names is not there, unless the root shows it.
     *
     * **Errors**: `isNotThere` is true for what clients may be told is not there; anything else is a failure.
     *
     * **Interruption**: what was opened is closed with the scope, also if the opening was interrupted.
     */
    readonly open: (path: string) => Effect.Effect<Document, DocumentError, Scope.Scope>
    /**
     * What `open` would give, where it is in memory and known to be as it was: answered without an effect, which is a
     * good part of what a small document costs. Undefined says nothing: then `open` is asked. A root may leave it out.
     */
    readonly peek?: (path: string) => Whole | undefined
  }
>()("@effect-sockets/http09/DocumentRoot") {}

/**
 * What of a root is shown.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import { Effect } from "effect"
 * const options: DocumentRoot.Options = { listing: true, dotfiles: false }
 * const root = DocumentRoot.layerMemory({ "/notes/a.txt": "A" }, options)
 * const page = DocumentRoot.DocumentRoot.pipe(Effect.flatMap(({ open }) => open("/notes")), Effect.scoped, Effect.provide(root))
 * ;(await Effect.runPromise(page)).name // => "/notes/"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * Answers for a folder without `index.html` with a page that lists what can be had in it. Default `false`: there is
   * no such document.
   */
  readonly listing?: boolean | undefined
  /** Serves names that start with a dot, too. Default `false`: they are not there (see `isHidden`). */
  readonly dotfiles?: boolean | undefined
}

/**
 * What a folder gives.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import { Effect } from "effect"
 * const root = DocumentRoot.layerMemory({ [`/notes/${DocumentRoot.indexName}`]: "<h1>Notes</h1>" })
 * const page = DocumentRoot.DocumentRoot.pipe(Effect.flatMap(({ open }) => open("/notes")), Effect.scoped, Effect.provide(root))
 * ;(await Effect.runPromise(page)).name // => "/notes/index.html"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const indexName = "index.html"

/**
 * Documents from a record of paths, each with its text (as UTF-8) or bytes:
 * `layerMemory({ "/index.html": "<h1>Hello</h1>" })`. In a listing they have no dates.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import { Effect } from "effect"
 * const root = DocumentRoot.layerMemory({ "/index.html": "<h1>Hello</h1>", "/logo.png": new Uint8Array(3) })
 * const open = (path: string) => DocumentRoot.DocumentRoot.pipe(Effect.flatMap(({ open }) => open(path)), Effect.scoped, Effect.provide(root))
 * ;(await Effect.runPromise(open("/"))).name // => "/index.html"
 * ;(await Effect.runPromise(Effect.flip(open("/nowhere")))).message // => "/nowhere: not found"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory = (
  documents: Readonly<Record<`/${string}`, string | Uint8Array>>,
  options: Options = {}
): Layer.Layer<DocumentRoot> =>
  Layer.sync(DocumentRoot, () => {
    const { dotfiles = false, listing = false } = options
    const byPath = new Map<string, Whole>()
    for (const [name, content] of Object.entries(documents)) {
      byPath.set(name, {
        _tag: "Whole",
        name,
        bytes: typeof content === "string" ? new TextEncoder().encode(content) : content
      })
    }
    const folders = listing ? foldersOf(byPath.values()) : undefined

    const find = (path: string): Whole | undefined => {
      const document = byPath.get(path)
      if (document !== undefined && !path.endsWith("/")) return document
      const folder = path.endsWith("/") ? path : `${path}/`
      return byPath.get(`${folder}${indexName}`) ?? list(folder)
    }
    const list = (folder: string): Whole | undefined => {
      const entries = folders?.get(folder)
      if (entries === undefined) return undefined
      const seen = visible(folder, entries.values(), options)
      const shown = seen.slice(0, Listing.maxEntries)
      return { _tag: "Whole", name: folder, bytes: Listing.page(folder, shown, shown.length === seen.length) }
    }
    const peek = (path: string): Whole | undefined => (!dotfiles && isHidden(path) ? undefined : find(path))
    return {
      peek,
      open: (path) =>
        Effect.suspend(() => {
          const found = peek(path)
          return found === undefined ? Effect.fail(notFound(path)) : Effect.succeed(found)
        })
    }
  })

/** The folders that the paths of documents imply, each with what is in it. */
const foldersOf = (documents: Iterable<Whole>): ReadonlyMap<string, ReadonlyMap<string, Listing.Entry>> => {
  const folders = new Map([["/", new Map<string, Listing.Entry>()]])
  for (const { bytes, name: path } of documents) {
    const names = path.split("/").slice(1)
    const file = names.pop() ?? ""
    let folder = "/"
    for (const name of names) {
      folders.get(folder)?.set(`${name}/`, { name, isFolder: true })
      folder = `${folder}${name}/`
      if (!folders.has(folder)) folders.set(folder, new Map())
    }
    folders.get(folder)?.set(file, { name: file, isFolder: false, size: bytes.length })
  }
  return folders
}
