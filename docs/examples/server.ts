import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Stream } from "effect"

const shout = (stream: SocketStream.SocketStream) =>
  SocketStream.lines(stream).pipe(Stream.runForEach((line) => SocketStream.writeLine(stream, line.toUpperCase())))

ServerSocket.listen(4141).pipe(
  Effect.flatMap(Server.serve(shout)),
  Effect.scoped,
  Effect.provide(NodeNetwork.layer),
  NodeRuntime.runMain
)
