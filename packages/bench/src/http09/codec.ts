/**
 * The request line's codec beside what a server over plain node:net usually does: `node packages/bench/src/http09/codec.ts`.
 * The last column is how many times as fast as the first row, the median over interleaved rounds.
 */
import * as RequestLine from "@effect-sockets/http09/RequestLine"
import * as Result from "effect/Result"
import * as path from "node:path"

/** Trusts what it gets: no escapes are checked, and a path that leads out of the root is only cut. */
const usual = (line: Uint8Array): string => {
  const target = Buffer.from(line.buffer, line.byteOffset, line.length).toString("utf8").trimEnd().split(" ", 2)[1]
  return path.posix.normalize(decodeURIComponent(target.split("?", 1)[0]))
}

/** The platform's parser of URLs. */
const url = (line: Uint8Array): string => {
  const target = Buffer.from(line.buffer, line.byteOffset, line.length).toString("utf8").trimEnd().split(" ", 2)[1]
  return decodeURIComponent(new URL(target, "http://localhost").pathname)
}

const ours = (line: Uint8Array): string => Result.getOrThrow(RequestLine.decode(line)).path

const candidates = {
  "split, decodeURIComponent, normalize": usual,
  "split, URL, decodeURIComponent": url,
  RequestLine: ours
}

const lines = {
  "GET /index.html": "GET /index.html\r",
  "GET /index.html HTTP/0.9": "GET /index.html HTTP/0.9\r",
  "with escapes, query and dot segments": "GET /a%20b/./c%C3%B6/../d.txt?e=f HTTP/1.1\r"
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >>> 1]

let checksum = 0

const time = (f: (line: Uint8Array) => string, line: Uint8Array): number => {
  const since = performance.now()
  for (let n = 0; n < 20_000; n++) checksum += f(line).length
  return ((performance.now() - since) / 20_000) * 1e6
}

for (const [title, text] of Object.entries(lines)) {
  const line = new TextEncoder().encode(text)
  const results = new Set(Object.values(candidates).map((f) => f(line)))
  if (results.size > 1) throw new Error(`${title}: the candidates do not agree: ${[...results].join(", ")}`)
  const rounds = Array.from({ length: 26 }, () => Object.values(candidates).map((f) => time(f, line))).slice(5)
  console.log(`\n${title}`)
  for (const [i, name] of Object.keys(candidates).entries()) {
    const ratio = median(rounds.map((times) => times[0] / times[i]))
    const nanoseconds = median(rounds.map((times) => times[i]))
    console.log(`  ${name.padEnd(40)} ${nanoseconds.toFixed(0).padStart(7)} ns ${ratio.toFixed(2).padStart(7)} x`)
  }
}
console.log(`\n(checksum ${checksum % 1e6})`)
