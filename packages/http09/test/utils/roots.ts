import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { DocumentError } from "../../src/DocumentError.ts"
import * as DocumentRoot from "../../src/DocumentRoot.ts"
import * as NodeFolder from "../../src/internal/folder/NodeFolder.ts"
import * as NodeDocumentRoot from "../../src/NodeDocumentRoot.ts"
import { temporary, write } from "./folders.ts"

type Documents = Readonly<Record<`/${string}`, string | Uint8Array>>

/** Every kind of document root over the same documents. */
export const roots = (
  documents: Documents,
  options: DocumentRoot.Options = {}
): Readonly<Record<string, Layer.Layer<DocumentRoot.DocumentRoot, DocumentError>>> => {
  const inFolder = (make: (folder: string) => Layer.Layer<DocumentRoot.DocumentRoot, DocumentError>) =>
    Layer.unwrap(
      Effect.gen(function* () {
        const folder = yield* temporary
        yield* write(folder, documents)
        return make(folder)
      })
    )
  return {
    "from a record": DocumentRoot.layerMemory(documents, options),
    "from a folder": inFolder((folder) => NodeDocumentRoot.layer(folder, options)),
    "from a folder whose path ends in a slash": inFolder((folder) => NodeDocumentRoot.layer(`${folder}/`, options)),
    "from a folder, all files in chunks": inFolder((folder) =>
      NodeDocumentRoot.layer(folder, { ...options, wholeBytes: 0, chunkBytes: 1000 })
    ),
    "from a folder without /proc": inFolder((folder) => withoutProc(folder, options))
  }
}

/** A folder as on a system without /proc. */
export const withoutProc = (
  folder: string,
  options: DocumentRoot.Options = {}
): Layer.Layer<DocumentRoot.DocumentRoot> =>
  Layer.sync(DocumentRoot.DocumentRoot, () =>
    NodeFolder.make(folder, {
      wholeBytes: 1000,
      chunkBytes: 1000,
      cacheBytes: 0,
      proc: false,
      listing: options.listing ?? false,
      dotfiles: options.dotfiles ?? false
    })
  )
