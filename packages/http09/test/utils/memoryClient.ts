/** The client against scripted servers on a memory network, where hours take milliseconds. */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Http09Client from "../../src/Http09Client.ts"
import * as Simulation from "@effect-sockets/socket/testing/Simulation"

export const hosts = { client: ["10.0.0.1"], server: ["10.0.0.2"] }

/** Where the servers listen. */
export const port80 = NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")

const resolver = Layer.orDie(Resolver.layerStatic({ hosts }))

/** The client on the host `client`. */
export const client = Layer.provide(Http09Client.layer, [
  Layer.fresh(MemoryNetwork.layerHost("client")),
  Layer.fresh(resolver)
])

/** What a server does with a connection whose request line has come. When it is done, FIN. */
export type Script = (stream: SocketStream.SocketStream) => Effect.Effect<unknown, unknown>

/** Runs the program beside a server on the host `server` that follows the script. */
export const against = <A, E, R>(
  script: Script,
  program: Effect.Effect<A, E, R>,
  options: MemoryNetwork.Options = {}
) =>
  Effect.gen(function* () {
    const socket = yield* MemoryNetwork.runOn(ServerSocket.listen(port80), "server")
    const served = (stream: SocketStream.SocketStream) => Effect.andThen(SocketStream.readLine(stream), script(stream))
    yield* Server.start(socket, served, { drainTimeout: 0, onError: () => Effect.void })
    return yield* Effect.provide(program, client)
  }).pipe(
    Effect.scoped,
    Effect.provide(MemoryNetwork.layer({ latency: "1 millis", hosts, ...options })),
    Simulation.simulate
  )
