/**
 * What is wrong with the text of a list of addresses, by line.
 */
import * as Schema from "effect/Schema"

/**
 * One line of a list that names no addresses: its number and the column, both from 1, its text and why.
 *
 * ```ts
 * import * as AddressListError from "@effect-sockets/ipaddr/AddressListError"
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import { Result } from "effect"
 * const error = Result.getOrThrow(Result.flip(IpSet.fromString("10.0.0.0/8\n10.0.0.256")))
 * const problem: AddressListError.Problem = error.problems[0]
 * problem // => { line: 2, column: 10, text: "10.0.0.256", reason: "a part is at most 255" }
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const Problem = Schema.Struct({
  line: Schema.Int,
  column: Schema.Int,
  text: Schema.String,
  reason: Schema.String
})

/**
 * One line of a list that names no addresses.
 *
 * @category errors
 * @since 0.1.0
 */
export interface Problem extends Schema.Schema.Type<typeof Problem> {}

/**
 * The most problems that an error keeps: enough to mend a list by, little enough for a file of another kind.
 *
 * ```ts
 * import * as AddressListError from "@effect-sockets/ipaddr/AddressListError"
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import { Result } from "effect"
 * const error = Result.getOrThrow(Result.flip(IpSet.fromString("nonsense\n".repeat(5000))))
 * error.problems.length // => AddressListError.maxProblems
 * error.total // => 5000
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const maxProblems = 100

/**
 * A list has lines that name no addresses: the first of them (at most 100), and how many there are in all.
 *
 * ```ts
 * import * as AddressListError from "@effect-sockets/ipaddr/AddressListError"
 * import * as IpSet from "@effect-sockets/ipaddr/IpSet"
 * import { Result } from "effect"
 * const error = Result.getOrThrow(Result.flip(IpSet.fromString("10.0.0.0/33")))
 * error instanceof AddressListError.AddressListError // => true
 * error.message // => 'line 1, column 11: "10.0.0.0/33": a prefix length is at most 32'
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
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
