import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as fs from "node:fs"
import * as path from "node:path"
import { merge } from "../../../src/cli/serve/metrics.ts"
import { hasDisks, temporary, tinyDisk, write } from "../../utils/folders.ts"
import { http09, serving } from "../../utils/processes.ts"
import { collect, connect, exchange } from "../../utils/raw.ts"
import { scripted } from "../../utils/servers.ts"
import { eventually, measured, parseMetrics, total } from "../../utils/workers.ts"

const limit = 30_000

describe("merge", () => {
  const one = '# HELP a A thing\n# TYPE a counter\na{worker="1"} 1\na{worker="1",b="x"} 2\n# TYPE b gauge\nb 3\n'
  const two = '# TYPE b gauge\nb 4\n# HELP a A thing\n# TYPE a counter\na{worker="2"} 5\n'

  it("gives each family once, with the samples of all", () => {
    const expected =
      '# HELP a A thing\n# TYPE a counter\na{worker="1"} 1\na{worker="1",b="x"} 2\na{worker="2"} 5\n# TYPE b gauge\nb 3\nb 4\n'
    assert.strictEqual(merge([one, two]), expected)
  })

  it("leaves one text as it is, and takes nothing from one that did not come", () => {
    assert.strictEqual(merge([one]), one)
    assert.strictEqual(merge(["", one, ""]), one)
    assert.strictEqual(merge([]), "")
  })
})

describe("http09 serve --metrics", () => {
  for (const workers of [[], ["--workers", "2"]]) {
    it.live(
      `answers GET /connections with those that are answered now, the oldest first${workers.length > 0 ? ", of all workers" : ""}`,
      () =>
        Effect.gen(function* () {
          const folder = yield* temporary
          yield* write(folder, { large: Buffer.alloc(8_000_000, "x") })
          const server = yield* measured([folder, ...workers])
          const connections = Effect.promise(async () => {
            const answer = await fetch(server.url.replace("/metrics", "/connections"))
            assert.strictEqual(answer.headers.get("content-type"), "application/json")
            return (await answer.json()) as ReadonlyArray<Record<string, unknown>>
          })
          assert.deepStrictEqual(yield* connections, [])
          const silent = yield* connect(server.port)
          yield* Effect.sleep("200 millis")
          const download = yield* connect(server.port)
          download.pause()
          download.write("GET /large\r\n")
          yield* server.until("> Serving file")
          yield* Effect.sleep("200 millis")
          const [first, second] = yield* connections
          const known = { localAddress: `127.0.0.1:${server.port}`, state: "open" }
          assert.include(first, {
            ...known,
            remoteAddress: `127.0.0.1:${silent.localPort}`,
            bytesRead: 0,
            isIdle: true
          })
          assert.include(second, { ...known, remoteAddress: `127.0.0.1:${download.localPort}`, isIdle: false })
          assert.include(second, { bytesRead: 12 })
          assert.isAbove(Number(second.bytesWritten), 0)
          assert.isAbove(Number(first.age), Number(second.age))
          // The first has said nothing since it came, the second something a while after.
          assert.isAtMost(Math.abs(Number(first.age) - Number(first.idleTime)), 50)
          assert.isAbove(Number(second.idleTime), 150)
          assert.isAbove(Number(first.idleTime), Number(second.idleTime))
          for (const one of [first, second]) assert.strictEqual("worker" in one, workers.length > 0)
          server.child.kill("SIGQUIT")
          yield* server.ended
        }).pipe(Effect.scoped),
      limit
    )
  }

  it.live(
    "answers GET /metrics on a port of the loopback with what was counted so far, and nothing else",
    () =>
      Effect.gen(function* () {
        const server = yield* measured([])
        assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
        for (let turn = 0; turn < 3; turn++) yield* exchange(server.port, "GET /protocol.txt\r\n")
        const counted = yield* eventually(async () => {
          const text = await (await fetch(server.url)).text()
          return total(parseMetrics(text), "socket_connections_ended", "succeeded") === 3
        })
        assert.isTrue(counted)
        const answer = yield* Effect.promise(() => fetch(server.url))
        assert.strictEqual(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
        const samples = yield* server.samples
        assert.strictEqual(total(samples, "socket_connections_accepted"), 3)
        assert.isAbove(total(samples, "socket_bytes_written"), 3 * 500)
        const status = (url: string, method: string) =>
          Effect.promise(async () => (await fetch(url, { method })).status)
        assert.strictEqual(yield* status(`${server.url}/x`, "GET"), 404)
        assert.strictEqual(yield* status(server.url, "POST"), 405)
        server.child.kill("SIGTERM")
        assert.strictEqual((yield* server.ended).status, 0)
      }),
    limit
  )

  it.live(
    "writes a file at the start and at the end, whole each time and nothing beside it",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        const file = path.join(folder, "http09.prom")
        const server = yield* serving(["--metrics", file])
        assert.isTrue(fs.existsSync(file))
        yield* exchange(server.port, "GET /\r\n")
        server.child.kill("SIGTERM")
        const ended = yield* server.ended
        assert.deepStrictEqual([ended.status, ended.stderr], [0, ""])
        assert.strictEqual(total(parseMetrics(fs.readFileSync(file, "utf8")), "socket_connections_accepted"), 1)
        assert.deepStrictEqual(fs.readdirSync(folder), ["http09.prom"])
      }),
    limit
  )

  it.live.runIf(hasDisks())(
    "on a full disk says so, keeps the file of before whole, leaves nothing beside it, and goes on (needs root)",
    () =>
      Effect.gen(function* () {
        const folder = yield* tinyDisk
        const file = path.join(folder, "http09.prom")
        const fillers = ["1", "2", "3"].map((name) => path.join(folder, name))
        for (const filler of fillers) fs.writeFileSync(filler, "")
        const refused = yield* http09(["serve", "--port", "0", "--metrics", file])
        assert.strictEqual(refused.status, 1)
        assert.match(refused.stderr, /^http09: metrics: ENOSPC: no space left on device, open .*\n$/)
        assert.deepStrictEqual(fs.readdirSync(folder).toSorted(), ["1", "2", "3"])
        for (const filler of fillers) fs.rmSync(filler)
        const server = yield* serving(["--metrics", file])
        yield* exchange(server.port, "GET /\r\n")
        assert.isTrue(yield* eventually(() => fs.statSync(file).size > 0))
        const before = fs.readFileSync(file, "utf8")
        // The name goes, so that the folder has only the file of the figures; the page is taken until it is closed.
        const filler = fs.openSync(fillers[0], "w")
        fs.writeSync(filler, "x".repeat(4096))
        fs.rmSync(fillers[0])
        server.child.kill("SIGTERM")
        const ended = yield* server.ended
        fs.closeSync(filler)
        assert.strictEqual(ended.status, 0)
        assert.match(ended.stderr, /^http09: metrics: ENOSPC: no space left on device, write\n$/)
        assert.strictEqual(fs.readFileSync(file, "utf8"), before)
        assert.deepStrictEqual(fs.readdirSync(folder), ["http09.prom"])
      }).pipe(Effect.scoped),
    limit
  )

  it.live(
    "takes the place of a link that somebody put there, and leaves what it led to",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporary
        yield* write(folder, { victim: "mine" })
        const file = path.join(folder, "http09.prom")
        fs.symlinkSync(path.join(folder, "victim"), file)
        const server = yield* serving(["--metrics", file])
        assert.isTrue(fs.lstatSync(file).isFile())
        server.child.kill("SIGTERM")
        assert.strictEqual((yield* server.ended).stderr, "")
        assert.strictEqual(fs.readFileSync(path.join(folder, "victim"), "utf8"), "mine")
        assert.deepStrictEqual(fs.readdirSync(folder).toSorted(), ["http09.prom", "victim"])
      }).pipe(Effect.scoped),
    limit
  )

  it.live(
    "answers a scraper however many others stand still, each of which is reset in the end",
    () =>
      Effect.gen(function* () {
        const server = yield* measured([])
        const port = Number(new URL(server.url).port)
        const slow = yield* Effect.forEach(
          Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? "GET /metrics HTTP/1.1\r\nHost: " : "")),
          (text) => Effect.tap(connect(port), (socket) => Effect.sync(() => socket.write(text)))
        )
        const endings = yield* Effect.forkChild(Effect.forEach(slow, collect, { concurrency: "unbounded" }), {
          startImmediately: true
        })
        yield* exchange(server.port, "GET /\r\n")
        const samples = yield* Effect.timeout(server.samples, "5 seconds")
        assert.strictEqual(total(samples, "socket_connections_accepted"), 1)
        const ends = yield* Effect.timeout(Fiber.join(endings), "14 seconds")
        for (const { ending } of ends) assert.strictEqual(ending, "reset")
      }).pipe(Effect.scoped),
    limit
  )

  it.live(
    "fails in one line where the figures cannot be given",
    () =>
      Effect.gen(function* () {
        const port = yield* scripted(() => {})
        const taken = yield* http09(["serve", "--port", "0", "--metrics", String(port)])
        assert.deepStrictEqual(
          [taken.status, taken.stderr, taken.stdout.toString()],
          [1, `http09: metrics: listen 127.0.0.1:${port}: address already in use\n`, ""]
        )
        const nowhere = yield* http09(["serve", "--port", "0", "--metrics", "/no/such/folder/x.prom"])
        assert.strictEqual(nowhere.status, 1)
        assert.strictEqual(nowhere.errors.length, 1)
        assert.match(nowhere.errors[0], /^http09: metrics: .*\/no\/such\/folder\/x\.prom/)
      }),
    limit
  )
})
