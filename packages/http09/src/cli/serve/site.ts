/**
 * One process's server, as the settings say: the whole of `http09 serve`, or one of its workers.
 */
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import { isNetworkError, type NetworkError } from "@effect-sockets/socket/NetworkError"
import * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as AccessLog from "../../AccessLog.ts"
import type { DocumentError } from "../../DocumentError.ts"
import * as Http09Handler from "../../Http09Handler.ts"
import * as NodeOutput from "../output.ts"
import * as NodeDocumentRoot from "../../NodeDocumentRoot.ts"
import { report } from "../complaints.ts"
import type { Settings } from "./settings.ts"

/** What a site needs beside its settings. */
export interface Place {
  readonly address: NetAddress.SocketAddress
  /** Whether other processes listen on the address too. */
  readonly shared?: boolean
  /** Hears that the port is open. */
  readonly started: (address: NetAddress.SocketAddress) => Effect.Effect<void>
  /** Succeeds when the server shall stop. */
  readonly stop: Effect.Effect<void>
}

const disconnects: ReadonlySet<string> = new Set(["ConnectionReset", "TimedOut", "Closed"])

/** A client that left, fell silent or stopped reading: every server has those. */
const isDisconnect = (error: unknown): boolean => isNetworkError(error) && disconnects.has(error.reason._tag)

/** Connections that are being answered. */
const open = new Set<SocketStream.SocketStream>()

/** Resets all connections of this process that are being answered, for an end that waits for none of them. */
export const resetAll: Effect.Effect<void> = Effect.suspend(() =>
  Effect.forEach([...open], SocketStream.reset, { concurrency: "unbounded", discard: true })
)

/** The handler's connections are in `open` while it answers them. */
const answering = (options: Http09Handler.HandlerOptions): Http09Handler.Handler => {
  const answer = Http09Handler.handler(options)
  return (stream) =>
    Effect.suspend(() => {
      open.add(stream)
      return Effect.ensuring(
        answer(stream),
        Effect.sync(() => open.delete(stream))
      )
    })
}

/** Serves until it is told to stop, and drains: how many connections it had to cut. */
export const serve = (settings: Settings, place: Place): Effect.Effect<number, NetworkError | DocumentError> =>
  Effect.gen(function* () {
    const handler = answering({
      text: settings.text,
      dialect: settings.dialect,
      observe: (event) => {
        const line = AccessLog.format(event, settings.logFormat)
        return line === undefined ? Effect.void : NodeOutput.log(line)
      }
    })
    const limits = {
      reusePort: place.shared,
      ipv6Only: false,
      maxConnections: settings.maxConnections,
      maxPerPeer: settings.maxPerPeer,
      readTimeout: settings.headerTimeout,
      writeTimeout: settings.sendTimeout,
      maxAge: settings.maxAge,
      drainTimeout: settings.drainTimeout,
      onError: (cause: Cause.Cause<unknown>) => (isDisconnect(Cause.squash(cause)) ? Effect.void : report(cause))
    }
    const server = yield* Server.start(yield* ServerSocket.listen(place.address, limits), handler, limits)
    yield* place.started(server.address)
    yield* Effect.raceFirst(server.await, place.stop)
    return (yield* server.stop).aborted
  }).pipe(
    Effect.scoped,
    Effect.provide([
      NodeNetwork.layer,
      NodeDocumentRoot.layer(settings.root, { listing: settings.listing, dotfiles: settings.dotfiles })
    ])
  )

/** What a server is called when it has started. */
export const nameOf = (address: NetAddress.SocketAddress): string =>
  NetAddress.isInetAddress(address) ? `port ${address.port}` : address.path
