import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Progress from "../../../src/cli/get/progress.ts"
import * as Targets from "../../../src/cli/get/targets.ts"
import { refusals } from "../../../src/Http09Url.ts"

const parse = (...words: ReadonlyArray<string>) => Result.getOrElse(Targets.fromWords(words), (why) => why)

describe("the command line asks for", () => {
  it("one document by host, port and path", () => {
    assert.deepStrictEqual(parse("localhost", "8080", "/a b"), [{ host: "localhost", port: 8080, path: "/a b" }])
    assert.deepStrictEqual(parse("[::1]", "80", "/"), [{ host: "::1", port: 80, path: "/" }])
    assert.deepStrictEqual(parse("h", "80", "/?u=http://a"), [{ host: "h", port: 80, path: "/?u=http://a" }])
  })

  it("documents by their URLs, also three", () => {
    const url = { host: "h", port: 80, path: "/" }
    assert.deepStrictEqual(parse("http://h"), [url])
    assert.deepStrictEqual(parse("http://h", "http://h/", "http://h:80"), [url, url, url])
  })

  it("nothing that is neither, and says why", () => {
    const usage = "expected http:// URLs, or a host, a port and a path"
    for (const words of [[], ["h"], ["h", "80"], ["h", "80", "/", "/"], ["http://h", "80", "/"], ["h:80/x"]]) {
      assert.strictEqual(parse(...words), usage)
    }
    for (const port of ["0", "65536", "http", "+80", "8e1", "", "-1"]) {
      assert.strictEqual(parse("h", port, "/"), `the port must be a number from 1 to 65535, not ${port}`)
    }
    assert.strictEqual(parse("http://h", "https://h"), `https://h: ${refusals.Scheme}`)
  })
})

it("documents that are saved have different names, or are refused before anything is sent", () => {
  const names = (...urls: ReadonlyArray<string>) =>
    Result.getOrElse(Targets.fileNames(Result.getOrThrow(Targets.fromWords(urls))), (why) => why)
  assert.deepStrictEqual(names("http://h/a", "http://h/b/"), ["a", "index.html"])
  assert.strictEqual(names("http://h/a", "http://h/b/a"), "two documents would be saved as a")
  assert.strictEqual(names("http://h/.."), "http://h/.. names no file: save it with -o file")
})

it("the line of progress has count, size and rate", () => {
  assert.strictEqual(Progress.line(0, 1, 0, 0), "> 0 B")
  assert.strictEqual(Progress.line(0, 1, 1_500_000, 3000), "> 1.5 MB, 500 kB/s")
  assert.strictEqual(Progress.line(1, 3, 999, 1000), "> 1 of 3, 999 B, 999 B/s")
})
