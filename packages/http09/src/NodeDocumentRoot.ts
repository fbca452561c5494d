/**
 * Documents from a folder, over `node:fs`.
 *
 * What is served is a regular file that lay inside the folder when it was opened, whatever happens to names and links
 * meanwhile: the file is opened without following its last link and without blocking, then the descriptor is asked
 * what it is and where it is, and that same descriptor is read.
 *
 * Linux's /proc says where a descriptor is. Where there is none (macOS), the name is looked up once more instead, which
 * a local user who may change the folder can outrun: there, serve only what nobody else writes to.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fs from "node:fs"
import { DocumentError, fromCause } from "./DocumentError.ts"
import { DocumentRoot, type Options as RootOptions } from "./DocumentRoot.ts"
import * as NodeFolder from "./internal/folder/NodeFolder.ts"

/**
 * What is shown, and how files are read.
 *
 * ```ts
 * import * as NodeDocumentRoot from "@effect-sockets/http09/NodeDocumentRoot"
 * const options: NodeDocumentRoot.Options = { listing: true, wholeBytes: 0, chunkBytes: 65_536 }
 * const root = NodeDocumentRoot.layer("public", options)
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends RootOptions {
  /**
   * Files up to so many bytes are read at once, synchronously; longer ones in the background, while they are sent.
   *
   * Default 65,536. A slow disk stops the whole process meanwhile, as it does in nginx; on a network file system 0
   * may be the better choice.
   */
  readonly wholeBytes?: number | undefined
  /**
   * Memory in which the bytes of files up to `wholeBytes` are kept. Default 8,388,608; 0 keeps none.
   *
   * The system is asked about a file before its bytes are served again, once for all requests that one turn of the
   * event loop brought: a request gets the file as it is when it is answered, or as it was when that turn began, which
   * is milliseconds. A file is kept only once it has rested for 2 seconds, so that no two changes can have one time.
   * What changes without the system's knowing (through shared memory, `mmap`, or on a network file system by another
   * machine) is served within 10 seconds: then a file is opened and read again, changed or not.
   */
  readonly cacheBytes?: number | undefined
  /** The bytes of one read of a longer file. A download has two of them in memory. Default 131,072. */
  readonly chunkBytes?: number | undefined
}

/**
 * Documents from the folder `root`, which is relative to the working directory and may be a link.
 *
 * A symbolic link is followed if its target is inside the root.
 *
 * **Errors**: `NotFound`, `NotAFolder` or `PermissionDenied` if the folder cannot be used; `InvalidOption` for
 * what cannot be meant.
 *
 * ```ts
 * import * as DocumentRoot from "@effect-sockets/http09/DocumentRoot"
 * import * as NodeDocumentRoot from "@effect-sockets/http09/NodeDocumentRoot"
 * import { Effect } from "effect"
 * import * as fs from "node:fs"
 * import * as os from "node:os"
 * const folder = fs.mkdtempSync(`${os.tmpdir()}/public-`)
 * fs.writeFileSync(`${folder}/hello.txt`, "Hello")
 * const hello = DocumentRoot.DocumentRoot.pipe(Effect.flatMap(({ open }) => open("/hello.txt")), Effect.scoped)
 * const document = await Effect.runPromise(Effect.provide(hello, NodeDocumentRoot.layer(folder)))
 * document._tag === "Whole" && new TextDecoder().decode(document.bytes) // => "Hello"
 * fs.rmSync(folder, { recursive: true })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (root: string, options: Options = {}): Layer.Layer<DocumentRoot, DocumentError> =>
  Layer.effect(
    DocumentRoot,
    Effect.suspend(() => {
      const reason = InvalidOption.find<Options>(options, checks)
      if (reason !== undefined) return Effect.fail(new DocumentError({ path: root, reason }))
      return Effect.try({
        try: () =>
          NodeFolder.make(root, {
            wholeBytes: options.wholeBytes ?? 65_536,
            chunkBytes: options.chunkBytes ?? 131_072,
            cacheBytes: options.cacheBytes ?? 8_388_608,
            listing: options.listing ?? false,
            dotfiles: options.dotfiles ?? false,
            proc: fs.existsSync("/proc/self/fd")
          }),
        catch: (cause) => fromCause(root, cause)
      })
    })
  )

/** A buffer's length: more than 1 GiB is nothing that can be meant. */
const mostBytes = 2 ** 30

const checks = {
  wholeBytes: InvalidOption.integer(0, mostBytes),
  chunkBytes: InvalidOption.integer(1, mostBytes),
  cacheBytes: InvalidOption.integer(0),
  listing: InvalidOption.boolean,
  dotfiles: InvalidOption.boolean
}
