import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { DocumentError } from "../../src/DocumentError.ts"
import { type Document, DocumentRoot } from "../../src/DocumentRoot.ts"

/** A new folder, gone with the scope. */
export const temporary = Effect.acquireRelease(
  Effect.sync(() => fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "http09-")))),
  (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true }))
)

/** A folder on a disk of two pages and three files, gone with the scope. */
export const tinyDisk = Effect.tap(temporary, (folder) =>
  Effect.acquireRelease(
    Effect.sync(() => assert.strictEqual(mount(folder), 0)),
    () => Effect.sync(() => spawnSync("umount", [folder]))
  )
)

const mount = (folder: string) =>
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=8k,nr_inodes=4", "none", folder]).status

/** Whether this user may have such a disk. */
export const hasDisks = (): boolean => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "http09-"))
  const can = mount(folder) === 0
  if (can) spawnSync("umount", [folder])
  fs.rmdirSync(folder)
  return can
}

/** Writes files, and the folders they need. */
export const write = (folder: string, files: Readonly<Record<string, string | Uint8Array>>) =>
  Effect.sync(() => {
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(folder, name)
      fs.mkdirSync(path.dirname(file), { recursive: true })
      fs.writeFileSync(file, content)
    }
  })

/** All bytes of a document. */
export const read = (document: Document): Effect.Effect<Buffer, DocumentError> => {
  if (document._tag === "Whole") return Effect.succeed(Buffer.from(document.bytes))
  const chunks: Array<Buffer> = []
  return document
    .forEach((chunk) => Effect.sync(() => chunks.push(Buffer.from(chunk))))
    .pipe(Effect.map(() => Buffer.concat(chunks)))
}

/** All bytes of the document for a path, which are as many as it says. */
export const get = (path: string): Effect.Effect<Buffer, DocumentError, DocumentRoot> =>
  Effect.gen(function* () {
    const root = yield* DocumentRoot
    const document = yield* root.open(path)
    const bytes = yield* read(document)
    assert.strictEqual(bytes.length, document._tag === "Whole" ? document.bytes.length : document.size)
    return bytes
  }).pipe(Effect.scoped)

/** How many descriptors this process, or another, has open on something else than a pipe or an epoll. */
export const descriptors = (pid: number | "self" = "self"): number =>
  fs.readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${fd}`).match(/^(\/(?!proc\/)|socket:)/) !== null
    } catch {
      return false
    }
  }).length
