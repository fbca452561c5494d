/** The smallest server and client, as an application has them: what they become in a bundle is what most programs pay. */
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

const echo = (stream: SocketStream.SocketStream) =>
  SocketStream.forEachChunk(stream, (chunk) => SocketStream.write(stream, chunk))

const program = Effect.gen(function* () {
  const socket = yield* ServerSocket.listen(0)
  yield* Server.start(socket, echo)
  const client = yield* SocketStream.open(socket.address)
  yield* SocketStream.writeLine(client, "hello")
  return yield* SocketStream.readLine(client)
}).pipe(Effect.scoped, Effect.provide(NodeNetwork.layer))

const line: Option.Option<string> = await Effect.runPromise(program)
console.log(Option.getOrThrow(line))
