import { assert, describe, it } from "@effect/vitest"
import { LineBuffer } from "../../src/cli/LineBuffer.ts"

/** A reader that takes what it is given when it is told to. */
const slow = (limit: number) => {
  const taken: Array<string> = []
  const losses: Array<number> = []
  let ready: (() => void) | undefined
  const buffer = new LineBuffer(
    (bytes, then) => {
      taken.push(new TextDecoder().decode(bytes))
      assert.isUndefined(ready)
      ready = then
    },
    (lines) => losses.push(lines),
    limit
  )
  return {
    taken,
    losses,
    buffer,
    add: (text: string) => buffer.add(new TextEncoder().encode(text)),
    take: () => {
      const then = ready
      ready = undefined
      then?.()
    }
  }
}

describe("LineBuffer", () => {
  it("hands on the first lines at once, and gathers the rest while the reader works", () => {
    const { add, take, taken } = slow(100)
    add("1\n")
    add("2\n")
    add("3\n")
    assert.deepStrictEqual(taken, ["1\n"])
    take()
    assert.deepStrictEqual(taken, ["1\n", "2\n3\n"])
  })

  it("holds no more than its bound with what the reader works on, and takes lines again when that is taken", () => {
    const { add, take, taken } = slow(6)
    for (const line of ["1\n", "2\n", "3\n", "4\n"]) add(line)
    take()
    add("5\n")
    add("6\n")
    take()
    take()
    assert.strictEqual(taken.join(""), "1\n2\n3\n5\n")
  })

  it("counts the lines that it drops, and says so once when they flow again", () => {
    const { add, losses, take } = slow(4)
    add("1\n")
    add("2\n3\n")
    add("4\n5\n6\n")
    assert.deepStrictEqual(losses, [])
    take()
    assert.deepStrictEqual(losses, [5])
    take()
    assert.deepStrictEqual(losses, [5])
  })

  it("says when nothing waits any more", () => {
    const { add, buffer, take } = slow(100)
    let drained = 0
    const count = (): void => void drained++
    buffer.drained(count)
    assert.strictEqual(drained, 1)
    add("1\n")
    add("2\n")
    buffer.drained(count)
    take()
    assert.strictEqual(drained, 1)
    take()
    assert.strictEqual(drained, 2)
  })
})
