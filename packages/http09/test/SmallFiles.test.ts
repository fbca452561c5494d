import { assert, describe, it } from "@effect/vitest"
import type { Whole } from "../src/DocumentRoot.ts"
import { SmallFiles, type Stamp } from "../src/internal/SmallFiles.ts"

const now = 1_000_000
const rested: Stamp = { dev: 1, ino: 2, size: 3, mtimeMs: now - 5000, ctimeMs: now - 5000 }
const document = (name: string, size = 3): Whole => ({ _tag: "Whole", name, bytes: new Uint8Array(size) })

describe("a small file", () => {
  it("is kept as long as its stamp stays the same", () => {
    const files = new SmallFiles(10_000)
    files.set("/a", document("a"), rested, now)
    assert.strictEqual(files.get("/a", () => rested)?.name, "a")
    assert.strictEqual(files.get("/a", () => ({ ...rested }))?.name, "a")
    assert.strictEqual(
      files.get("/b", () => rested),
      undefined
    )
  })

  it("is dropped when any part of its stamp changes, or it is gone", () => {
    for (const key of ["dev", "ino", "size", "mtimeMs", "ctimeMs"] as const) {
      const files = new SmallFiles(10_000)
      files.set("/a", document("a"), rested, now)
      assert.strictEqual(
        files.get("/a", () => ({ ...rested, [key]: rested[key] + 0.001 })),
        undefined
      )
      assert.strictEqual(
        files.get("/a", () => rested),
        undefined
      )
    }
    const files = new SmallFiles(10_000)
    files.set("/a", document("a"), rested, now)
    assert.strictEqual(
      files.get("/a", () => undefined),
      undefined
    )
  })

  it("is not kept before it has rested, nor from the future", () => {
    for (const age of [-1000, 0, 1999]) {
      for (const key of ["mtimeMs", "ctimeMs"] as const) {
        const files = new SmallFiles(10_000)
        files.set("/a", document("a"), { ...rested, [key]: now - age }, now)
        assert.strictEqual(
          files.get("/a", () => ({ ...rested, [key]: now - age })),
          undefined
        )
      }
    }
  })

  it("makes room by leaving first if it was not asked for longest", () => {
    const files = new SmallFiles(4000)
    for (const path of ["/a", "/b", "/c"]) files.set(path, document(path, 600), rested, now)
    files.get("/a", () => rested)
    files.set("/d", document("/d", 600), rested, now)
    const kept = ["/a", "/b", "/c", "/d"].filter((path) => files.get(path, () => rested) !== undefined)
    assert.deepStrictEqual(kept, ["/a", "/c", "/d"])
  })

  it("is not kept if it is larger than all the room, and nothing is with no room", () => {
    const small = new SmallFiles(4000)
    small.set("/large", document("large", 5000), rested, now)
    assert.strictEqual(
      small.get("/large", () => rested),
      undefined
    )
    const none = new SmallFiles(0)
    none.set("/empty", document("empty", 0), rested, now)
    assert.strictEqual(
      none.get("/empty", () => rested),
      undefined
    )
  })
})
