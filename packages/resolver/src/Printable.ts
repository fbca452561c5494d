/**
 * Texts of strangers (what was typed, what a network says, names of files) as they may stand in a message, in a log or on
 * a terminal: nothing in them acts on it, begins a line, or turns the direction of what follows.
 */

const isAscii = /^[ -~]*$/

/** Not letters, marks, numbers, punctuation, symbols or the space: controls, direction marks, line separators. */
const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu

const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`

/**
 * The text with `\u009b` for each character that has no shape or changes the direction, as JSON writes it. Letters of all
 * scripts stay.
 *
 * ```ts
 * import * as Printable from "@effect-sockets/resolver/Printable"
 * Printable.escape("caf\u00e9\u001b[2J") // => "caf\u00e9\\u001b[2J"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const escape = (text: string): string =>
  // Nearly all are ASCII, and the question for that costs a tenth of the search by categories.
  isAscii.test(text) ? text : text.replace(unprintable, (character) => character.replace(/[^]/g, escapeUnit))

/** Longer texts are cut: a name in a message has at most 255 characters, and a host file's or a user's may have any. */
const longestName = 300

/**
 * A name for the middle of a sentence: in quotes if it is empty or something in it has to be escaped, and cut after 300
 * characters.
 *
 * ```ts
 * import * as Printable from "@effect-sockets/resolver/Printable"
 * Printable.name("localhost") // => "localhost"
 * Printable.name("a\nb") // => '"a\\nb"'
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const name = (text: string): string => {
  const quoted = escape(JSON.stringify(text.length > longestName ? `${text.slice(0, longestName)}…` : text))
  return quoted.slice(1, -1) === text && text !== "" ? text : quoted
}

/** Longer lines are cut: what is complained of may be of any length. */
const longestLine = 500

/**
 * A text of any number of lines as one, cut after 500 characters.
 *
 * ```ts
 * import * as Printable from "@effect-sockets/resolver/Printable"
 * Printable.line("not found:\n  /a\u0007\n") // => "not found: /a\\u0007"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const line = (text: string): string => {
  const line = escape(text.replace(/\s*\n\s*/g, " ").trim())
  return line.length > longestLine ? `${line.slice(0, longestLine)}…` : line
}
