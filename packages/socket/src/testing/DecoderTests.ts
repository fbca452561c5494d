/**
 * What a test asks of a decoder: that it finds the same frames however the network cuts its input. It needs no stream.
 */
import * as Equal from "effect/Equal"
import * as Inspectable from "effect/Inspectable"
import * as Result from "effect/Result"
import * as Decoder from "../Decoder.ts"
import type { Reason } from "../NetworkError.ts"

/** Up to so many bytes an input is cut in every way that there is: 512 ways. */
const everyWay = 10
/** Up to so many bytes it is cut at every two places: 2,016 ways. */
const everyTwoPlaces = 64

const cutAt = (input: Uint8Array, places: ReadonlyArray<number>): Array<Uint8Array> =>
  [...places, input.length].map((end, i) => input.slice(places[i - 1] ?? 0, end))

/**
 * The ways to cut an input that `splits` takes: whole; at every place; in pieces of every size; at every two places up to
 * 64 bytes; in every way that there is up to 10 bytes.
 *
 * ```ts
 * import * as DecoderTests from "@effect-sockets/socket/testing/DecoderTests"
 * const cuts = [...DecoderTests.cuts(Uint8Array.of(1, 2, 3))].map((pieces) => pieces.map(({ length }) => length))
 * cuts.some((sizes) => sizes.join() === "1,1,1") // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export function* cuts(input: Uint8Array): Generator<Array<Uint8Array>> {
  const { length } = input
  yield [input.slice()]
  for (let at = 1; at < length; at++) {
    yield cutAt(input, [at])
    if (length <= everyTwoPlaces) for (let second = at + 1; second < length; second++) yield cutAt(input, [at, second])
  }
  for (let size = 1; size < length; size++) {
    yield cutAt(
      input,
      Array.from({ length: Math.ceil(length / size) - 1 }, (_, i) => (i + 1) * size)
    )
  }
  if (length > everyWay) return
  for (let mask = 0; mask < 2 ** (length - 1); mask++) {
    yield cutAt(
      input,
      Array.from({ length: length - 1 }, (_, i) => i + 1).filter((at) => (mask >> (at - 1)) & 1)
    )
  }
}

const shown = (value: unknown): string => Inspectable.toStringUnknown(value, 0)

/**
 * Feeds a decoder an input in every one of its `cuts`, each followed by the end of input: the frames, or why the input is
 * no run of frames, which is what `Decoder.decodeAll` gives for the whole.
 *
 * Throws an error that names the cut where a decoder throws, or makes something else of one cut than of the whole.
 *
 * ```ts
 * import * as Codec from "@effect-sockets/socket/Codec"
 * import * as DecoderTests from "@effect-sockets/socket/testing/DecoderTests"
 * import { Result } from "effect"
 * const input = new TextEncoder().encode("one\r\ntwo\nthree")
 * DecoderTests.splits(Codec.line(), input) // => Result.succeed(["one", "two", "three"])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const splits = <A>(decoder: Decoder.Decoder<A>, input: Uint8Array): Result.Result<Array<A>, Reason> => {
  const whole = Decoder.decodeAll(decoder, [input.slice()])
  for (const pieces of cuts(input)) {
    const where = (): string => `cut into ${pieces.map(({ length }) => length).join(" and ")} bytes`
    let found: Result.Result<Array<A>, Reason>
    try {
      found = Decoder.decodeAll(decoder, pieces)
    } catch (cause) {
      throw new Error(`the decoder threw: ${where()}`, { cause })
    }
    const isSame = Result.isSuccess(found)
      ? Result.isSuccess(whole) && Equal.equals(found.success, whole.success)
      : Result.isFailure(whole) && Equal.equals(found.failure, whole.failure)
    if (!isSame) throw new Error(`${shown(found)}, and not ${shown(whole)} as in one piece: ${where()}`)
  }
  return whole
}
