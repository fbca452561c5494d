/** What mixed reads must give, computed from the whole input at once. */
import { assert } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SocketStream from "../../src/SocketStream.ts"

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Ends of lines, half a delimiter, UTF-8 of two to four bytes, and bytes that are no UTF-8. */
const pieces = ["a", "bc", "\n", "\r\n", "\r", "--", "-", "é", "€", "😀", "\n\n"].map((text) => Buffer.from(text))

export const content = Arbitrary.map(
  Arbitrary.array(Arbitrary.schema(int(0, pieces.length)), { maxLength: 40 }),
  (indices): Uint8Array => Buffer.concat(indices.map((index) => pieces[index] ?? Uint8Array.of(0xff)))
)

/** Where to cut: sizes that are repeated until the input is used up. */
export const sizes = Arbitrary.array(Arbitrary.schema(int(1, 9)), { minLength: 1, maxLength: 6 })

export const split = (data: Uint8Array, sizes: ReadonlyArray<number>): Array<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  for (let at = 0, i = 0; at < data.length; at += parts[i++].length) {
    parts.push(data.slice(at, at + sizes[i % sizes.length]))
  }
  return parts
}

const request = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("chunk") }),
  Schema.Struct({ kind: Schema.Literals(["line", "until"]), max: int(0, 12) }),
  Schema.Struct({ kind: Schema.Literal("exactly"), count: int(0, 9) })
])

type Request = typeof request.Type

export const requests = Arbitrary.array(Arbitrary.schema(request), { maxLength: 40 })

const delimiter = new TextEncoder().encode("--\n")

const strip = (line: Uint8Array): Uint8Array => (line.at(-1) === 13 ? line.subarray(0, -1) : line)

/** The whole input, of which reads take from the front. */
export class ReadModel {
  rest: Uint8Array

  constructor(content: Uint8Array) {
    this.rest = content
  }

  /** Runs one read and compares. A failed read must take nothing, which the next one shows. */
  check(stream: SocketStream.SocketStream, request: Request): Effect.Effect<void> {
    switch (request.kind) {
      case "chunk":
        return Effect.map(Effect.result(SocketStream.read(stream)), (result) => {
          const chunk = Option.getOrElse(Result.getOrThrow(result), () => new Uint8Array(0))
          if (this.rest.length > 0) assert.isAbove(chunk.length, 0)
          assert.deepStrictEqual([...chunk], [...this.take(chunk.length)])
        })
      case "exactly": {
        const { count } = request
        return Effect.map(Effect.result(SocketStream.readExactly(stream, count)), (result) => {
          if (this.rest.length >= count) {
            assert.deepStrictEqual([...Result.getOrThrow(result)], [...this.take(count)])
          } else {
            assert.deepStrictEqual(Result.getOrThrow(Result.flip(result)).reason, {
              _tag: "UnexpectedEof",
              expected: count,
              received: this.rest.length
            })
          }
        })
      }
      case "line":
        return Effect.map(Effect.result(SocketStream.readLine(stream, { maxBytes: request.max })), (result) => {
          const line = this.piece(Uint8Array.of(10), request.max, strip)
          this.compare(Result.map(result, Option.getOrUndefined), line && new TextDecoder().decode(line), request.max)
        })
      case "until":
        return Effect.map(
          Effect.result(SocketStream.readUntil(stream, delimiter, { maxBytes: request.max })),
          (result) => {
            const piece = this.piece(delimiter, request.max, (bytes) => bytes)
            this.compare(
              Result.map(result, (bytes) => Option.getOrUndefined(Option.map(bytes, (bytes) => [...bytes]))),
              piece && [...piece],
              request.max
            )
          }
        )
    }
  }

  private compare<A>(result: Result.Result<A, { readonly reason: object }>, expected: A | null, limit: number): void {
    if (expected === null) {
      assert.deepStrictEqual(Result.getOrThrow(Result.flip(result)).reason, { _tag: "LineTooLong", limit })
    } else {
      assert.deepStrictEqual(Result.getOrThrow(result), expected)
    }
  }

  /** The next piece, nothing at the end of input, or null if it is too long. */
  private piece(
    delimiter: Uint8Array,
    max: number,
    strip: (bytes: Uint8Array) => Uint8Array
  ): Uint8Array | undefined | null {
    const found = Buffer.from(this.rest).indexOf(delimiter)
    const whole = found === -1 ? this.rest : this.rest.subarray(0, found)
    const piece = strip(whole)
    if (piece.length > max) return null
    if (found === -1 && whole.length === 0) return undefined
    this.take(found === -1 ? whole.length : found + delimiter.length)
    return piece
  }

  private take(count: number): Uint8Array {
    const head = this.rest.subarray(0, count)
    this.rest = this.rest.subarray(count)
    return head
  }
}
