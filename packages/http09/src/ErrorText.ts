/**
 * What a server says when there is no document, in either dialect. Pure.
 */
import type { Dialect } from "./RequestLine.ts"
import * as StatusLine from "./StatusLine.ts"

/**
 * The answers that are no documents.
 *
 * ```ts
 * import * as ErrorText from "@effect-sockets/http09/ErrorText"
 * const texts: ErrorText.ErrorTexts = ErrorText.errorTexts["1991"]
 * new TextDecoder().decode(texts.notFound).split("\n")[0] // => "<TITLE>Not found</TITLE>"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface ErrorTexts {
  /** To a line that is no request. */
  readonly invalidRequest: Uint8Array
  /** To a request for a document that is not there. */
  readonly notFound: Uint8Array
}

/** A title, and a sentence for people: lines of at most 80 characters, as the document of 1991 wants them. */
const html = (title: string, sentence: string): Uint8Array =>
  new TextEncoder().encode(`<TITLE>${title}</TITLE>\n<H1>${title}</H1>\n${sentence}\n`)

/**
 * The answers of each dialect: the book's status lines, and for 1991 short HTML texts. "Error responses are supplied in
 * human readable text in HTML syntax", says the original document, and nothing but the words tells them from others.
 *
 * They do not repeat what was asked for: no escaping, and nothing of a stranger's on the page.
 *
 * ```ts
 * import * as ErrorText from "@effect-sockets/http09/ErrorText"
 * new TextDecoder().decode(ErrorText.errorTexts.book.notFound) // => "HTTP/0.9 401 Not found.\n"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const errorTexts: Readonly<Record<Dialect, ErrorTexts>> = {
  book: { invalidRequest: StatusLine.invalidRequest, notFound: StatusLine.notFound },
  "1991": {
    invalidRequest: html("Invalid request", "This server understands GET, one space, and a path that starts with /."),
    notFound: html("Not found", "There is no document of this name here.")
  }
}
