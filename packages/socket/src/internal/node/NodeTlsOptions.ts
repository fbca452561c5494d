/** The options of a handshake in Node's words, looked at once for each object of them. */
import { type Check, find, oneOf, boolean, positiveDuration, toMillis } from "@effect-sockets/resolver/InvalidOption"
import * as HostName from "@effect-sockets/resolver/HostName"
import * as Result from "effect/Result"
import { isIP } from "node:net"
import * as NodeTls from "node:tls"
import { type Reason, reasonFromCause } from "../../NetworkError.ts"
import * as Tls from "../../Tls.ts"
import { report } from "../guard.ts"

const alpnNames: Check = (value) =>
  Array.isArray(value) && value.every(isAlpnName) ? undefined : "a list of names of 1 to 255 bytes"

const isAlpnName = (name: unknown): boolean => typeof name === "string" && name !== "" && Buffer.byteLength(name) <= 255

/**
 * A host's name as it is sent and compared: in lower case, as an A-label, without the dot of an absolute name (RFC 6066,
 * section 3; RFC 4343). Nothing for what is no name.
 */
export const hostName = (name: string): string | undefined =>
  Result.getOrUndefined(Result.map(HostName.nameFromString(name), HostName.toRelative))

const hostOrAddress: Check = (value) =>
  typeof value === "string" && (isIP(value) !== 0 || hostName(value) !== undefined)
    ? undefined
    : "the name of a host, or an address"

const common = { handshakeTimeout: positiveDuration, alpnProtocols: alpnNames, minVersion: oneOf("TLSv1.2", "TLSv1.3") }

const clientChecks = { ...common, servername: hostOrAddress, rejectUnauthorized: boolean }

const serverChecks = { ...common, clientCertificate: oneOf("none", "optional", "required") }

/**
 * Deno 2.9 has every word for it, and calls a certificate that nobody signed as good as any other. No feature tells that
 * from outside, so here its name does.
 */
const seesStrangers = !("deno" in process.versions)

const invalidServer = (options: Tls.ServerOptions): Reason | undefined =>
  find(options, serverChecks, "tls.") ??
  (!seesStrangers && (options.clientCertificate ?? "none") !== "none"
    ? { _tag: "Unsupported", detail: "tls.clientCertificate on Deno" }
    : undefined) ??
  (options.clientCertificate === "required" && options.ca === undefined
    ? { _tag: "InvalidOption", option: "tls.ca", value: "undefined", mustBe: "given to require client certificates" }
    : undefined)

/** What OpenSSL or Node says of a certificate, a key or an authority that cannot be used. */
export const attempt = <A>(make: () => A): Result.Result<A, Reason> =>
  Result.try({ try: make, catch: (cause) => tlsReason(reasonFromCause(cause), cause) })

/** A reason in TLS's words, where it is one of OpenSSL's or Node's that has no other name. */
export const tlsReason = (reason: Reason, cause: unknown): Reason => {
  const code = reason._tag === "Unknown" ? reason.code : "INVALID_OPTION"
  const detail = "detail" in reason ? reason.detail : String(cause)
  // OpenSSL's words in short, where Node has set them apart.
  const short = typeof cause === "object" && cause !== null && "reason" in cause ? cause.reason : undefined
  return { _tag: "Tls", code, detail: typeof short === "string" ? short : detail }
}

const contextOptions = (
  options: Tls.ClientOptions | Tls.ServerOptions,
  identity: Tls.Identity | undefined
): NodeTls.SecureContextOptions => ({
  minVersion: options.minVersion ?? "TLSv1.2",
  ...(options.ca === undefined ? {} : { ca: [options.ca].flat() }),
  ...(identity === undefined ? {} : { cert: identity.cert, key: identity.key })
})

const alpn = ({ alpnProtocols }: Tls.ClientOptions | Tls.ServerOptions) =>
  alpnProtocols === undefined ? {} : { ALPNProtocols: [...alpnProtocols] }

const defaultHandshakeTimeout = 10_000

/** Milliseconds of the handshake's deadline. */
export const timeoutOf = (options: Tls.ClientOptions | Tls.ServerOptions): number =>
  toMillis(options.handshakeTimeout, defaultHandshakeTimeout)

/**
 * How a client connects. The peer's certificate must be for its name, or for its address, `peer`. Without either, Node
 * would take `localhost`'s.
 */
export const clientSide = (
  options: Tls.ClientOptions,
  peer: string
): Result.Result<NodeTls.ConnectionOptions, Reason> => {
  const invalid = find(options, clientChecks, "tls.")
  if (invalid !== undefined) return Result.fail(invalid)
  const given = options.servername ?? peer
  const name = options.servername === undefined || isIP(given) !== 0 ? undefined : hostName(given)
  return attempt(() => ({
    ...alpn(options),
    secureContext: NodeTls.createSecureContext(
      contextOptions(options, options.identity === undefined ? undefined : Tls.currentIdentity(options.identity))
    ),
    rejectUnauthorized: options.rejectUnauthorized ?? true,
    // An address is no server name to send (RFC 6066, section 3).
    ...(name === undefined ? { servername: "", host: given } : { servername: name })
  }))
}

/** A certificate in OpenSSL's form, made again when its source has another one. */
class Context {
  private readonly options: Tls.ServerOptions
  private readonly source: Tls.Identity | Tls.IdentitySource
  private identity: Tls.Identity
  private context: NodeTls.SecureContext

  constructor(options: Tls.ServerOptions, source: Tls.Identity | Tls.IdentitySource) {
    this.options = options
    this.source = source
    this.identity = Tls.currentIdentity(source)
    this.context = this.make()
  }

  private make(): NodeTls.SecureContext {
    return NodeTls.createSecureContext({
      ...contextOptions(this.options, this.identity),
      // The system's authorities sign servers, not this server's clients.
      ca: [this.options.ca ?? []].flat(),
      // Without one OpenSSL ends the connection of a client that comes back with its session, if it asks for certificates.
      // Each context has keys of its own for sessions, so those of another server are not taken, whatever this is.
      sessionIdContext: "effect-sockets"
    })
  }

  /** A source that throws, or gives what cannot be used, leaves the one before in place. */
  get(): NodeTls.SecureContext {
    try {
      const identity = Tls.currentIdentity(this.source)
      if (identity !== this.identity) {
        this.identity = identity
        this.context = this.make()
      }
    } catch (cause) {
      report(cause, undefined)
    }
    return this.context
  }
}

/** How a server shakes hands: the socket's options for one connection. */
export type ServerSide = () => NodeTls.TLSSocketOptions

const prepared = new WeakMap<Tls.ServerOptions, Result.Result<ServerSide, Reason>>()

/** Certificates are parsed once for each set of options, not for each connection. */
export const serverSide = (options: Tls.ServerOptions): Result.Result<ServerSide, Reason> => {
  const known = prepared.get(options)
  if (known !== undefined) return known
  const invalid = invalidServer(options)
  const side = invalid === undefined ? attempt(() => prepare(options)) : Result.fail(invalid)
  prepared.set(options, side)
  return side
}

const prepare = (options: Tls.ServerOptions): ServerSide => {
  const otherwise = new Context(options, options.identity)
  const named = new Map<string, Context>()
  for (const [name, identity] of Object.entries(options.identities ?? {})) {
    named.set(hostName(name) ?? name, new Context(options, identity))
  }
  const SNICallback: NodeTls.TLSSocketOptions["SNICallback"] = (servername, done) =>
    done(null, (named.get(hostName(servername) ?? "") ?? otherwise).get())
  const fixed = {
    ...alpn(options),
    isServer: true,
    SNICallback,
    requestCert: (options.clientCertificate ?? "none") !== "none",
    rejectUnauthorized: options.clientCertificate === "required"
  }
  return () => ({ ...fixed, secureContext: otherwise.get() })
}
