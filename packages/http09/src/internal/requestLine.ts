/** Finds the request line of a connection. */
import * as Codec from "@effect-sockets/socket/Codec"
import * as Decoder from "@effect-sockets/socket/Decoder"

const lineFeed = Uint8Array.of(10)

/** A line of at most `maxBytes` without its CR LF. One that is too long gets an answer, too: here it is no failure. */
export const requestLine = (maxBytes: number): Decoder.Decoder<Uint8Array | "TooLong"> => {
  // One more, for its CR.
  const delimited = Codec.delimited(lineFeed, { maxBytes: maxBytes + 1 })
  return Decoder.make<Uint8Array | "TooLong">((input) => {
    const outcome = delimited.decode(input)
    return outcome instanceof Decoder.Failure ? "TooLong" : outcome
  }, delimited)
}
