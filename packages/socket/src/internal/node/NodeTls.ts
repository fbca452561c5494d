/** Connections of node:net that can take a TLS handshake, and what they become by it. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as NodeTls from "node:tls"
import { isIP } from "node:net"
import type { Connection, SecureConnection } from "../../Connection.ts"
import { type Reason, reasonFromCause, NetworkError } from "../../NetworkError.ts"
import type * as Tls from "../../Tls.ts"
import { NodeConnection, type OwnedSocket, timers } from "./NodeConnection.ts"

/** TCP or a Unix-domain socket, as it is opened. */
export class PlainConnection extends NodeConnection implements Connection {
  startTls(options: Tls.HandshakeOptions, early: Uint8Array): Result.Result<SecureConnection, Reason> {
    return attempt(() => {
      if (early.length > 0) this.socket.unshift(early)
      // Makes all that can fail before the socket changes hands.
      const socket =
        options.side === "client"
          ? clientSocket(this.socket, options.options, this.remoteAddress)
          : serverSocket(this.socket, options.options)
      return new TlsConnection(this.detach(), socket, options, this.localAddress, this.remoteAddress)
    })
  }
}

/** What OpenSSL or Node says of options that cannot be used. */
const attempt = <A>(make: () => A): Result.Result<A, Reason> =>
  Result.try({ try: make, catch: (cause) => tlsReason(reasonFromCause(cause), cause) })

const tlsReason = (reason: Reason, cause: unknown): Reason => {
  const code = reason._tag === "Unknown" ? reason.code : "INVALID_OPTION"
  const detail = "detail" in reason ? reason.detail : String(cause)
  // OpenSSL's words in short, where Node has set them apart.
  const short = (cause as { readonly reason?: unknown }).reason
  return { _tag: "Tls", code, detail: typeof short === "string" ? short : detail }
}

/** Whether a server can use these options, before it opens a port. */
export const checkServer = (options: Tls.ServerOptions): Result.Result<void, Reason> =>
  attempt(() => {
    contextsOf(options)
  })

const common = (options: Tls.ClientOptions | Tls.ServerOptions) => ({
  minVersion: options.minVersion ?? "TLSv1.2",
  ...(options.ca === undefined ? {} : { ca: [options.ca].flat() }),
  ...(options.identity === undefined ? {} : options.identity)
})

const alpn = (options: Tls.ClientOptions | Tls.ServerOptions) => {
  const { alpnProtocols } = options
  if (alpnProtocols === undefined) return {}
  for (const protocol of alpnProtocols) {
    const length = Buffer.byteLength(protocol)
    if (length === 0 || length > 255) throw new RangeError(`an ALPN protocol has 1 to 255 bytes, not ${length}`)
  }
  return { ALPNProtocols: [...alpnProtocols] }
}

/** The peer's certificate must be for its name, or for its address. Without either, Node would take `localhost`'s. */
const clientSocket = (
  socket: OwnedSocket,
  options: Tls.ClientOptions,
  remote: NetAddress.SocketAddress
): NodeTls.TLSSocket => {
  const name =
    options.servername ?? (NetAddress.isInetAddress(remote) ? NetAddress.formatIp(remote.address) : remote.path)
  const isName = options.servername !== undefined && isIP(name) === 0
  return NodeTls.connect({
    ...alpn(options),
    secureContext: NodeTls.createSecureContext(common(options)),
    socket,
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    // An address is no server name to send (RFC 6066, section 3).
    ...(isName ? { servername: name } : { servername: "", host: name })
  })
}

const contexts = new WeakMap<Tls.ServerOptions, (servername: string) => NodeTls.SecureContext>()

/** Certificates are parsed once for each set of options, not for each connection. */
const contextsOf = (options: Tls.ServerOptions): ((servername: string) => NodeTls.SecureContext) => {
  const known = contexts.get(options)
  if (known !== undefined) return known
  alpn(options)
  const create = (identity: Tls.Identity) => NodeTls.createSecureContext({ ...common(options), ...identity })
  const otherwise = create(options.identity)
  const named = new Map(Object.entries(options.identities ?? {}).map(([name, identity]) => [name, create(identity)]))
  const find = (servername: string) => named.get(servername) ?? otherwise
  contexts.set(options, find)
  return find
}

const serverSocket = (socket: OwnedSocket, options: Tls.ServerOptions): NodeTls.TLSSocket => {
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

const isAuthorized = (socket: NodeTls.TLSSocket, side: Tls.HandshakeOptions["side"]): boolean =>
  side === "client"
    ? socket.authorized
    : socket.getPeerX509Certificate() !== undefined && !(socket as VerifyingSocket).ssl.verifyError()

/**
 * A connection under TLS. What is written before the handshake ends waits for it, here and not in Node: a write that is
 * pending when the handshake fails makes Node drop the alert that says so, and the peer sees a plain end of input.
 */
class TlsConnection extends NodeConnection implements SecureConnection {
  private readonly raw: OwnedSocket
  private readonly done = Deferred.makeUnsafe<Tls.HandshakeInfo, NetworkError>()
  private readonly disarm: () => void
  private isSecure = false
  private held: ReadonlyArray<Uint8Array> | undefined
  private ends = false

  constructor(
    raw: OwnedSocket,
    tls: NodeTls.TLSSocket,
    options: Tls.HandshakeOptions,
    local: NetAddress.SocketAddress,
    remote: NetAddress.SocketAddress
  ) {
    super(tls, local, remote)
    this.raw = raw
    const timeout = Duration.toMillis(options.options.handshakeTimeout ?? defaultHandshakeTimeout)
    this.disarm = timers.set(timeout, () => this.refuse({ _tag: "TimedOut", millis: timeout }))
    tls.once(options.side === "client" ? "secureConnect" : "secure", () => this.secured(tls, options))
  }

  get handshake(): Effect.Effect<Tls.HandshakeInfo, NetworkError> {
    return Deferred.await(this.done)
  }

  override write(chunks: ReadonlyArray<Uint8Array>): boolean {
    if (this.isSecure) return super.write(chunks)
    this.held = chunks
    return false
  }

  override end(): void {
    if (this.isSecure) super.end()
    else this.ends = true
  }

  private secured(tls: NodeTls.TLSSocket, options: Tls.HandshakeOptions): void {
    this.disarm()
    const authorized = isAuthorized(tls, options.side)
    if (options.side === "server" && options.options.clientCertificate === "required" && !authorized) {
      return this.refuse({ _tag: "Tls", code: "UNTRUSTED_CLIENT", detail: "the client's certificate is not trusted" })
    }
    const { alpnProtocol, servername } = tls as { alpnProtocol: unknown; servername: unknown }
    const info: Tls.HandshakeInfo = {
      protocol: tls.getProtocol() ?? "",
      alpnProtocol: typeof alpnProtocol === "string" ? alpnProtocol : undefined,
      servername: typeof servername === "string" ? servername : undefined,
      authorized,
      peerSubject: tls.getPeerX509Certificate()?.subject
    }
    this.isSecure = true
    if (this.held !== undefined && super.write(this.held)) this.events?.written()
    this.held = undefined
    if (this.ends) super.end()
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
    return reason._tag === "Unknown" ? tlsReason(reason, this.cause) : reason
  }

  override closed(): void {
    this.disarm()
    if (this.refusal !== undefined) this.cause = this.refusal
    Deferred.doneUnsafe(
      this.done,
      Exit.fail(
        NetworkError.make({
          operation: "tls",
          address: NetAddress.formatSocketAddress(this.remoteAddress),
          reason: this.cause === undefined ? { _tag: "ConnectionReset" } : this.reason()
        })
      )
    )
    super.closed()
  }
}
