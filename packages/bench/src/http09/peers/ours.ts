/**
 * This project's servers, with every default: `ours.ts WORK [FOLDER]`.
 */
import * as Http09Server from "@effect-sockets/http09/Http09Server"
import * as NodeDocumentRoot from "@effect-sockets/http09/NodeDocumentRoot"
import * as Codec from "@effect-sockets/socket/Codec"
import * as Decoder from "@effect-sockets/socket/Decoder"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ready } from "./ready.ts"
import { answer } from "./store.ts"

const [work, folder = "."] = process.argv.slice(2)

const decoder = new TextDecoder()

const crlf = Uint8Array.of(13, 10)

/** A command of RESP2, by decoders made for what is announced. */
const command = Decoder.byFirstByte(() => ({
  "*": Decoder.announcedFrames(
    Codec.decimalLine,
    Decoder.byFirstByte(() => ({ $: Decoder.announcedText(Codec.decimalLine, { terminator: crlf }) }))
  )
}))

const bulk = Decoder.byFirstByte(() => ({
  $: Decoder.flatMap(Codec.decimalLine, (length) => Decoder.endedBy(Codec.bytes(length), crlf))
}))

/** The same, with a decoder made for each size and count. */
const combined = Decoder.byFirstByte(() => ({
  "*": Decoder.flatMap(Codec.decimalLine, (count) =>
    Decoder.repeat(
      Decoder.map(bulk, (bytes) => decoder.decode(bytes)),
      count
    )
  )
}))

/** A command of RESP2, read piece by piece. */
const readCommand = Effect.fnUntraced(function* (stream: SocketStream.SocketStream) {
  const head = yield* SocketStream.readLine(stream)
  if (Option.isNone(head)) return undefined
  const args: Array<string> = []
  for (let left = Number(head.value.slice(1)); left > 0; left--) {
    const length = Option.getOrThrow(yield* SocketStream.readLine(stream))
    const bytes = yield* SocketStream.readExactly(stream, Number(length.slice(1)) + 2)
    args.push(decoder.decode(bytes.subarray(0, -2)))
  }
  return args
})

const chunk = new Uint8Array(65_536)

const works: Record<string, Server.Handler> = {
  echo: Effect.fnUntraced(function* (stream) {
    while (true) {
      const data = yield* SocketStream.read(stream)
      if (Option.isNone(data)) return
      yield* SocketStream.write(stream, data.value)
    }
  }),
  driver: (stream) => SocketStream.forEachChunk(stream, (chunk) => SocketStream.write(stream, chunk)),
  lines: (stream) => SocketStream.forEachLine(stream, (line) => SocketStream.writeLine(stream, line)),
  readLine: Effect.fnUntraced(function* (stream) {
    while (true) {
      const line = yield* SocketStream.readLine(stream)
      if (Option.isNone(line)) return
      yield* SocketStream.writeLine(stream, line.value)
    }
  }),
  stream: (stream) =>
    SocketStream.lines(stream).pipe(Stream.runForEach((line) => SocketStream.writeLine(stream, line))),
  redis: (stream) => SocketStream.forEachFrame(stream, command, (args) => SocketStream.write(stream, answer(args))),
  combined: (stream) => SocketStream.forEachFrame(stream, combined, (args) => SocketStream.write(stream, answer(args))),
  reads: Effect.fnUntraced(function* (stream) {
    while (true) {
      const args = yield* readCommand(stream)
      if (args === undefined) return
      yield* SocketStream.write(stream, answer(args))
    }
  }),
  copy: (stream) => SocketStream.copy(stream, stream),
  up: Effect.fnUntraced(function* (stream) {
    const buffer = new Uint8Array(65_536)
    while (Option.isSome(yield* SocketStream.readInto(stream, buffer))) continue
  }),
  upStream: (stream) => Stream.runDrain(SocketStream.chunks(stream)),
  down: (stream) => Effect.forever(SocketStream.write(stream, chunk), { disableYield: true })
}

const serve = Effect.gen(function* () {
  const socket = yield* ServerSocket.listen(0, { backlog: 1024 })
  yield* Effect.sync(() => ready((socket.address as NetAddress.InetAddress).port))
  return yield* Server.serve(socket, works[work])
})

const serveFiles = Effect.gen(function* () {
  const { address } = yield* Http09Server.Http09Server
  yield* Effect.sync(() => ready((address as NetAddress.InetAddress).port))
  return yield* Effect.never
}).pipe(
  Effect.provide(
    Layer.provide(
      Http09Server.layer({ address: 0, backlog: 1024 }),
      Layer.suspend(() => NodeDocumentRoot.layer(folder))
    )
  )
)

const run: Effect.Effect<never, unknown, never> = (work === "file" ? serveFiles : serve).pipe(
  Effect.scoped,
  Effect.provide(NodeNetwork.layer)
)
NodeRuntime.runMain(run)
