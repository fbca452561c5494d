import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Codec from "../../src/Codec.ts"
import * as Decoder from "../../src/Decoder.ts"
import { splits } from "../../src/testing/DecoderTests.ts"
import * as model from "../utils/frameModel.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")
const crlf = bytes("\r\n")

const int = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

/** The frames of Redis's commands, put together in each of the ways that there are. */
const commands = {
  "made for it": Decoder.byFirstByte(() => ({
    "*": Decoder.announcedFrames(
      Codec.decimalLine,
      Decoder.byFirstByte(() => ({ $: Decoder.announcedText(Codec.decimalLine, { terminator: crlf }) }))
    )
  })),
  "by flatMap": Decoder.byFirstByte(() => ({
    "*": Decoder.flatMap(Codec.decimalLine, (count) =>
      Decoder.repeat(
        Decoder.byFirstByte(() => ({
          $: Decoder.map(
            Decoder.flatMap(Codec.decimalLine, (length) => Decoder.endedBy(Codec.bytes(length), crlf)),
            (content) => new TextDecoder().decode(content)
          )
        })),
        count
      )
    )
  }))
}

const max = 5
const options = { maxBytes: max }
const prefixed = (["u8", "u16", "u16le", "u32", "u32le"] as const).map((prefix) => {
  const [size, isLittle] = [Number(prefix.replace(/\D/g, "")) / 8, prefix.endsWith("le")] as const
  return { prefix, size, isLittle }
})

/** A decoder, what it must find, and pieces of which its inputs are made. */
const cases: ReadonlyArray<readonly [name: string, Decoder.Decoder<unknown>, model.Oracle, ReadonlyArray<string>]> = [
  ["line", Codec.line(options), model.line(max), ["a", "bcdef", "\r", "\n", "\r\n", "\u00e9", "\u00c3\u00a9"]],
  ["delimited", Codec.delimited(bytes("--"), options), model.delimited("--", max), ["a", "bcde", "-", "--"]],
  ["delimited by three", Codec.delimited(bytes("aab"), options), model.delimited("aab", max), ["a", "b", "aab", "cc"]],
  ["bytes", Codec.bytes(3), model.bytes(3), ["a", "bc", "def"]],
  ["decimalLine", Codec.decimalLine, model.decimalLine, ["1", "09", "-", "\r", "\n", "\r\n", "1234567", "x"]],
  ["netstring", Codec.netstring(options), model.netstring(max), ["5:hello,", "0:,", "0", "1:", "3:a", ",", "x", "9"]],
  ["jsonLine", Codec.jsonLine(Schema.Finite, options), model.jsonNumber(max), ["1", "-2.5", "\n", "\r\n", "{", "true"]],
  ...prefixed.flatMap(
    ({ prefix, size, isLittle }) =>
      [
        [`integer ${prefix}`, Codec.integer(prefix), model.integer(size, isLittle), ["\x00", "\x01", "\xff"]],
        [
          `lengthPrefixed ${prefix}`,
          Codec.lengthPrefixed(prefix, options),
          model.lengthPrefixed(size, isLittle, max),
          ["\x00", "\x00\x00\x00", "\x01", "\x02", "\x05hello", "\x06"]
        ]
      ] as const
  ),
  ...Object.entries(commands).map(
    ([name, decoder]) =>
      [
        `commands ${name}`,
        decoder,
        model.command,
        [
          "*1\r\n$4\r\nPING\r\n",
          "*2\r\n$1\r\na\r\n$0\r\n\r\n",
          "*0\r\n",
          "*",
          "$1\r\n",
          "a",
          "\r\n",
          "$2\n\u00c3\u00a9"
        ]
      ] as const
  )
]

/** Runs of these pieces, and of any bytes between them. */
const inputs = (pieces: ReadonlyArray<string>): Arbitrary.Arbitrary<Buffer> =>
  Arbitrary.map(Arbitrary.array(int(0, pieces.length * 4), { maxLength: 12 }), (indices) =>
    Buffer.concat(indices.map((i) => bytes(i === 0 ? "\xfe" : pieces[i % pieces.length])))
  )

describe("the frames are those of a naive reading of the whole, however it is cut:", () => {
  for (const [name, decoder, oracle, pieces] of cases) {
    it.effect.prop(
      name,
      [inputs(pieces)],
      ([input]) =>
        Effect.sync(() => {
          const expected = oracle(input)
          const found = splits(decoder, input)
          assert.deepStrictEqual(
            Result.isSuccess(found) ? found.success : undefined,
            expected,
            JSON.stringify(input.toString("latin1"))
          )
        }),
      { arbitrary: { runs: rounds(100), size: 30 } }
    )
  }
})

const encode = <A>(codec: Codec.Codec<A>, frame: A): Uint8Array => {
  const encoded = codec.encode(frame)
  assert.notInstanceOf(encoded, Decoder.Failure)
  return Buffer.from(encoded as string)
}

const anyBytes = Arbitrary.map(Arbitrary.array(int(0, 255), { maxLength: 40 }), (list) => Uint8Array.from(list))
const number = Arbitrary.schema(Schema.Finite)

const roundTrip = <A>(name: string, codec: Codec.Codec<A>, frame: Arbitrary.Arbitrary<A>): void =>
  it.effect.prop(name, [Arbitrary.array(frame, { maxLength: 3 })], ([frames]) =>
    Effect.sync(() => {
      const written = Buffer.concat(frames.map((one) => encode(codec, one)))
      assert.deepStrictEqual(splits(codec, written), Result.succeed(frames))
    })
  )

describe("what is written is read as it was, however it is cut:", () => {
  const lineText = Arbitrary.map(
    Arbitrary.schema(Schema.String),
    (text) => `${text.toWellFormed().replaceAll("\n", "\r")}`
  )
  roundTrip("line", Codec.line(), lineText)
  // Without the delimiter's first byte.
  const undelimited = Arbitrary.map(anyBytes, (all) => all.map((byte) => (byte === 7 ? 8 : byte)))
  roundTrip("delimited", Codec.delimited(Uint8Array.of(7, 1)), undelimited)
  const three = Arbitrary.map(Arbitrary.array(int(0, 255), { minLength: 3, maxLength: 3 }), (l) => Uint8Array.from(l))
  roundTrip("bytes", Codec.bytes(3), three)
  roundTrip("decimalLine", Codec.decimalLine, int(-999_999_999_999_999, 999_999_999_999_999))
  roundTrip("netstring", Codec.netstring(), anyBytes)
  roundTrip("jsonLine", Codec.jsonLine(Schema.Struct({ name: Schema.String, size: Schema.Finite })), jsonValue())
  for (const { prefix, size } of prefixed) {
    roundTrip(`integer ${prefix}`, Codec.integer(prefix), int(0, 256 ** size - 1))
    roundTrip(`lengthPrefixed ${prefix}`, Codec.lengthPrefixed(prefix), anyBytes)
  }

  function jsonValue() {
    return Arbitrary.map(number, (size) => ({ name: `a\n"b"\r${size}`, size: size === 0 ? 0 : size }))
  }
})

const reason = (decoder: Decoder.Decoder<unknown>, input: string): unknown => {
  const found = splits(decoder, bytes(input))
  return Result.isFailure(found) ? found.failure : found.success
}

const a = (count: number): string => "a".repeat(count)

describe("bounds are exact:", () => {
  const lineTooLong = { _tag: "LineTooLong", limit: 4 }
  const frameTooLong = { _tag: "FrameTooLong", limit: 4 }
  const limited = { maxBytes: 4 }
  for (const [name, decoder, good, bad, failure] of [
    ["line", Codec.line(limited), "aaaa\r\n", "aaaaa\r\n", lineTooLong],
    ["line that does not end", Codec.line(limited), "aaaa", "aaaaa", lineTooLong],
    ["delimited", Codec.delimited(bytes("--"), limited), "aaaa--", "aaaaa--", lineTooLong],
    ["delimited, half", Codec.delimited(bytes("--"), limited), "aaa-", "aaaa-", lineTooLong],
    ["rest", Codec.rest(4), "aaaa", "aaaaa", { _tag: "InputTooLong", limit: 4 }],
    ["lengthPrefixed", Codec.lengthPrefixed("u8", limited), "\x04aaaa", "\x05aaaaa", frameTooLong],
    ["netstring", Codec.netstring(limited), "4:aaaa,", "5:aaaaa,", frameTooLong],
    ["of no bytes", Codec.line({ maxBytes: 0 }), "\n\r\n", "a\n", { _tag: "LineTooLong", limit: 0 }],
    ["made by hand", Decoder.withMaxBytes(Codec.bytes(5), 5), "aaaaa", "", []],
    ["with another bound", Decoder.withMaxBytes(Codec.line(), 4), "aaa\n", "aaaa\n", frameTooLong],
    ["of a part", Decoder.map(Decoder.withMaxBytes(Codec.line(), 4), String), "aaa\n", "aaaa\n", frameTooLong],
    [
      "of a head",
      Decoder.flatMap(Decoder.withMaxBytes(Codec.line(), 4), () => Codec.bytes(1)),
      "aaa\nb",
      "aaaa\nb",
      frameTooLong
    ],
    [
      "of a body",
      Decoder.flatMap(Codec.bytes(1), () => Decoder.withMaxBytes(Codec.line(), 4)),
      "baaa\n",
      "baaaa\n",
      frameTooLong
    ],
    [
      "of each of several",
      Decoder.repeat(Decoder.withMaxBytes(Codec.line(), 4), 2),
      "aaa\naaa\n",
      "a\naaaa\n",
      frameTooLong
    ],
    ["of all together", Decoder.repeat(Codec.bytes(1), 4, limited), "aaaa", "", []],
    [
      "announced bytes",
      Decoder.announcedBytes(Codec.integer("u8"), { maxBytes: 4 }),
      "\x03aaa",
      "\x04aaaa",
      frameTooLong
    ]
  ] as const) {
    it(`${name}`, () => {
      assert.isArray(reason(decoder, good))
      assert.deepStrictEqual(reason(decoder, bad), failure)
    })
  }

  it("a line of the limit passes before its end has come, and one byte more fails then", () => {
    const decoder = Codec.line({ maxBytes: 4 })
    assert.deepStrictEqual(reason(decoder, `${a(4)}\r`), [a(4)])
    assert.deepStrictEqual(reason(decoder, `${a(5)}\r`), { _tag: "LineTooLong", limit: 4 })
  })
})

describe("what asks for the world fails at once:", () => {
  /** What a decoder says of an input that goes on. */
  const first = (decoder: Decoder.Decoder<unknown>, input: string): string => {
    let answer = "more"
    const watched = Decoder.make(
      (view) => {
        const outcome = decoder.decode(view)
        if (outcome instanceof Decoder.Failure && !view.ended) answer = outcome.reason._tag
        return outcome
      },
      { maxBytes: decoder.maxBytes }
    )
    Decoder.decodeAll(watched, [bytes(input)])
    return answer
  }
  const huge = "999999999999999"
  for (const [name, decoder, input] of [
    ["a prefix", Codec.lengthPrefixed("u32"), "\xff\xff\xff\xff"],
    ["a netstring", Codec.netstring(), "99999"],
    ["announced bytes", Decoder.announcedBytes(Codec.decimalLine), `${huge}\n`],
    ["announced text", Decoder.announcedText(Codec.decimalLine), `${huge}\n`],
    ["announced frames", Decoder.announcedFrames(Codec.decimalLine, Codec.line()), `${huge}\n`],
    ["announced frames without bytes", Decoder.announcedFrames(Codec.decimalLine, Decoder.succeed(1)), `${huge}\n`],
    ["a count for flatMap", Decoder.flatMap(Codec.decimalLine, Codec.bytes), `${huge}\n`],
    [
      "a count of frames without bytes",
      Decoder.flatMap(Codec.decimalLine, (count) => Decoder.repeat(Decoder.succeed(1), count)),
      `${huge}\n`
    ]
  ] as const) {
    it(`${name}`, () => assert.strictEqual(first(decoder, input), "FrameTooLong"))
  }
})

describe("the end of input", () => {
  it("between frames is the end, and within one an UnexpectedEof that says how much came", () => {
    assert.deepStrictEqual(
      reason(Codec.lengthPrefixed("u8"), "\x01a"),
      [bytes("a")].map((b) => Uint8Array.from(b))
    )
    for (const [decoder, input] of [
      [Codec.lengthPrefixed("u8"), "\x02a"],
      [Codec.integer("u32"), "\x02a"],
      [Codec.netstring(), "3:"],
      [Codec.decimalLine, "12"],
      [commands["made for it"], "*1"]
    ] as const) {
      assert.deepStrictEqual(reason(decoder, input), { _tag: "UnexpectedEof", received: input.length })
    }
    assert.deepStrictEqual(reason(Codec.bytes(3), "aaab"), { _tag: "UnexpectedEof", expected: 3, received: 1 })
  })
})

describe("options that cannot be meant", () => {
  const wrong = [Number.NaN, -1, 1.5, -Infinity]
  const made: Record<string, (value: number) => Decoder.Decoder<unknown>> = {
    line: (maxBytes) => Codec.line({ maxBytes }),
    delimited: (maxBytes) => Codec.delimited(bytes("-"), { maxBytes }),
    bytes: Codec.bytes,
    rest: Codec.rest,
    lengthPrefixed: (maxBytes) => Codec.lengthPrefixed("u8", { maxBytes }),
    netstring: (maxBytes) => Codec.netstring({ maxBytes }),
    jsonLine: (maxBytes) => Codec.jsonLine(Schema.Finite, { maxBytes }),
    make: (maxBytes) => Decoder.make(() => 1, { maxBytes }),
    withMaxBytes: (maxBytes) => Decoder.withMaxBytes(Codec.line(), maxBytes),
    flatMap: (maxBytes) => Decoder.flatMap(Codec.bytes(1), () => Codec.bytes(1), { maxBytes }),
    "a count of repeat": (count) => Decoder.repeat(Codec.bytes(1), count),
    repeat: (maxBytes) => Decoder.repeat(Codec.bytes(1), 1, { maxBytes }),
    byFirstByte: (maxBytes) => Decoder.byFirstByte(() => ({ a: Codec.bytes(1) }), { maxBytes }),
    announcedBytes: (maxBytes) => Decoder.announcedBytes(Codec.decimalLine, { maxBytes }),
    announcedText: (maxBytes) => Decoder.announcedText(Codec.decimalLine, { maxBytes }),
    announcedFrames: (maxBytes) => Decoder.announcedFrames(Codec.decimalLine, Codec.bytes(1), { maxBytes })
  }
  for (const [name, make] of Object.entries(made)) {
    it(`of ${name} are an InvalidOption, whatever comes, also within another decoder`, () => {
      for (const value of wrong) {
        for (const decoder of [make(value), Decoder.map(make(value), String), Decoder.endedBy(make(value), crlf)]) {
          assert.strictEqual(decoder.refusal?.reason._tag, "InvalidOption")
          assert.include(reason(decoder, "abc\n") as object, { _tag: "InvalidOption", value: String(value) })
        }
      }
    })
  }

  it("a codec with a wrong option writes nothing either, and an empty delimiter is one", () => {
    for (const codec of [
      Codec.delimited(bytes("")),
      Codec.netstring({ maxBytes: -1 }),
      Codec.bytes(-1),
      Codec.rest(Number.NaN)
    ]) {
      const outcome = codec.encode(bytes("a"))
      assert.isTrue(outcome instanceof Decoder.Failure && outcome.reason._tag === "InvalidOption")
    }
  })
})

describe("what cannot be written", () => {
  for (const [name, outcome, tag] of [
    ["a line with a line feed", Codec.line().encode("a\nb"), "InvalidFrame"],
    ["a line above its bound, in bytes", Codec.line({ maxBytes: 1 }).encode("é"), "FrameTooLong"],
    ["a frame with its delimiter", Codec.delimited(bytes("--")).encode(bytes("a--b")), "InvalidFrame"],
    ["a frame that makes a delimiter with its own", Codec.delimited(bytes("--")).encode(bytes("a-")), "InvalidFrame"],
    ["bytes of another count", Codec.bytes(3).encode(bytes("a")), "InvalidFrame"],
    ["an integer that is too large", Codec.integer("u8").encode(256), "InvalidFrame"],
    ["a negative integer", Codec.integer("u8").encode(-1), "InvalidFrame"],
    ["no integer", Codec.integer("u8").encode(1.5), "InvalidFrame"],
    ["a body longer than its prefix can say", Codec.lengthPrefixed("u8").encode(new Uint8Array(256)), "FrameTooLong"],
    ["a netstring above its bound", Codec.netstring({ maxBytes: 1 }).encode(bytes("ab")), "FrameTooLong"],
    ["a number of 16 digits", Codec.decimalLine.encode(10 ** 15), "InvalidFrame"],
    ["NaN", Codec.decimalLine.encode(Number.NaN), "InvalidFrame"]
  ] as const) {
    it(`${name}`, () => assert.strictEqual((outcome as Decoder.Failure).reason._tag, tag))
  }
})
