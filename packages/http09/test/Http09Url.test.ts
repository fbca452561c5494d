import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Http09Url from "../src/Http09Url.ts"

const parse = (text: string) => Result.getOrElse(Http09Url.fromString(text), (refusal) => refusal)

describe("a URL gives host, port and path", () => {
  const urls: ReadonlyArray<readonly [text: string, host: string, port: number, path: string]> = [
    ["http://localhost", "localhost", 80, "/"],
    ["http://localhost/", "localhost", 80, "/"],
    ["http://localhost:8080/a/b.txt", "localhost", 8080, "/a/b.txt"],
    ["http://localhost:/x", "localhost", 80, "/x"],
    ["HTTP://Example.ORG:080/x", "Example.ORG", 80, "/x"],
    ["http://127.0.0.1:65535/", "127.0.0.1", 65_535, "/"],
    ["http://[::1]/x", "::1", 80, "/x"],
    ["http://[2001:db8::1]:8080/x", "2001:db8::1", 8080, "/x"],
    ["http://[::ffff:127.0.0.1]:1/", "::ffff:127.0.0.1", 1, "/"],
    ["http://h?q=/", "h", 80, "/?q=/"],
    ["http://h#part", "h", 80, "/"],
    ["http://h/a%20b%2Fc?x=1&y=%41#part?no", "h", 80, "/a%20b%2Fc?x=1&y=%41"],
    ["http://h/a/../b//c", "h", 80, "/a/../b//c"],
    ["http://h/user@mail:25", "h", 80, "/user@mail:25"],
    ["http://bücher.example/ü b", "bücher.example", 80, "/ü b"]
  ]
  for (const [text, host, port, path] of urls) {
    it(`${text}`, () => assert.deepStrictEqual(parse(text), { host, port, path }))
  }
})

describe("a text is no URL", () => {
  const texts: ReadonlyArray<readonly [text: string, refusal: Http09Url.Refusal]> = [
    ["", "Scheme"],
    ["localhost:8080/x", "Scheme"],
    ["//localhost/x", "Scheme"],
    ["http:/localhost/x", "Scheme"],
    ["https://localhost/", "Scheme"],
    ["ftp://localhost/", "Scheme"],
    ["file:///etc/passwd", "Scheme"],
    [" http://localhost/", "Scheme"],
    ["http://user@localhost/", "UserInfo"],
    ["http://user:secret@localhost/", "UserInfo"],
    ["http://@localhost/", "UserInfo"],
    ["http://localhost:80@evil.example/", "UserInfo"],
    ["http://", "Host"],
    ["http:///x", "Host"],
    ["http://:80/", "Host"],
    ["http://a b/", "Host"],
    ["http://a\\b/", "Host"],
    ["http://a\r\nb/", "Host"],
    ["http://a%2eb/", "Host"],
    ["http://0x7f.1/", "Host"],
    ["http://127.1/", "Host"],
    ["http://2130706433/", "Host"],
    ["http://::1/", "Host"],
    ["http://[]/", "Host"],
    ["http://[127.0.0.1]/", "Host"],
    ["http://[::1/", "Host"],
    ["http://[::1]x/", "Host"],
    ["http://[fe80::1%25eth0]/", "Host"],
    ["http://h:0/", "Port"],
    ["http://h:65536/", "Port"],
    ["http://h:99999999999999999999/", "Port"],
    ["http://h:+80/", "Port"],
    ["http://h:8e1/", "Port"],
    ["http://h:80:80/", "Port"],
    ["http://h:http/", "Port"]
  ]
  for (const [text, refusal] of texts) {
    it(`${JSON.stringify(text)}: ${refusal}`, () => assert.strictEqual(parse(text), refusal))
  }
})

// Only what the platform's parser leaves as it is: no dot segments, nothing it would escape.
const oneOf = (...literals: ReadonlyArray<string>) => Arbitrary.schema(Schema.Literals(literals))
const characters = Arbitrary.map(
  Arbitrary.array(oneOf("a", "Z", "0", "-", "_", "~", "%20", "%C3%A9", "%2F", "/", ":", "@", "&", "="), {
    maxLength: 12
  }),
  (pieces) => pieces.join("")
)
const url = Arbitrary.all([
  oneOf("localhost", "example.org", "a-b.example", "127.0.0.1", "192.0.2.255", "[::1]", "[2001:db8::5]"),
  oneOf("", ":", ":80", ":8080", ":1", ":65535"),
  oneOf("", "/"),
  characters,
  oneOf("", "?q", "?a=/b?c"),
  oneOf("", "#", "#x?y")
]).pipe(
  Arbitrary.map(
    ([host, port, slash, path, query, fragment]) =>
      `http://${host}${port}${slash}${slash === "" ? "" : path}${query}${fragment}`
  )
)

it.prop("the parts are those of the platform's URL parser", [url], ([text]) => {
  const oracle = new URL(text)
  assert.deepStrictEqual(parse(text), {
    host: oracle.hostname.replace(/^\[|\]$/g, ""),
    port: Number(oracle.port || 80),
    path: `${oracle.pathname}${oracle.search}`
  })
})

it.prop("a URL that is written out reads back as itself", [url], ([text]) => {
  const parts = Result.getOrThrow(Http09Url.fromString(text))
  assert.deepStrictEqual(parse(Http09Url.format(parts)), parts)
})

describe("a document is saved under", () => {
  const names: ReadonlyArray<readonly [path: string, name: string | undefined]> = [
    ["/", "index.html"],
    ["/folder/", "index.html"],
    ["/a/b.txt", "b.txt"],
    ["/a%20b?q=/x", "a b"],
    ["/caf%C3%A9", "café"],
    ["/a?x#y", "a"],
    ["/..", undefined],
    ["/%2e%2e", undefined],
    ["/.bashrc", undefined],
    ["/a%2Fb", undefined],
    ["/a%5Cb", undefined],
    ["/a%00b", undefined],
    ["/a%0Ab", undefined],
    ["/%zz", undefined],
    ["/%ff", undefined],
    [`/${"é".repeat(127)}a`, `${"é".repeat(127)}a`],
    [`/${"é".repeat(128)}`, undefined]
  ]
  for (const [path, name] of names) {
    it(`${name ?? "no name"}: ${path.slice(0, 20)}`, () =>
      assert.deepStrictEqual(Http09Url.fileName(path), Option.fromUndefinedOr(name)))
  }
})
