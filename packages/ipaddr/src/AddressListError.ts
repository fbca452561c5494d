/**
 * What is wrong with the text of a list of addresses, by line.
 */
import * as Schema from "effect/Schema"

/** One line of a list that names no addresses: its number and the column, both from 1, its text and why. */
export const Problem = Schema.Struct({
  line: Schema.Int,
  column: Schema.Int,
  text: Schema.String,
  reason: Schema.String
})

/** One line of a list that names no addresses. */
export interface Problem extends Schema.Schema.Type<typeof Problem> {}

/** The most problems that an error keeps: enough to mend a list by, little enough for a file of another kind. */
export const maxProblems = 100

/** A list has lines that name no addresses: the first of them (at most 100), and how many there are in all. */
export class AddressListError extends Schema.TaggedError<AddressListError>()("AddressListError", {
  problems: Schema.Array(Problem),
  total: Schema.Int
}) {
  override get message(): string {
    const shown = this.problems
      .slice(0, 3)
      .map(({ line, column, text, reason }) => `line ${line}, column ${column}: ${JSON.stringify(text)}: ${reason}`)
    const more = this.total - shown.length
    return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join("; ")
  }
}
