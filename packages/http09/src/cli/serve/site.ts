/**
 * One process's server, as the settings say: the whole of `http09 serve`, or one of its workers.
 */
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import { isNetworkError, type NetworkError } from "@effect-sockets/socket/NetworkError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as AccessLog from "../../AccessLog.ts"
import type { DocumentError } from "../../DocumentError.ts"
import * as Http09Server from "../../Http09Server.ts"
import * as NodeOutput from "../output.ts"
import * as NodeDocumentRoot from "../../NodeDocumentRoot.ts"
import { report } from "../common.ts"
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

/** Serves until it is told to stop, and drains: how many connections it had to cut. */
export const serve = (settings: Settings, place: Place): Effect.Effect<number, NetworkError | DocumentError> =>
  Effect.gen(function* () {
    const server = yield* Http09Server.Http09Server
    yield* place.started(server.address)
    yield* Effect.raceFirst(server.await, place.stop)
    return (yield* server.stop).aborted
  }).pipe(
    Effect.provide(
      Http09Server.layer({
        address: place.address,
        reusePort: place.shared,
        ipv6Only: false,
        text: settings.text,
        dialect: settings.dialect,
        maxConnections: settings.maxConnections,
        maxPerPeer: settings.maxPerPeer,
        readTimeout: settings.headerTimeout,
        writeTimeout: settings.sendTimeout,
        maxAge: settings.maxAge,
        drainTimeout: settings.drainTimeout,
        observe: (event) => {
          const line = AccessLog.format(event, settings.logFormat)
          return line === undefined ? Effect.void : NodeOutput.log(line)
        },
        onError: (cause) => (isDisconnect(Cause.squash(cause)) ? Effect.void : report(cause))
      }).pipe(
        Layer.provide([
          NodeNetwork.layer,
          NodeDocumentRoot.layer(settings.root, { listing: settings.listing, dotfiles: settings.dotfiles })
        ])
      )
    )
  )

/** What a server is called when it has started. */
export const nameOf = (address: NetAddress.SocketAddress): string =>
  NetAddress.isInetAddress(address) ? `port ${address.port}` : address.path
