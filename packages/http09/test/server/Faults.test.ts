import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { descriptors, temporary, write } from "../utils/folders.ts"
import { memory, serving } from "../utils/processes.ts"
import { collect, connect, exchange } from "../utils/raw.ts"

const megabyte = 1_000_000
const large = Buffer.alloc(8 * megabyte, "0123456789abcdef")

/** A command line that serves one small and one large document. */
const server = Effect.gen(function* () {
  const folder = yield* temporary
  yield* write(folder, { "index.html": "<p>Hello", large })
  return yield* serving([folder])
})

/** Waits until the server holds no more descriptors than before. A socket that lingers takes 2 s at most. */
const returned = (pid: number, before: number) =>
  Effect.gen(function* () {
    const end = performance.now() + 10_000
    while (descriptors(pid) > before && performance.now() < end) yield* Effect.sleep("50 millis")
    assert.isAtMost(descriptors(pid), before)
  })

/** What clients do; each ends with the client gone. */
const faults: Readonly<Record<string, (port: number) => Effect.Effect<void>>> = {
  "connects and leaves": (port) => Effect.scoped(Effect.asVoid(connect(port))),
  "connects and resets": (port) =>
    Effect.scoped(Effect.map(connect(port), (socket) => void socket.on("error", () => {}).resetAndDestroy())),
  "half-closes at once": (port) =>
    Effect.gen(function* () {
      const socket = yield* connect(port)
      socket.end()
      assert.strictEqual((yield* collect(socket)).text, "HTTP/0.9 400 Invalid HTTP Request.\r\n")
    }).pipe(Effect.scoped),
  "leaves in mid-line": (port) =>
    Effect.gen(function* () {
      const socket = yield* connect(port)
      socket.write("GET /lar")
      yield* Effect.sleep("5 millis")
    }).pipe(Effect.scoped),
  "resets in mid-line": (port) =>
    Effect.gen(function* () {
      const socket = yield* connect(port)
      socket.write("GET /lar")
      yield* Effect.sleep("5 millis")
      socket.on("error", () => {}).resetAndDestroy()
    }).pipe(Effect.scoped),
  "resets in mid-download": (port) =>
    Effect.gen(function* () {
      const socket = yield* connect(port)
      socket.write("GET /large\r\n")
      yield* Effect.callback<void>((resume) => void socket.once("data", () => resume(Effect.void)))
      socket.on("error", () => {}).resetAndDestroy()
    }).pipe(Effect.scoped),
  "leaves in mid-download": (port) =>
    Effect.gen(function* () {
      const socket = yield* connect(port)
      socket.write("GET /large\r\n")
      yield* Effect.callback<void>((resume) => void socket.once("data", () => resume(Effect.void)))
    }).pipe(Effect.scoped),
  "sends a megabyte without a newline": (port) =>
    Effect.gen(function* () {
      const answer = yield* exchange(port, Buffer.alloc(megabyte, "A"))
      assert.deepStrictEqual([answer.text, answer.ending], ["HTTP/0.9 400 Invalid HTTP Request.\r\n", "fin"])
    }),
  "sends 300 kB after its request": (port) =>
    Effect.gen(function* () {
      const small = yield* exchange(port, `GET / HTTP/1.1\r\n${"X-Header: some value\r\n".repeat(14_000)}\r\n`)
      assert.deepStrictEqual([small.text, small.ending], ["<p>Hello", "fin"])
      const whole = yield* exchange(port, "GET /large\r\n", Buffer.alloc(300_000, "B"))
      assert.deepStrictEqual([whole.bytes.length, whole.ending], [large.length, "fin"])
    }),
  "sends its headers late": (port) =>
    Effect.gen(function* () {
      const answer = yield* exchange(port, "GET /large HTTP/1.0\r\n", "Host: localhost\r\n", "\r\n")
      assert.strictEqual(Buffer.compare(answer.bytes, large), 0)
    }),
  "asks and never reads": (port) =>
    Effect.gen(function* () {
      const socket = yield* connect(port)
      socket.pause()
      socket.write("GET /large\r\n")
      yield* Effect.sleep("20 millis")
    }).pipe(Effect.scoped)
}

it.live(
  "whatever a client does, the next is served, and descriptors come back",
  () =>
    Effect.gen(function* () {
      const { port, pid } = yield* server
      yield* exchange(port, "GET /\r\n")
      yield* Effect.sleep("100 millis")
      const before = descriptors(pid)
      for (const [name, fault] of Object.entries(faults)) {
        yield* fault(port)
        assert.strictEqual((yield* exchange(port, "GET /\r\n")).text, "<p>Hello", name)
      }
      for (const fault of Object.values(faults)) {
        yield* Effect.replicateEffect(fault(port), 8, { concurrency: "unbounded" })
      }
      assert.strictEqual((yield* exchange(port, "GET /\r\n")).text, "<p>Hello")
      yield* returned(pid, before)
    }),
  60_000
)

it.live(
  "50 stalled downloads of 8 MB take less than 64 MB, hold up nobody, and can go on",
  () =>
    Effect.gen(function* () {
      const { port, pid } = yield* server
      for (let turn = 0; turn < 20; turn++) yield* exchange(port, "GET /large\r\n")
      yield* Effect.sleep("200 millis")
      const [before, open] = [memory(pid), descriptors(pid)]
      yield* Effect.gen(function* () {
        const stalled = yield* Effect.replicateEffect(connect(port), 50, { concurrency: "unbounded" })
        for (const socket of stalled) {
          socket.pause()
          socket.write("GET /large\r\n")
        }
        for (let turn = 0; turn < 20; turn++) {
          yield* Effect.sleep("50 millis")
          assert.strictEqual((yield* exchange(port, "GET /\r\n")).text, "<p>Hello")
        }
        assert.isBelow((memory(pid) - before) / megabyte, 64)
        const answers = yield* Effect.forEach(stalled.slice(0, 10), collect, { concurrency: "unbounded" })
        for (const answer of answers) assert.strictEqual(Buffer.compare(answer.bytes, large), 0)
      }).pipe(Effect.scoped)
      yield* returned(pid, open)
    }),
  60_000
)
