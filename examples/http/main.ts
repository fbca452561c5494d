/**
 * HTTP/1.1 by hand, as far as hello: do not build on it (see README.md).
 * `node examples/http/main.ts [port]`, then `curl -i http://127.0.0.1:8080/`.
 */
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"

const endOfHead = new TextEncoder().encode("\r\n\r\n")

const response = (status: string, body: string): string =>
  [
    `HTTP/1.1 ${status}`,
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${new TextEncoder().encode(body).length}`,
    "Connection: close",
    "",
    body
  ].join("\r\n")

/** One request and its response. Whatever else comes is drained and dropped with the end of the handler. */
const hello = (stream: SocketStream.SocketStream) =>
  SocketStream.readUntil(stream, endOfHead, { maxBytes: 8192, requireDelimiter: true }).pipe(
    Effect.andThen(SocketStream.write(stream, response("200 OK", "Hello.\n"))),
    Effect.catchReason("NetworkError", "LineTooLong", () =>
      SocketStream.write(stream, response("431 Request Header Fields Too Large", "Too much.\n"))
    )
  )

const program = Effect.gen(function* () {
  const listener = yield* ServerSocket.listen(Number(process.argv[2] ?? 8080))
  yield* Console.log(String(listener))
  return yield* Server.serve(listener, hello, { maxConnections: 1000, maxPerPeer: 100, readTimeout: "10 seconds" })
})

program.pipe(Effect.scoped, Effect.provide(NodeNetwork.layer), NodeRuntime.runMain)
