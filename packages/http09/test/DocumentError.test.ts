import { assert, it } from "@effect/vitest"
import * as DocumentError from "../src/DocumentError.ts"

const system = (code: string): Error => Object.assign(new Error(`${code}: in words, open`), { code })

it("a system error becomes a reason, and clients are told of those that mean absence", () => {
  const rows: ReadonlyArray<readonly [code: string, message: string, isNotThere: boolean]> = [
    ["ENOENT", "/x: not found", true],
    ["ENOTDIR", "/x: not found", true],
    ["ENAMETOOLONG", "/x: name too long", true],
    ["ELOOP", "/x: too many symbolic links", true],
    ["ENXIO", "/x: not a regular file", true],
    ["EACCES", "/x: permission denied", true],
    ["EPERM", "/x: permission denied", true],
    ["EMFILE", "/x: out of file descriptors", false],
    ["ENFILE", "/x: out of file descriptors", false],
    ["EIO", "/x: EIO: in words, open", false]
  ]
  for (const [code, message, isNotThere] of rows) {
    const error = DocumentError.fromCause("/x", system(code))
    assert.strictEqual(error.message, message)
    assert.strictEqual(error.isNotThere, isNotThere)
  }
})

it("anything else that is thrown is Unknown, and a DocumentError stays itself", () => {
  const error = DocumentError.notFound("/x", "hidden")
  assert.strictEqual(DocumentError.fromCause("/y", error), error)
  assert.strictEqual(DocumentError.fromCause("/y", "odd").message, "/y: odd (UNKNOWN)")
})
