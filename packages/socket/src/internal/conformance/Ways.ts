/** The ways in which a program takes what comes: a loop of reads, and the drivers. What is promised holds for all. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Codec from "../../Codec.ts"
import type * as Decoder from "../../Decoder.ts"
import type { NetworkError } from "../../NetworkError.ts"
import * as SocketStream from "../../SocketStream.ts"

/** Runs an effect for each of its inputs, one after the other, until the input ends. */
type Way<A> = <E = never, R = never>(
  stream: SocketStream.SocketStream,
  f: (input: A) => Effect.Effect<unknown, E, R>
) => Effect.Effect<void, E | NetworkError, R>

const loop = Effect.fnUntraced(function* <A, E, R>(
  read: Effect.Effect<Option.Option<A>, NetworkError>,
  f: (input: A) => Effect.Effect<unknown, E, R>
) {
  for (;;) {
    const input = yield* read
    if (Option.isNone(input)) return
    yield* f(input.value)
  }
})

/** The first frame, and the rest from within its effect. */
const first = <A, E, R>(
  stream: SocketStream.SocketStream,
  decoder: Decoder.Decoder<A>,
  f: (frame: A) => Effect.Effect<unknown, E, R>,
  rest: Effect.Effect<void, E | NetworkError, R>
): Effect.Effect<void, E | NetworkError, R> =>
  SocketStream.withFrame(stream, decoder, (frame) =>
    Option.isNone(frame) ? Effect.void : Effect.andThen(f(frame.value), rest)
  )

const limits = { maxBytes: 1000 }

/** Of one line after the other. */
export const ofLines: { readonly [name: string]: Way<string> } = {
  "a loop of reads": (stream, f) => loop(SocketStream.readLine(stream, limits), f),
  forEachLine: (stream, f) => SocketStream.forEachLine(stream, f, limits),
  forEachFrame: (stream, f) => SocketStream.forEachFrame(stream, Codec.line(limits), f),
  withFrame: (stream, f) => first(stream, Codec.line(limits), f, SocketStream.forEachLine(stream, f, limits)),
  // The program cuts the lines itself.
  forEachChunk: (stream, f) =>
    Effect.suspend(() => {
      const decoder = new TextDecoder()
      let rest = ""
      return SocketStream.forEachChunk(stream, (chunk) => {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/)
        rest = lines.pop()!
        return Effect.forEach(lines, f, { discard: true })
      })
    })
}

/** The input of `ofBytes` is lines of this size, ends included. */
export const lineSize = 1024

const encoder = new TextEncoder()

/** So many bytes of lines that tell their place. Both counts are multiples of the size of a line. */
export const lines = (count: number, from = 0): Uint8Array =>
  encoder.encode(
    Array.from(
      { length: count / lineSize },
      (_, i) => `${String(from / lineSize + i).padEnd(lineSize - 1, ".")}\n`
    ).join("")
  )

/** Of bytes, in pieces of any size that together are the input. */
export const ofBytes: { readonly [name: string]: Way<Uint8Array> } = {
  "a loop of reads": (stream, f) => loop(SocketStream.read(stream), f),
  forEachChunk: (stream, f) => SocketStream.forEachChunk(stream, f),
  forEachLine: (stream, f) => SocketStream.forEachLine(stream, (line) => f(encoder.encode(`${line}\n`))),
  forEachFrame: (stream, f) => SocketStream.forEachFrame(stream, Codec.bytes(lineSize), f),
  withFrame: (stream, f) => first(stream, Codec.bytes(lineSize), f, SocketStream.forEachChunk(stream, f))
}

/** A check of each of the ways, all at the same time. */
export const each = <A, E, R>(
  ways: { readonly [name: string]: A },
  check: (way: A, name: string) => Effect.Effect<void, E, R>
): Effect.Effect<void, string, R> =>
  Effect.forEach(
    Object.entries(ways),
    ([name, way]) => Effect.mapError(check(way, name), (error) => `${name}: ${String(error)}`),
    { concurrency: "unbounded", discard: true }
  )
