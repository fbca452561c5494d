/** TLS as options and facts. The handshake itself is the transport's: `SocketStream.upgradeTls`. */
import type * as Duration from "effect/Duration"

/**
 * A certificate with its private key, both as PEM text.
 *
 * ```ts
 * import type * as Tls from "@effect-sockets/socket/Tls"
 * const identity: Tls.Identity = { cert: "-----BEGIN CERTIFICATE-----…", key: "-----BEGIN PRIVATE KEY-----…" }
 * Object.keys(identity) // => ["cert", "key"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Identity {
  readonly cert: string
  readonly key: string
}

/**
 * An identity that changes while a server runs: each new handshake takes the current one. The module `IdentitySource`
 * makes them, and sees that none is taken that cannot be used.
 *
 * ```ts
 * import * as Tls from "@effect-sockets/socket/Tls"
 * let identity: Tls.Identity = { cert: "of May", key: "1" }
 * const source: Tls.IdentitySource = { current: () => identity }
 * const options: Tls.ServerOptions = { identity: source }
 * identity = { cert: "of June", key: "2" }
 * Tls.currentIdentity(options.identity).cert // => "of June"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface IdentitySource {
  current(): Identity
}

/**
 * The identity that a handshake takes now.
 *
 * ```ts
 * import * as Tls from "@effect-sockets/socket/Tls"
 * const identity: Tls.Identity = { cert: "of May", key: "1" }
 * Tls.currentIdentity({ current: () => identity }) === Tls.currentIdentity(identity) // => true
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const currentIdentity = (identity: Identity | IdentitySource): Identity =>
  "current" in identity ? identity.current() : identity

interface Common {
  /** Authorities to trust, as PEM text. Default: the system's for a client, none for a server. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** Protocols to offer or to accept, best first (ALPN, RFC 7301). Default: none. */
  readonly alpnProtocols?: ReadonlyArray<string> | undefined
  /** How long the handshake may take; then the connection is cut. Default 10 seconds. */
  readonly handshakeTimeout?: Duration.Input | undefined
  /** The oldest version to speak. Default TLS 1.2 (RFC 8996 retires what is older). */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3" | undefined
}

/**
 * The client's side of a handshake.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketStream from "@effect-sockets/socket/SocketStream"
 * import type * as Tls from "@effect-sockets/socket/Tls"
 * const tls: Tls.ClientOptions = { servername: "example.com", alpnProtocols: ["h2"], handshakeTimeout: "50 millis" }
 * const toSilence = Effect.flatMap(ServerSocket.listen(0), ({ address }) => SocketStream.open(address, { tls }))
 * const program = Effect.flip(toSilence).pipe(Effect.scoped, Effect.provide(NodeNetwork.layer))
 * const error = await Effect.runPromise(program)
 * error.reason // => { _tag: "TimedOut", millis: 50 }
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface ClientOptions extends Common {
  /**
   * The server's name: sent to it (SNI, RFC 6066) and looked for in its certificate. Default: the host of `open`, or else
   * the address of the peer, which is not sent.
   */
  readonly servername?: string | undefined
  /** The certificate to show if the server asks. */
  readonly identity?: Identity | IdentitySource | undefined
  /** Whether a server without a valid certificate for its name is refused. Default `true`. */
  readonly rejectUnauthorized?: boolean | undefined
}

/**
 * The server's side of a handshake. Keep one object for all handshakes: its certificates are parsed once.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import type * as Tls from "@effect-sockets/socket/Tls"
 * const tls: Tls.ServerOptions = { identity: { cert: "no certificate", key: "no key" } }
 * const listen = ServerSocket.listen(443, { tls })
 * const error = await Effect.runPromise(Effect.flip(listen).pipe(Effect.scoped, Effect.provide(NodeNetwork.layer)))
 * error.reason._tag // => "Tls"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface ServerOptions extends Common {
  /** What is shown to clients. */
  readonly identity: Identity | IdentitySource
  /** Other identities, by the name that the client asks for, without case. */
  readonly identities?: { readonly [servername: string]: Identity | IdentitySource } | undefined
  /**
   * Whether the client must show a certificate that one of `ca` signed. Default `"none"`. Deno does not say whether it was,
   * so any other value is `Unsupported` there.
   */
  readonly clientCertificate?: "none" | "optional" | "required" | undefined
}

/**
 * Which side of a handshake to take, and how.
 *
 * ```ts
 * import type * as Tls from "@effect-sockets/socket/Tls"
 * const options: Tls.HandshakeOptions = { side: "client", options: { servername: "example.com" } }
 * options.side // => "client"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export type HandshakeOptions =
  | { readonly side: "client"; readonly options: ClientOptions }
  | { readonly side: "server"; readonly options: ServerOptions }

/**
 * What a handshake agreed on.
 *
 * ```ts
 * import type * as Tls from "@effect-sockets/socket/Tls"
 * const whoIs = ({ authorized, peerSubject }: Tls.HandshakeInfo) => (authorized ? peerSubject : undefined)
 * whoIs({ protocol: "TLSv1.3", alpnProtocol: undefined, servername: "a.test", authorized: true, peerSubject: "CN=me" })
 * // => "CN=me"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface HandshakeInfo {
  /** `"TLSv1.3"`, for example. */
  readonly protocol: string
  /** The protocol agreed on by ALPN. */
  readonly alpnProtocol: string | undefined
  /** The name that the client asked for, on the server. */
  readonly servername: string | undefined
  /** Whether the peer showed a certificate that one of the authorities signed. */
  readonly authorized: boolean
  /** The subject of the peer's certificate, if it showed one: `CN=example.com`, a line for each part. */
  readonly peerSubject: string | undefined
}
