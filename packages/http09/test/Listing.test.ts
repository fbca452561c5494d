import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Listing from "../src/Listing.ts"
import * as RequestLine from "../src/RequestLine.ts"
import { documentPath } from "./utils/requestLines.ts"

const text = (page: Uint8Array): string => new TextDecoder("utf-8", { fatal: true }).decode(page)

/** What a browser makes of an attribute or of text: only references by number are used. */
const unescape = (html: string): string =>
  html.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))

/** The links of a page: where each leads, and what it says. */
const links = (page: string): ReadonlyArray<readonly [target: string, name: string]> =>
  Array.from(page.matchAll(/<a href="([^"]*)">([^<]*)<\/a>/g), ([, target, name]) => [unescape(target), unescape(name)])

const asked = (target: string, dialect: RequestLine.Dialect): string => {
  const line = Result.getOrThrow(RequestLine.encode(target, dialect)).split("\r")[0]
  return Result.getOrThrow(RequestLine.decode(new TextEncoder().encode(line))).path
}

/** Any name that a file can have, the nasty ones often. */
const anyName = Arbitrary.schema(
  Schema.Union([
    Schema.String.pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(30))),
    Schema.Array(
      Schema.Literals(["<", ">", "&", '"', "'", "%", "%41", "?", "#", " ", ";", "é", "\u202e", "\n", "\\", "a", "."])
    ).pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(6)))
  ])
).pipe(
  Arbitrary.map((name) => (typeof name === "string" ? name : name.join(""))),
  Arbitrary.filter((name) => !name.includes("/") && name !== "." && name !== "..")
)

const entry = Arbitrary.map(
  Arbitrary.all([anyName, Arbitrary.schema(Schema.Boolean)]),
  ([name, isFolder]): Listing.Entry => ({ name, isFolder })
)

describe("a listing", () => {
  it.prop(
    "links every name that can be asked for so that a server finds it again, in both dialects",
    [documentPath, Arbitrary.array(entry, { maxLength: 8 })],
    ([path, entries]) => {
      const folder = path.endsWith("/") ? path : `${path}/`
      const page = text(Listing.page(path, entries))
      const expected = entries
        .filter(({ name }) => name.isWellFormed() && !/[\p{Cc}\\]/u.test(name))
        .map(({ isFolder, name }) => `${name}${isFolder ? "/" : ""}`)
        .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
      const found = links(page).filter(([, name]) => name !== "../")
      assert.deepStrictEqual(
        found.map(([, name]) => name),
        expected
      )
      for (const [target, name] of found) {
        assert.strictEqual(asked(target, "1991"), `${folder}${name}`)
        assert.strictEqual(asked(target, "book"), `${folder}${name}`)
      }
    }
  )

  it.prop(
    "is ASCII and has no markup but its own, whatever names there are",
    [documentPath, Arbitrary.array(entry, { maxLength: 8 })],
    ([path, entries]) => {
      const page = text(Listing.page(path, entries))
      assert.match(page, /^[\n -~]*$/)
      const title = "[^<>&]*(?:&#\\d+;[^<>&]*)*"
      const line = ` *(?:-|[\\d-]+ [\\d:]+) +(?:-|\\d+) {2}<a href="[^<>&"]*(?:&#\\d+;[^<>&"]*)*">${title}</a>\n`
      assert.match(
        page,
        new RegExp(`^<!DOCTYPE html>\n<title>${title}</title>\n<h1>${title}</h1>\n<pre>\n(?:${line})*</pre>\n$`)
      )
    }
  )

  it("is the same page for a folder with and without its slash, and leads to the folder above", () => {
    const entries = [{ name: "x", isFolder: false }]
    const page = text(Listing.page("/a/b", entries))
    assert.strictEqual(page, text(Listing.page("/a/b/", entries)))
    assert.deepStrictEqual(links(page), [
      ["/a/", "../"],
      ["/a/b/x", "x"]
    ])
    assert.deepStrictEqual(links(text(Listing.page("/a/", []))), [["/", "../"]])
    assert.deepStrictEqual(links(text(Listing.page("/", []))), [])
  })

  it("says when each was changed, in UTC, and how long each is, if that is known and fits", () => {
    const rows = text(
      Listing.page("/", [
        { name: "a", isFolder: false, size: 1_048_576, modified: Date.UTC(2026, 10, 22, 13, 44, 57) },
        { name: "b", isFolder: true },
        { name: "c", isFolder: false, size: 0, modified: 1e17 },
        { name: "d", isFolder: false, size: Number.MAX_SAFE_INTEGER, modified: -1 }
      ])
    ).match(/^ *\S.*<a .*$/gm)
    assert.deepStrictEqual(rows, [
      '2026-11-22 13:44       1048576  <a href="/a">a</a>',
      '               -             -  <a href="/b/">b/</a>',
      '               -             0  <a href="/c">c</a>',
      '               - 9007199254740991  <a href="/d">d</a>'
    ])
  })

  it("links up to the longest target that a request line can hold, to the byte", () => {
    const folder = `/${"é".repeat(1300)}`
    const room = RequestLine.maxBytes - "GET  HTTP/0.9".length - RequestLine.fromPath(`${folder}/`).length
    const names = [room, room + 1].map((length) => "x".repeat(length))
    const found = links(
      text(
        Listing.page(
          folder,
          names.map((name) => ({ name, isFolder: false }))
        )
      )
    )
    assert.deepStrictEqual(
      found.map(([, name]) => name),
      ["../", names[0]]
    )
    assert.strictEqual(asked(found[1][0], "book"), `${folder}/${names[0]}`)
  })

  it("leaves out names that would lead elsewhere", () => {
    const names = ["", ".", "..", "a/b", "/", "\ud800", "..."]
    const page = text(
      Listing.page(
        "/a/",
        names.flatMap((name) => [true, false].map((isFolder) => ({ name, isFolder })))
      )
    )
    assert.deepStrictEqual(
      links(page).map(([target]) => target),
      ["/", "/a/...", "/a/.../"]
    )
  })

  it("says so if there are more names than were read", () => {
    assert.notInclude(text(Listing.page("/", [])), "more")
    assert.include(text(Listing.page("/", [], false)), "only 10000 names")
  })
})
