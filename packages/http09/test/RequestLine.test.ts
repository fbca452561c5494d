import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as path from "node:path"
import * as RequestLine from "../src/RequestLine.ts"
import { decode, dialect, documentPath, hostile, latin1, utf8 } from "./utils/requestLines.ts"

const bytes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), {
  maxLength: 80
}).pipe(Arbitrary.map((numbers) => Uint8Array.from(numbers)))

// Pieces of which both good and bad targets are made.
const pieces = Arbitrary.array(
  Arbitrary.schema(
    Schema.Literals(["/", "//", ".", "..", "/../", "/./", "a", "b c", "%2e", "%2F", "é", "%C3%A9", "%", "?", "#", "\\"])
  ),
  { maxLength: 12 }
).pipe(Arbitrary.map((parts) => `/${parts.join("")}`))

/** What the escapes stand for; `undefined` if one of them is broken, or together they are not UTF-8. */
const unescaped = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

const isClean = (line: Uint8Array): boolean =>
  Result.match(RequestLine.decode(line), {
    onFailure: (refusal) => refusal in RequestLine.refusals,
    onSuccess: ({ path }) =>
      path.startsWith("/") &&
      !/[\\\p{Cc}]|\/\//u.test(path) &&
      path.split("/").every((segment) => segment !== "." && segment !== "..")
  })

describe("a request line is accepted", () => {
  const accepted: ReadonlyArray<readonly [line: string, path: string]> = [
    ["GET /", "/"],
    ["GET /\r", "/"],
    ["GET /index.html", "/index.html"],
    ["GET /index.html HTTP/0.9", "/index.html"],
    ["GET /index.html HTTP/1.1\r", "/index.html"],
    ["GET /index.html HTTP/12.34", "/index.html"],
    ["GET /a file with spaces.txt HTTP/0.9", "/a file with spaces.txt"],
    ["GET /ends with a space  HTTP/0.9", "/ends with a space "],
    ["GET /x HTTP/1.0 HTTP/1.1", "/x HTTP/1.0"],
    ["GET / HTTP/0.9 HTTP/0.9", "/ HTTP/0.9"],
    ["GET /HTTP/1.0", "/HTTP/1.0"],
    ["GET /a%20b", "/a b"],
    ["GET /%41%62c", "/Abc"],
    ["GET /%2541", "/%41"],
    ["GET /caf%C3%A9", "/café"],
    ["GET /caf%c3%a9", "/café"],
    ["GET /café", "/café"],
    ["GET /%F0%9F%8C%8D", "/🌍"],
    ["GET /a%2Fb", "/a/b"],
    ["GET /a+b", "/a+b"],
    ["GET /a;v=1,2", "/a;v=1,2"],
    ["GET /x?q", "/x"],
    ["GET /x?q=%zz\\", "/x"],
    ["GET /x?a b HTTP/1.1", "/x"],
    ["GET /x#part", "/x"],
    ["GET /x#part?q", "/x"],
    ["GET /?", "/"],
    ["GET /x%3Fq", "/x?q"],
    ["GET /x%23part", "/x#part"],
    ["GET //", "/"],
    ["GET //etc//hosts", "/etc/hosts"],
    ["GET /a//", "/a/"],
    ["GET /a/", "/a/"],
    ["GET /.", "/"],
    ["GET /./", "/"],
    ["GET /a/.", "/a/"],
    ["GET /a/..", "/"],
    ["GET /a/../b", "/b"],
    ["GET /a/b/..", "/a/"],
    ["GET /a//../b", "/b"],
    ["GET /a/./b/../c", "/a/c"],
    ["GET /a/%2e%2e/b", "/b"],
    ["GET /...", "/..."],
    ["GET /..a", "/..a"],
    ["GET /a..", "/a.."],
    ["GET /.well-known/x", "/.well-known/x"],
    ["GET http://example.org/x", "/x"],
    ["GET http://example.org/x HTTP/1.1", "/x"],
    ["GET http://example.org", "/"],
    ["GET http://example.org?q", "/"],
    ["GET http://example.org#part", "/"],
    ["GET HTTP://EXAMPLE.org:8080/x", "/x"],
    ["GET http://user:secret@example.org/x", "/x"],
    ["GET http://[::1]:8080/x", "/x"],
    ["GET http://127.0.0.1:/x", "/x"],
    ["GET http://example.org//x", "/x"],
    ["GET /http://example.org/x", "/http:/example.org/x"]
  ]

  for (const [line, path] of accepted) {
    it(`${JSON.stringify(line)} asks for ${path}`, () => {
      assert.strictEqual(decode(line), path)
    })
  }

  it("of 8,192 bytes, with a CR after them", () => {
    const name = "a".repeat(RequestLine.maxBytes - "GET /".length)
    assert.strictEqual(decode(`GET /${name}\r`), `/${name}`)
  })

  it("and says its dialect", () => {
    assert.deepStrictEqual(RequestLine.decode(utf8("GET /")), Result.succeed({ dialect: "1991", path: "/" }))
    assert.deepStrictEqual(RequestLine.decode(utf8("GET / HTTP/1.1")), Result.succeed({ dialect: "book", path: "/" }))
  })
})

describe("a request line is refused", () => {
  for (const [name, line, refusal] of hostile) {
    it(`for ${name}`, () => {
      assert.strictEqual(decode(line), refusal)
    })
  }

  it("for every control character, raw or escaped", () => {
    for (let code = 0; code < 0xa0; code++) {
      if (code >= 0x20 && code < 0x7f) continue
      const character = String.fromCharCode(code)
      assert.strictEqual(decode(`GET /a${character}b`), "ControlCharacter")
      assert.strictEqual(decode(`GET /a${encodeURIComponent(character)}b`), "ControlCharacter")
    }
  })

  it("for any reason that has words", () => {
    const reasons = new Set(hostile.map(([, , refusal]) => refusal))
    assert.deepStrictEqual(reasons, new Set(Object.keys(RequestLine.refusals) as Array<RequestLine.Refusal>))
  })
})

describe("whatever the bytes", () => {
  it.prop("a line gives a clean path or a refusal", [bytes], ([line]) => isClean(line))

  it.prop("so does any end of a request", [bytes], ([end]) => isClean(Uint8Array.from([...latin1("GET /"), ...end])))

  it.prop("a path is inside the root exactly if no prefix of it climbs out", [pieces], ([target]) => {
    // The oracle walks the segments one by one; node:path says where it arrives.
    const raw = target.replace(/[?#].*$/s, "")
    const result = decode(`GET ${target} HTTP/0.9`)
    const decoded = unescaped(raw)
    if (decoded === undefined) return result === "Escape"
    if (decoded.includes("\\")) return result === "Backslash"
    let depth = 0
    for (const segment of decoded.split(/\/+/)) {
      if (segment === "..") depth--
      else if (segment !== "" && segment !== ".") depth++
      if (depth < 0) return result === "OutsideRoot"
    }
    return result.replace(/(.)\/$/, "$1") === path.posix.normalize(decoded).replace(/(.)\/$/, "$1")
  })

  it.prop("a slash at the end survives exactly if the last segment names no document", [pieces], ([target]) => {
    const result = decode(`GET ${target} HTTP/0.9`)
    if (!result.startsWith("/")) return true
    const last = unescaped(target.replace(/[?#].*$/s, ""))
      ?.split("/")
      .at(-1)
    return last !== undefined && result.endsWith("/") === ["", ".", ".."].includes(last)
  })
})

describe("a request that is encoded", () => {
  it("has the line end and, in the long form, the blank line that servers wait for", () => {
    assert.deepStrictEqual(RequestLine.encode("/x", "1991"), Result.succeed("GET /x\r\n"))
    assert.deepStrictEqual(RequestLine.encode("/x", "book"), Result.succeed("GET /x HTTP/0.9\r\n\r\n"))
  })

  it("keeps escapes and the query, and drops the fragment", () => {
    assert.deepStrictEqual(RequestLine.encode("/a%20b?q=1%zz#part", "1991"), Result.succeed("GET /a%20b?q=1%zz\r\n"))
  })

  it("cannot carry a second line", () => {
    assert.deepStrictEqual(RequestLine.encode("/a\r\nGET /b", "1991"), Result.succeed("GET /a%0D%0AGET%20/b\r\n"))
  })

  it("is refused for a target that is not from the root, or too long", () => {
    assert.deepStrictEqual(RequestLine.encode("x", "1991"), Result.fail("NoPath"))
    assert.deepStrictEqual(RequestLine.encode("", "book"), Result.fail("NoPath"))
    assert.deepStrictEqual(RequestLine.encode(`/${"a".repeat(8188)}`, "1991"), Result.fail("TooLong"))
    assert.isTrue(Result.isSuccess(RequestLine.encode(`/${"a".repeat(8187)}`, "1991")))
  })

  it.prop("from a path asks for that path, in both dialects", [documentPath, dialect], ([path, dialect]) => {
    const line = Result.getOrThrow(RequestLine.encode(RequestLine.fromPath(path), dialect)).split("\r\n")[0]
    assert.deepStrictEqual(RequestLine.decode(utf8(line)), Result.succeed({ dialect, path }))
  })

  it.prop("is one line of printable ASCII", [Schema.String, dialect], ([text, dialect]) => {
    const line = Result.getOrThrow(RequestLine.encode(`/${text}`, dialect))
    return /^GET \/[!-~]*( HTTP\/0\.9\r\n)?\r\n$/.test(line)
  })

  it.prop("as a person types it is understood, spaces and all", [documentPath, dialect], ([path, dialect]) => {
    const typed = path.replace(/[%?#]/g, encodeURIComponent)
    const line = Result.getOrThrow(RequestLine.encode(typed, dialect)).split("\r\n")[0]
    assert.strictEqual(decode(line), path)
  })
})
