/**
 * Options are looked at once, by the operation that is given them: a value that cannot be meant (NaN, a negative count, a
 * fraction of a connection) is a typed failure that names the option, the value and what it must be.
 */
import * as Duration from "effect/Duration"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/**
 * An option with a value that cannot be meant.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * import { Schema } from "effect"
 * const invalid = { _tag: "InvalidOption", option: "tries", value: "NaN", mustBe: "an integer of at least 1" }
 * Schema.is(InvalidOption.InvalidOption)(invalid) // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const InvalidOption = Schema.TaggedStruct("InvalidOption", {
  /** The option's name: `"queue"`, or a path as in `"tls.handshakeTimeout"`. */
  option: Schema.String,
  /** The value that was given, as text. */
  value: Schema.String,
  /** What it must be, in words that end "must be …". */
  mustBe: Schema.String
})

/**
 * An option with a value that cannot be meant.
 *
 * @category errors
 * @since 0.1.0
 */
export type InvalidOption = typeof InvalidOption.Type

/**
 * The option in one line: `queue is NaN, and must be an integer of at least 1`.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * const invalid = InvalidOption.find({ tries: NaN }, { tries: InvalidOption.integer(1) })
 * invalid && InvalidOption.describe(invalid) // => "tries is NaN, and must be an integer of at least 1"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const describe = ({ mustBe, option, value }: InvalidOption): string =>
  `${option} is ${value}, and must be ${mustBe}`

/**
 * What a value must be, if it is not.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * const even: InvalidOption.Check = (value) => (Number(value) % 2 === 0 ? undefined : "an even number")
 * InvalidOption.find({ size: 3 }, { size: even })?.mustBe // => "an even number"
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export type Check = (value: unknown) => string | undefined

/** Longer values are cut: they may come from anywhere. */
const longestValue = 80

const show = (value: unknown): string => {
  const plain = typeof value === "string" ? undefined : shown(value)
  // A text stands in quotes, and what has a text with a line break of its own is treated as one.
  const text = plain !== undefined && !/[^ -~]/.test(plain) ? plain : JSON.stringify(plain ?? value)
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text
}

/** A hostile value may not even have a text. */
const shown = (value: unknown): string => {
  try {
    return String(value)
  } catch {
    return typeof value
  }
}

/**
 * An integer from `least` to `most`.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * InvalidOption.integer(1)(0) // => "an integer of at least 1"
 * InvalidOption.integer(0, 65_535)(80) // => undefined
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const integer = (least: number, most: number = Number.MAX_SAFE_INTEGER): Check => {
  const mustBe =
    most === Number.MAX_SAFE_INTEGER ? `an integer of at least ${least}` : `an integer from ${least} to ${most}`
  return (value) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most ? undefined : mustBe
}

/**
 * As `integer`, or Infinity for no bound.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * InvalidOption.integerOrInfinity(1)(Infinity) // => undefined
 * InvalidOption.integerOrInfinity(1)(NaN) // => "an integer of at least 1, or Infinity"
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const integerOrInfinity = (least: number): Check => {
  const check = integer(least)
  return (value) => (value === Infinity || check(value) === undefined ? undefined : `${check(value)!}, or Infinity`)
}

/**
 * A duration that is not negative, in any of effect's forms. An infinite one is none.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * InvalidOption.duration("30 days") // => undefined
 * InvalidOption.duration(-1) // => "a duration that is not negative, or Infinity for none"
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const duration: Check = (value) =>
  Number.isNaN(millisOf(value)) ? "a duration that is not negative, or Infinity for none" : undefined

/**
 * A duration of more than nothing, in any of effect's forms. An infinite one is none.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * InvalidOption.positiveDuration(Infinity) // => undefined
 * InvalidOption.positiveDuration(0) // => "a duration of more than 0, or Infinity for none"
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const positiveDuration: Check = (value) =>
  millisOf(value) > 0 ? undefined : "a duration of more than 0, or Infinity for none"

/**
 * One of a few values.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * InvalidOption.oneOf("IPv4", "IPv6")("IPv5") // => '"IPv4" or "IPv6"'
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const oneOf =
  (...values: ReadonlyArray<unknown>): Check =>
  (value) =>
    values.includes(value) ? undefined : values.map(show).join(" or ")

/**
 * A truth value.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * InvalidOption.boolean("yes") // => "true or false"
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const boolean: Check = oneOf(true, false)

/**
 * A text that is not empty.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * InvalidOption.text("") // => "a text that is not empty"
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const text: Check = (value) =>
  typeof value === "string" && value !== "" ? undefined : "a text that is not empty"

/**
 * A list.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * InvalidOption.array("192.0.2.53") // => "a list"
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const array: Check = (value) => (Array.isArray(value) ? undefined : "a list")

/**
 * A function.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * InvalidOption.callback(() => "heard") // => undefined
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const callback: Check = (value) => (Predicate.isFunction(value) ? undefined : "a function")

/** The milliseconds of a duration, or NaN where it is none or negative. */
const millisOf = (value: unknown): number => {
  if (typeof value === "number") return value >= 0 ? value : NaN
  try {
    const millis = Duration.toMillis(Duration.fromInputUnsafe(value as Duration.Input))
    return millis >= 0 ? millis : NaN
  } catch {
    return NaN
  }
}

/**
 * The milliseconds of a duration that was looked at, `Infinity` for none.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * InvalidOption.toMillis("2 seconds") // => 2000
 * InvalidOption.toMillis(undefined) // => Infinity
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toMillis = (input: Duration.Input | undefined, otherwise = Infinity): number =>
  input === undefined ? otherwise : Duration.toMillis(input)

/**
 * The first option that cannot be meant, or nothing. What is `undefined` was not given. `prefix` is put before the names,
 * as in `"tls."`. Options that are no object at all cannot be meant as a whole.
 *
 * ```ts
 * import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
 * const checks = { queue: InvalidOption.integer(1), timeout: InvalidOption.positiveDuration }
 * InvalidOption.find({ queue: 8, timeout: "1 minute" }, checks) // => undefined
 * InvalidOption.find({ queue: 1.5 }, checks, "server.")?.option // => "server.queue"
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const find = <O extends object>(
  options: O,
  checks: { readonly [K in keyof O]?: Check | undefined },
  prefix = ""
): InvalidOption | undefined => {
  if (!Predicate.isObject(options))
    return {
      _tag: "InvalidOption",
      option: prefix.slice(0, -1) || "options",
      value: show(options),
      mustBe: "an object"
    }
  for (const option of Object.keys(checks) as Array<keyof O & string>) {
    const value = options[option]
    const mustBe = value === undefined ? undefined : checks[option]?.(value)
    if (mustBe !== undefined) return { _tag: "InvalidOption", option: prefix + option, value: show(value), mustBe }
  }
  return undefined
}
