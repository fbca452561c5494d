/** Servers that ask for client certificates: a line of JSON for each case. */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as certificates from "./certificates.ts"
import { print } from "./print.mjs"

const hello = (stream) => SocketStream.writeLine(stream, "hello")

/** What a client with this certificate hears, if anything. */
const heard = (identity) =>
  Effect.gen(function* () {
    const { authority: ca, server } = certificates
    const port = yield* ServerSocket.listen(0, { tls: { identity: server, ca, clientCertificate: "required" } })
    yield* Server.start(port, hello)
    const client = yield* SocketStream.open(port.address, { tls: { ca, servername: "socket.test", identity } })
    return yield* SocketStream.readLine(client)
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(NodeNetwork.layer, Layer.orDie(Resolver.layerStatic({})))))

const cases = {
  "a server lets in who has one that its authority signed": Effect.filterOrFail(
    heard(certificates.client),
    Option.contains("hello")
  ),
  "nobody gets in with one that nobody signed, also where a server cannot ask": Effect.filterOrFail(
    Effect.option(heard(certificates.stranger)),
    (found) => Option.isNone(Option.flatten(found))
  )
}

for (const [name, run] of Object.entries(cases)) {
  print(`client certificates: ${name}`, await Effect.runPromiseExit(run))
}
