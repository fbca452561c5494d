import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { DocumentRoot } from "../../src/DocumentRoot.ts"
import { maxEntries } from "../../src/Listing.ts"
import * as NodeDocumentRoot from "../../src/NodeDocumentRoot.ts"
import { descriptors, get, temporary, write } from "../utils/folders.ts"
import { roots, withoutProc } from "../utils/roots.ts"

const documents = {
  "/with/index.html": "index",
  "/with/other": "other",
  "/without/file.txt": "12345",
  "/without/<b>&\"'.txt": "",
  "/without/100% é?#.txt": "",
  "/without/control\n": "",
  "/without/back\\slash": "",
  "/without/.hidden": "hidden",
  "/without/below/x": "x",
  "/odd/index.html/index.html": "an index that is a folder",
  "/.well-known/security.txt": "known",
  "/.git/config": "hidden"
} as const

/** The names that the page for a path links, or its text if it is none. */
const names = (path: string) =>
  get(path).pipe(
    Effect.map((bytes) => {
      const page = bytes.toString()
      if (!page.startsWith("<!DOCTYPE html>\n<title>Index of ")) return page
      return Array.from(page.matchAll(/<a href="([^"]*)"/g), ([, target]) => decodeURIComponent(target))
    }),
    Effect.catchTag("DocumentError", (error) => Effect.succeed(error.isNotThere ? "401" : error.message))
  )

for (const [name, root] of Object.entries(roots(documents, { listing: true }))) {
  describe(`listings ${name}`, () => {
    it.layer(root)((it) => {
      it.effect("stand for folders without index, with or without the slash", () =>
        Effect.gen(function* () {
          const without = [
            "/",
            "/without/100% é?#.txt",
            "/without/<b>&\"'.txt".replace("'", "&#39;"),
            "/without/below/",
            "/without/file.txt"
          ]
          assert.deepStrictEqual(yield* names("/without/"), without)
          assert.deepStrictEqual(yield* names("/without"), without)
          assert.deepStrictEqual(yield* names("/without/below"), ["/without/", "/without/below/x"])
          assert.deepStrictEqual(yield* names("/odd"), ["/", "/odd/index.html/"])
          assert.deepStrictEqual(yield* names("/.well-known/"), ["/", "/.well-known/security.txt"])
          assert.deepStrictEqual(yield* names("/"), ["/.well-known/", "/odd/", "/with/", "/without/"])
        })
      )

      it.effect("say how long each document is", () =>
        Effect.gen(function* () {
          assert.match((yield* get("/without/")).toString(), /^.{16} +5 {2}<a href="\/without\/file.txt">/m)
        })
      )

      it.effect("stand for nothing else", () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* names("/with/"), "index")
          assert.strictEqual(yield* names("/with"), "index")
          for (const path of ["/missing", "/missing/", "/with/other/", "/.git", "/.git/", "/without/.hidden"]) {
            assert.strictEqual(yield* names(path), "401", path)
          }
        })
      )
    })
  })
}

for (const [name, root] of Object.entries(roots(documents, { listing: true, dotfiles: true }))) {
  describe(`dotfiles ${name}`, () => {
    it.layer(root)((it) => {
      it.effect("are there and are listed", () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* names("/without/.hidden"), "hidden")
          assert.strictEqual(yield* names("/.git/config"), "hidden")
          assert.include(yield* names("/without"), "/without/.hidden")
          assert.deepStrictEqual(yield* names("/"), ["/.git/", "/.well-known/", "/odd/", "/with/", "/without/"])
        })
      )
    })
  })
}

const layers = {
  "with /proc": (root: string) => NodeDocumentRoot.layer(root, { listing: true }),
  "without /proc": (root: string) => withoutProc(root, { listing: true })
}

for (const [name, layer] of Object.entries(layers)) {
  it.live(`a listing of a folder ${name} has links to what is inside, and nothing that is not served`, () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const root = path.join(folder, "root")
      yield* write(folder, { "root/a": "inside", "root/sub/b": "b", "root-outside/secret": "secret" })
      const links = {
        "to-file": "a",
        "to-folder": "sub",
        "to-root": ".",
        "out-file": "../root-outside/secret",
        "out-folder": "../root-outside",
        dangling: "missing",
        loop: "loop",
        device: "/dev/zero"
      }
      for (const [from, to] of Object.entries(links)) fs.symlinkSync(to, path.join(root, from))
      fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.of(0x66, 0xff)]), "not UTF-8")
      yield* Effect.gen(function* () {
        const before = descriptors()
        assert.deepStrictEqual(yield* names("/"), ["/a", "/sub/", "/to-file", "/to-folder/", "/to-root/"])
        assert.deepStrictEqual(yield* names("/to-folder"), ["/", "/to-folder/b"])
        assert.deepStrictEqual(yield* names("/to-root/to-root/sub"), ["/to-root/to-root/", "/to-root/to-root/sub/b"])
        for (const path of ["/out-folder", "/out-folder/", "/loop", "/dangling/", "/device/"]) {
          assert.strictEqual(yield* names(path), "401", path)
        }
        assert.strictEqual(descriptors(), before)
      }).pipe(Effect.provide(layer(root)))
    })
  )
}

it.live("a listing of a great folder stops at its bound, and leaves others their turn", () =>
  Effect.gen(function* () {
    const folder = yield* temporary
    for (let i = 0; i < maxEntries + 1; i++) fs.closeSync(fs.openSync(path.join(folder, String(i)), "w"))
    let turns = 0
    const count = Effect.forever(
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => turns++)
      )
    )
    yield* Effect.gen(function* () {
      const root = yield* DocumentRoot
      const document = yield* Effect.raceFirst(root.open("/"), count)
      assert(document._tag === "Whole")
      const page = Buffer.from(document.bytes).toString()
      assert.strictEqual(page.match(/<a /g)?.length, maxEntries)
      assert.include(page, "There is more")
      assert.isAtLeast(turns, 20)
    }).pipe(Effect.scoped, Effect.provide(NodeDocumentRoot.layer(folder, { listing: true })))
  })
)
