import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Server from "../../src/Server.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { authority, server } from "../utils/certificates.ts"
import { folder, leaveStale, somePath } from "../utils/folders.ts"
import { live } from "../utils/live.ts"
import { echo } from "../utils/serving.ts"

const at = (path: string) => NetAddress.unixPathAddress(path)

/** For ends that do not wait for each other. */
const brief = { lingerTimeout: 50 }

/** A path of so many bytes. */
const pathOf = (folder: string, bytes: number): string => join(folder, "x".repeat(bytes - folder.length - 1))

const isSocket = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false

describe("the file of a socket", () => {
  live(
    "is there while the port is open, and gone with it",
    Effect.gen(function* () {
      const path = yield* somePath
      const listener = yield* ServerSocket.listen(at(path), brief)
      assert.isTrue(isSocket(path))
      yield* ServerSocket.close(listener)
      assert.isFalse(existsSync(path))
      yield* Effect.scoped(ServerSocket.listen(at(path), brief))
      assert.isFalse(existsSync(path))
    })
  )

  live(
    "comes and goes with suspend and resume",
    Effect.gen(function* () {
      const path = yield* somePath
      const listener = yield* ServerSocket.listen(at(path), brief)
      yield* ServerSocket.suspend(listener)
      assert.isFalse(existsSync(path))
      yield* ServerSocket.resume(listener)
      yield* SocketStream.open(at(path), brief)
      assert.isTrue(Option.isSome(yield* ServerSocket.acceptWithin(listener, 1000)))
    })
  )

  live(
    "that a dead process left is replaced",
    Effect.gen(function* () {
      const path = yield* somePath
      yield* leaveStale(path)
      assert.isTrue(isSocket(path))
      assert.strictEqual((yield* Effect.flip(SocketStream.open(at(path)))).reason._tag, "ConnectionRefused")
      const listener = yield* ServerSocket.listen(at(path), brief)
      yield* SocketStream.open(at(path), brief)
      assert.isTrue(Option.isSome(yield* ServerSocket.acceptWithin(listener, 1000)))
    })
  )

  live(
    "of a living process is not replaced, and that process goes on",
    Effect.gen(function* () {
      const path = yield* somePath
      const listener = yield* ServerSocket.listen(at(path), brief)
      const error = yield* Effect.flip(ServerSocket.listen(at(path), brief))
      assert.strictEqual(error.message, `listen ${path}: address already in use`)
      yield* SocketStream.open(at(path), brief)
      // The one who asked whether anybody answers may wait in the queue too.
      assert.isTrue(Option.isSome(yield* ServerSocket.acceptWithin(listener, 1000)))
    })
  )

  live(
    "is not taken for one if it is a file, a folder or a link to a file: those stay",
    Effect.gen(function* () {
      const path = yield* somePath
      writeFileSync(path, "precious")
      for (let i = 0; i < 2; i++) {
        assert.strictEqual((yield* Effect.flip(ServerSocket.listen(at(path), brief))).reason._tag, "AddressInUse")
        assert.strictEqual(readFileSync(path, "utf8"), "precious")
      }
      const error = yield* Effect.flip(ServerSocket.listen(at(join(path, ".."))))
      assert.strictEqual(error.reason._tag, "AddressInUse")
    })
  )

  live(
    "cannot be made where there is no folder, and the error names the path",
    Effect.gen(function* () {
      const path = join(yield* folder, "missing", "socket")
      const error = yield* Effect.flip(ServerSocket.listen(at(path), brief))
      assert.include(error.message, `listen ${path}: `)
    })
  )
})

describe("paths", () => {
  live(
    "have 107 bytes at most on Linux, 103 elsewhere, and one more is a typed error of listen and of open",
    Effect.gen(function* () {
      const longest = process.platform === "linux" ? 107 : 103
      const base = yield* folder
      const fits = at(pathOf(base, longest))
      const tooLong = at(pathOf(base, longest + 1))
      yield* ServerSocket.listen(fits, brief)
      yield* SocketStream.open(fits, brief)
      const errors = [yield* Effect.flip(ServerSocket.listen(tooLong)), yield* Effect.flip(SocketStream.open(tooLong))]
      for (const error of errors) {
        assert.strictEqual(error.reason._tag, "InvalidAddress")
        assert.include(error.message, `the path has ${longest + 1} bytes, more than ${longest}`)
      }
    })
  )

  for (const [name, path] of [
    ["empty", ""],
    ["one with NUL inside", "/tmp/a\0b"]
  ]) {
    live(
      `${name} are none`,
      Effect.gen(function* () {
        assert.strictEqual((yield* Effect.flip(ServerSocket.listen(at(path), brief))).reason._tag, "InvalidAddress")
        assert.strictEqual((yield* Effect.flip(SocketStream.open(at(path)))).reason._tag, "InvalidAddress")
      })
    )
  }

  live(
    "that lead nowhere refuse",
    Effect.gen(function* () {
      const path = yield* somePath
      const error = yield* Effect.flip(SocketStream.open(at(path)))
      assert.strictEqual(error.message, `open ${path}: connection refused`)
    })
  )

  live(
    "of Linux's abstract kind leave no file, and are free again when the port closes",
    Effect.gen(function* () {
      if (process.platform !== "linux") return
      const address = at(`\0effect-sockets-${process.pid}`)
      for (let i = 0; i < 2; i++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const listener = yield* ServerSocket.listen(address, brief)
            const near = yield* SocketStream.open(address, brief)
            const far = yield* ServerSocket.accept(listener)
            yield* SocketStream.writeLine(near, "hello")
            assert.deepStrictEqual(yield* SocketStream.readLine(far), Option.some("hello"))
            yield* SocketStream.endWrite(far)
          })
        )
      }
    })
  )
})

describe("connections", () => {
  live(
    "know the path they were made to, and that their client has none",
    Effect.gen(function* () {
      const path = yield* somePath
      const listener = yield* ServerSocket.listen(at(path), brief)
      const near = yield* SocketStream.open(at(path), brief)
      const far = yield* ServerSocket.accept(listener)
      assert.deepStrictEqual(SocketStream.hostPort(near), ["", 0, path, 0])
      assert.deepStrictEqual(SocketStream.hostPort(far), [path, 0, "", 0])
      yield* SocketStream.endWrite(far)
    })
  )

  live(
    "go on when the port is closed and its file is gone",
    Effect.gen(function* () {
      const path = yield* somePath
      const listener = yield* ServerSocket.listen(at(path), brief)
      const near = yield* SocketStream.open(at(path), brief)
      const far = yield* ServerSocket.accept(listener)
      yield* ServerSocket.close(listener)
      yield* SocketStream.writeLine(near, "still here")
      assert.deepStrictEqual(yield* SocketStream.readLine(far), Option.some("still here"))
      yield* SocketStream.endWrite(far)
    })
  )

  live(
    "can be under TLS",
    Effect.gen(function* () {
      const path = yield* somePath
      const listener = yield* ServerSocket.listen(at(path), { tls: { identity: server } })
      yield* Server.start(listener, echo)
      const tls = { ca: authority, servername: "socket.test" }
      const near = yield* SocketStream.open(at(path), { tls })
      yield* SocketStream.writeLine(near, "hello")
      assert.deepStrictEqual(yield* SocketStream.readLine(near), Option.some("hello"))
    })
  )

  live(
    "that are cut end for their peer, in bounded time",
    Effect.gen(function* () {
      const path = yield* somePath
      const listener = yield* ServerSocket.listen(at(path), brief)
      const near = yield* SocketStream.open(at(path), brief)
      const far = yield* ServerSocket.accept(listener)
      const reading = yield* Effect.forkChild(Effect.exit(SocketStream.readAll(far)), { startImmediately: true })
      yield* SocketStream.write(near, "half a message")
      yield* SocketStream.flush(near)
      yield* SocketStream.reset(near)
      yield* Effect.timeout(Fiber.join(reading), 2000)
    })
  )
})
