import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as NetAddress from "effect/net/NetAddress"
import * as net from "node:net"
import { type Document, DocumentRoot } from "../../src/DocumentRoot.ts"
import type { DocumentError } from "../../src/DocumentError.ts"
import * as Http09Client from "../../src/Http09Client.ts"
import * as Http09Server from "../../src/Http09Server.ts"

export const portOf = (address: NetAddress.SocketAddress): number => ("port" in address ? address.port : 0)

/** A server on a free port of the loopback, until the scope closes: its port. */
export const listening = (
  root: Layer.Layer<DocumentRoot, DocumentError>,
  options: Omit<Http09Server.Options, "address"> = {}
) =>
  Http09Server.layer({ ...options, address: 0 }).pipe(
    Layer.provide([NodeNetwork.layer, root]),
    Layer.build,
    Effect.flatMap((context) => Effect.provideContext(Http09Server.Http09Server, context)),
    Effect.map((server) => portOf(server.address))
  )

/** A document root of one answer. */
export const always = (open: Effect.Effect<Document, DocumentError>): Layer.Layer<DocumentRoot> =>
  Layer.succeed(DocumentRoot, { open: () => open })

/** The client over the system's network. */
export const client = Layer.provide(Http09Client.layer, [NodeNetwork.layer, NodeResolver.layer])

/** A server of plain node:net that does to each connection what it is told, until the scope closes: its port. */
export const scripted = (script: (socket: net.Socket, request: string) => void) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<net.Server>((resume) => {
        const server = net.createServer({ allowHalfOpen: true }, (socket) => {
          socket.on("error", () => {})
          socket.once("data", (data) => script(socket, data.toString()))
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) => Effect.sync(() => server.close())
    ),
    (server) => (server.address() as net.AddressInfo).port
  )

/** A script that sends as fast as the client reads, without end. */
export const forEver = (socket: net.Socket): void => {
  const chunk = Buffer.alloc(100_000, "x")
  // A write that the kernel takes at once asks for no drain, so one for each drain would stop there.
  const more = (): void => {
    while (socket.write(chunk));
  }
  socket.on("drain", more)
  more()
}
