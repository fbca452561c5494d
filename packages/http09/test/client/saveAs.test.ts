import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import { execFileSync } from "node:child_process"
import { saveAs } from "../../src/internal/client/saveAs.ts"
import { descriptors, temporary, write } from "../utils/folders.ts"

const chunks = ["one ", "two ", "three"].map((text) => new TextEncoder().encode(text))
const document = Stream.fromIterable(chunks)
const broken = Stream.concat(document, Stream.fail("broken"))

/** The names in a folder and what is in the files. */
const contents = (folder: string) =>
  Object.fromEntries(fs.readdirSync(folder).map((name) => [name, fs.readFileSync(path.join(folder, name), "utf8")]))

describe("a stream is saved", () => {
  it.live("under its name, with its size, and with nothing beside it", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      assert.strictEqual(yield* saveAs(path.join(folder, "a"))(document), 13)
      assert.strictEqual(yield* saveAs(path.join(folder, "b"))(Stream.empty), 0)
      assert.deepStrictEqual(contents(folder), { a: "one two three", b: "" })
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("in the place of what had the name, which stays whole until then", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const file = path.join(folder, "a")
      yield* write(folder, { a: "old and longer than the new one" })
      const seen: Array<string> = []
      const watched = Stream.tap(document, () => Effect.sync(() => seen.push(fs.readFileSync(file, "utf8"))))
      yield* saveAs(file)(watched)
      assert.deepStrictEqual(new Set(seen), new Set(["old and longer than the new one"]))
      assert.deepStrictEqual(contents(folder), { a: "one two three" })
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("where a link leads, and the link stays", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* write(folder, { "real/a": "old" })
      fs.symlinkSync("real/a", path.join(folder, "link"))
      yield* saveAs(path.join(folder, "link"))(document)
      assert.isTrue(fs.lstatSync(path.join(folder, "link")).isSymbolicLink())
      assert.deepStrictEqual(contents(path.join(folder, "real")), { a: "one two three" })
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("where a link leads that leads nowhere yet, and the link stays", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      fs.mkdirSync(path.join(folder, "real"))
      fs.symlinkSync("real/new", path.join(folder, "relative"))
      fs.symlinkSync(path.join(folder, "relative"), path.join(folder, "absolute"))
      yield* saveAs(path.join(folder, "absolute"))(document)
      for (const link of ["relative", "absolute"]) {
        assert.isTrue(fs.lstatSync(path.join(folder, link)).isSymbolicLink())
      }
      assert.deepStrictEqual(contents(path.join(folder, "real")), { new: "one two three" })
      fs.symlinkSync("circle", path.join(folder, "circle"))
      assert.strictEqual((yield* Effect.flip(saveAs(path.join(folder, "circle"))(document)))._tag, "PlatformError")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("with the permissions of what it replaces, and never wider on the way", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const file = path.join(folder, "secret")
      for (const mode of [0o600, 0o640, 0o666, 0o755]) {
        fs.writeFileSync(file, "old")
        fs.chmodSync(file, mode)
        const modes: Array<number> = []
        const watched = Stream.tap(document, () =>
          Effect.sync(() => {
            for (const name of fs.readdirSync(folder)) modes.push(fs.statSync(path.join(folder, name)).mode & 0o777)
          })
        )
        yield* saveAs(file)(watched)
        assert.strictEqual(fs.statSync(file).mode & 0o777, mode)
        for (const seen of modes) assert.strictEqual(seen & ~mode, 0)
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("under every name that the file system takes", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const names = [...[200, 242, 243, 245, 250, 255].map((length) => "x".repeat(length)), "𝄞".repeat(63)]
      for (const name of names) yield* saveAs(path.join(folder, name))(document)
      assert.deepStrictEqual(fs.readdirSync(folder).toSorted(), names.toSorted())
      const longer = yield* Effect.flip(saveAs(path.join(folder, "x".repeat(256)))(document))
      assert.include(String(longer.reason.cause), "ENAMETOOLONG")
      assert.strictEqual(fs.readdirSync(folder).length, names.length)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("through a pipe and a device, which stay what they are", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const pipe = path.join(folder, "pipe")
      execFileSync("mkfifo", [pipe])
      const reader = yield* Effect.forkChild(Effect.promise(() => fs.promises.readFile(pipe, "utf8")))
      assert.strictEqual(yield* saveAs(pipe)(document), 13)
      assert.strictEqual(yield* Fiber.join(reader), "one two three")
      yield* saveAs("/dev/null")(document)
      assert.isTrue(fs.statSync("/dev/null").isCharacterDevice())
      const full = yield* Effect.flip(saveAs("/dev/full")(document))
      assert.include(String(full.reason.cause), "ENOSPC")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

describe("nothing half-written is left, and what was there stays", () => {
  const held = (folder: string) => ({ before: contents(folder), open: descriptors() })

  it.live("when the stream fails", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* write(folder, { old: "old" })
      const { before, open } = held(folder)
      for (const name of ["old", "new"]) {
        assert.strictEqual(yield* Effect.flip(saveAs(path.join(folder, name))(broken)), "broken")
      }
      assert.deepStrictEqual(contents(folder), before)
      assert.strictEqual(descriptors(), open)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("when it is interrupted, at whatever chunk", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* write(folder, { old: "old" })
      const { before, open } = held(folder)
      for (const stop of [0, 1, 2, 3]) {
        for (const name of ["old", "new"]) {
          const reached = yield* Deferred.make<void>()
          const hangs = Stream.concat(
            Stream.take(document, stop),
            Stream.fromEffect(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
          )
          const fiber = yield* Effect.forkChild(saveAs(path.join(folder, name))(hangs))
          yield* Deferred.await(reached)
          yield* Fiber.interrupt(fiber)
          assert.deepStrictEqual(contents(folder), before)
        }
      }
      assert.strictEqual(descriptors(), open)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("when it is interrupted after any time", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      const file = path.join(folder, "a")
      const large = Stream.fromIterable(Array.from({ length: 20 }, () => Buffer.alloc(10_000, "x")))
      for (let microseconds = 0; microseconds < 6000; microseconds += 200) {
        const fiber = yield* Effect.forkChild(saveAs(file)(large), { startImmediately: true })
        yield* Effect.sleep(microseconds / 1000)
        yield* Fiber.interrupt(fiber)
        // Whole if the rename came first; then again without it.
        assert.include([undefined, 200_000], fs.statSync(file, { throwIfNoEntry: false })?.size)
        fs.rmSync(file, { force: true })
        assert.deepStrictEqual(fs.readdirSync(folder), [])
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("when the place cannot be written, and then the stream is not even begun", () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      let begun = 0
      const counted = Stream.onStart(
        document,
        Effect.sync(() => begun++)
      )
      for (const file of [folder, path.join(folder, "no/folder"), "/proc/no"]) {
        assert.strictEqual((yield* Effect.flip(saveAs(file)(counted)))._tag, "PlatformError")
      }
      assert.deepStrictEqual([begun, fs.readdirSync(folder)], [0, []])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})
