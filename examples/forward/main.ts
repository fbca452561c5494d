/**
 * A port forwarder: what comes here goes to one place that the command line names, and nowhere else.
 * `node examples/forward/main.ts 8080 example.com 80`, then `curl -H 'Host: example.com' http://127.0.0.1:8080/`.
 */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"

/** If the target cannot be reached, the handler fails, and the client sees a reset. */
const forwardTo = (host: string, port: number) =>
  Effect.fnUntraced(function* (client: SocketStream.SocketStream) {
    const target = yield* SocketStream.open(host, port, { connectTimeout: "5 seconds" })
    yield* SocketStream.relay(client, target, { idleTimeout: "5 minutes" })
  })

const program = Effect.gen(function* () {
  const [, , port = "8080", host = "127.0.0.1", targetPort = "80"] = process.argv
  const listener = yield* ServerSocket.listen(Number(port))
  yield* Console.log(String(listener))
  return yield* Server.serve(listener, forwardTo(host, Number(targetPort)), {
    maxConnections: 500,
    maxPerPeer: 100,
    maxAge: "1 hour"
  })
})

program.pipe(Effect.scoped, Effect.provide([NodeNetwork.layer, NodeResolver.layer]), NodeRuntime.runMain)
