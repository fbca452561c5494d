/**
 * Why a document could not be had, or not to its end.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import * as Schema from "effect/Schema"

/**
 * Why a document could not be had.
 *
 * - `NotFound`: it is not there, or not for clients; `detail` says which
 * - `PermissionDenied`: the process may not read it (EACCES, EPERM)
 * - `NotAFolder`: the root is something else
 * - `OutOfDescriptors`: the process or the system has no file descriptor left (EMFILE, ENFILE)
 * - `Truncated`: it became shorter while it was read, `received` of `expected` bytes came
 * - `InvalidOption`: an option of the root has a value that cannot be meant
 * - `Unknown`: any other `code`
 *
 * @category errors
 * @since 0.1.0
 */
export const Reason = Schema.TaggedUnion({
  NotFound: { detail: Schema.String },
  PermissionDenied: {},
  NotAFolder: {},
  OutOfDescriptors: {},
  Truncated: { expected: Schema.Int, received: Schema.Int },
  InvalidOption: { option: Schema.String, value: Schema.String, mustBe: Schema.String },
  Unknown: { code: Schema.String, detail: Schema.String }
})

/**
 * Why a document could not be had.
 *
 * ```ts
 * import * as DocumentError from "@effect-sockets/http09/DocumentError"
 * const reason: DocumentError.Reason = { _tag: "NotFound", detail: "hidden" }
 * new DocumentError.DocumentError({ path: "/.git", reason }).message // => "/.git: hidden"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

const describe = Reason.match({
  NotFound: ({ detail }) => detail,
  PermissionDenied: () => "permission denied",
  NotAFolder: () => "not a folder",
  OutOfDescriptors: () => "out of file descriptors",
  Truncated: ({ expected, received }) => `ended after ${received} of ${expected} bytes`,
  InvalidOption: InvalidOption.describe,
  Unknown: ({ code, detail }) => (detail.includes(code) ? detail : `${detail} (${code})`)
})

/**
 * A document that could not be had. `message` is one line that names the path.
 *
 * ```ts
 * import * as DocumentError from "@effect-sockets/http09/DocumentError"
 * const error = new DocumentError.DocumentError({ path: "/a", reason: { _tag: "OutOfDescriptors" } })
 * error.message // => "/a: out of file descriptors"
 * error.isNotThere // => false
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class DocumentError extends Schema.TaggedError<DocumentError>()("DocumentError", {
  /** What was asked for: a request path, or the root's own. */
  path: Schema.String,
  reason: Reason
}) {
  override get message(): string {
    return `${this.path}: ${describe(this.reason)}`
  }

  /**
   * Whether clients are told that there is no such document. A file without permission is one of these: who may not
   * read it need not know of it (RFC 9110, section 15.5.4, allows the same).
   */
  get isNotThere(): boolean {
    return this.reason._tag === "NotFound" || this.reason._tag === "PermissionDenied"
  }
}

/**
 * The error for a path that is not there, with the reason in words.
 *
 * ```ts
 * import * as DocumentError from "@effect-sockets/http09/DocumentError"
 * const error = DocumentError.notFound("/a")
 * error.message // => "/a: not found"
 * error.isNotThere // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const notFound = (path: string, detail = "not found"): DocumentError =>
  new DocumentError({ path, reason: { _tag: "NotFound", detail } })

/**
 * The error for a document that became shorter while it was read.
 *
 * ```ts
 * import * as DocumentError from "@effect-sockets/http09/DocumentError"
 * DocumentError.truncated("/a", 100, 60).message // => "/a: ended after 60 of 100 bytes"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const truncated = (path: string, expected: number, received: number): DocumentError =>
  new DocumentError({ path, reason: { _tag: "Truncated", expected, received } })

const missing: Reason = { _tag: "NotFound", detail: "not found" }

// Names that a file system cannot have are not there, like those that it does not have.
const byCode: { readonly [code: string]: Reason } = {
  ENOENT: missing,
  ENOTDIR: missing,
  ENAMETOOLONG: { _tag: "NotFound", detail: "name too long" },
  ELOOP: { _tag: "NotFound", detail: "too many symbolic links" },
  EMLINK: { _tag: "NotFound", detail: "too many symbolic links" },
  EINVAL: missing,
  EILSEQ: missing,
  ENXIO: { _tag: "NotFound", detail: "not a regular file" },
  ENODEV: { _tag: "NotFound", detail: "not a regular file" },
  EACCES: { _tag: "PermissionDenied" },
  EPERM: { _tag: "PermissionDenied" },
  EMFILE: { _tag: "OutOfDescriptors" },
  ENFILE: { _tag: "OutOfDescriptors" }
}

/**
 * The error for a failed system call, by its `code`. A `DocumentError` stays what it is.
 *
 * ```ts
 * import * as DocumentError from "@effect-sockets/http09/DocumentError"
 * import * as fs from "node:fs"
 * import { Effect } from "effect"
 * const size = Effect.try({ try: () => fs.statSync("/no/such").size, catch: (cause) => DocumentError.fromCause("/no/such", cause) })
 * ;(await Effect.runPromise(Effect.flip(size))).isNotThere // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const fromCause = (path: string, cause: unknown): DocumentError => {
  if (cause instanceof DocumentError) return cause
  const detail = cause instanceof Error ? cause.message : String(cause)
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "UNKNOWN"
  return new DocumentError({ path, reason: byCode[code] ?? { _tag: "Unknown", code, detail } })
}
