/**
 * Frames out of bytes. A decoder looks at the buffered input and says what it found: a frame, that it needs more, or why
 * the input is none of its frames. It is a pure value: it runs in a test without a stream, and one decoder serves
 * `SocketStream.readFrame`, `frames` and `forEachFrame` alike. `Codec` has ready-made ones.
 *
 * Every decoder has a bound: a frame that does not end within `maxBytes` fails with `FrameTooLong` (a line with
 * `LineTooLong`), so that no length prefix can ask for the world. What a failed decoder saw stays readable.
 *
 * The file is long by its documentation: some twenty combinators of a few lines, each with its contract and an example.
 */
// oxlint-disable max-lines -- see above
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import { DecoderInput } from "./internal/stream/DecoderInput.ts"
import { InputBuffer } from "./internal/stream/InputBuffer.ts"
import type { Reason } from "./NetworkError.ts"

const TypeId = "~@effect-sockets/socket/Decoder" as const

/**
 * What a decoder answers when the input that has come is not enough.
 *
 * ```ts
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const two = Decoder.make((input) => (input.size < 2 ? Decoder.more : input.take(2)))
 * Decoder.decodeAll(two, [Uint8Array.of(1), Uint8Array.of(2)]) // => Result.succeed([Uint8Array.of(1, 2)])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const more: unique symbol = Symbol.for("@effect-sockets/socket/Decoder/more")

/**
 * What a decoder answers when the input that has come is not enough.
 *
 * ```ts
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * const isEnough = <A>(outcome: A | Decoder.More): outcome is A => outcome !== Decoder.more
 * isEnough(Decoder.more) // => false
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type More = typeof more

/**
 * What a decoder answers when the input is none of its frames.
 *
 * ```ts
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * const failure = new Decoder.Failure({ _tag: "FrameTooLong", limit: 512 })
 * failure.reason._tag // => "FrameTooLong"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class Failure {
  readonly reason: Reason
  constructor(reason: Reason) {
    this.reason = reason
  }
}

/**
 * What a decoder answers.
 *
 * ```ts
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * const half = (n: number): Decoder.Outcome<number> => (n % 2 === 0 ? n / 2 : Decoder.invalidFrame(`${n} is odd`))
 * half(8) // => 4
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome<A> = A | More | Failure

/**
 * The buffered input, from the first byte that no frame has taken. What a decoder takes is gone only if it answers with a
 * frame: after `more` or a failure all of it is there again.
 *
 * ```ts
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const bit = (input: Decoder.Input) => (input.peek() === -1 ? Decoder.more : input.take(1)[0] & 1)
 * Decoder.decodeAll(Decoder.make(bit), [Uint8Array.of(2, 3)]) // => Result.succeed([0, 1])
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Input {
  /** Bytes that are there and not taken. */
  readonly size: number
  /** Bytes that this frame has taken so far. */
  readonly taken: number
  /** Bytes that the frame may have at most, those that it has taken among them. */
  readonly limit: number
  /** Whether the input has ended: no more will come. */
  readonly ended: boolean
  /** The byte at `index` (default 0), counted from the first that is not taken, or -1 if it has not come. */
  peek(index?: number): number
  /** How many bytes come before `delimiter`, which has at least one byte, or -1 if it has not come. */
  indexOf(delimiter: Uint8Array): number
  /** Takes `count` bytes, at most `size`, as an array of the caller's own. */
  take(count: number): Uint8Array
  /** Takes `count` bytes, at most `size`, as text in UTF-8. */
  text(count: number): string
  /** Takes `count` bytes, at most `size`, and drops them. */
  skip(count: number): void
  /**
   * Takes the next line, without its LF, where that is cheap: ASCII of at most `limit` bytes that came in one piece, at
   * the start of a frame. Otherwise nothing, which says nothing of the input.
   */
  line(limit: number): string | undefined
}

/**
 * Finds frames at the front of the buffered input.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * const size: Decoder.Decoder<number> = Codec.integer("u8")
 * size.maxBytes // => 1
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Decoder<out A> {
  readonly [TypeId]: typeof TypeId
  /** Bytes that a frame may have at most. */
  readonly maxBytes: number
  /** Looks at the input. It must not throw, nor remember anything between two calls. */
  decode(input: Input): Outcome<A>
  /** Why it takes nothing, if it was made of what cannot be meant: known before any input has come. */
  readonly refusal?: Failure | undefined
}

/**
 * The bound of a decoder that was not given one: 1 MiB.
 *
 * ```ts
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * Decoder.succeed("nothing").maxBytes === Decoder.defaultMaxBytes // => true
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultMaxBytes = 1024 * 1024

/**
 * Whether a value is a `Decoder`.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * Decoder.isDecoder(Codec.line()) // => true
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isDecoder = (u: unknown): u is Decoder<unknown> => Predicate.hasProperty(u, TypeId)

/**
 * A decoder from a function. `maxBytes` is an integer of at least 1, or `Infinity`; a decoder that is given another fails with
 * `InvalidOption`, whatever it sees.
 *
 * ```ts
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const word = Decoder.make((input) => {
 *   const size = input.indexOf(Uint8Array.of(32))
 *   if (size === -1) return Decoder.more
 *   const text = input.text(size)
 *   input.skip(1)
 *   return text
 * }, { maxBytes: 80 })
 * Decoder.decodeAll(word, [new TextEncoder().encode("to be ")]) // => Result.succeed(["to", "be"])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A>(
  decode: (input: Input) => Outcome<A>,
  options: { readonly maxBytes?: number | undefined } = {}
): Decoder<A> => {
  const { maxBytes = defaultMaxBytes } = options
  // Decoders are made while a frame is decoded, by what `flatMap` calls: a good bound costs no more than this.
  if (maxBytes >= 1 && (maxBytes === Infinity || Number.isSafeInteger(maxBytes))) return bounded(decode, maxBytes)
  const invalid = InvalidOption.find({ maxBytes }, { maxBytes: InvalidOption.integerOrInfinity(1) })
  return invalid === undefined ? bounded(decode, maxBytes) : refused(invalid)
}

const bounded = <A>(decode: (input: Input) => Outcome<A>, maxBytes: number, refusal?: Failure): Decoder<A> => ({
  [TypeId]: TypeId,
  maxBytes,
  decode,
  refusal
})

/** A decoder that begins with another one: it takes nothing if that takes nothing. */
const after = <A>(
  self: Decoder<unknown>,
  decode: (input: Input) => Outcome<A>,
  options?: { readonly maxBytes?: number | undefined }
): Decoder<A> => (self.refusal === undefined ? make(decode, options) : refused(self.refusal.reason))

/**
 * A decoder that fails, whatever it sees.
 *
 * ```ts
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const never = Decoder.refused({ _tag: "Unsupported", detail: "version 3" })
 * Decoder.decodeAll(never, [Uint8Array.of(3)]) // => Result.fail({ _tag: "Unsupported", detail: "version 3" })
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const refused = (reason: Reason): Decoder<never> => {
  const failure = new Failure(reason)
  return bounded<never>(() => failure, defaultMaxBytes, failure)
}

/**
 * The answer that the input is none of the decoder's frames, and why.
 *
 * ```ts
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const flag = Decoder.make((input) => {
 *   const [byte] = input.take(1)
 *   return byte > 1 ? Decoder.invalidFrame("a flag is 0 or 1") : byte === 1
 * })
 * Decoder.decodeAll(flag, [Uint8Array.of(1, 0)]) // => Result.succeed([true, false])
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const invalidFrame = (detail: string): Failure => new Failure({ _tag: "InvalidFrame", detail })

/**
 * No frame, but what the decoder says instead.
 *
 * @internal
 */
export const isAnswer = <A>(outcome: Outcome<A>): outcome is More | Failure =>
  outcome === more || outcome instanceof Failure

const tooLong = (limit: number): Failure => new Failure({ _tag: "FrameTooLong", limit })

/** One decoder's part of a frame, within its own bound and that of the whole. */
const part = <A>(self: Decoder<A>, input: Input): Outcome<A> => {
  const { taken } = input
  const outcome = self.decode(input)
  if (outcome instanceof Failure) return outcome
  const size = outcome === more ? input.taken + input.size - taken : input.taken - taken
  return size > self.maxBytes ? tooLong(self.maxBytes) : outcome
}

/**
 * Takes nothing, and gives a value.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const kind = Decoder.flatMap(Codec.integer("u8"), (n) => Decoder.succeed(n === 0 ? "ping" : "pong"))
 * Decoder.decodeAll(kind, [Uint8Array.of(0, 1)]) // => Result.succeed(["ping", "pong"])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const succeed = <A>(value: A): Decoder<A> => make(() => value)

/**
 * The same frames, each through a function.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const celsius = Decoder.map(Codec.integer("u16"), (n) => n / 10)
 * Decoder.decodeAll(celsius, [Uint8Array.of(0, 215)]) // => Result.succeed([21.5])
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const map = <A, B>(self: Decoder<A>, f: (frame: A) => B): Decoder<B> =>
  after(
    self,
    (input) => {
      const outcome = part(self, input)
      return isAnswer(outcome) ? outcome : f(outcome)
    },
    { maxBytes: self.maxBytes }
  )

/**
 * As `map`, by a function that may find the frame wanting: its failure is the detail of an `InvalidFrame`.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const percent = Decoder.mapResult(Codec.integer("u8"), (n) => n <= 100 ? Result.succeed(n) : Result.fail(`${n} %`))
 * Decoder.decodeAll(percent, [Uint8Array.of(101)]) // => Result.fail({ _tag: "InvalidFrame", detail: "101 %" })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const mapResult = <A, B>(self: Decoder<A>, f: (frame: A) => Result.Result<B, string>): Decoder<B> =>
  map(self, (frame) => {
    const result = f(frame)
    return Result.isSuccess(result) ? result.success : invalidFrame(result.failure)
  }) as Decoder<B>

/**
 * One decoder, and then the one that its frame asks for: a head, and what it announces. The bound is for both together.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const prefixed = Decoder.flatMap(Codec.integer("u8"), Codec.bytes, { maxBytes: 256 })
 * Decoder.decodeAll(prefixed, [Uint8Array.of(2, 8, 9)]) // => Result.succeed([Uint8Array.of(8, 9)])
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const flatMap = <A, B>(
  self: Decoder<A>,
  f: (frame: A) => Decoder<B>,
  options?: { readonly maxBytes?: number | undefined }
): Decoder<B> =>
  after(
    self,
    (input) => {
      const outcome = part(self, input)
      return isAnswer(outcome) ? outcome : part(f(outcome), input)
    },
    options
  )

/**
 * The frame, and then exactly these bytes, which are dropped: `InvalidFrame` if others come.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const frame = Decoder.endedBy(Codec.integer("u8"), Uint8Array.of(0))
 * Decoder.decodeAll(frame, [Uint8Array.of(7, 0, 8, 0)]) // => Result.succeed([7, 8])
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const endedBy = <A>(self: Decoder<A>, terminator: Uint8Array): Decoder<A> =>
  after(
    self,
    (input) => {
      const outcome = part(self, input)
      if (isAnswer(outcome)) return outcome
      return terminated(input, terminator) ?? outcome
    },
    { maxBytes: self.maxBytes + terminator.length }
  )

/** Drops the terminator, or says why it cannot. */
const terminated = (input: Input, terminator: Uint8Array): More | Failure | undefined => {
  for (let i = 0; i < terminator.length; i++) {
    const byte = input.peek(i)
    if (byte === -1) return more
    if (byte !== terminator[i]) return invalidFrame("the frame does not end where it should")
  }
  input.skip(terminator.length)
  return undefined
}

/**
 * As many frames as `count` says, in one. The bound is for all together.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const point = Decoder.repeat(Codec.integer("u16"), 2)
 * Decoder.decodeAll(point, [Uint8Array.of(0, 3, 0, 4)]) // => Result.succeed([[3, 4]])
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const repeat = <A>(
  self: Decoder<A>,
  count: number,
  options?: { readonly maxBytes?: number | undefined }
): Decoder<Array<A>> => {
  const invalid =
    Number.isSafeInteger(count) && count >= 0
      ? undefined
      : InvalidOption.find({ count }, { count: InvalidOption.integer(0) })
  return invalid === undefined ? after(self, (input) => frames(self, count, input), options) : refused(invalid)
}

const frames = <A>(self: Decoder<A>, count: number, input: Input): Array<A> | More | Failure => {
  // Not made in advance: the count is most likely the peer's.
  const frames: Array<A> = []
  while (frames.length < count) {
    const { taken } = input
    const outcome = part(self, input)
    if (isAnswer(outcome)) return outcome
    // Frames without bytes are under no bound: the peer's count could ask for the world.
    if (input.taken === taken && frames.length === input.limit) return tooLong(input.limit)
    frames.push(outcome)
  }
  return frames
}

/** What was announced, where it is a count that the frame's bound admits. */
const announced = (count: Decoder<number>, input: Input): Outcome<number> => {
  const outcome = part(count, input)
  if (isAnswer(outcome)) return outcome
  if (!Number.isSafeInteger(outcome) || outcome < 0) return invalidFrame(`${outcome} is no count`)
  return outcome > input.limit ? tooLong(input.limit) : outcome
}

/**
 * As many frames as a count before them says, in one. The bound is for all together, and for the count.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const numbers = Decoder.announcedFrames(Codec.integer("u8"), Codec.decimalLine)
 * Decoder.decodeAll(numbers, [new TextEncoder().encode("\x0217\r\n4\r\n")]) // => Result.succeed([[17, 4]])
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const announcedFrames = <A>(
  count: Decoder<number>,
  item: Decoder<A>,
  options?: { readonly maxBytes?: number | undefined }
): Decoder<Array<A>> =>
  after(
    count,
    (input) => {
      const outcome = announced(count, input)
      return isAnswer(outcome) ? outcome : frames(item, outcome, input)
    },
    options
  )

/**
 * How long announced content may be, and what stands behind it.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const options: Decoder.AnnouncedOptions = { terminator: Uint8Array.of(0), maxBytes: 100 }
 * const decoder = Decoder.announcedText(Codec.integer("u8"), options)
 * const reason = { _tag: "FrameTooLong", limit: 100 } as const
 * Decoder.decodeAll(decoder, [Uint8Array.of(255)]) // => Result.fail(reason)
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface AnnouncedOptions {
  /** Bytes that must follow the content, and are dropped. Default none. */
  readonly terminator?: Uint8Array | undefined
  /** Bytes of the whole frame at most, at least 1, or `Infinity` for no bound. Default 1 MiB. */
  readonly maxBytes?: number | undefined
}

const content = <A>(
  length: Decoder<number>,
  take: (input: Input, count: number) => A,
  { maxBytes, terminator = none }: AnnouncedOptions = {}
): Decoder<A> =>
  after(
    length,
    (input): Outcome<A> => {
      const count = announced(length, input)
      if (isAnswer(count)) return count
      const size = count + terminator.length
      if (input.taken + size > input.limit) return tooLong(input.limit)
      if (input.size < size) return more
      const frame = take(input, count)
      return terminated(input, terminator) ?? frame
    },
    { maxBytes }
  )

const none = new Uint8Array(0)

/**
 * Bytes with their count before them, in whatever form, and perhaps a terminator behind them: the bulk strings of RESP. A
 * count beyond the bound fails before any of them has come. `Codec.lengthPrefixed` is for counts in binary.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const decoder = Decoder.announcedBytes(Codec.decimalLine)
 * Decoder.decodeAll(decoder, [Uint8Array.of(50, 10, 7, 8)]) // => Result.succeed([Uint8Array.of(7, 8)])
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const announcedBytes = (length: Decoder<number>, options?: AnnouncedOptions): Decoder<Uint8Array> =>
  content(length, (input, count) => input.take(count), options)

/**
 * As `announcedBytes`, as text in UTF-8. Bytes that are not UTF-8 come out as U+FFFD.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const decoder = Decoder.announcedText(Codec.decimalLine, { terminator: new TextEncoder().encode("\r\n") })
 * Decoder.decodeAll(decoder, [new TextEncoder().encode("5\r\nhello\r\n")]) // => Result.succeed(["hello"])
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const announcedText = (length: Decoder<number>, options?: AnnouncedOptions): Decoder<string> =>
  content(length, (input, count) => input.text(count), options)

/**
 * The decoder that the first byte asks for, by its character; the byte is dropped. `InvalidFrame` for any other byte.
 * Decoders that contain each other are given by a function.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const value = Decoder.byFirstByte<number | string>(() => ({ "+": Codec.line(), ":": Codec.decimalLine }))
 * Decoder.decodeAll(value, [new TextEncoder().encode("+OK\r\n:42\r\n")]) // => Result.succeed(["OK", 42])
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const byFirstByte = <A>(
  cases: () => { readonly [character: string]: Decoder<A> },
  options?: { readonly maxBytes?: number | undefined }
): Decoder<A> => {
  let table: Array<Decoder<A> | undefined> | undefined
  return make((input) => {
    if (table === undefined) {
      table = []
      for (const [character, decoder] of Object.entries(cases())) table[character.charCodeAt(0)] = decoder
    }
    const byte = input.peek()
    if (byte === -1) return more
    const decoder = table[byte]
    if (decoder === undefined) return invalidFrame(`no frame begins with byte ${byte}`)
    input.skip(1)
    return part(decoder, input)
  }, options)
}

/**
 * The same frames with another bound.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const short = Decoder.withMaxBytes(Codec.lengthPrefixed("u8"), 4)
 * Decoder.decodeAll(short, [Uint8Array.of(4, 1, 2, 3, 4)]) // => Result.fail({ _tag: "FrameTooLong", limit: 4 })
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const withMaxBytes = <A>(self: Decoder<A>, maxBytes: number): Decoder<A> =>
  after(self, (input) => part(self, input), { maxBytes })

/**
 * One look of a decoder at what has come, with its bound and its end of input: what a stream does for each frame. A frame
 * that is cut off by the end of input is an `UnexpectedEof`.
 *
 * @internal
 */
export const look = <A>(self: Decoder<A>, input: DecoderInput, buffer: InputBuffer): Outcome<A> => {
  input.limit = self.maxBytes
  const outcome = self.decode(input)
  if (outcome === more) {
    input.rollback()
    if (buffer.size > self.maxBytes) return tooLong(self.maxBytes)
    return input.ended ? new Failure({ _tag: "UnexpectedEof", received: buffer.size }) : more
  }
  if (outcome instanceof Failure) {
    input.rollback()
    return outcome
  }
  if (input.taken > self.maxBytes) {
    input.rollback()
    return tooLong(self.maxBytes)
  }
  input.commit()
  return outcome
}

/**
 * Takes the frames of a whole input, without a stream: all of them, or why the input is no run of frames.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as Decoder from "@effect-sockets/socket/Decoder"
 * import { Result } from "effect"
 * const chunks = ["on", "e\ntw", "o\n"].map((text) => new TextEncoder().encode(text))
 * Decoder.decodeAll(Codec.line(), chunks) // => Result.succeed(["one", "two"])
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const decodeAll = <A>(self: Decoder<A>, chunks: Iterable<Uint8Array>): Result.Result<Array<A>, Reason> => {
  const buffer = new InputBuffer()
  const input = new DecoderInput(buffer)
  const frames: Array<A> = []
  const takeAll = (): Reason | undefined => {
    while (buffer.size > 0) {
      const outcome = look(self, input, buffer)
      if (outcome === more) return undefined
      if (outcome instanceof Failure) return outcome.reason
      frames.push(outcome)
    }
    return undefined
  }
  for (const chunk of chunks) {
    if (chunk.length === 0) continue
    buffer.push(chunk)
    const reason = takeAll()
    if (reason !== undefined) return Result.fail(reason)
  }
  input.ended = true
  const reason = takeAll()
  return reason === undefined ? Result.succeed(frames) : Result.fail(reason)
}
