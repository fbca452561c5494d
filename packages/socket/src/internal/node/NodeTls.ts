/** Connections of node:net that can take a TLS handshake, and what they become by it. */
import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import { formatIp, isInetAddress } from "effect/net/NetAddress"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as NodeTls from "node:tls"
import type { Connection, SecureConnection } from "../../Connection.ts"
import { make, type NetworkError, type Reason, reasonFromCause } from "../../NetworkError.ts"
import type * as Tls from "../../Tls.ts"
import { NodeConnection, type OwnedSocket } from "./NodeConnection.ts"
import { attempt, clientSide, serverSide, timeoutOf, tlsReason } from "./NodeTlsOptions.ts"

/** TCP or a Unix-domain socket, as it is opened. */
export class PlainConnection extends NodeConnection implements Connection {
  /** With the peer's FIN read and all output in the kernel, to give the descriptor back sends FIN as well: one call less. */
  override end(): boolean | void {
    const { socket } = this
    if (!socket.readableEnded || socket.writableLength > 0) return super.end()
    this.destroy()
    return true
  }

  startTls(options: Tls.HandshakeOptions, early: Uint8Array): Result.Result<SecureConnection, Reason> {
    if (this.socket.destroyed) return Result.fail({ _tag: "Closed" })
    // All that can fail does so before the socket changes hands.
    return Result.flatMap(wrapping(options, this), (wrap) =>
      attempt(() => {
        const raw = this.detach()
        // Where the handshake begins, Node takes what a socket has read and nobody has had, if it does not flow.
        raw.pause()
        if (early.length > 0) raw.unshift(early)
        return new TlsConnection(raw, wrap(raw), options, this)
      })
    )
  }
}

/** How a socket is wrapped, or what is wrong with the options. */
const wrapping = (
  options: Tls.HandshakeOptions,
  { remoteAddress: remote }: Connection
): Result.Result<(socket: OwnedSocket) => NodeTls.TLSSocket, Reason> => {
  if (options.side === "client") {
    const peer = isInetAddress(remote) ? formatIp(remote.address) : remote.path
    return Result.map(
      clientSide(options.options, peer),
      (side) => (socket: OwnedSocket) => NodeTls.connect({ ...side, socket })
    )
  }
  return Result.map(serverSide(options.options), (side) => (socket: OwnedSocket) => {
    const tls: ServedSocket = new NodeTls.TLSSocket(socket, side())
    // Node's own server does so. Without it nobody hears of errors: a record that was changed on its way, a fatal alert,
    // and more handshakes than Node allows (3 in 10 minutes).
    tls._releaseControl?.()
    return tls
  })
}

/** Undocumented, as `verifyError` below. Tests hold both. */
interface ServedSocket extends NodeTls.TLSSocket {
  _releaseControl?(): boolean
}

/** Whether a server can use these options, before it opens a port. */
export const checkServer = (options: Tls.ServerOptions): Result.Result<void, Reason> =>
  Result.map(serverSide(options), () => {})

/** Node has no other word on a client's certificate outside its own `tls.Server`. */
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
  /** Why this side ended the handshake. */
  private refusal: Reason | undefined

  constructor(raw: OwnedSocket, tls: NodeTls.TLSSocket, options: Tls.HandshakeOptions, plain: Connection) {
    super(tls, { local: plain.localAddress, remote: plain.remoteAddress })
    this.raw = raw
    const timeout = timeoutOf(options.options)
    this.disarm = this.set(timeout, () => this.refuse({ _tag: "TimedOut", millis: timeout }))
    tls.once(options.side === "client" ? "secureConnect" : "secure", () => {
      try {
        this.secured(tls, options)
      } catch (cause) {
        this.slipped(cause)
      }
    })
  }

  get handshake(): Effect.Effect<Tls.HandshakeInfo, NetworkError> {
    return Deferred.await(this.done)
  }

  override write(chunks: ReadonlyArray<Uint8Array>): boolean {
    if (!this.isSecure) {
      this.held = chunks
      return false
    }
    // The kernel never has it at once, as it is encrypted first. And Deno takes no write of nothing under TLS.
    this.isFull = true
    return super.write(chunks)
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
    if (this.held !== undefined) this.write(this.held)
    this.held = undefined
    if (this.ends) super.end()
    Deferred.doneUnsafe(this.done, Exit.succeed(info))
  }

  protected override get tcp(): OwnedSocket {
    return this.raw
  }

  private refuse(reason: Reason): void {
    this.refusal ??= reason
    this.reset()
  }

  /** A peer that leaves before the handshake has sent no input, not an empty one. */
  override ended(): void {
    if (this.isSecure) super.ended()
    else this.refuse({ _tag: "ConnectionReset" })
  }

  override reset(): void {
    // Node resets only sockets of its own TCP; the layer above closes with it. To destroy both in one turn of a handshake
    // callback is a segmentation fault (Node 26.10). The exceptions are those of `NodeConnection.reset`.
    const { raw, socket } = this
    const ending = socket.writableEnded && !socket.writableFinished
    // Bun closes the lower one by itself when the peer ends, and does not close the upper one with it while that is paused.
    if (ending || this.isUnix || raw.closed) return void socket.destroy()
    raw.once("close", () => socket.destroy())
    raw.resetAndDestroy()
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
      Exit.fail(make("tls", this.remoteAddress, this.cause === undefined ? { _tag: "ConnectionReset" } : this.reason()))
    )
    super.closed()
  }
}
