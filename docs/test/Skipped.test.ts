import { assert, expect, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { packages } from "../../test/utils/programs.ts"
import { linesOf } from "../../test/utils/SkippedReporter.ts"
import { filesBelow, root } from "./utils/sources.ts"

const hasOnlyCurl = (program: string): boolean => program === "curl"

it("a run says which tests it skipped, and which package brings them back", () => {
  const titles = [
    "haproxy (needs haproxy) > it works",
    "with TLS (needs haproxy and openssl)",
    "x (needs curl and root)"
  ]
  assert.deepStrictEqual(linesOf([...titles, "without a word"], hasOnlyCurl), [
    "2 tests were skipped for want of haproxy: apt-get install haproxy",
    "1 test was skipped for want of openssl: apt-get install openssl",
    "1 test was skipped for want of root",
    "skipped: without a word"
  ])
  assert.deepStrictEqual(linesOf([]), [])
})

const run = fs.readFileSync(path.join(root, ".ci/run"), "utf8")

it.each([...new Set(Object.values(packages))])("CI installs %s, which tests need", (name) => {
  // These are part of every Debian.
  const installed = (/^packages="([^"]*)"$/m.exec(run)?.[1] ?? "").trim().split(/\s+/)
  expect([...installed, "bsdutils", "util-linux"]).toContain(name)
})

it("a test that may be skipped says in its title what it needs", () => {
  const tests = ["packages", "examples", "docs"].flatMap((folder) => filesBelow(folder, /\.test\.ts$/))
  const silent = tests.filter((file) => {
    const text = fs.readFileSync(path.join(root, file), "utf8")
    return /\.(runIf|skipIf)\(/.test(text) && !/\(needs [^)]+\)/.test(text)
  })
  assert.deepStrictEqual(silent, [])
})
