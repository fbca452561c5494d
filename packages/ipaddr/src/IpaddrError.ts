/**
 * The one error of this package: what was given, where it is wrong and why.
 */
import * as Schema from "effect/Schema"

/**
 * A text, number or list of bytes that is not what was asked for.
 *
 * `expected` names the thing asked for ("an IPv4 address"), `input` is what was given (numbers and bytes as text), and
 * `reason` says in words what is wrong. `position` is the index in `input`, from 0, of the first character that is wrong:
 * what stands before it can go on to a right text, with it that is impossible. It is the length of the input if
 * something is missing at the end, and 0 for a number that is out of bounds. Where bits are wrong, as those beyond a
 * prefix, it is that of the first decimal part or hexadecimal digit which has such a bit.
 *
 * ```ts
 * import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
 * import * as IpaddrError from "@effect-sockets/ipaddr/IpaddrError"
 * import { Result } from "effect"
 * const error = Result.getOrThrow(Result.flip(Ipaddr.fromDotted("10.0.0.256")))
 * error instanceof IpaddrError.IpaddrError // => true
 * error.position // => 9
 * error.reason // => "a part is at most 255"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class IpaddrError extends Schema.TaggedError<IpaddrError>()("IpaddrError", {
  expected: Schema.String,
  input: Schema.String,
  position: Schema.Int,
  reason: Schema.String
}) {
  override get message(): string {
    return `${quote(this.input)} is not ${this.expected}: ${this.reason}, at position ${this.position}`
  }
}

// Input may come from a peer: a message stays on one line and short.
const quote = (input: string): string => JSON.stringify(input.length > 80 ? `${input.slice(0, 77)}...` : input)
