/**
 * Ready-made frames, both ways: each is a `Decoder` that can also write what it reads. `SocketStream.writeFrame` writes
 * them; a frame that cannot be written (a line with a line feed in it, a body longer than its prefix can say) fails with
 * `InvalidFrame` or `FrameTooLong`, and nothing of it leaves.
 *
 * The file is long by its examples alone: without them it has fewer than 400 lines.
 */
// oxlint-disable max-lines -- see above
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import * as Decoder from "./Decoder.ts"
import { concat } from "./internal/stream/Bytes.ts"

/**
 * A decoder, and the way back.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * const reply = <A>(codec: Codec.Codec<A>, frame: A) => codec.encode(frame)
 * reply(Codec.line(), "250 OK") // => "250 OK\r\n"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Codec<in out A> extends Decoder.Decoder<A> {
  /** The frame's bytes, or text that is written as UTF-8, or why it is no frame of this codec. */
  encode(frame: A): Uint8Array | string | Decoder.Failure
}

/**
 * How long a frame may be.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * const options: Codec.Options = { maxBytes: 3 }
 * Codec.line(options).encode("long") // => new Decoder.Failure({ _tag: "FrameTooLong", limit: 3 })
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Bytes of a frame's content at most, at least 0, or `Infinity` for no bound. Default 65,536. */
  readonly maxBytes?: number | undefined
}

/**
 * How lines and other delimited frames are read.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 *
 * const options: Codec.DelimitedOptions = { maxBytes: 512, requireDelimiter: true }
 * const cut = Decoder.decodeAll(Codec.line(options), [new TextEncoder().encode("QUIT\r\nDELETE /tm")])
 * cut._tag === "Failure" && cut.failure._tag // => "UnexpectedEof"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface DelimitedOptions extends Options {
  /**
   * Whether the last frame must have its delimiter: where the input ends before it, the read fails with `UnexpectedEof`.
   * For commands and heads, of which half must not count as one. Default: the end of input ends a frame, too.
   */
  readonly requireDelimiter?: boolean | undefined
}

const defaultMaxBytes = 65_536

/**
 * A codec from a decoder and an encoder.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const flag = Codec.make(Decoder.map(Codec.integer("u8"), (n) => n === 1), (on: boolean) => Uint8Array.of(on ? 1 : 0))
 * Decoder.decodeAll(flag, [Uint8Array.of(1, 0)]) // => Result.succeed([true, false])
 * flag.encode(true) // => Uint8Array.of(1)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(
  decoder: Decoder.Decoder<A>,
  encode: (frame: A) => Uint8Array | string | Decoder.Failure
): Codec<A> => ({ ...decoder, encode })

const checks = { maxBytes: InvalidOption.integerOrInfinity(0), requireDelimiter: InvalidOption.boolean }

const tooLong = (limit: number): Decoder.Failure => new Decoder.Failure({ _tag: "FrameTooLong", limit })

/** The content's bound, and room for what stands around it. */
const bounded = <A>(
  options: DelimitedOptions | undefined,
  around: number,
  decode: (limit: number) => (input: Decoder.Input) => Decoder.Outcome<A>,
  encode: (limit: number) => (frame: A) => Uint8Array | string | Decoder.Failure
): Codec<A> => {
  const limit = options?.maxBytes ?? defaultMaxBytes
  const reason = InvalidOption.find({ ...options, maxBytes: limit }, checks)
  return reason === undefined
    ? make(Decoder.make(decode(limit), { maxBytes: limit + around }), encode(limit))
    : make<A>(Decoder.refused(reason), () => new Decoder.Failure(reason))
}

const lf = Uint8Array.of(10)
const cr = 13
const encoder = new TextEncoder()

const length = (text: string): number => encoder.encode(text).length

/**
 * Lines of UTF-8 text. They are read with LF or CR LF behind them, which is not part of them, and the last may lack it;
 * they are written with CR LF. Bytes that are not UTF-8 come out as U+FFFD.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * Decoder.decodeAll(Codec.line({ maxBytes: 80 }), [new TextEncoder().encode("one\r\ntwo")]) // => Result.succeed(["one", "two"])
 * Codec.line().encode("one") // => "one\r\n"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const line = (options?: DelimitedOptions): Codec<string> =>
  bounded(
    options,
    2,
    (limit) => (input) => {
      const cheap = input.line(limit)
      if (cheap !== undefined) return cheap.charCodeAt(cheap.length - 1) === cr ? cheap.slice(0, -1) : cheap
      const index = input.indexOf(lf)
      const end = index === -1 ? input.size : index
      const content = end > 0 && input.peek(end - 1) === cr ? end - 1 : end
      if (content > limit) return new Decoder.Failure({ _tag: "LineTooLong", limit })
      if (index === -1 && (!input.ended || options?.requireDelimiter === true)) return Decoder.more
      const text = input.text(content)
      input.skip(index === -1 ? end - content : end - content + 1)
      return text
    },
    (limit) => (text) =>
      text.includes("\n")
        ? Decoder.invalidFrame("a line has no line feed in it")
        : length(text) > limit
          ? tooLong(limit)
          : `${text}\r\n`
  )

/**
 * Bytes up to a delimiter of at least one byte, which is taken too and is not part of them. The last may lack it.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const field = Codec.delimited(Uint8Array.of(0), { maxBytes: 255 })
 * Decoder.decodeAll(field, [Uint8Array.of(7, 8, 0, 9, 0)]) // => Result.succeed([Uint8Array.of(7, 8), Uint8Array.of(9)])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const delimited = (delimiter: Uint8Array, options?: DelimitedOptions): Codec<Uint8Array> => {
  if (delimiter.length === 0) return refusedDelimiter
  return bounded(
    options,
    delimiter.length,
    (limit) => (input) => {
      const index = input.indexOf(delimiter)
      const end = index === -1 ? input.size : index
      const mayEnd = input.ended && options?.requireDelimiter !== true
      const halfDelimiter = index === -1 && !mayEnd ? delimiter.length - 1 : 0
      if (end > limit + halfDelimiter) return new Decoder.Failure({ _tag: "LineTooLong", limit })
      if (index === -1 && !mayEnd) return Decoder.more
      const bytes = input.take(end)
      if (index !== -1) input.skip(delimiter.length)
      return bytes
    },
    (limit) => (bytes) => {
      if (bytes.length > limit) return tooLong(limit)
      const frame = concat(bytes, delimiter)
      return indexOf(frame, delimiter) < bytes.length ? Decoder.invalidFrame("the delimiter is in the frame") : frame
    }
  )
}

const emptyDelimiter = {
  _tag: "InvalidOption",
  option: "delimiter",
  value: "empty",
  mustBe: "at least one byte"
} as const
const refusedDelimiter: Codec<Uint8Array> = make<Uint8Array>(
  Decoder.refused(emptyDelimiter),
  () => new Decoder.Failure(emptyDelimiter)
)

const indexOf = (bytes: Uint8Array, delimiter: Uint8Array): number => {
  for (let at = bytes.indexOf(delimiter[0]); at !== -1; at = bytes.indexOf(delimiter[0], at + 1)) {
    if (delimiter.every((byte, i) => bytes[at + i] === byte)) return at
  }
  return -1
}

/**
 * Exactly `count` bytes, an integer of at least 0: `UnexpectedEof` if the input ends before.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * Decoder.decodeAll(Codec.bytes(2), [Uint8Array.of(1, 2, 3)]) // => Result.fail({ _tag: "UnexpectedEof", expected: 2, received: 1 })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const bytes = (count: number): Codec<Uint8Array> => {
  // A length of 64 bits is a length, though nobody has as many bytes.
  const isGood = Number.isInteger(count) && count >= 0
  const reason = isGood ? undefined : InvalidOption.find({ count }, { count: InvalidOption.integer(0) })
  if (reason !== undefined) return make<Uint8Array>(Decoder.refused(reason), () => new Decoder.Failure(reason))
  const decoder = Decoder.make<Uint8Array>(
    (input) => {
      if (input.size >= count) return input.take(count)
      // Behind a length, as `flatMap` puts it: no use in waiting for what the whole may not have.
      if (input.taken + count > input.limit) return tooLong(input.limit)
      if (!input.ended) return Decoder.more
      return new Decoder.Failure({ _tag: "UnexpectedEof", expected: count, received: input.size })
    },
    { maxBytes: Number.isSafeInteger(count) ? Math.max(1, count) : Infinity }
  )
  return make(decoder, (frame) =>
    frame.length === count ? frame : Decoder.invalidFrame(`the frame has ${frame.length} bytes, not ${count}`)
  )
}

/**
 * All bytes up to the end of input, which may be none: `InputTooLong` if more than `maxBytes` come.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const message = Decoder.flatMap(Codec.integer("u8"), (kind) => Decoder.map(Codec.rest(1000), (body) => ({ kind, body })))
 * Decoder.decodeAll(message, [Uint8Array.of(1, 2, 3)]) // => Result.succeed([{ kind: 1, body: Uint8Array.of(2, 3) }])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const rest = (maxBytes: number): Codec<Uint8Array> => {
  const reason = InvalidOption.find({ maxBytes }, { maxBytes: InvalidOption.integerOrInfinity(0) })
  if (reason !== undefined) return make<Uint8Array>(Decoder.refused(reason), () => new Decoder.Failure(reason))
  const decoder = Decoder.make<Uint8Array>(
    (input) => {
      if (input.size > maxBytes) return new Decoder.Failure({ _tag: "InputTooLong", limit: maxBytes })
      return input.ended ? input.take(input.size) : Decoder.more
    },
    { maxBytes: maxBytes + 1 }
  )
  return make(decoder, (frame) => (frame.length > maxBytes ? tooLong(maxBytes) : frame))
}

/**
 * An unsigned integer: how many bytes it has, and whether the smallest comes first.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * const sizeOf = (prefix: Codec.Prefix) => Codec.integer(prefix).maxBytes
 * sizeOf("u32le") // => 4
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Prefix = "u8" | "u16" | "u16le" | "u32" | "u32le"

const sizes: { readonly [K in Prefix]: number } = { u8: 1, u16: 2, u16le: 2, u32: 4, u32le: 4 }

/** The number in the next bytes, which are all there. */
const peekInteger = (input: Decoder.Input, prefix: Prefix): number => {
  const size = sizes[prefix]
  const isLittle = prefix.endsWith("le")
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + input.peek(isLittle ? size - 1 - i : i)
  return value
}

const encodeInteger = (value: number, prefix: Prefix): Uint8Array => {
  const size = sizes[prefix]
  const isLittle = prefix.endsWith("le")
  const encoded = new Uint8Array(size)
  for (let i = 0, left = value; i < size; i++, left = Math.floor(left / 256)) {
    encoded[isLittle ? i : size - 1 - i] = left % 256
  }
  return encoded
}

/**
 * An unsigned integer of 1, 2 or 4 bytes, in network order, or with the smallest byte first (`le`).
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * Decoder.decodeAll(Codec.integer("u16"), [Uint8Array.of(1, 0)]) // => Result.succeed([256])
 * Codec.integer("u16le").encode(256) // => Uint8Array.of(0, 1)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const integer = (prefix: Prefix): Codec<number> => {
  const size = sizes[prefix]
  const largest = 256 ** size - 1
  const decoder = Decoder.make<number>(
    (input) => {
      if (input.size < size) return Decoder.more
      const value = peekInteger(input, prefix)
      input.skip(size)
      return value
    },
    { maxBytes: size }
  )
  return make(decoder, (value) =>
    Number.isInteger(value) && value >= 0 && value <= largest
      ? encodeInteger(value, prefix)
      : Decoder.invalidFrame(`${value} is not an integer from 0 to ${largest}`)
  )
}

/**
 * Bytes with their count before them. A count of more than `maxBytes` fails before any of them has come.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const packet = Codec.lengthPrefixed("u32", { maxBytes: 16_384 })
 * packet.encode(Uint8Array.of(7)) // => Uint8Array.of(0, 0, 0, 1, 7)
 * Decoder.decodeAll(packet, [Uint8Array.of(255, 255, 255, 255)]) // => Result.fail({ _tag: "FrameTooLong", limit: 16_384 })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const lengthPrefixed = (prefix: Prefix, options?: Options): Codec<Uint8Array> => {
  const size = sizes[prefix]
  return bounded(
    options,
    size,
    (limit) => (input) => {
      if (input.size < size) return Decoder.more
      const count = peekInteger(input, prefix)
      if (count > limit) return tooLong(limit)
      if (input.size < size + count) return Decoder.more
      input.skip(size)
      return input.take(count)
    },
    (limit) => (frame) => {
      const largest = Math.min(limit, 256 ** size - 1)
      return frame.length > largest ? tooLong(largest) : concat(encodeInteger(frame.length, prefix), frame)
    }
  )
}

const zero = 48
const nine = 57
const minus = 45
/** Digits that every integer has which is exact as a number. */
const mostDigits = 15

/**
 * A decimal integer of at most 15 digits on a line of its own, as protocols of the Redis kind announce sizes: digits,
 * perhaps behind a minus sign, then LF or CR LF. It is written with CR LF.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * Decoder.decodeAll(Codec.decimalLine, [new TextEncoder().encode("42\r\n-1\r\n")]) // => Result.succeed([42, -1])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const decimalLine: Codec<number> = make(
  Decoder.make<number>(
    (input) => {
      const isNegative = input.peek() === minus
      const first = isNegative ? 1 : 0
      let value = 0
      let at = first
      for (; ; at++) {
        const byte = input.peek(at)
        if (byte < zero || byte > nine) break
        if (at - first === mostDigits) return Decoder.invalidFrame(`a number has at most ${mostDigits} digits`)
        value = value * 10 + byte - zero
      }
      const end = input.peek(at) === cr ? at + 1 : at
      const byte = input.peek(end)
      if (byte === -1) return Decoder.more
      if (byte !== 10 || at === first) return Decoder.invalidFrame("a line that should be a number is none")
      input.skip(end + 1)
      return isNegative ? -value : value
    },
    { maxBytes: mostDigits + 3 }
  ),
  (value) =>
    Number.isInteger(value) && Math.abs(value) < 10 ** mostDigits
      ? `${value}\r\n`
      : Decoder.invalidFrame(`${value} is not an integer of at most ${mostDigits} digits`)
)

const colon = 58
const comma = 44

/**
 * D. J. Bernstein's netstrings: `5:hello,`.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const decoded = Decoder.decodeAll(Codec.netstring({ maxBytes: 100 }), [new TextEncoder().encode("2:hi,")])
 * Result.map(decoded, ([frame]) => new TextDecoder().decode(frame)) // => Result.succeed("hi")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const netstring = (options?: Options): Codec<Uint8Array> =>
  bounded(
    options,
    mostDigits + 2,
    (limit) => (input) => {
      let count = 0
      let at = 0
      for (; ; at++) {
        const byte = input.peek(at)
        if (byte === -1) return Decoder.more
        if (byte === colon && at > 0) break
        if (byte < zero || byte > nine || (at === 1 && count === 0)) {
          return Decoder.invalidFrame(
            "a netstring begins with its length in decimal, without leading zeros, and a colon"
          )
        }
        count = count * 10 + byte - zero
        if (count > limit) return tooLong(limit)
      }
      if (input.size < at + 1 + count + 1) return Decoder.more
      if (input.peek(at + 1 + count) !== comma) return Decoder.invalidFrame("a netstring ends with a comma")
      input.skip(at + 1)
      const content = input.take(count)
      input.skip(1)
      return content
    },
    (limit) => (frame) =>
      frame.length > limit ? tooLong(limit) : concat(encoder.encode(`${frame.length}:`), frame, encoder.encode(","))
  )

/**
 * Values of a schema as JSON, one a line. A line that is no JSON, or none of the schema, fails with `InvalidFrame`, which
 * says why.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result, Schema } from "effect"
 * const event = Codec.jsonLine(Schema.Struct({ id: Schema.Int }))
 * event.encode({ id: 7 }) // => "{\"id\":7}\r\n"
 * Decoder.decodeAll(event, [new TextEncoder().encode("{\"id\":8}\n")]) // => Result.succeed([{ id: 8 }])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const jsonLine = <A, I>(schema: Schema.Codec<A, I>, options?: DelimitedOptions): Codec<A> => {
  const text = line(options)
  const json = Schema.fromJsonString(schema)
  const decode = Schema.decodeUnknownResult(json)
  const encode = Schema.encodeUnknownResult(json)
  return make(
    Decoder.mapResult(text, (content) => Result.mapError(decode(content), String)),
    (value) => {
      const encoded = encode(value)
      return Result.isSuccess(encoded) ? text.encode(encoded.success) : Decoder.invalidFrame(String(encoded.failure))
    }
  )
}
