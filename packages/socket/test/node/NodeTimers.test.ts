import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { after } from "../../src/internal/node/NodeTimers.ts"

const longest = 2 ** 31 - 1
const day = 24 * 3600 * 1000

describe("a timer", () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  for (const millis of [0, 1, longest - 1, longest, longest + 1, 2 * longest, 2 * longest + 1, 30 * day, 1000 * day]) {
    it(`of ${millis} ms fires then, once, and not before`, () => {
      let fired = 0
      after(millis, () => fired++)
      vi.advanceTimersByTime(Math.max(0, millis - 1))
      if (millis > 0) assert.strictEqual(fired, 0)
      vi.advanceTimersByTime(1)
      assert.strictEqual(fired, 1)
      vi.advanceTimersByTime(longest)
      assert.strictEqual(fired, 1)
      assert.strictEqual(vi.getTimerCount(), 0)
    })

    it(`of ${millis} ms can be cancelled at any time`, () => {
      let fired = 0
      const cancel = after(millis, () => fired++)
      vi.advanceTimersByTime(Math.floor(millis / 2))
      if (millis > 0) cancel()
      vi.advanceTimersByTime(2 * millis)
      assert.strictEqual(fired, millis > 0 && Math.floor(millis / 2) < millis ? 0 : 1)
      cancel()
      assert.strictEqual(vi.getTimerCount(), 0)
    })
  }

  it("of infinite length never fires, and is none", () => {
    const cancel = after(Infinity, () => assert.fail("it fired"))
    assert.strictEqual(vi.getTimerCount(), 0)
    cancel()
  })
})
