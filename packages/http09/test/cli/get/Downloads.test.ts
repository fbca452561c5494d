import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as fs from "node:fs"
import type * as net from "node:net"
import * as path from "node:path"
import * as AccessLog from "../../../src/AccessLog.ts"
import { DocumentRoot } from "../../../src/DocumentRoot.ts"
import type { Ended } from "../../../src/Http09Handler.ts"
import type * as Http09Server from "../../../src/Http09Server.ts"
import * as NodeFileReader from "../../../src/internal/folder/NodeFileReader.ts"
import * as NodeDocumentRoot from "../../../src/NodeDocumentRoot.ts"
import { descriptors, temporary, write } from "../../utils/folders.ts"
import { collect, connect } from "../../utils/raw.ts"
import { listening } from "../../utils/servers.ts"

const size = 20_000_000
const large = Buffer.alloc(size, "0123456789abcdef")

/** A server of one large file, and how its first request ends. */
const serving = Effect.fnUntraced(function* (
  options: Omit<Http09Server.Options, "address" | "observe"> = {},
  root: (folder: string) => Layer.Layer<DocumentRoot> = (folder) => Layer.orDie(NodeDocumentRoot.layer(folder))
) {
  const folder = yield* temporary
  yield* write(folder, { large })
  const ended = yield* Deferred.make<Ended>()
  const port = yield* listening(root(folder), {
    onError: () => Effect.void,
    ...options,
    observe: (event) => (event._tag === "Ended" ? Deferred.succeed(ended, event) : Effect.void)
  })
  return { port, file: path.join(folder, "large"), ended: Effect.timeout(Deferred.await(ended), "10 seconds") }
})

/** Asks for the file, and reads no more of it than what came first. */
const stalled = Effect.fnUntraced(function* (port: number) {
  const socket = yield* connect(port)
  const first = yield* Effect.callback<Buffer>((resume) => {
    socket.once("data", (chunk: Buffer) => {
      socket.pause()
      resume(Effect.succeed(chunk))
    })
    socket.write("GET /large\r\n")
  })
  return { socket, first: first.length }
})

const rest = ({ first, socket }: { readonly first: number; readonly socket: net.Socket }) =>
  Effect.map(collect(socket), ({ bytes, ending }) => ({ received: first + bytes.length, ending }))

const error = ({ exit }: Ended): string => {
  const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
  return error instanceof Error ? error.message : "none"
}

describe("a download", () => {
  it.live("that comes whole ends with FIN and says so", () =>
    Effect.gen(function* () {
      const { ended, port } = yield* serving()
      assert.deepStrictEqual(yield* rest(yield* stalled(port)), { received: size, ending: "fin" })
      const event = yield* ended
      assert.deepStrictEqual([AccessLog.status(event), event.bytes, event.size], [200, size, size])
    })
  )

  it.live("of a file that shrinks meanwhile ends with RST, and says how much was sent", () =>
    Effect.gen(function* () {
      const { ended, file, port } = yield* serving()
      const client = yield* stalled(port)
      fs.truncateSync(file, 15_000_000)
      const answer = yield* rest(client)
      assert.strictEqual(answer.ending, "reset")
      const event = yield* ended
      assert.deepStrictEqual([AccessLog.status(event), event.bytes, event.size], [500, 15_000_000, size])
      assert.isAtMost(answer.received, event.bytes)
      assert.strictEqual(error(event), `/large: ended after 15000000 of ${size} bytes`)
    })
  )

  it.live("of a file that cannot be read ends with RST, and the descriptor comes back", () =>
    Effect.gen(function* () {
      // A descriptor that is open for writing only: what the kernel says to a read is real.
      const unreadable = (folder: string): Layer.Layer<DocumentRoot> =>
        Layer.succeed(DocumentRoot, {
          open: (name) =>
            Effect.sync(() => {
              const fd = fs.openSync(path.join(folder, name), fs.constants.O_WRONLY)
              return NodeFileReader.make(fd, { path: name, size, chunkBytes: 1000 })
            }).pipe(
              Effect.tap(({ close }) => Effect.addFinalizer(() => close)),
              Effect.map(({ forEach }) => ({ _tag: "Chunked", name, size, forEach }))
            )
        })
      const before = descriptors()
      const { ended, port } = yield* serving({}, unreadable)
      const listeningOnes = descriptors()
      const socket = yield* connect(port)
      const answer = yield* Effect.forkChild(collect(socket), { startImmediately: true })
      socket.write("GET /large\r\n")
      assert.deepInclude(yield* Fiber.join(answer), { text: "", ending: "reset" })
      const event = yield* ended
      assert.deepStrictEqual([AccessLog.status(event), event.bytes], [500, 0])
      assert.include(error(event), "EBADF")
      assert.isAbove(listeningOnes, before)
      assert.isAtMost(descriptors(), listeningOnes + 1)
    })
  )

  it.live("whose client leaves says how many bytes went out", () =>
    Effect.gen(function* () {
      const { ended, port } = yield* serving()
      const { first, socket } = yield* stalled(port)
      socket.on("error", () => {}).resetAndDestroy()
      const event = yield* ended
      assert.strictEqual(AccessLog.status(event), 499)
      assert.isAtLeast(event.bytes, first)
      assert.isBelow(event.bytes, size)
      assert.match(AccessLog.format(event, "human") ?? "", new RegExp(`^> Sent only ${event.bytes} of ${size} bytes`))
    })
  )

  it.live("whose client reads nothing, or takes too long in all, ends with RST", () =>
    Effect.gen(function* () {
      for (const limit of [{ writeTimeout: "200 millis" }, { maxAge: "200 millis" }] as const) {
        const { ended, port } = yield* serving(limit)
        const client = yield* stalled(port)
        const event = yield* ended
        assert.strictEqual(AccessLog.status(event), 499)
        const answer = yield* rest(client)
        assert.strictEqual(answer.ending, "reset")
        assert.isBelow(answer.received, size)
      }
    })
  )
})
