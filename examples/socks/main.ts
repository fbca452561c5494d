/**
 * A SOCKS5 proxy to the networks that the command line allows; without any, to nowhere.
 * `node examples/socks/main.ts 1080 93.184.0.0/16 2606:2800::/32`, then
 * `curl --socks5-hostname 127.0.0.1:1080 http://example.com/`.
 */
import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect } from "effect"
import { proxy } from "./Socks.ts"

const program = Effect.gen(function* () {
  const [, , port = "1080", ...networks] = process.argv
  const allow = yield* Effect.fromResult(IpSet.fromCidrs(networks))
  const listener = yield* ServerSocket.listen(Number(port), { readTimeout: "10 seconds" })
  yield* Console.log(String(listener))
  return yield* Server.serve(listener, proxy(allow), { maxConnections: 500, maxPerPeer: 100, maxAge: "1 hour" })
})

program.pipe(Effect.scoped, Effect.provide([NodeNetwork.layer, NodeResolver.layer]), NodeRuntime.runMain)
