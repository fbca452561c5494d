/** What works where there is no TCP: addresses, codecs, and a server and its client on the memory network. */
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as Codec from "@effect-sockets/socket/Codec"
import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

const line = Codec.line()

const program = Effect.gen(function* () {
  const socket = yield* ServerSocket.listen(80)
  yield* Server.start(socket, (stream) =>
    SocketStream.forEachFrame(stream, line, (text) => SocketStream.writeFrame(stream, line, text.toUpperCase()))
  )
  const client = yield* SocketStream.open(socket.address)
  yield* SocketStream.writeFrame(client, line, `from ${Ipaddr.toDotted(Ipaddr.loopback)}`)
  return yield* SocketStream.readFrame(client, line)
}).pipe(Effect.scoped, Effect.provide(MemoryNetwork.layer({ seed: 1, latency: 5, maxChunk: 3 })))

const answer: Option.Option<string> = await Effect.runPromise(program)
const page = globalThis as unknown as { readonly document: { title: string } }
page.document.title = Option.getOrElse(answer, () => "nothing")
