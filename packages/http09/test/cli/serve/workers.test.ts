import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { waitAfter } from "../../../src/cli/serve/supervisor.ts"
import { descriptors, temporary, write } from "../../utils/folders.ts"
import { cli, http09, serving, start } from "../../utils/processes.ts"
import { needs, title } from "../../utils/programs.ts"
import { type Answer, collect, connect, exchange } from "../../utils/raw.ts"
import { scripted } from "../../utils/servers.ts"
import { eventually, isAlive, measured, scrape, total, workersOf } from "../../utils/workers.ts"

const limit = 60_000
const large = Buffer.alloc(8_000_000, "0123456789abcdef")

const folderOf = Effect.tap(temporary, (folder) => write(folder, { large, "index.html": "<p>Hello" }))

/** Four processes: enough to see who does what. */
const several = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const folder = yield* folderOf
    const server = yield* measured([folder, "--workers", "3", ...args])
    return { ...server, folder }
  })

const hello = (port: number) => Effect.map(exchange(port, "GET /\r\n"), ({ text }) => text)

/** A download that stands still until it is collected. */
const stalled = (port: number) =>
  Effect.tap(connect(port), (socket) =>
    Effect.sync(() => {
      socket.pause()
      socket.write("GET /large\r\n")
    })
  )

const isWhole = ({ bytes, ending }: Answer): boolean => ending === "fin" && bytes.equals(large)

/** The worker that has a connection now. */
const busyWorker = (url: string) =>
  Effect.gen(function* () {
    let worker = 0
    yield* eventually(async () => {
      const busy = [...(await scrape(url))].find(([key, value]) => key.includes("connections_active{") && value > 0)
      worker = Number(/worker="(\d+)"/.exec(busy?.[0] ?? "")?.[1] ?? 0)
      return worker > 0
    })
    return worker
  })

const lines = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0

describe("http09 serve --workers", () => {
  it.live(
    "serves one port from several processes, with one start line, one log of whole lines, and metrics by worker",
    () =>
      Effect.gen(function* () {
        const server = yield* several("--log-format", "json")
        assert.strictEqual(workersOf(server.pid).size, 3)
        const answers = yield* Effect.replicateEffect(hello(server.port), 300, { concurrency: 30 })
        assert.isTrue(answers.every((text) => text === "<p>Hello"))
        const all = yield* eventually(
          async () => total(await scrape(server.url), "socket_connections_ended", "succeeded") === 300
        )
        assert.isTrue(all)
        const samples = yield* server.samples
        for (const worker of [1, 2, 3]) {
          assert.isAbove(total(samples, "socket_connections_accepted", `worker="${worker}"`), 0)
        }
        const pids = [...workersOf(server.pid).values()]
        server.child.kill("SIGTERM")
        const ended = yield* Effect.timeout(server.ended, "10 seconds")
        assert.strictEqual(ended.status, 0)
        assert.strictEqual(lines(ended.stderr, /> Started server on port/g), 1)
        assert.deepStrictEqual(ended.errors, [])
        const logged = ended.stdout.toString().trimEnd().split("\n")
        assert.strictEqual(logged.length, 300)
        for (const line of logged) assert.include(JSON.parse(line), { request: "GET /", status: 200, bytes: 8 })
        assert.deepStrictEqual(pids.filter(isAlive), [])
      }),
    limit
  )

  it.live(
    "a worker that is killed ends its own downloads only, and another takes its place",
    () =>
      Effect.gen(function* () {
        const server = yield* several()
        const download = yield* stalled(server.port)
        const worker = yield* busyWorker(server.url)
        const pid = workersOf(server.pid).get(worker) ?? 0
        process.kill(pid, "SIGKILL")
        yield* eventually(() => !isAlive(pid))
        for (let turn = 0; turn < 20; turn++) assert.strictEqual(yield* hello(server.port), "<p>Hello")
        // How it ends is the kernel's choice, and is FIN unless something of the client's was unread.
        const cut = yield* collect(download)
        assert.isBelow(cut.bytes.length, large.length)
        yield* server.until(`http09: worker ${worker} died of SIGKILL; another takes its place\n`)
        let serves = false
        for (let turn = 0; turn < 500 && !serves; turn++) {
          yield* hello(server.port)
          serves = total(yield* server.samples, "socket_connections_accepted", `worker="${worker}"`) > 0
        }
        assert.isTrue(serves)
        assert.strictEqual((yield* server.samples).get("http09_workers_replaced"), 1)
        assert.strictEqual(workersOf(server.pid).size, 3)
        server.child.kill("SIGTERM")
        assert.strictEqual((yield* Effect.timeout(server.ended, "10 seconds")).status, 0)
      }),
    limit
  )

  for (const [name, signal] of [
    ["SIGTERM to the first process", "SIGTERM"],
    ["SIGINT to all of them, as a terminal sends it,", "SIGINT"]
  ] as const) {
    it.live(
      `${name} lets downloads of all workers end, refuses what is new, and exits with 0`,
      () =>
        Effect.gen(function* () {
          const server = yield* several()
          const pids = [...workersOf(server.pid).values()]
          const downloads = yield* Effect.replicateEffect(stalled(server.port), 8, { concurrency: "unbounded" })
          yield* eventually(async () => total(await scrape(server.url), "socket_connections_active") === 8)
          if (signal === "SIGINT") for (const pid of pids) process.kill(pid, signal)
          server.child.kill(signal)
          yield* eventually(async () =>
            JSON.stringify(await Effect.runPromise(Effect.exit(hello(server.port)))).includes("ECONNREFUSED")
          )
          const answers = yield* Effect.forEach(downloads, collect, { concurrency: "unbounded" })
          assert.isTrue(answers.every(isWhole))
          const ended = yield* Effect.timeout(server.ended, "10 seconds")
          assert.deepStrictEqual([ended.status, ended.stderr], [0, ""])
          assert.deepStrictEqual(pids.filter(isAlive), [])
        }),
      limit
    )
  }

  it.live(
    "a download that is not done within --drain-timeout is cut and counted, whichever worker has it",
    () =>
      Effect.gen(function* () {
        const server = yield* several("--drain-timeout", "300ms")
        const downloads = yield* Effect.replicateEffect(stalled(server.port), 6, { concurrency: "unbounded" })
        yield* eventually(async () => total(await scrape(server.url), "socket_connections_active") === 6)
        server.child.kill("SIGTERM")
        const ended = yield* Effect.timeout(server.ended, "10 seconds")
        assert.deepStrictEqual([ended.status, ended.stderr], [0, "http09: connections cut: 6\n"])
        for (const download of downloads) assert.strictEqual((yield* collect(download)).ending, "reset")
      }),
    limit
  )

  it.live(
    "a worker that is sent SIGTERM lets its downloads end when another has taken its place",
    () =>
      Effect.gen(function* () {
        const server = yield* several()
        const download = yield* stalled(server.port)
        const worker = yield* busyWorker(server.url)
        process.kill(workersOf(server.pid).get(worker) ?? 0, "SIGTERM")
        yield* server.until(`http09: worker ${worker} leaves; another has taken its place\n`)
        assert.isTrue(isWhole(yield* collect(download)))
        assert.strictEqual(yield* hello(server.port), "<p>Hello")
      }),
    limit
  )

  it.live(
    "workers end when the process that started them is killed",
    () =>
      Effect.gen(function* () {
        const server = yield* several()
        const pids = [...workersOf(server.pid).values()]
        assert.strictEqual(pids.length, 3)
        const download = yield* stalled(server.port)
        yield* busyWorker(server.url)
        server.child.kill("SIGKILL")
        assert.isTrue(isWhole(yield* collect(download)))
        assert.isTrue(yield* eventually(() => !pids.some(isAlive)))
      }),
    limit
  )

  it.live(
    "all workers together let one address have no more connections than --max-per-peer",
    () =>
      Effect.gen(function* () {
        const server = yield* several("--max-per-peer", "6")
        yield* Effect.replicateEffect(connect(server.port), 60, { concurrency: "unbounded" })
        const settled = yield* eventually(async () => {
          const samples = await scrape(server.url)
          const refused = total(samples, "socket_connections_refused", "max_per_peer")
          return refused + total(samples, "socket_connections_active") === 60
        })
        assert.isTrue(settled)
        const open = total(yield* server.samples, "socket_connections_active")
        // 60 connections leave no worker with fewer than its share, except in a few runs of a thousand million.
        assert.strictEqual(open, 6)
      }),
    limit
  )
})

describe("start-up of several workers", () => {
  it.live(
    "a port that somebody has, alone or with workers of its own, is one line and exit status 1",
    () =>
      Effect.gen(function* () {
        const alone = yield* scripted(() => {})
        const shared = yield* serving(["--workers", "2"])
        for (const port of [alone, shared.port]) {
          const ended = yield* http09(["serve", "--workers", "2", "--port", String(port)])
          assert.deepStrictEqual(
            [ended.status, ended.stderr, ended.stdout.toString()],
            [1, `http09: listen 127.0.0.1:${port}: address already in use\n`, ""]
          )
        }
        assert.isAbove((yield* exchange(shared.port, "GET /\r\n")).bytes.length, 500)
      }),
    limit
  )

  it.live(
    "a signal before the workers listen ends all of them, with nothing said",
    () =>
      Effect.gen(function* () {
        const server = yield* start(process.execPath, [cli, "serve", "--workers", "2", "--port", "0"])
        const children = () => fs.readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8").trim()
        assert.isTrue(yield* eventually(() => children().split(" ").length === 2))
        const pids = children().split(" ").map(Number)
        server.child.kill("SIGTERM")
        const ended = yield* Effect.timeout(server.ended, "10 seconds")
        assert.deepStrictEqual([ended.status, ended.stderr, ended.stdout.toString()], [0, "", ""])
        assert.deepStrictEqual(pids.filter(isAlive), [])
      }),
    limit
  )

  it.live(
    "what no worker can do is told once, with exit status 1 and no process left",
    () =>
      Effect.gen(function* () {
        const ended = yield* http09(["serve", "/no/such/folder", "--workers", "3", "--port", "0"])
        assert.deepStrictEqual(
          [ended.status, ended.stderr, ended.stdout.toString()],
          [1, "http09: /no/such/folder: not found\n", ""]
        )
      }),
    limit
  )
})

describe("replacement", () => {
  it.live(
    "a worker that cannot start again is tried again, ever more seldom, while the others serve",
    () =>
      Effect.gen(function* () {
        const server = yield* several()
        const moved = `${server.folder}.moved`
        // The others have the folder open by its name: they answer, but find nothing.
        fs.renameSync(server.folder, moved)
        yield* Effect.addFinalizer(() => Effect.sync(() => fs.rmSync(moved, { recursive: true, force: true })))
        process.kill(workersOf(server.pid).get(2) ?? 0, "SIGKILL")
        yield* server.until(`http09: worker 2 did not start: ${server.folder}: not found; another takes its place\n`)
        fs.renameSync(moved, server.folder)
        const back = yield* eventually(async () => {
          const samples = await scrape(server.url)
          return samples.has("http09_workers_replaced") && workersOf(server.pid).size === 3
        })
        assert.isTrue(back)
        assert.strictEqual(yield* hello(server.port), "<p>Hello")
        server.child.kill("SIGTERM")
        assert.strictEqual((yield* Effect.timeout(server.ended, "10 seconds")).status, 0)
        assert.isFalse(fs.existsSync(path.join(moved, "large")))
      }).pipe(Effect.scoped),
    limit
  )

  it.live(
    "costs no descriptor, however often it happens",
    () =>
      Effect.gen(function* () {
        const server = yield* serving(["--workers", "2"])
        const before = descriptors(server.pid)
        for (let turn = 0; turn < 4; turn++) {
          const [[worker, pid]] = workersOf(server.pid)
          process.kill(pid, "SIGKILL")
          assert.isTrue(yield* eventually(() => (workersOf(server.pid).get(worker) ?? pid) !== pid))
        }
        assert.isTrue(yield* eventually(() => descriptors(server.pid) === before))
        server.child.kill("SIGTERM")
        assert.strictEqual((yield* Effect.timeout(server.ended, "20 seconds")).status, 0)
      }),
    limit
  )

  needs("prlimit")(
    title(
      "prlimit",
      "a worker that the system does not start, for lack of descriptors, is tried again while the others serve"
    ),
    () =>
      Effect.gen(function* () {
        const server = yield* several()
        const limitTo = (descriptors: number) =>
          spawnSync("prlimit", ["--pid", String(server.pid), `--nofile=${descriptors}:`]).status
        // Fewer than it has: it can open no more.
        assert.strictEqual(limitTo(8), 0)
        process.kill(workersOf(server.pid).get(1) ?? 0, "SIGKILL")
        const failed = /http09: worker 1 could not be started: .*EMFILE.*; another takes its place\n/
        yield* server.until(failed)
        assert.strictEqual(yield* hello(server.port), "<p>Hello")
        assert.strictEqual(workersOf(server.pid).size, 2)
        assert.strictEqual(limitTo(1024), 0)
        assert.isTrue(yield* eventually(() => workersOf(server.pid).size === 3))
        server.child.kill("SIGTERM")
        const ended = yield* Effect.timeout(server.ended, "10 seconds")
        assert.deepStrictEqual(
          [ended.status, ended.errors.filter((line) => !failed.test(`${line}\n`))],
          [0, ["http09: worker 1 died of SIGKILL; another takes its place"]]
        )
      }).pipe(Effect.scoped),
    limit
  )

  it("waits 100 ms at first, and never more than 10 s", () => {
    assert.strictEqual(waitAfter(0), 100)
    for (let deaths = 0; deaths < 2000; deaths++) {
      assert.isAtLeast(waitAfter(deaths + 1), waitAfter(deaths))
      assert.isAtMost(waitAfter(deaths), 10_000)
    }
    assert.strictEqual(waitAfter(7), 10_000)
  })
})
