/** What reads take from the input of a stream. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Codec from "../../Codec.ts"
import * as Decoder from "../../Decoder.ts"
import { DecoderInput } from "./DecoderInput.ts"
import type { InputBuffer } from "./InputBuffer.ts"
import type { ReadAttempt, StreamState } from "./StreamState.ts"

const next =
  (take: (input: InputBuffer) => Uint8Array): ReadAttempt<Option.Option<Uint8Array>> =>
  (stream) => {
    const { ended, input } = stream
    if (input.size > 0) return Effect.succeedSome(take(input))
    return ended ? Effect.succeedNone : stream.inputFailure()
  }

/** The next bytes as they came. */
export const chunk = next((input) => input.shift())

/** The next bytes, into a buffer. */
export const chunkInto = (buffer: Uint8Array): ReadAttempt<Option.Option<Uint8Array>> =>
  next((input) => input.takeInto(buffer))

/** One look of a decoder at the input of a stream. */
const look = <A>(stream: StreamState, decoder: Decoder.Decoder<A>, input: DecoderInput): Decoder.Outcome<A> => {
  input.ended = stream.ended
  return Decoder.look(decoder, input, stream.input)
}

/** A frame that is there even where nothing is: `readExactly(0)`. */
const frame =
  <A>(decoder: Decoder.Decoder<A>): ReadAttempt<A> =>
  (stream) => {
    const outcome = look(stream, decoder, new DecoderInput(stream.input))
    if (outcome === Decoder.more) return stream.inputFailure()
    return outcome instanceof Decoder.Failure
      ? Effect.fail(stream.error("read", outcome.reason))
      : Effect.succeed(outcome)
  }

/** The next frame, or none where the input ends between two frames. */
export const optionalFrame = <A>(decoder: Decoder.Decoder<A>): ReadAttempt<Option.Option<A>> => {
  const { refusal } = decoder
  if (refusal !== undefined) return (stream) => Effect.fail(stream.error("read", refusal.reason))
  return (stream) => {
    if (stream.input.size === 0) return stream.ended ? Effect.succeedNone : stream.inputFailure()
    const outcome = look(stream, decoder, new DecoderInput(stream.input))
    if (outcome === Decoder.more) return stream.inputFailure()
    return outcome instanceof Decoder.Failure
      ? Effect.fail(stream.error("read", outcome.reason))
      : Effect.succeedSome(outcome)
  }
}

/** Exactly as many bytes. */
export const exactly = (count: number): ReadAttempt<Uint8Array> => frame(Codec.bytes(count))

/** The next piece before a delimiter. */
export const until = (
  delimiter: Uint8Array,
  options?: Codec.DelimitedOptions
): ReadAttempt<Option.Option<Uint8Array>> => optionalFrame(Codec.delimited(delimiter, options))

const defaultLine = Codec.line()

/** The decoder of lines. */
export const lineDecoder = (options?: Codec.DelimitedOptions): Decoder.Decoder<string> =>
  options === undefined ? defaultLine : Codec.line(options)

const nextDefaultLine = optionalFrame(defaultLine)

/** The next line. */
export const line = (options?: Codec.DelimitedOptions): ReadAttempt<Option.Option<string>> =>
  options === undefined ? nextDefaultLine : optionalFrame(Codec.line(options))

const defaultRest = frame(Codec.rest(1024 * 1024))

/** All bytes up to the end of input. */
export const all = (options?: Codec.Options): ReadAttempt<Uint8Array> =>
  options?.maxBytes === undefined ? defaultRest : frame(Codec.rest(options.maxBytes))

/** What a driver takes: the next frame, `more`, why there is none, or `end`. */
export type Take<A> = (stream: StreamState) => Decoder.Outcome<A> | End

/** The input ended between two frames. */
export const end: unique symbol = Symbol.for("@effect-sockets/socket/Reads/end")
export type End = typeof end

/** Takes frames one after another. For one stream: it remembers its place in the input. */
export const taking = <A>(decoder: Decoder.Decoder<A>): Take<A> => {
  const { refusal } = decoder
  if (refusal !== undefined) return () => refusal
  let input: DecoderInput | undefined
  return (stream) => {
    if (stream.input.size === 0) return stream.ended ? end : Decoder.more
    return look(stream, decoder, (input ??= new DecoderInput(stream.input)))
  }
}

/** As `taking`, for who takes one frame: the end of the input is none. */
export const takingOptional = <A>(decoder: Decoder.Decoder<A>): Take<Option.Option<A>> => {
  const take = taking(decoder)
  return (stream) => {
    const outcome = take(stream)
    if (outcome === end) return Option.none()
    return Decoder.isAnswer(outcome) ? outcome : Option.some(outcome)
  }
}

/** Takes chunks one after another. */
export const takeChunk: Take<Uint8Array> = ({ ended, input }) =>
  input.size > 0 ? input.shift() : ended ? end : Decoder.more
