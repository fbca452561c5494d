import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as RequestLine from "../../src/RequestLine.ts"

/** A line as bytes; characters up to U+00FF of a `latin1` line stand for themselves as bytes. */
export const latin1 = (line: string): Uint8Array => Uint8Array.from(line, (character) => character.charCodeAt(0))

export const utf8 = (line: string): Uint8Array => new TextEncoder().encode(line)

/** The path of an accepted line, or the refusal: two kinds of text that cannot be confused. */
export const decode = (line: string | Uint8Array): string =>
  Result.match(RequestLine.decode(typeof line === "string" ? utf8(line) : line), {
    onSuccess: ({ path }) => path,
    onFailure: (refusal) => refusal
  })

/** Bytes that no server should be moved by, each with the only right answer. */
export const hostile: ReadonlyArray<readonly [name: string, line: Uint8Array, RequestLine.Refusal]> = [
  ["plain traversal", utf8("GET /../etc/passwd"), "OutsideRoot"],
  ["traversal from below", utf8("GET /a/b/../../../etc/passwd HTTP/0.9"), "OutsideRoot"],
  ["traversal that comes back", utf8("GET /../root/index.html"), "OutsideRoot"],
  ["traversal at the end", utf8("GET /.."), "OutsideRoot"],
  ["traversal through empty segments", utf8("GET //a//..//../x"), "OutsideRoot"],
  ["traversal through dots", utf8("GET /./../x"), "OutsideRoot"],
  ["escaped dots", utf8("GET /%2e%2e/etc/passwd"), "OutsideRoot"],
  ["one escaped dot", utf8("GET /.%2E/etc/passwd"), "OutsideRoot"],
  ["escaped slashes", utf8("GET /..%2fetc%2fpasswd"), "OutsideRoot"],
  ["all escaped", utf8("GET /%2e%2e%2f%2E%2E%2Fetc"), "OutsideRoot"],
  ["traversal in an absolute address", utf8("GET http://a/../x HTTP/1.1"), "OutsideRoot"],
  ["traversal before a query", utf8("GET /..?x=/"), "OutsideRoot"],
  ["traversal with spaces about", utf8("GET / /../../x HTTP/0.9"), "OutsideRoot"],
  ["backslashes", utf8("GET /..\\..\\windows\\win.ini"), "Backslash"],
  ["escaped backslashes", utf8("GET /..%5c..%5Cboot.ini"), "Backslash"],
  ["overlong dots", utf8("GET /%c0%ae%c0%ae/x"), "Escape"],
  ["overlong slash", utf8("GET /..%c0%afx"), "Escape"],
  ["overlong slash in three bytes", utf8("GET /..%e0%80%afx"), "Escape"],
  ["overlong slash in four bytes", utf8("GET /..%f0%80%80%afx"), "Escape"],
  ["overlong dots, raw", latin1("GET /\xc0\xae\xc0\xae/x"), "NotText"],
  ["overlong NUL", utf8("GET /a%c0%80"), "Escape"],
  ["a surrogate", utf8("GET /%ed%a0%80"), "Escape"],
  ["a surrogate, raw", latin1("GET /\xed\xa0\x80"), "NotText"],
  ["above U+10FFFF", utf8("GET /%f4%90%80%80"), "Escape"],
  ["a character cut short", utf8("GET /%e2%82"), "Escape"],
  ["a character half raw, half escaped", latin1("GET /\xc3%a9"), "NotText"],
  ["Latin-1", latin1("GET /caf\xe9"), "NotText"],
  ["Latin-1, escaped", utf8("GET /caf%e9"), "Escape"],
  ["the bytes of UTF-16", latin1("\xff\xfeG\0E\0T\0 \0/\0"), "NotText"],
  ["a byte order mark", utf8("\ufeffGET /"), "NotGet"],
  ["a bare percent", utf8("GET /100%"), "Escape"],
  ["half an escape", utf8("GET /a%2"), "Escape"],
  ["an escape that is not hexadecimal", utf8("GET /%zz"), "Escape"],
  ["an escape with a sign", utf8("GET /%+2f"), "Escape"],
  ["the escape of old browsers", utf8("GET /%u002e"), "Escape"],
  ["NUL", utf8("GET /a\0b"), "ControlCharacter"],
  ["NUL, escaped", utf8("GET /index.html%00.png"), "ControlCharacter"],
  ["NUL in the query", utf8("GET /?a\0b"), "ControlCharacter"],
  ["a tab", utf8("GET\t/"), "ControlCharacter"],
  ["a tab in the path", utf8("GET /a\tb HTTP/0.9"), "ControlCharacter"],
  ["an escaped LF", utf8("GET /a%0ab"), "ControlCharacter"],
  ["a CR inside", utf8("GET /a\rb"), "ControlCharacter"],
  ["two CRs at the end", utf8("GET /\r\r"), "ControlCharacter"],
  ["DEL", utf8("GET /\x7f"), "ControlCharacter"],
  ["a C1 control", utf8("GET /%c2%9b31m"), "ControlCharacter"],
  ["an escape sequence", utf8("GET /\x1b[31m"), "ControlCharacter"],
  ["a TLS hello", latin1("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"), "NotText"],
  ["the start of a TLS hello", latin1("\x16\x03\x01\0\x7f\x01"), "ControlCharacter"],
  ["the HTTP/2 preface", utf8("PRI * HTTP/2.0\r"), "NotGet"],
  ["an SSH banner", utf8("SSH-2.0-OpenSSH_9.6\r"), "NotGet"],
  ["a PROXY header", utf8("PROXY TCP4 192.0.2.1 192.0.2.2 5 80\r"), "NotGet"],
  ["an empty line", utf8(""), "NotGet"],
  ["a CR alone", utf8("\r"), "NotGet"],
  ["a method alone", utf8("GET"), "NotGet"],
  ["a method and a space", utf8("GET "), "NoPath"],
  ["a method and a version", utf8("GET HTTP/1.0"), "NoPath"],
  ["a method, two spaces, a version", utf8("GET  HTTP/1.0"), "NoPath"],
  ["a small method", utf8("get /"), "NotGet"],
  ["another method", utf8("POST / HTTP/1.1"), "NotGet"],
  ["a longer method", utf8("GETS /"), "NotGet"],
  ["a space before", utf8(" GET /"), "NotGet"],
  ["two spaces", utf8("GET  /"), "Space"],
  ["two spaces, long", utf8("GET  / HTTP/0.9"), "NoPath"],
  ["a path that is not from the root", utf8("GET index.html"), "NoPath"],
  ["an asterisk", utf8("GET * HTTP/1.1"), "NoPath"],
  ["an authority alone", utf8("GET example.org:80 HTTP/1.1"), "NoPath"],
  ["https", utf8("GET https://example.org/"), "NoPath"],
  ["file", utf8("GET file:///etc/passwd"), "NoPath"],
  ["http without slashes", utf8("GET http:/etc/passwd"), "NoPath"],
  ["http without a host", utf8("GET http:///etc/passwd"), "NoPath"],
  ["http with a port and no host", utf8("GET http://:80/"), "NoPath"],
  ["http with a port that is no number", utf8("GET http://a:b/"), "NoPath"],
  ["http with a space in the host", utf8("GET http://a b/ HTTP/1.1"), "NoPath"],
  ["http with a backslash in the host", utf8("GET http://a\\@b/"), "NoPath"],
  ["a space in the short form", utf8("GET /a b"), "Space"],
  ["a space after the path", utf8("GET / "), "Space"],
  ["a space after the version", utf8("GET / HTTP/1.0 "), "Space"],
  ["a version without a minor number", utf8("GET / HTTP/2"), "Space"],
  ["a version with letters", utf8("GET / HTTP/1.x"), "Space"],
  ["a version in small letters", utf8("GET / http/1.0"), "Space"],
  ["no version after HTTP/", utf8("GET / HTTP/"), "Space"],
  ["a line one byte too long", utf8(`GET /${"a".repeat(RequestLine.maxBytes - 4)}`), "TooLong"],
  ["a megabyte", new Uint8Array(1_048_576).fill(65), "TooLong"]
]

/** One segment of a document's path: anything but a slash, a backslash, a control character, `.` and `..`. */
const segment = Schema.String.pipe(
  Schema.check(Schema.isPattern(/^[^/\\\p{Cc}]+$/u), Schema.isMaxLength(40)),
  Arbitrary.schema,
  Arbitrary.map((text) => text.toWellFormed()),
  Arbitrary.filter((text) => text !== "." && text !== "..")
)

/** A document's path as `decode` gives it. */
export const documentPath: Arbitrary.Arbitrary<string> = Arbitrary.all([
  Arbitrary.array(segment, { maxLength: 6 }),
  Arbitrary.schema(Schema.Boolean)
]).pipe(Arbitrary.map(([segments, folder]) => `/${segments.join("/")}${folder && segments.length > 0 ? "/" : ""}`))

export const dialect = Schema.Literals(["1991", "book"])
