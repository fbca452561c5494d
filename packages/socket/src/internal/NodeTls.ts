/** Connections of node:net that can take a TLS handshake, and what they become by it. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeTls from "node:tls"
import { isIP } from "node:net"
import type { Connection, SecureConnection } from "../Connection.ts"
import { type Reason, reasonFromCause, SocketError } from "../SocketError.ts"
import type * as Tls from "../Tls.ts"
import { NodeConnection, type OwnedSocket, timers } from "./NodeConnection.ts"

/** TCP or a Unix-domain socket, as it is opened. */
export class PlainConnection extends NodeConnection implements Connection {
  startTls(options: Tls.Options): SecureConnection {
    const raw = this.detach()
    const socket = options.side === "client" ? clientSocket(raw, options.options) : serverSocket(raw, options.options)
    return new TlsConnection(raw, socket, options, this.localAddress, this.remoteAddress)
  }
}

const common = (options: Tls.Client | Tls.Server) => ({
  minVersion: options.minVersion ?? "TLSv1.2",
  ...(options.ca === undefined ? {} : { ca: [options.ca].flat() }),
  ...(options.identity === undefined ? {} : options.identity)
})

const alpn = (options: Tls.Client | Tls.Server) =>
  options.alpnProtocols === undefined ? {} : { ALPNProtocols: [...options.alpnProtocols] }

const clientSocket = (socket: OwnedSocket, options: Tls.Client): NodeTls.TLSSocket =>
  NodeTls.connect({
    ...common(options),
    ...alpn(options),
    socket,
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    // An address is no server name (RFC 6066, section 3), but the certificate is checked for it.
    ...(options.servername === undefined
      ? {}
      : isIP(options.servername) === 0
        ? { servername: options.servername }
        : { servername: "", host: options.servername })
  })

const contexts = new WeakMap<Tls.Server, (servername: string) => NodeTls.SecureContext>()

/** Certificates are parsed once for each set of options, not for each connection. */
const contextsOf = (options: Tls.Server): ((servername: string) => NodeTls.SecureContext) => {
  const known = contexts.get(options)
  if (known !== undefined) return known
  const create = (identity: Tls.Identity) => NodeTls.createSecureContext({ ...common(options), ...identity })
  const otherwise = create(options.identity)
  const named = new Map(Object.entries(options.identities ?? {}).map(([name, identity]) => [name, create(identity)]))
  const find = (servername: string) => named.get(servername) ?? otherwise
  contexts.set(options, find)
  return find
}

const serverSocket = (socket: OwnedSocket, options: Tls.Server): NodeTls.TLSSocket => {
  const contextFor = contextsOf(options)
  return new NodeTls.TLSSocket(socket, {
    ...alpn(options),
    isServer: true,
    secureContext: contextFor(""),
    SNICallback: (servername, done) => done(null, contextFor(servername)),
    requestCert: (options.clientCertificate ?? "none") !== "none",
    rejectUnauthorized: options.clientCertificate === "required"
  })
}

const defaultHandshakeTimeout = Duration.seconds(10)

/** Undocumented, but Node has no other word on a client's certificate outside its own `tls.Server`. A test holds it. */
interface VerifyingSocket extends NodeTls.TLSSocket {
  readonly ssl: { verifyError(): Error | null | undefined }
}

const isAuthorized = (socket: NodeTls.TLSSocket, side: Tls.Options["side"]): boolean =>
  side === "client"
    ? socket.authorized
    : socket.getPeerX509Certificate() !== undefined && !(socket as VerifyingSocket).ssl.verifyError()

/** A connection under TLS. What is written before the handshake ends waits for it. */
class TlsConnection extends NodeConnection implements SecureConnection {
  private readonly raw: OwnedSocket
  private readonly done = Deferred.makeUnsafe<Tls.Info, SocketError>()
  private readonly disarm: () => void

  constructor(
    raw: OwnedSocket,
    tls: NodeTls.TLSSocket,
    options: Tls.Options,
    local: NetAddress.SocketAddress,
    remote: NetAddress.SocketAddress
  ) {
    super(tls, local, remote)
    this.raw = raw
    const timeout = Duration.toMillis(options.options.handshakeTimeout ?? defaultHandshakeTimeout)
    this.disarm = timers.set(timeout, () => this.refuse({ _tag: "TimedOut", millis: timeout }))
    tls.once(options.side === "client" ? "secureConnect" : "secure", () => this.secured(tls, options))
  }

  get handshake(): Effect.Effect<Tls.Info, SocketError> {
    return Deferred.await(this.done)
  }

  private secured(tls: NodeTls.TLSSocket, options: Tls.Options): void {
    this.disarm()
    const authorized = isAuthorized(tls, options.side)
    if (options.side === "server" && options.options.clientCertificate === "required" && !authorized) {
      return this.refuse({ _tag: "Tls", code: "UNTRUSTED_CLIENT", detail: "the client's certificate is not trusted" })
    }
    const { alpnProtocol, servername } = tls as { alpnProtocol: unknown; servername: unknown }
    const info: Tls.Info = {
      protocol: tls.getProtocol() ?? "",
      alpnProtocol: typeof alpnProtocol === "string" ? alpnProtocol : undefined,
      servername: typeof servername === "string" ? servername : undefined,
      authorized,
      peerSubject: tls.getPeerX509Certificate()?.subject
    }
    Deferred.doneUnsafe(this.done, Exit.succeed(info))
  }

  private refuse(reason: Reason): void {
    this.refusal = reason
    this.reset()
  }

  private refusal: Reason | undefined

  override reset(): void {
    // Node resets only sockets of its own TCP; the layer above closes with it. To destroy both in one turn of a handshake
    // callback is a segmentation fault (Node 26.10). The exceptions are those of `NodeConnection.reset`.
    const ending = this.socket.writableEnded && !this.socket.writableFinished
    if (ending || this.localAddress._tag === "UnixPathAddress") this.socket.destroy()
    else this.raw.resetAndDestroy()
  }

  protected override reason(): Reason {
    const reason = this.refusal ?? reasonFromCause(this.cause)
    if (reason._tag !== "Unknown") return reason
    // OpenSSL's words in short, where Node has set them apart.
    const short = (this.cause as { readonly reason?: unknown }).reason
    return { _tag: "Tls", code: reason.code, detail: typeof short === "string" ? short : reason.detail }
  }

  override closed(): void {
    this.disarm()
    if (this.refusal !== undefined) this.cause = this.refusal
    Deferred.doneUnsafe(
      this.done,
      Exit.fail(
        SocketError.make({
          operation: "tls",
          address: NetAddress.formatSocketAddress(this.remoteAddress),
          reason: this.cause === undefined ? { _tag: "ConnectionReset" } : this.reason()
        })
      )
    )
    super.closed()
  }
}
