/**
 * Spans of connections, attempts and handshakes, with the attributes that OpenTelemetry's semantic conventions name. None is
 * made unless the program has a tracer: those of effect's own nobody would see.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { SecureConnection } from "../Connection.ts"
import { isNetworkError, type NetworkError } from "../NetworkError.ts"
import type * as Tls from "../Tls.ts"
import { hostText, type Target } from "./client/Target.ts"
import type { StreamState } from "./stream/StreamState.ts"

type Attributes = Readonly<Record<string, string | number | undefined>>

/** Whether the program has a tracer. */
export const isTraced = (context: Context.Context<never>): boolean =>
  Context.get(context, Tracer.Tracer) !== Tracer.nativeTracer && Context.get(context, References.TracerEnabled)

const endpoint = (address: NetAddress.SocketAddress, role: "server" | "client" | "network.peer" | "network.local") =>
  NetAddress.isInetAddress(address)
    ? { [`${role}.address`]: NetAddress.formatIp(address.address), [`${role}.port`]: address.port }
    : // A client's socket of the Unix-domain kind has no name.
      { [`${role}.address`]: address.path === "" ? undefined : address.path }

const network = (address: NetAddress.SocketAddress): Attributes =>
  NetAddress.isInetAddress(address)
    ? { "network.transport": "tcp", "network.type": NetAddress.isInetAddressV4(address) ? "ipv4" : "ipv6" }
    : { "network.transport": "unix" }

const ends = ({ localAddress, remoteAddress }: StreamState["connection"]): Attributes => ({
  ...network(remoteAddress),
  ...endpoint(remoteAddress, "network.peer"),
  ...endpoint(localAddress, "network.local")
})

/** What is opened, as the caller says it. */
const serverOf = (target: Target): Attributes =>
  NetAddress.isSocketAddress(target)
    ? endpoint(target, "server")
    : { "server.address": hostText(target.host), "server.port": target.port }

/** `TLSv1.3` is `tls`, `1.3`. */
const agreed = ({ alpnProtocol, peerSubject, protocol, servername }: Tls.HandshakeInfo, kind: Tracer.SpanKind) => {
  const [, name, version] = /^(TLS|SSL)v?([\d.]+)$/.exec(protocol) ?? []
  return {
    "tls.protocol.name": name?.toLowerCase(),
    "tls.protocol.version": version,
    "tls.next_protocol": alpnProtocol,
    "tls.client.server_name": servername,
    [kind === "server" ? "tls.client.subject" : "tls.server.subject"]: peerSubject
  }
}

const put = (span: Tracer.Span, attributes: Attributes): void => {
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) span.attribute(name, value)
}

/** The tag of an error's reason, or of the error. An interruption is none. */
const errorType = (cause: Cause.Cause<unknown>): string | undefined => {
  if (Cause.hasInterruptsOnly(cause)) return undefined
  const error = Cause.squash(cause)
  if (isNetworkError(error)) return error.reason._tag
  if (Predicate.hasProperty(error, "_tag") && typeof error._tag === "string") return error._tag
  return error instanceof Error ? error.name : "_OTHER"
}

/** The span of an effect, and its parent. */
const around = <A, E, R>(
  self: (span: Tracer.Span) => Effect.Effect<A, E, R>,
  name: string,
  kind: Tracer.SpanKind,
  attributes: Attributes
): Effect.Effect<A, E, R> =>
  Effect.useSpan(name, { kind }, (span) => {
    put(span, attributes)
    return self(span).pipe(
      Effect.onError((cause) => Effect.sync(() => put(span, { "error.type": errorType(cause) }))),
      Effect.withParentSpan(span, { captureStackTrace: false })
    ) as Effect.Effect<A, E, R>
  })

/** A connection that a server handles, with everything that its handler does. */
export const connection = <A, E, R>(stream: StreamState, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  around(() => self, "socket connection", "server", ends(stream.connection))

/** The handler of such a connection: by now it is known who the client behind a proxy is. */
export const handler = <A, E, R>(stream: StreamState, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.orDie(Effect.currentSpan), (span) => {
    if (stream.proxied !== undefined) put(span, endpoint(stream.remoteAddress, "client"))
    if (!("handshake" in stream.connection)) return self
    const { handshake } = stream.connection as SecureConnection
    const secured = Effect.map(handshaking(handshake, "server"), (info) => put(span, agreed(info, "server")))
    return Effect.andThen(Effect.forkChild(Effect.ignore(secured), { startImmediately: true }), self)
  })

/** An open as a whole: the lookup, the attempts, and the handshake. */
export const open = <A, E, R>(target: Target, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  around(() => self, "SocketStream.open", "client", serverOf(target))

/** A TLS handshake, of either side. */
export const handshaking = <R>(
  self: Effect.Effect<Tls.HandshakeInfo, NetworkError, R>,
  kind: "client" | "server"
): Effect.Effect<Tls.HandshakeInfo, NetworkError, R> =>
  around(
    (span) => Effect.tap(self, (info) => Effect.sync(() => put(span, agreed(info, kind)))),
    "TLS handshake",
    kind,
    {}
  )

/** An attempt to connect to one address. Whoever began it ends it. */
export class AttemptSpan {
  private readonly span: Tracer.Span
  private readonly clock: Clock.Clock

  constructor(context: Context.Context<never>, target: Target, address: NetAddress.SocketAddress) {
    this.clock = Context.get(context, Clock.Clock)
    this.span = Effect.runSyncWith(context)(Effect.makeSpan("socket connect", { kind: "client" }))
    put(this.span, { ...serverOf(target), ...network(address), ...endpoint(address, "network.peer") })
  }

  connected({ localAddress }: StreamState["connection"]): void {
    put(this.span, endpoint(localAddress, "network.local"))
    this.end(Exit.void)
  }

  /** It failed, or was given up. */
  failed(cause: Cause.Cause<unknown>): void {
    put(this.span, { "error.type": errorType(cause) })
    this.end(Exit.failCause(cause))
  }

  private end(exit: Exit.Exit<void, unknown>): void {
    this.span.end(this.clock.currentTimeNanosUnsafe(), exit)
  }
}
