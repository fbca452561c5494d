import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { descriptors, temporary, write } from "../../utils/folders.ts"
import { cli, start } from "../../utils/processes.ts"
import { collect, connect, exchange } from "../../utils/raw.ts"

const large = Buffer.alloc(4_000_000, "0123456789abcdef")

it.live(
  "a server that runs out of descriptors sends whole what it begins to send, and goes on when the flood is over",
  () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* write(folder, { large, "index.html": "<p>Hello" })
      const serve = `ulimit -n 64; exec "$0" "$1" serve "$2" --port 0 --log-format json`
      const server = yield* start("sh", ["-c", serve, process.execPath, cli, folder])
      const port = Number(/port (\d+)/.exec(yield* server.until(/port \d+/))?.[1])
      assert.strictEqual((yield* exchange(port, "GET /\r\n")).text, "<p>Hello")
      const before = descriptors(server.pid)
      const flood = Effect.gen(function* () {
        const socket = yield* connect(port)
        socket.pause()
        socket.write("GET /large\r\n")
        yield* Effect.sleep("500 millis")
        return yield* collect(socket)
      }).pipe(Effect.scoped, Effect.exit)
      const exits = yield* Effect.replicateEffect(flood, 150, { concurrency: "unbounded" })
      const answers = exits.flatMap((exit) => (exit._tag === "Success" ? [exit.value] : []))
      // Beyond its descriptors the system closes connections unasked, with FIN or RST, and without a byte.
      const served = answers.filter(({ bytes }) => bytes.length > 0)
      assert.isAbove(served.length, 0)
      assert.isBelow(served.length, exits.length)
      for (const { bytes, ending } of served) {
        assert.strictEqual(ending, "fin")
        assert.strictEqual(Buffer.compare(bytes, large), 0)
      }
      const end = performance.now() + 10_000
      while (descriptors(server.pid) > before && performance.now() < end) yield* Effect.sleep("50 millis")
      assert.isAtMost(descriptors(server.pid), before)
      assert.strictEqual((yield* exchange(port, "GET /\r\n")).text, "<p>Hello")
      // Those that wait for their turn hold descriptors too: a document may find none left.
      for (const line of server
        .stdout()
        .toString()
        .match(/^\{.*$/gm) ?? []) {
        assert.match(line, /"status":200|"status":500,"bytes":0,.*out of file descriptors/)
      }
    }).pipe(Effect.scoped),
  60_000
)

it.live(
  "a document or a listing for which no descriptor is left ends with a reset, never as an empty document",
  () =>
    Effect.gen(function* () {
      const folder = yield* temporary
      yield* write(folder, { large, "index.html": "<p>Hello", "notes/a.txt": "a" })
      const serve = `ulimit -n 96; exec "$0" "$1" serve "$2" --port 0 --listing --max-connections 90 --log-format json`
      const server = yield* start("sh", ["-c", serve, process.execPath, cli, folder])
      const port = Number(/port (\d+)/.exec(yield* server.until(/port \d+/))?.[1])
      const before = descriptors(server.pid)
      // With some twenty of Node's own, a dozen are left for files.
      const count = 60
      // All are there before the first of them asks.
      const sockets = yield* Effect.replicateEffect(connect(port), count, { concurrency: "unbounded" })
      const until = performance.now() + 10_000
      while (descriptors(server.pid) < before + count && performance.now() < until) yield* Effect.sleep("20 millis")
      for (const socket of sockets) socket.pause()
      for (const [index, socket] of sockets.entries())
        socket.write(index % 3 === 2 ? "GET /notes\r\n" : "GET /large\r\n")
      yield* Effect.sleep("500 millis")
      const answers = yield* Effect.forEach(sockets, collect, { concurrency: "unbounded" })
      const whole = answers.filter(({ ending }) => ending === "fin")
      const cut = answers.filter(({ ending }) => ending === "reset")
      assert.isAbove(whole.length, 0)
      assert.isAbove(cut.length, 10)
      for (const { bytes } of whole) {
        assert.isTrue(bytes.equals(large) || bytes.includes("<title>Index of /notes/</title>"), String(bytes.length))
      }
      const lines =
        server
          .stdout()
          .toString()
          .match(/^\{.*"status":500.*$/gm) ?? []
      assert.strictEqual(lines.length, cut.length)
      for (const line of lines) assert.match(line, /"bytes":0,.*out of file descriptors/)
      assert.strictEqual((yield* exchange(port, "GET /\r\n")).text, "<p>Hello")
    }).pipe(Effect.scoped),
  60_000
)
