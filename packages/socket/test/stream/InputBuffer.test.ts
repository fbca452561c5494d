import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { InputBuffer } from "../../src/internal/stream/InputBuffer.ts"
import { delimiters, indexOfNaive, noise, operations, retained, Twin } from "../utils/bufferModel.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const cuts = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 700 }))), {
  maxLength: 12
})
const seed = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 })))

describe("against one flat array", () => {
  it.prop(
    "any run of pushes, takes, skips, shifts, peeks and searches gives what a flat array gives",
    [operations],
    ([steps]) => {
      const twin = new Twin()
      for (const step of steps) twin.run(step)
      twin.endBorrow()
      twin.take(twin.buffer.size)
    },
    { arbitrary: { runs: rounds(400), size: 60 } }
  )

  it.prop(
    "a search after every push finds what one search of the whole finds",
    [seed, cuts],
    ([seed, sizes]) => {
      for (const delimiter of delimiters) {
        const whole = noise(
          sizes.reduce((sum, size) => sum + size, 0),
          seed
        )
        const buffer = new InputBuffer()
        let at = 0
        for (const size of sizes) {
          buffer.push(whole.slice(at, at + size))
          at += size
          assert.strictEqual(buffer.indexOf(delimiter), indexOfNaive(whole.subarray(0, at), delimiter))
        }
      }
    },
    { arbitrary: { runs: rounds(200) } }
  )
})

describe("delimiters", () => {
  const delimiter = Uint8Array.of(2, 1, 2, 1, 0)

  it("a delimiter is found wherever it is cut, with a search between all pieces", () => {
    const message = Uint8Array.from([2, 1, 2, 2, 1, ...delimiter, 2])
    for (let first = 1; first < message.length; first++) {
      for (let second = first; second < message.length; second++) {
        const buffer = new InputBuffer()
        for (const piece of [message.slice(0, first), message.slice(first, second), message.slice(second)]) {
          if (piece.length > 0) buffer.push(piece)
          buffer.indexOf(delimiter)
        }
        assert.strictEqual(buffer.indexOf(delimiter), 5, `cut at ${first} and ${second}`)
      }
    }
  })

  it("bytes taken out of the middle of a search do not hide a delimiter", () => {
    for (let taken = 0; taken <= 4; taken++) {
      const buffer = new InputBuffer()
      buffer.push(Uint8Array.of(0, 0, 2, 1))
      assert.strictEqual(buffer.indexOf(delimiter), -1)
      buffer.take(taken)
      buffer.push(Uint8Array.of(2, 1, 2, 1, 0))
      assert.strictEqual(buffer.indexOf(delimiter), 4 - taken)
    }
  })

  it("another delimiter is searched from the front", () => {
    const buffer = new InputBuffer()
    buffer.push(Uint8Array.of(7, 8, 9))
    assert.strictEqual(buffer.indexOf(Uint8Array.of(10)), -1)
    assert.strictEqual(buffer.indexOf(Uint8Array.of(8)), 1)
    assert.strictEqual(buffer.indexOf(Uint8Array.of(7)), 0)
  })
})

describe("what a reader was given", () => {
  it("does not change when more comes", () => {
    const buffer = new InputBuffer()
    const given: Array<readonly [Uint8Array, Array<number>]> = []
    for (let i = 0; i < 5000; i++) {
      buffer.push(Uint8Array.of(i & 255))
      if (i % 3 === 2) {
        const bytes = buffer.take(i % 2 === 0 ? 2 : 1)
        given.push([bytes, [...bytes]])
      }
    }
    for (const [bytes, copy] of given) assert.deepStrictEqual([...bytes], copy)
  })

  it("a large chunk comes out as the array that came in", () => {
    const buffer = new InputBuffer()
    const chunk = noise(65_536, 1)
    buffer.push(chunk)
    assert.strictEqual(buffer.shift(), chunk)
  })
})

describe("many chunks", () => {
  it("a thousand chunks come out one by one as they went in", () => {
    const buffer = new InputBuffer()
    for (let i = 0; i < 1000; i++) buffer.push(noise(600, i))
    for (let i = 0; i < 1000; i++) assert.deepStrictEqual(buffer.shift(), noise(600, i))
    assert.strictEqual(buffer.size, 0)
  })
})

describe("memory", () => {
  it("a drip of single bytes costs little more than the bytes", () => {
    const buffer = new InputBuffer()
    for (let i = 0; i < 100_000; i++) buffer.push(Uint8Array.of(i & 255))
    assert.isBelow(retained(buffer), 100_000 * 1.1 + 8192)
    assert.isBelow(buffer["chunks"].length, 100)
  })

  it("a drip of borrowed bytes costs no more", () => {
    const buffer = new InputBuffer()
    const byte = new Uint8Array(1)
    for (let i = 0; i < 100_000; i++) {
      buffer.borrow(byte)
      buffer.endBorrow()
    }
    assert.isBelow(retained(buffer), 100_000 * 1.1 + 8192)
    assert.isBelow(buffer["chunks"].length, 100)
  })

  it("taken bytes are not kept", () => {
    const buffer = new InputBuffer()
    for (let i = 0; i < 2000; i++) {
      buffer.push(noise(1000, i))
      buffer.push(Uint8Array.of(1))
      buffer.take(1001)
    }
    assert.strictEqual(retained(buffer), 0)
    for (const chunks of [50, 500]) {
      for (let i = 0; i < chunks; i++) buffer.push(noise(1000, i))
      buffer.skip(chunks * 1000 - 500)
      assert.isAtMost(retained(buffer), 1000)
      assert.isAtMost(buffer["chunks"].length, 64)
      buffer.skip(500)
    }
  })

  it("a line of a million bytes that comes in drips is searched once, not once a drip", () => {
    // Searched from the front each time, this would be 10^12 steps.
    const buffer = new InputBuffer()
    const lf = Uint8Array.of(10)
    const byte = Uint8Array.of(65)
    for (let i = 0; i < 1_000_000; i++) {
      buffer.push(byte)
      if (buffer.indexOf(lf) !== -1) assert.fail("there is no delimiter")
    }
    buffer.push(lf)
    assert.strictEqual(buffer.indexOf(lf), 1_000_000)
  })
})
