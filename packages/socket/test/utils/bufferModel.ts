/** The input buffer's model: one flat array, searched naively; and random runs of operations on both. */
import { assert } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { InputBuffer } from "../../src/internal/stream/InputBuffer.ts"

/** Three byte values only, so that delimiters start, fail and match often. */
const alphabet = 3

export const delimiters: ReadonlyArray<Uint8Array> = [
  [0],
  [1, 2],
  [0, 0, 1],
  [2, 1, 2, 1, 0],
  [1, 1, 1, 1, 1, 1, 1, 1]
].map((values) => Uint8Array.from(values))

/** Bytes that look random and depend on `seed` alone. */
export const noise = (size: number, seed: number, values = alphabet): Uint8Array => {
  const data = new Uint8Array(size)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    data[i] = (state >>> 16) % values
  }
  return data
}

const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Around the sizes at which the buffer copies, keeps, or starts a new block. */
const size = Schema.Union([
  int(1, 8),
  Schema.Literals([1, 1, 511, 512, 513, 3584, 3585, 4095, 4096, 4097]),
  int(1, 6000)
])

/** Where 1 is all that there is. */
const share = Schema.Union([Schema.Literals([0, 1]), Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))])

const operation = Schema.Union([
  Schema.Struct({ op: Schema.Literal("push"), size, seed: int(0, 1000) }),
  Schema.Struct({ op: Schema.Literal("drip"), size: int(1, 40), seed: int(0, 1000) }),
  Schema.Struct({ op: Schema.Literals(["take", "skip", "peek", "takeInto"]), share }),
  Schema.Struct({ op: Schema.Literals(["shift", "clear", "keep"]) }),
  Schema.Struct({ op: Schema.Literal("borrow"), size, seed: int(0, 1000) }),
  Schema.Struct({ op: Schema.Literal("indexOf"), delimiter: int(0, delimiters.length - 1), fresh: Schema.Boolean }),
  Schema.Struct({ op: Schema.Literal("takeUntil"), delimiter: int(0, delimiters.length - 1) })
])

export type Operation = typeof operation.Type

export const operations = Arbitrary.array(Arbitrary.schema(operation), { maxLength: 60 })

export const indexOfNaive = (data: Uint8Array, delimiter: Uint8Array): number =>
  Buffer.from(data.buffer, data.byteOffset, data.length).indexOf(delimiter)

/** One buffer and its model, kept in step. Every operation compares them. */
export class Twin {
  readonly buffer = new InputBuffer()
  private model = new Uint8Array(0)
  private loan: Uint8Array | undefined
  /** What was given out, and what it was then. */
  private readonly given: Array<readonly [Uint8Array, Uint8Array]> = []

  push(chunk: Uint8Array): void {
    this.endBorrow()
    this.buffer.push(chunk)
    this.model = Uint8Array.from([...this.model, ...chunk])
  }

  borrow(chunk: Uint8Array): void {
    this.endBorrow()
    this.model = Uint8Array.from([...this.model, ...chunk])
    this.buffer.borrow(chunk)
    this.loan = chunk
  }

  /** What was borrowed is used for something else. Nothing that was given out may show it. */
  endBorrow(): void {
    if (this.loan === undefined) return
    this.buffer.endBorrow()
    this.loan.fill(255)
    this.loan = undefined
    for (const [bytes, then] of this.given) assert.deepStrictEqual([...bytes], [...then])
  }

  take(count: number): void {
    this.give(this.buffer.take(count), count)
  }

  private give(bytes: Uint8Array, count: number): void {
    const expected = this.gone(count)
    assert.deepStrictEqual([...bytes], [...expected])
    this.given.push([bytes, expected])
  }

  indexOf(delimiter: Uint8Array): number {
    const index = this.buffer.indexOf(delimiter)
    assert.strictEqual(index, indexOfNaive(this.model, delimiter))
    return index
  }

  run(step: Operation): void {
    const { buffer, model } = this
    switch (step.op) {
      case "push":
        this.push(noise(step.size, step.seed))
        break
      case "drip":
        for (const byte of noise(step.size, step.seed)) this.push(Uint8Array.of(byte))
        break
      case "take":
        this.take(Math.floor(step.share * model.length))
        break
      case "skip": {
        const count = Math.floor(step.share * model.length)
        buffer.skip(count)
        this.gone(count)
        break
      }
      case "peek": {
        if (model.length === 0) break
        const index = Math.min(Math.floor(step.share * model.length), model.length - 1)
        assert.strictEqual(buffer.peek(index), model[index])
        break
      }
      case "shift": {
        if (model.length === 0) break
        const chunk = buffer.shift()
        assert.isAbove(chunk.length, 0)
        this.give(chunk, chunk.length)
        break
      }
      case "borrow":
        this.borrow(noise(step.size, step.seed))
        break
      case "keep":
        this.endBorrow()
        break
      case "takeInto": {
        const count = Math.floor(step.share * model.length)
        assert.deepStrictEqual([...buffer.view(count)], [...model.subarray(0, count)])
        const target = new Uint8Array(count + (step.share === 1 ? 1 : 0))
        this.give(buffer.takeInto(target), count)
        break
      }
      case "clear":
        buffer.clear()
        this.gone(model.length)
        break
      case "indexOf": {
        const delimiter = delimiters[step.delimiter]
        this.indexOf(step.fresh ? delimiter.slice() : delimiter)
        break
      }
      case "takeUntil": {
        const index = this.indexOf(delimiters[step.delimiter])
        if (index === -1) break
        this.take(index)
        buffer.skip(delimiters[step.delimiter].length)
        this.gone(delimiters[step.delimiter].length)
      }
    }
    assert.strictEqual(this.buffer.size, this.model.length)
  }

  private gone(count: number): Uint8Array {
    const head = this.model.subarray(0, count)
    this.model = this.model.slice(count)
    return head
  }
}

/** Bytes of memory that the buffer keeps alive: each backing store once. */
export const retained = (buffer: InputBuffer): number => {
  const stores = new Set<ArrayBufferLike>()
  for (const chunk of buffer["chunks"]) if (chunk.length > 0) stores.add(chunk.buffer)
  return [...stores].reduce((sum, store) => sum + store.byteLength, 0)
}
