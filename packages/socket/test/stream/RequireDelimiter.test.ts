import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Codec from "../../src/Codec.ts"
import * as Decoder from "../../src/Decoder.ts"
import type { NetworkError } from "../../src/NetworkError.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { inMemory } from "../utils/effectSocket.ts"
import { bytes, pair, text } from "../utils/live.ts"

const options = { requireDelimiter: true }
const crLf = bytes("\r\n")
const said = "first\r\nsecond\r\n"

/** The frames of an input, each through a read that is strict about delimiters. */
const reads: {
  readonly [name: string]: (self: SocketStream.SocketStream) => Effect.Effect<ReadonlyArray<string>, NetworkError>
} = {
  readLine: (self) => untilNone(SocketStream.readLine(self, options)),
  readUntil: (self) => Effect.map(untilNone(SocketStream.readUntil(self, crLf, options)), (frames) => frames.map(text)),
  lines: (self) => Stream.runCollect(SocketStream.lines(self, options)),
  forEachLine: (self) =>
    Effect.suspend(() => {
      const got: Array<string> = []
      return Effect.as(
        SocketStream.forEachLine(self, (line) => Effect.sync(() => void got.push(line)), options),
        got
      )
    }),
  readFrame: (self) => untilNone(SocketStream.readFrame(self, Codec.line(options)))
}

const untilNone = <A>(next: Effect.Effect<Option.Option<A>, NetworkError>): Effect.Effect<Array<A>, NetworkError> =>
  Effect.flatMap(next, (frame) =>
    Option.isNone(frame) ? Effect.succeed([]) : Effect.map(untilNone(next), (rest) => [frame.value, ...rest])
  )

describe("requireDelimiter", () => {
  for (const [name, read] of Object.entries(reads)) {
    inMemory(
      `${name}: wherever the input ends but behind a delimiter, the last frame is UnexpectedEof, never shorter`,
      Effect.gen(function* () {
        for (let cut = 0; cut <= said.length; cut++) {
          const [near, far] = yield* pair()
          yield* SocketStream.write(near, said.slice(0, cut))
          yield* SocketStream.endWrite(near)
          const result = yield* Effect.result(read(far))
          const isWhole = cut === 0 || cut === "first\r\n".length || cut === said.length
          assert.strictEqual(Result.isSuccess(result), isWhole, `cut at ${cut}`)
          if (Result.isSuccess(result)) {
            assert.deepStrictEqual(
              result.success,
              ["first", "second"].slice(0, said.slice(0, cut).split("\n").length - 1)
            )
          } else {
            const { reason } = result.failure
            const received = cut < "first\r\n".length ? cut : cut - "first\r\n".length
            assert.deepStrictEqual(reason, { _tag: "UnexpectedEof", received })
            assert.strictEqual((yield* SocketStream.readAll(far)).length, received, "what came stays readable")
          }
        }
      }).pipe(Effect.scoped)
    )
  }

  it("the bound is the same, and a line that is too long is so whether it ends or not", () => {
    const five = { ...options, maxBytes: 5 }
    const decode = (said: string) =>
      ["line", "delimited"].map((kind) => {
        const codec: Decoder.Decoder<unknown> = kind === "line" ? Codec.line(five) : Codec.delimited(crLf, five)
        const result = Decoder.decodeAll(codec, [bytes(said)])
        return Result.isSuccess(result) ? result.success.length : result.failure._tag
      })
    assert.deepStrictEqual(decode("12345\r\n"), [1, 1])
    assert.deepStrictEqual(decode("12345\r"), ["UnexpectedEof", "UnexpectedEof"])
    assert.deepStrictEqual(decode("123456\r\n"), ["LineTooLong", "LineTooLong"])
    assert.deepStrictEqual(decode("1234567"), ["LineTooLong", "LineTooLong"])
  })

  it("half a number on a line is no number", () => {
    const codec = Codec.jsonLine(Schema.Int, options)
    assert.deepStrictEqual(Decoder.decodeAll(codec, [bytes("123\n")]), Result.succeed([123]))
    const cut = Decoder.decodeAll(codec, [bytes("123\n12")])
    assert.strictEqual(Result.isFailure(cut) && cut.failure._tag, "UnexpectedEof")
  })

  it("only true and false can be meant", () => {
    const codec = Codec.line({ requireDelimiter: "yes" as never })
    const result = Decoder.decodeAll(codec, [bytes("x\n")])
    assert.strictEqual(Result.isFailure(result) && result.failure._tag, "InvalidOption")
  })
})
