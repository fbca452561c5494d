/**
 * The input buffer beside what it replaces: `node packages/bench/src/socket/main.ts`. The last column is how many times as
 * fast as the first row, the median over interleaved rounds.
 */
import { InputBuffer } from "../../../socket/src/internal/stream/InputBuffer.ts"

interface Candidate {
  readonly name: string
  /** Works through all chunks once; the result depends on everything that was read. */
  readonly run: () => number
}

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >>> 1]

let checksum = 0

const time = (candidate: Candidate, repeats: number): number => {
  const since = performance.now()
  for (let n = 0; n < repeats; n++) checksum += candidate.run()
  return performance.now() - since
}

const race = (title: string, operations: number, candidates: ReadonlyArray<Candidate>): void => {
  const repeats = candidates.map((candidate) => {
    for (const end = performance.now() + 300; performance.now() < end;) checksum += candidate.run()
    return Math.max(1, Math.ceil(5 / time(candidate, 1)))
  })
  const results = new Set(candidates.map(({ run }) => run()))
  if (results.size > 1) throw new Error(`${title}: the candidates do not agree: ${[...results].join(", ")}`)
  const rounds = Array.from({ length: 21 }, () =>
    candidates.map((candidate, i) => time(candidate, repeats[i]) / repeats[i])
  )
  console.log(`\n${title}`)
  for (const [i, { name }] of candidates.entries()) {
    const nanoseconds = (median(rounds.map((times) => times[i])) * 1e6) / operations
    const ratio = median(rounds.map((times) => times[0] / times[i]))
    console.log(`  ${name.padEnd(46)} ${nanoseconds.toFixed(1).padStart(9)} ns ${ratio.toFixed(2).padStart(7)} x`)
  }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The stream in pieces of `size` bytes, as they would come. */
const pieces = (stream: Uint8Array, size: number): Array<Uint8Array> =>
  Array.from({ length: Math.ceil(stream.length / size) }, (_, i) => stream.slice(i * size, (i + 1) * size))

// Lines --------------------------------------------------------------------------------------------------------------

/** What servers over plain node:net usually do. */
const splitter = (chunks: ReadonlyArray<Uint8Array>) => (): number => {
  const decoder = new TextDecoder()
  let [rest, sum] = ["", 0]
  for (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true })
    let from = 0
    for (let at = rest.indexOf("\n"); at !== -1; at = rest.indexOf("\n", from)) {
      sum += rest.slice(from, rest[at - 1] === "\r" ? at - 1 : at).length
      from = at + 1
    }
    rest = rest.slice(from)
  }
  return sum
}

const concat = (chunks: ReadonlyArray<Uint8Array>) => (): number => {
  let [rest, sum] = [Buffer.alloc(0), 0]
  for (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk])
    for (let at = rest.indexOf(10); at !== -1; at = rest.indexOf(10)) {
      sum += rest.toString("utf8", 0, rest[at - 1] === 13 ? at - 1 : at).length
      rest = rest.subarray(at + 1)
    }
  }
  return sum
}

const lf = Uint8Array.of(10)
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** As `SocketStream.readLine` does: the quick way where it can be gone, and the general one. */
const inputBuffer = (chunks: ReadonlyArray<Uint8Array>) => (): number => {
  const input = new InputBuffer()
  let sum = 0
  for (const chunk of chunks) {
    input.push(chunk)
    for (;;) {
      let line = input.line(65_536)
      if (line === undefined) {
        const at = input.indexOf(lf)
        if (at === -1) break
        line = decoder.decode(input.take(at))
        input.skip(1)
      }
      sum += line.endsWith("\r") ? line.length - 1 : line.length
    }
  }
  return sum
}

const lines = (title: string, count: number, chunks: ReadonlyArray<Uint8Array>): void =>
  race(`${title}: a line`, count, [
    { name: "text and indexOf", run: splitter(chunks) },
    { name: "Buffer.concat and indexOf", run: concat(chunks) },
    { name: "InputBuffer", run: inputBuffer(chunks) }
  ])

const ascii = bytes(`${"x".repeat(62)}\r\n`.repeat(1024))
lines("64 lines of 64 bytes in a chunk", 1024, pieces(ascii, 4096))
lines("64 lines of 64 bytes in a chunk, chunks cut lines", 1024, pieces(ascii, 4000))
lines("a line of 64 bytes in each chunk", 1024, pieces(ascii, 64))
lines("64 lines of 64 bytes in a chunk, not ASCII", 1024, pieces(bytes(`${"ö".repeat(31)}\r\n`.repeat(1024)), 4096))
lines("a line of 60,000 bytes in chunks of 100", 1, pieces(bytes(`${"x".repeat(60_000)}\n`), 100))

// Bytes --------------------------------------------------------------------------------------------------------------

const each = (chunks: ReadonlyArray<Uint8Array>): Array<Candidate> => [
  {
    name: "an array: push and shift",
    run: () => {
      const queue: Array<Uint8Array> = []
      let sum = 0
      for (const chunk of chunks) {
        queue.push(chunk)
        sum += queue.shift()!.length
      }
      return sum
    }
  },
  {
    name: "InputBuffer: push and shift",
    run: () => {
      const input = new InputBuffer()
      let sum = 0
      for (const chunk of chunks) {
        input.push(chunk)
        sum += input.shift().length
      }
      return sum
    }
  }
]

const frames = (chunks: ReadonlyArray<Uint8Array>, size: number): Array<Candidate> => [
  {
    name: "Buffer.concat and subarray",
    run: () => {
      let [rest, sum] = [Buffer.alloc(0), 0]
      for (const chunk of chunks) {
        rest = Buffer.concat([rest, chunk])
        for (; rest.length >= size; rest = rest.subarray(size)) sum += rest.subarray(0, size).length
      }
      return sum
    }
  },
  {
    name: "InputBuffer: take",
    run: () => {
      const input = new InputBuffer()
      let sum = 0
      for (const chunk of chunks) {
        input.push(chunk)
        while (input.size >= size) sum += input.take(size).length
      }
      return sum
    }
  }
]

const chunks = pieces(new Uint8Array(64 * 65_536), 65_536)
race("chunks of 64 KiB as they come: a chunk", chunks.length, each(chunks))
race("frames of 1,000 bytes out of chunks of 64 KiB: a frame", Math.floor((64 * 65_536) / 1000), frames(chunks, 1000))
const drip = pieces(new Uint8Array(4096), 1)
race("frames of 1,000 bytes out of single bytes: a byte", drip.length, frames(drip, 1000))

console.log(`\n(checksum ${checksum % 1e6})`)
