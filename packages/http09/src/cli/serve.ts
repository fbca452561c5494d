/**
 * `http09 serve`: a folder, until it is interrupted.
 */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import { isSocketError } from "@effect-sockets/socket/SocketError"
import * as Cause from "effect/Cause"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as AccessLog from "../AccessLog.ts"
import * as Http09Server from "../Http09Server.ts"
import * as NodeOutput from "../internal/NodeOutput.ts"
import * as NodeDocumentRoot from "../NodeDocumentRoot.ts"
import { fromUser, inPackage, isPort, portRange, report, withoutBrackets } from "./common.ts"

/** The next SIGINT or SIGTERM. A second one, while the server drains, ends the process at once. */
const signal: Effect.Effect<void> = Effect.callback((resume) => {
  const names = ["SIGINT", "SIGTERM"] as const
  const stop = (): void => {
    for (const name of names) process.off(name, stop)
    resume(Effect.void)
  }
  for (const name of names) process.on(name, stop)
})

const observe = (event: Http09Server.Event): Effect.Effect<void> => {
  const line = AccessLog.format(event, "human")
  return line === undefined ? Effect.void : NodeOutput.log(line)
}

/** `http09 serve`. */
export const serve = Command.make(
  "serve",
  {
    root: Argument.String("root").pipe(
      Argument.withDescription("The folder to serve; without it, a small site about this server"),
      Argument.map(fromUser),
      Argument.withDefault(inPackage("site"))
    ),
    port: Flag.Int("port").pipe(
      Flag.withAlias("p"),
      Flag.withDescription("The port to listen on; 0 takes a free one and prints it"),
      Flag.filter(isPort(0), portRange(0)),
      Flag.withDefault(8080)
    ),
    host: Flag.String("host").pipe(
      Flag.withDescription("The name or address to listen on; 0.0.0.0 or :: for the whole network"),
      Flag.map(withoutBrackets),
      Flag.withDefault("127.0.0.1")
    ),
    text: Flag.Boolean("text").pipe(
      Flag.withDescription("Send files as text, each line ended by CR LF"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ root, port, host, text }) {
    const [address] = yield* Resolver.lookup(host)
    const server = Http09Server.layer({
      address: NetAddress.inetAddressUnsafe(address, port),
      text,
      observe,
      onError: (cause) => (isDisconnect(Cause.squash(cause)) ? Effect.void : report(cause))
    })
    yield* NodeOutput.keepLogging
    yield* Effect.gen(function* () {
      const server = yield* Http09Server.Http09Server
      yield* NodeOutput.log(`> Started server on port ${portOf(server.address)}`)
      yield* Effect.raceFirst(server.await, signal)
      const { aborted } = yield* server.stop
      if (aborted > 0) yield* NodeOutput.tell(`http09: ${aborted} connections were cut`)
    }).pipe(Effect.provide(Layer.provide(server, [NodeNetwork.layer, NodeDocumentRoot.layer(root)])))
  })
).pipe(
  Command.withDescription("Serve a folder until interrupted"),
  Command.withExamples([
    { command: "http09 serve", description: "Serve the site that explains this server on 127.0.0.1:8080" },
    { command: "http09 serve public --port 9000", description: "Serve the folder public on 127.0.0.1:9000" }
  ])
)

const disconnects: ReadonlySet<string> = new Set(["ConnectionReset", "TimedOut", "Closed"])

/** A client that left, fell silent or stopped reading: every server has those. */
const isDisconnect = (error: unknown): boolean => isSocketError(error) && disconnects.has(error.reason._tag)

const portOf = (address: NetAddress.SocketAddress): number => ("port" in address ? address.port : 0)
