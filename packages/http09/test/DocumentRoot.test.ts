import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { DocumentRoot } from "../src/DocumentRoot.ts"
import { get } from "./utils/folders.ts"
import { roots } from "./utils/roots.ts"

const allBytes = Uint8Array.from({ length: 256 }, (_, index) => index)
const large = Uint8Array.from({ length: 300_001 }, (_, index) => index % 251)

const documents = {
  "/index.html": "root index",
  "/hosts": "127.0.0.1 localhost\n",
  "/empty": "",
  "/a b.txt": "spaces",
  "/café.txt": "accent",
  "/100%.txt": "percent",
  "/query?.txt": "question",
  "/with/index.html": "with index",
  "/with/other.html": "other",
  "/without/file.txt": "no index here",
  "/deep/er/and/deeper/x": "deep",
  "/odd/index.html/index.html": "an index that is a folder",
  "/bytes": allBytes,
  "/large": large,
  "/.secret": "hidden",
  "/.git/config": "hidden",
  "/with/.htpasswd": "hidden",
  "/.well-known/security.txt": "known",
  "/.well-known/.x/y": "known too",
  "/.well-known/index.html": "known index",
  "/with/.well-known/x": "hidden",
  "/.well-knowns/x": "hidden",
  "/..a/x": "hidden"
} as const

const getText = (path: string) =>
  get(path).pipe(
    Effect.map((bytes) => new TextDecoder().decode(bytes)),
    Effect.catchTag("DocumentError", (error) => Effect.succeed(error.isNotThere ? "401" : error.message))
  )

for (const [name, root] of Object.entries(roots(documents))) {
  describe(`documents ${name}`, () => {
    it.layer(root)((it) => {
      it.effect("come exactly as they are", () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(Uint8Array.from(yield* get("/bytes")), allBytes)
          assert.strictEqual(Buffer.compare(yield* get("/large"), large), 0)
          assert.strictEqual((yield* get("/empty")).length, 0)
        })
      )

      it.effect("that are at hand without an effect are those that opening gives", () =>
        Effect.gen(function* () {
          const root = yield* DocumentRoot
          for (const path of [...Object.keys(documents), "/", "/with", "/nowhere", "/.secret", "/with/.htpasswd"]) {
            const opened = yield* Effect.option(Effect.scoped(root.open(path)))
            const peeked = root.peek?.(path)
            if (peeked !== undefined) assert.deepStrictEqual(Option.getOrUndefined(opened), peeked, path)
          }
        })
      )

      const there: ReadonlyArray<readonly [path: string, text: string]> = [
        ["/hosts", documents["/hosts"]],
        ["/a b.txt", "spaces"],
        ["/café.txt", "accent"],
        ["/100%.txt", "percent"],
        ["/query?.txt", "question"],
        ["/deep/er/and/deeper/x", "deep"],
        ["/", "root index"],
        ["/index.html", "root index"],
        ["/with", "with index"],
        ["/with/", "with index"],
        ["/with/index.html", "with index"],
        ["/with/other.html", "other"],
        ["/odd/index.html", "an index that is a folder"],
        ["/.well-known/security.txt", "known"],
        ["/.well-known/.x/y", "known too"],
        ["/.well-known/", "known index"],
        ["/.well-known", "known index"]
      ]
      for (const [path, text] of there) {
        it.effect(`${path} is there`, () =>
          Effect.gen(function* () {
            assert.strictEqual(yield* getText(path), text)
          })
        )
      }

      const notThere = [
        "/missing",
        "/missing/x",
        "/HOSTS",
        "/without",
        "/without/",
        "/deep/",
        "/odd",
        "/odd/",
        "/hosts/",
        "/hosts/x",
        "/index.html/",
        "/empty/",
        "/with/index.html/",
        "/.secret",
        "/.git/config",
        "/.git",
        "/.git/",
        "/with/.htpasswd",
        "/with/.well-known/x",
        "/.well-knowns/x",
        "/.well-known/missing",
        "/..a/x",
        "/...",
        `/${"n".repeat(300)}`,
        `/${"n/".repeat(3000)}x`
      ]
      for (const path of notThere) {
        it.effect(`${path.slice(0, 30)} is not there`, () =>
          Effect.gen(function* () {
            assert.strictEqual(yield* getText(path), "401")
          })
        )
      }
    })
  })
}
