import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { clone, encodeAll } from "../../src/internal/stream/Bytes.ts"

const utf8 = new TextEncoder()

describe("texts", () => {
  it.prop(
    "become what TextEncoder makes of them, wherever the block ends, and stay so",
    [Arbitrary.array(Arbitrary.schema(Schema.String), { minLength: 1, maxLength: 20 })],
    ([texts]) => {
      const pieces = texts.map((text) => text.toWellFormed().repeat(1 + (text.length % 7) * 150))
      const encoded = encodeAll([...pieces])
      encodeAll(["\uFFFF".repeat(500)])
      for (const [i, bytes] of encoded.entries()) assert.deepStrictEqual([...bytes], [...utf8.encode(pieces[i])])
    }
  )
})

describe("copies", () => {
  it("of any size are their receiver's own", () => {
    const sizes = [0, 1, 64, 65, 8191, 8192, 8193, 65_536]
    const source = new Uint8Array(65_536).fill(1)
    const copies = sizes.map((size) => clone(source.subarray(0, size)))
    source.fill(2)
    for (const [i, copy] of copies.entries()) {
      assert.strictEqual(copy.length, sizes[i])
      assert.isTrue(copy.every((byte) => byte === 1))
      copy.fill(3)
    }
  })

  it("of a Buffer, too", () => {
    const source = Buffer.alloc(10, 1)
    const copy = clone(source)
    source.fill(2)
    assert.deepStrictEqual([...copy], [...Buffer.alloc(10, 1)])
  })

  it("that share memory cannot be transferred, which would take their neighbours along", () => {
    const [first, second] = [clone(Uint8Array.of(1)), clone(Uint8Array.of(2))]
    assert.strictEqual(first.buffer, second.buffer)
    assert.throws(() => structuredClone(first, { transfer: [first.buffer as ArrayBuffer] }), /transfer/i)
    assert.deepStrictEqual([...second], [2])
  })
})
