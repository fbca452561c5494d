import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { DocumentRoot } from "../../src/DocumentRoot.ts"
import * as NodeFolder from "../../src/internal/folder/NodeFolder.ts"
import * as NodeDocumentRoot from "../../src/NodeDocumentRoot.ts"
import { descriptors, read, temporary, write } from "../utils/folders.ts"
import { background } from "../utils/processes.ts"

/** A root, a folder beside it, and every kind of thing that is no document. */
const fixture = Effect.gen(function* () {
  const folder = yield* temporary
  const [root, outside] = [path.join(folder, "root"), path.join(folder, "root-outside")]
  yield* write(root, { "index.html": "index", "inside/file": "inside", large: Buffer.alloc(1_000_000, "x") })
  yield* write(outside, { secret: "secret", "index.html": "secret" })
  fs.symlinkSync("inside/file", path.join(root, "link"))
  fs.symlinkSync(path.join(root, "inside/file"), path.join(root, "absolute"))
  fs.symlinkSync("link", path.join(root, "link-to-link"))
  fs.symlinkSync("inside", path.join(root, "folder-link"))
  fs.symlinkSync("../index.html", path.join(root, "inside/index.html"))
  fs.symlinkSync("../root-outside/secret", path.join(root, "escape"))
  fs.symlinkSync(outside, path.join(root, "folder-escape"))
  fs.symlinkSync("missing", path.join(root, "dangling"))
  fs.symlinkSync("loop", path.join(root, "loop"))
  fs.symlinkSync("/dev/zero", path.join(root, "zero"))
  fs.symlinkSync("/dev", path.join(root, "dev"))
  execFileSync("mkfifo", [path.join(root, "fifo")])
  fs.symlinkSync("fifo", path.join(root, "fifo-link"))
  yield* Effect.acquireRelease(
    Effect.callback<net.Server>((resume) => {
      const server = net.createServer().listen(path.join(root, "socket"), () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )
  return { root, outside }
})

const text = (path: string) =>
  Effect.gen(function* () {
    const root = yield* DocumentRoot
    const document = yield* root.open(path)
    return (yield* read(document)).toString()
  }).pipe(
    Effect.scoped,
    Effect.catchTag("DocumentError", (error) => Effect.succeed(error.message))
  )

const layers = {
  "with /proc": (root: string) => NodeDocumentRoot.layer(root),
  "without /proc": (root: string) =>
    Layer.sync(DocumentRoot, () =>
      NodeFolder.make(root, {
        wholeBytes: 65_536,
        chunkBytes: 131_072,
        cacheBytes: 0,
        proc: false,
        listing: false,
        dotfiles: false
      })
    )
}

for (const [name, layer] of Object.entries(layers)) {
  describe(`a folder ${name}`, () => {
    it.live("follows links to what is inside and to nothing else", () =>
      Effect.gen(function* () {
        const { root } = yield* fixture
        yield* Effect.gen(function* () {
          for (const path of ["/link", "/absolute", "/link-to-link", "/folder-link/file"]) {
            assert.strictEqual(yield* text(path), "inside")
          }
          assert.strictEqual(yield* text("/folder-link"), "index")
          assert.strictEqual(yield* text("/escape"), "/escape: outside the root")
          assert.strictEqual(yield* text("/folder-escape/secret"), "/folder-escape/secret: outside the root")
          assert.strictEqual(yield* text("/folder-escape"), "/folder-escape: outside the root")
          assert.strictEqual(yield* text("/folder-escape/"), "/folder-escape/: outside the root")
          assert.strictEqual(yield* text("/dangling"), "/dangling: not found")
          assert.strictEqual(yield* text("/loop"), "/loop: too many symbolic links")
        }).pipe(Effect.provide(layer(root)))
      })
    )

    it.live("never hangs on what is not a regular file, and leaves nothing open", () =>
      Effect.gen(function* () {
        const { root } = yield* fixture
        yield* Effect.gen(function* () {
          const before = descriptors()
          for (const path of ["/fifo", "/fifo-link", "/socket", "/zero", "/dev/zero", "/dev/tty"]) {
            assert.strictEqual(yield* text(path), `${path}: not a regular file`)
          }
          for (const path of ["/escape", "/link", "/large", "/missing"]) yield* text(path)
          assert.strictEqual(descriptors(), before)
        }).pipe(Effect.provide(layer(root)), Effect.timeout("5 seconds"))
      })
    )
  })
}

it.live("a folder serves nothing from outside while a folder in it and a link change places", () =>
  Effect.gen(function* () {
    const { root, outside } = yield* fixture
    // Another process swaps them as fast as it can, for as long as the requests last.
    const swap = `
      const fs = require("node:fs")
      for (;;) { fs.renameSync("swap", "aside"); fs.symlinkSync(${JSON.stringify(outside)}, "swap")
                 fs.unlinkSync("swap"); fs.renameSync("aside", "swap") }`
    yield* write(root, { "swap/secret": "public" })
    const seen = new Map<string, number>()
    yield* Effect.gen(function* () {
      yield* background(process.execPath, ["-e", swap], root)
      const end = performance.now() + 700
      while (performance.now() < end) {
        const answer = yield* text("/swap/secret")
        seen.set(answer, (seen.get(answer) ?? 0) + 1)
      }
    }).pipe(Effect.provide(NodeDocumentRoot.layer(root)), Effect.scoped)
    assert.isFalse(seen.has("secret"))
    assert.isTrue(seen.has("public"))
  })
)

describe("a large file", () => {
  it.live("comes in chunks, in the same two buffers by turns", () =>
    Effect.gen(function* () {
      const { root } = yield* fixture
      yield* Effect.gen(function* () {
        const document = yield* (yield* DocumentRoot).open("/large")
        assert(document._tag === "Chunked")
        const sizes: Array<number> = []
        const memory = new Set<ArrayBufferLike>()
        yield* document.forEach((chunk) =>
          Effect.sync(() => {
            sizes.push(chunk.length)
            memory.add(chunk.buffer)
          })
        )
        assert.deepStrictEqual(sizes, [...Array<number>(7).fill(131_072), 1_000_000 - 7 * 131_072])
        assert.strictEqual(memory.size, 2)
      }).pipe(Effect.scoped, Effect.provide(NodeDocumentRoot.layer(root)))
    })
  )

  it.live("that shrinks while it is read fails, and says how much came", () =>
    Effect.gen(function* () {
      const { root } = yield* fixture
      const message = yield* Effect.gen(function* () {
        const document = yield* (yield* DocumentRoot).open("/large")
        assert(document._tag === "Chunked")
        fs.truncateSync(path.join(root, "large"), 500_000)
        return yield* read(document).pipe(
          Effect.as("sent"),
          Effect.catchTag("DocumentError", (error) => Effect.succeed(error.message))
        )
      }).pipe(Effect.scoped, Effect.provide(NodeDocumentRoot.layer(root)))
      assert.strictEqual(message, "/large: ended after 500000 of 1000000 bytes")
    })
  )

  it.live("that grows or goes while it is read comes as it was when it was opened", () =>
    Effect.gen(function* () {
      const { root } = yield* fixture
      const length = yield* Effect.gen(function* () {
        const document = yield* (yield* DocumentRoot).open("/large")
        assert(document._tag === "Chunked")
        fs.appendFileSync(path.join(root, "large"), "more")
        fs.unlinkSync(path.join(root, "large"))
        return (yield* read(document)).length
      }).pipe(Effect.scoped, Effect.provide(NodeDocumentRoot.layer(root)))
      assert.strictEqual(length, 1_000_000)
    })
  )

  it.live("is closed when its scope closes, in the middle of a read too", () =>
    Effect.gen(function* () {
      const { root } = yield* fixture
      yield* Effect.gen(function* () {
        const service = yield* DocumentRoot
        const before = descriptors()
        for (let turn = 0; turn < 20; turn++) {
          const scope = yield* Scope.make()
          const document = yield* Scope.provide(service.open("/large"), scope)
          assert(document._tag === "Chunked")
          assert.isAbove(descriptors(), before)
          const reader = yield* Effect.forkChild(read(document), { startImmediately: true })
          yield* Fiber.interrupt(reader)
          yield* Scope.close(scope, Exit.void)
        }
        yield* Effect.sleep("50 millis")
        assert.strictEqual(descriptors(), before)
      }).pipe(Effect.provide(NodeDocumentRoot.layer(root)))
    })
  )
})

const failure = (root: string) =>
  Layer.build(NodeDocumentRoot.layer(root)).pipe(
    Effect.scoped,
    Effect.as("served"),
    Effect.catchTag("DocumentError", (error) => Effect.succeed(error.message))
  )

it.live(
  "a small file that rested is served as it is on the next request, whatever happened to it",
  () =>
    Effect.gen(function* () {
      const { root } = yield* fixture
      const file = path.join(root, "inside/file")
      const turn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
      yield* Effect.sleep("2100 millis")
      yield* Effect.gen(function* () {
        const changes: ReadonlyArray<readonly [change: () => void, answer: string]> = [
          [() => {}, "inside"],
          [() => fs.writeFileSync(file, "INSIDE"), "INSIDE"],
          [() => fs.utimesSync(file, 1, 1), "INSIDE"],
          [() => fs.renameSync(path.join(root, "index.html"), file), "index"],
          [() => fs.unlinkSync(file), "/inside/file: not found"]
        ]
        for (const [change, answer] of changes) {
          change()
          for (let again = 0; again < 3; again++) {
            assert.strictEqual(yield* text("/inside/file"), answer)
            yield* turn
          }
        }
      }).pipe(Effect.provide(NodeDocumentRoot.layer(root)))
    }),
  10_000
)

describe("a root", () => {
  it.live("that does not exist or is not a folder fails the layer", () =>
    Effect.gen(function* () {
      const { root } = yield* fixture
      assert.strictEqual(yield* failure(`${root}/missing`), `${root}/missing: not found`)
      assert.strictEqual(yield* failure(`${root}/index.html`), `${root}/index.html: not a folder`)
      assert.strictEqual(yield* failure(`${root}/fifo`), `${root}/fifo: not a folder`)
      assert.strictEqual(yield* failure("/"), "served")
    })
  )

  it.live("may be a link, and follows it when it changes", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* write(folder, { "1/index.html": "first", "2/index.html": "second" })
      const current = path.join(folder, "current")
      fs.symlinkSync("1", current)
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* text("/"), "first")
        fs.unlinkSync(current)
        fs.symlinkSync("2", current)
        assert.strictEqual(yield* text("/"), "second")
      }).pipe(Effect.provide(NodeDocumentRoot.layer(current)))
    })
  )

  it.live("may be the root of the file system", () =>
    Effect.gen(function* () {
      const { root } = yield* fixture
      assert.strictEqual(yield* text(`${root}/link`).pipe(Effect.provide(NodeDocumentRoot.layer("/"))), "inside")
    })
  )
})
