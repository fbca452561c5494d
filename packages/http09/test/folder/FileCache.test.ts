import { assert, describe, it } from "@effect/vitest"
import type { Whole } from "../../src/DocumentRoot.ts"
import { FileCache, type Stamp } from "../../src/internal/folder/FileCache.ts"

const now = 1_000_000
let turn = 0

/** Asks in a turn of its own. */
const get = (files: FileCache, path: string, stampOf: () => Stamp | undefined): Whole | undefined =>
  files.get(path, turn++, now, stampOf)

const rested: Stamp = { dev: 1, ino: 2, size: 3, mtimeMs: now - 5000, ctimeMs: now - 5000 }
const document = (name: string, size = 3): Whole => ({ _tag: "Whole", name, bytes: new Uint8Array(size) })

describe("a small file", () => {
  it("is kept as long as its stamp stays the same", () => {
    const files = new FileCache(10_000)
    files.set("/a", document("a"), rested, now)
    assert.strictEqual(get(files, "/a", () => rested)?.name, "a")
    assert.strictEqual(get(files, "/a", () => ({ ...rested }))?.name, "a")
    assert.strictEqual(
      get(files, "/b", () => rested),
      undefined
    )
  })

  it("is dropped when any part of its stamp changes, or it is gone", () => {
    for (const key of ["dev", "ino", "size", "mtimeMs", "ctimeMs"] as const) {
      const files = new FileCache(10_000)
      files.set("/a", document("a"), rested, now)
      assert.strictEqual(
        get(files, "/a", () => ({ ...rested, [key]: rested[key] + 0.001 })),
        undefined
      )
      assert.strictEqual(
        get(files, "/a", () => rested),
        undefined
      )
    }
    const files = new FileCache(10_000)
    files.set("/a", document("a"), rested, now)
    assert.strictEqual(
      get(files, "/a", () => undefined),
      undefined
    )
  })

  it("is not kept before it has rested, nor from the future", () => {
    for (const age of [-1000, 0, 1999]) {
      for (const key of ["mtimeMs", "ctimeMs"] as const) {
        const files = new FileCache(10_000)
        files.set("/a", document("a"), { ...rested, [key]: now - age }, now)
        assert.strictEqual(
          get(files, "/a", () => ({ ...rested, [key]: now - age })),
          undefined
        )
      }
    }
  })

  it("is read again after 10 seconds, or if the clock was set back, whatever its stamp says", () => {
    for (const [later, name] of [
      [0, "a"],
      [9999, "a"],
      [10_000, undefined],
      [-1, undefined]
    ] as const) {
      const files = new FileCache(10_000)
      files.set("/a", document("a"), rested, now)
      assert.strictEqual(files.get("/a", turn++, now + later, () => rested)?.name, name)
    }
  })

  it("is asked about once in a turn of the event loop", () => {
    const files = new FileCache(10_000)
    files.set("/a", document("a"), rested, now)
    let asked = 0
    const stampOf = () => {
      asked++
      return rested
    }
    for (const turn of [1, 1, 1, 2, 2]) assert.strictEqual(files.get("/a", turn, now, stampOf)?.name, "a")
    assert.strictEqual(asked, 2)
    assert.strictEqual(
      files.get("/a", 3, now, () => undefined),
      undefined
    )
  })

  it("makes room by leaving first if it was not asked for longest", () => {
    const files = new FileCache(4000)
    for (const path of ["/a", "/b", "/c"]) files.set(path, document(path, 600), rested, now)
    get(files, "/a", () => rested)
    files.set("/d", document("/d", 600), rested, now)
    const kept = ["/a", "/b", "/c", "/d"].filter((path) => get(files, path, () => rested) !== undefined)
    assert.deepStrictEqual(kept, ["/a", "/c", "/d"])
  })

  it("gives way to a new one, the oldest first, where all others were asked for, and that counts once", () => {
    const files = new FileCache(4000)
    const paths = ["/a", "/b", "/c", "/d", "/e"]
    const isKept = (path: string) => files.get(path, turn++, now, () => rested) !== undefined
    for (const path of paths.slice(0, 3)) files.set(path, document(path, 600), rested, now)
    for (const path of paths.slice(0, 3)) get(files, path, () => rested)
    files.set("/d", document("/d", 600), rested, now)
    // Nobody has asked for any since.
    files.set("/e", document("/e", 600), rested, now)
    assert.deepStrictEqual(paths.filter(isKept), ["/c", "/d", "/e"])
  })

  it("is not kept if it is larger than all the room, and nothing is with no room", () => {
    const small = new FileCache(4000)
    small.set("/small", document("small"), rested, now)
    small.set("/large", document("large", 5000), rested, now)
    assert.strictEqual(get(small, "/small", () => rested)?.name, "small")
    assert.strictEqual(
      get(small, "/large", () => rested),
      undefined
    )
    const none = new FileCache(0)
    none.set("/empty", document("empty", 0), rested, now)
    assert.strictEqual(
      get(none, "/empty", () => rested),
      undefined
    )
  })
})
