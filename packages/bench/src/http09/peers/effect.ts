/**
 * Effect's own sockets: `effect.ts WORK [FOLDER] [PORT]`. Written as its documentation does.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as NetAddress from "effect/net/NetAddress"
import * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"
import * as path from "node:path"
import { ready } from "./ready.ts"

const [work, folder = ".", port = 0] = process.argv.slice(2)

type Handler = (socket: Socket.Socket) => Effect.Effect<void, unknown, FileSystem.FileSystem>

const linesOf = (socket: Socket.Socket) => Socket.toStream(socket).pipe(Stream.decodeText, Stream.splitLines)

/** The path that the request line names. */
const request = Effect.fnUntraced(function* (pull: Effect.Effect<ReadonlyArray<Uint8Array>, Socket.SocketError>) {
  let line = ""
  while (!line.includes("\n")) for (const chunk of yield* pull) line += Buffer.from(chunk).toString("latin1")
  return path.join(folder, path.normalize(line.split(" ", 2)[1].trim()))
})

const chunk = new Uint8Array(65_536)

const works: Record<string, Handler> = {
  echo: (socket) =>
    Effect.scoped(
      Effect.gen(function* () {
        const pull = yield* Socket.readerBytes(socket)
        const { writeAll } = yield* socket.writer
        while (true) yield* writeAll(yield* pull)
      })
    ),
  lines: (socket) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { write } = yield* socket.writer
        yield* Stream.runForEach(linesOf(socket), (line) => write(`${line}\r\n`))
      })
    ),
  corked: (socket) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { write } = yield* socket.writer
        yield* Stream.runForEachArray(linesOf(socket), (lines) => write(`${lines.join("\r\n")}\r\n`))
      })
    ),
  up: (socket) => Stream.runDrain(Socket.toStream(socket)),
  down: (socket) =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* socket.reader
        const { write } = yield* socket.writer
        while (true) yield* write(chunk)
      })
    ),
  file: (socket) =>
    Effect.scoped(
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        const name = yield* request(yield* Socket.readerBytes(socket))
        const { write } = yield* socket.writer
        yield* write(yield* files.readFile(name))
      })
    ),
  pipe: (socket) =>
    Effect.scoped(
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        const name = yield* request(yield* Socket.readerBytes(socket))
        const { write } = yield* socket.writer
        yield* Stream.runForEach(files.stream(name), write)
      })
    )
}

NodeSocketServer.make({ port: Number(port), host: "127.0.0.1", noDelay: true, backlog: 1024 }).pipe(
  Effect.tap((server) => Effect.sync(() => ready((server.address as NetAddress.InetAddress).port))),
  // The end of a connection is a failure there.
  Effect.flatMap((server) => server.run((socket) => Effect.ignore(works[work](socket)))),
  Effect.scoped,
  Effect.provide(NodeFileSystem.layer),
  NodeRuntime.runMain
)
