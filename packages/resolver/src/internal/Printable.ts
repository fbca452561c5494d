/**
 * Texts from users and networks, as they may stand in a message or on a terminal.
 */

/** Longer texts are cut: a name in a message has at most 255 characters, and a host file's or a user's may have any. */
const longest = 300

/** The text, in quotes where something in it has to be escaped, and cut where it is long. */
export const printable = (text: string): string => {
  const quoted = escapeControls(JSON.stringify(text.length > longest ? `${text.slice(0, longest)}…` : text))
  return quoted.slice(1, -1) === text && text !== "" ? text : quoted
}

/** The text without characters that would act on a terminal or break a line: each stands as `\u009b`. */
export const escapeControls = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) =>
    [...char].map((unit) => `\\u${unit.codePointAt(0)!.toString(16).padStart(4, "0")}`).join("")
  )
