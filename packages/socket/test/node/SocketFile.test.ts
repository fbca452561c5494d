import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import { execFileSync, spawn } from "node:child_process"
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import * as Net from "node:net"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Connection } from "../../src/Connection.ts"
import { Network } from "../../src/Network.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { folder, leaveStale, somePath } from "../utils/folders.ts"
import { live, text } from "../utils/live.ts"
import { until } from "../utils/plain.ts"

const at = (path: string) => NetAddress.unixPathAddress(path)
const brief = { lingerTimeout: 50 }
const listening = (path: string) => ServerSocket.listen(at(path), brief)

describe("closing a Unix-domain socket", () => {
  live(
    "leaves a file that another process has put at its path since, which goes on to be served",
    Effect.gen(function* () {
      const path = yield* somePath
      const first = yield* listening(path)
      rmSync(path)
      const other = Net.createServer((socket) => socket.end("other"))
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void other.listen(path, () => resume(Effect.void))),
        () => Effect.callback<void>((resume) => void other.close(() => resume(Effect.void)))
      )
      const { ino } = statSync(path)
      yield* ServerSocket.close(first)
      assert.strictEqual(statSync(path).ino, ino)
      assert.deepStrictEqual(readdirSync(dirname(path)), ["socket"])
      const near = yield* SocketStream.open(at(path), brief)
      assert.strictEqual(text(yield* SocketStream.readAll(near)), "other")
    })
  )

  live(
    "leaves a text that lies at its path now, and removes its own file under a mode of somebody else's choice",
    Effect.gen(function* () {
      const path = yield* somePath
      const first = yield* listening(path)
      rmSync(path)
      writeFileSync(path, "text")
      yield* ServerSocket.close(first)
      assert.strictEqual(readFileSync(path, "utf8"), "text")
      rmSync(path)
      const second = yield* listening(path)
      chmodSync(path, 0o600)
      yield* ServerSocket.close(second)
      assert.deepStrictEqual(readdirSync(dirname(path)), [])
    })
  )

  live(
    "is fine with a file, or a folder, that is gone",
    Effect.gen(function* () {
      const inside = join(yield* folder, "inside")
      mkdirSync(inside)
      const [first, second] = [yield* listening(join(inside, "1")), yield* listening(join(inside, "2"))]
      rmSync(join(inside, "1"))
      yield* ServerSocket.close(first)
      rmSync(inside, { recursive: true })
      yield* ServerSocket.close(second)
    })
  )
})

describe("listening on a Unix-domain socket", () => {
  live(
    "neither follows a link to a stale file nor removes it",
    Effect.gen(function* () {
      const path = yield* somePath
      yield* leaveStale(`${path}.stale`)
      symlinkSync(`${path}.stale`, path)
      assert.strictEqual((yield* Effect.flip(listening(path))).reason._tag, "AddressInUse")
      assert.deepStrictEqual(readdirSync(dirname(path)).sort(), ["socket", "socket.stale"])
    })
  )

  if (process.platform === "linux") {
    live(
      "fails by name on an abstract name that is in use",
      Effect.gen(function* () {
        const path = `\0effect-sockets-in-use-${process.pid}`
        yield* listening(path)
        assert.strictEqual((yield* Effect.flip(listening(path))).reason._tag, "AddressInUse")
      })
    )
  }

  live(
    "leaves a file alone that is put there while it asks whether the one before is stale",
    Effect.gen(function* () {
      const path = yield* somePath
      yield* leaveStale(`${path}.stale`)
      linkSync(`${path}.stale`, path)
      const opening = yield* Effect.forkChild(Effect.flip(listening(path)), { startImmediately: true })
      rmSync(path)
      writeFileSync(path, "text")
      assert.strictEqual((yield* Fiber.join(opening)).reason._tag, "AddressInUse")
      assert.strictEqual(readFileSync(path, "utf8"), "text")
    })
  )

  if (process.getuid?.() === 0) {
    live(
      "over a stale file that may not be removed is PermissionDenied (as root only: the child becomes somebody else)",
      Effect.gen(function* () {
        const inside = yield* folder
        const path = join(inside, "socket")
        yield* leaveStale(path)
        chmodSync(path, 0o777)
        chmodSync(inside, 0o755)
        const fixture = fileURLToPath(new URL("../fixtures/staleSocket.ts", import.meta.url))
        const message = execFileSync(process.execPath, [fixture, path], { encoding: "utf8" })
        assert.strictEqual(message.trim(), `listen ${path}: permission denied`)
      })
    )
  }
})

/** A server that lets two connections wait and takes none for so many milliseconds; then it greets all. */
const stalled = (path: string, millis: number) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof spawn>>((resume) => {
      const script = `
        const server = require("node:net").createServer((socket) => socket.end("hi"))
        server.listen({ path: process.argv[1], backlog: 1 }, () => {
          process.stdout.write("up")
          setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.argv[2])), 1)
        })`
      const child = spawn(process.execPath, ["-e", script, path, String(millis)], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      child.stdout.once("data", () => setTimeout(() => resume(Effect.succeed(child)), 50))
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        child.once("close", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )

describe("a Unix-domain socket whose backlog is full", () => {
  live(
    "keeps clients waiting until there is room, as one that may block would wait in the kernel",
    Effect.gen(function* () {
      const path = yield* somePath
      yield* stalled(path, 700)
      const one = Effect.scoped(
        Effect.gen(function* () {
          const near = yield* SocketStream.open(at(path), { ...brief, connectTimeout: "8 seconds" })
          return text(yield* SocketStream.readAll(near))
        })
      )
      const all = Array.from({ length: 6 }, () => one)
      assert.deepStrictEqual(yield* Effect.all(all, { concurrency: "unbounded" }), Array(6).fill("hi"))
    })
  )

  live(
    "says what a client waits for, and a client that loses patience leaves nothing behind",
    Effect.gen(function* () {
      const path = yield* somePath
      yield* stalled(path, 5000)
      const network = yield* Network
      const [heard, connections]: [Array<string>, Array<Connection>] = [[], []]
      const cancels = Array.from({ length: 4 }, () =>
        network.dial(
          at(path),
          {},
          {
            connected: (connection) => {
              connection.attach({ data() {}, borrow() {}, end() {}, written() {}, defect() {}, closed() {} })
              connections.push(connection)
            },
            failed: (error) => void heard.push(error.message),
            delayed: (error) => void heard.push(error.message),
            defect: () => {}
          }
        )
      )
      yield* until(() => heard.length >= 4)
      for (const cancel of cancels) cancel()
      for (const connection of connections) connection.destroy()
      const before = heard.length
      yield* Effect.sleep(150)
      assert.strictEqual(heard.length, before)
      assert.deepStrictEqual([...new Set(heard)], [`connect ${path}: the backlog of the listener is full (EAGAIN)`])
    })
  )
})
