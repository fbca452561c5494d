/**
 * One process's server, as the settings say: the whole of `http09 serve`, or one of its workers.
 */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import { isNetworkError, type NetworkError } from "@effect-sockets/socket/NetworkError"
import type * as Server from "@effect-sockets/socket/Server"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import * as AccessLog from "../../AccessLog.ts"
import type { DocumentError } from "../../DocumentError.ts"
import type * as Http09Handler from "../../Http09Handler.ts"
import { start } from "../../Http09Server.ts"
import * as NodeOutput from "../output.ts"
import * as NodeDocumentRoot from "../../NodeDocumentRoot.ts"
import { complain, report } from "../complaints.ts"
import { type ConnectionInfo, infoOf } from "./connections.ts"
import { proxyProtocolOf, type Settings } from "./settings.ts"

/** What a site needs beside its settings. */
export interface Place {
  /** Its number, where there are several processes. */
  readonly worker?: number
  readonly targets: ReadonlyArray<ServerSocket.Target>
  /** Hears that the port is open, on these addresses, by descriptors of these numbers, as far as Node tells. */
  readonly started: (
    addresses: ReadonlyArray<NetAddress.SocketAddress>,
    descriptors: ReadonlyArray<number | undefined>
  ) => Effect.Effect<void>
  /** Succeeds when the server shall stop. */
  readonly stop: Effect.Effect<void>
  /** Succeeds when another process serves the ports, and this one shall end unnoticed. */
  readonly handOver: Effect.Effect<void>
}

/** A server, and what can be asked of it while it runs. */
export interface Site {
  /** Serves until it is told to stop, and drains: how many connections it had to cut. */
  readonly serve: Effect.Effect<number, NetworkError | DocumentError>
  /** Resets all connections, answered and waiting, and stops: for an end that waits for none of them. */
  readonly cut: Effect.Effect<void>
  /** The connections that are answered now. */
  readonly connections: Effect.Effect<ReadonlyArray<ConnectionInfo>>
}

const disconnects: ReadonlySet<string> = new Set(["ConnectionReset", "TimedOut", "Closed"])

/** A client that left, fell silent or stopped reading: every server has those. */
const isDisconnect = (error: unknown): boolean => isNetworkError(error) && disconnects.has(error.reason._tag)

const rateOf = (limit: number | undefined): Server.AcceptRate | undefined =>
  limit === undefined ? undefined : { limit }

/** A server for the settings. */
export const make = (settings: Settings, place: Place): Site => {
  let running: Server.Server | undefined
  let isCut = false
  const options = {
    text: settings.text,
    dialect: settings.dialect,
    observe: (event: Http09Handler.Event) => {
      const line = AccessLog.format(event, settings.logFormat)
      // Where the event is told, and no effect for each: those would cost more than the line.
      if (line !== undefined) NodeOutput.logUnsafe(line)
      return Effect.void
    },
    ipv6Only: false,
    maxConnections: settings.maxConnections,
    maxPerPeer: settings.maxPerPeer,
    acceptRate: rateOf(settings.acceptRate),
    acceptRatePerPeer: rateOf(settings.acceptRatePerPeer),
    proxyProtocol: proxyProtocolOf(settings.proxyProtocol),
    readTimeout: settings.headerTimeout,
    writeTimeout: settings.sendTimeout,
    maxAge: settings.maxAge,
    drainTimeout: settings.drainTimeout,
    onAlarm: ({ _tag, connections, maxConnections }: Server.Alarm) => {
      const what = `${_tag === "Raised" ? "" : "no longer "}near --max-connections: ${connections} of ${maxConnections}`
      return complain(place.worker === undefined ? what : `worker ${place.worker} is ${what}`)
    },
    onError: (cause: Cause.Cause<unknown>) => (isDisconnect(Cause.squash(cause)) ? Effect.void : report(cause))
  }
  const serve = Effect.gen(function* () {
    const socket = yield* ServerSocket.listenAll(place.targets, options)
    const server = yield* start(socket, options)
    running = server
    yield* place.started(server.addresses, socket.descriptors)
    // Whoever has it cut ends the process, and reports no failure.
    const broken = Effect.catch(server.await, (error) => (isCut ? Effect.never : Effect.fail(error)))
    const how = yield* Effect.raceAllFirst([
      broken,
      Effect.as(place.stop, server.stop),
      // Who is told to stop meanwhile waits for nobody who is silent.
      Effect.as(place.handOver, Effect.raceFirst(server.handOver, Effect.andThen(place.stop, server.stop)))
    ])
    return (yield* how).aborted
  }).pipe(
    Effect.scoped,
    Effect.provide([
      NodeNetwork.layer,
      NodeResolver.layer,
      NodeDocumentRoot.layer(settings.root, { listing: settings.listing, dotfiles: settings.dotfiles })
    ])
  )
  return {
    serve,
    cut: Effect.suspend(() => {
      isCut = true
      return running === undefined ? Effect.void : Effect.asVoid(running.abort)
    }),
    connections: Effect.suspend(() =>
      running === undefined ? Effect.succeed([]) : Effect.map(running.snapshot, (all) => all.map(infoOf))
    )
  }
}
