/**
 * A file over UDP: `node examples/transfer/main.ts receive 4242 copy`, and elsewhere
 * `node examples/transfer/main.ts send localhost 4242 file`.
 */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as Datagram from "@effect-sockets/socket/Datagram"
import * as NodeDatagram from "@effect-sockets/socket/NodeDatagram"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as NetAddress from "effect/net/NetAddress"
import * as Transfer from "./Transfer.ts"

const receive = Effect.fnUntraced(function* (port: string, file: string) {
  const files = yield* FileSystem.FileSystem
  const socket = yield* Datagram.bind(NetAddress.inetAddressUnsafe(NetAddress.ipv4Unspecified, Number(port)))
  yield* Console.log(`waiting on port ${socket.localAddress.port}`)
  const { answered, data } = yield* Transfer.receive(socket)
  yield* files.writeFile(file, data)
  yield* Console.log(`received ${data.length} bytes`)
  yield* answered
})

const send = Effect.fnUntraced(function* (host: string, port: string, file: string) {
  const files = yield* FileSystem.FileSystem
  const data = yield* files.readFile(file)
  const socket = yield* Datagram.connect(host, Number(port))
  yield* Transfer.send(socket, data)
  yield* Console.log(`sent ${data.length} bytes`)
})

const [command, ...args] = process.argv.slice(2)

const program =
  command === "receive" && args.length === 2
    ? receive(args[0], args[1])
    : command === "send" && args.length === 3
      ? send(args[0], args[1], args[2])
      : Effect.fail(Transfer.TransferError.make({ detail: "receive <port> <file>, or send <host> <port> <file>" }))

program.pipe(
  Effect.scoped,
  Effect.provide([NodeDatagram.layer, NodeResolver.layer, NodeFileSystem.layer]),
  NodeRuntime.runMain
)
