/** The messages of a SOCKS5 client (RFC 1928) and of its user and password (RFC 1929), between bytes and data. */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Reason } from "../../NetworkError.ts"
import { badReply, type ProxyTarget } from "./ProxyTarget.ts"

/** Who asks. Each has 1 to 255 bytes in UTF-8 (RFC 1929, section 2). */
export interface Credentials {
  readonly user: string
  readonly password: string
}

const version = 5
const authVersion = 1
const noAuth = 0
const userPassword = 2

const encoder = new TextEncoder()

const fits = (bytes: Uint8Array): boolean => bytes.length >= 1 && bytes.length <= 255

/** Whether a user and a password can be sent. */
export const isSendable = ({ password, user }: Credentials): boolean =>
  fits(encoder.encode(user)) && fits(encoder.encode(password))

/** The methods that the client knows: a password is offered beside none, never in place of it. */
export const greeting = (credentials: Credentials | undefined): Uint8Array =>
  credentials === undefined ? Uint8Array.of(version, 1, noAuth) : Uint8Array.of(version, 2, noAuth, userPassword)

/** Bytes of the answers to the greeting and to a password. */
export const choiceSize = 2

/** Whether the proxy asks for the password. */
export const decodeChoice = (bytes: Uint8Array, offered: boolean): Result.Result<boolean, Reason> =>
  bytes[0] !== version
    ? Result.fail(badReply(`the proxy speaks version ${bytes[0]} of SOCKS, or something else`))
    : bytes[1] === noAuth
      ? Result.succeed(false)
      : bytes[1] === userPassword && offered
        ? Result.succeed(true)
        : bytes[1] === 0xff || bytes[1] === userPassword
          ? Result.fail({ _tag: "PermissionDenied" })
          : Result.fail(badReply(`the proxy chose method ${bytes[1]}, which was not offered`))

/** A user and a password. */
export const encodeCredentials = ({ password, user }: Credentials): Uint8Array => {
  const name = encoder.encode(user)
  const secret = encoder.encode(password)
  return Uint8Array.of(authVersion, name.length, ...name, secret.length, ...secret)
}

/** Whether the proxy took them. */
export const decodeVerdict = (bytes: Uint8Array): Result.Result<void, Reason> =>
  bytes[0] !== authVersion
    ? Result.fail(badReply(`the proxy answers a password in version ${bytes[0]}`))
    : bytes[1] === 0
      ? Result.succeed(undefined)
      : Result.fail({ _tag: "PermissionDenied" })

const types = { ipv4: 1, name: 3, ipv6: 4 } as const

const encodeHost = (host: ProxyTarget["host"]): ReadonlyArray<number> => {
  if (typeof host === "string") return [types.name, host.length, ...encoder.encode(host)]
  return NetAddress.isIpv4Address(host)
    ? [types.ipv4, ...NetAddress.ipv4ToOctets(host)]
    : [types.ipv6, ...NetAddress.ipv6ToOctets(host)]
}

/** Asks for a connection. */
export const encodeConnect = ({ host, port }: ProxyTarget): Uint8Array =>
  Uint8Array.of(version, 1, 0, ...encodeHost(host), port >>> 8, port & 255)

/** What a reply's code stands for (RFC 1928, section 6). */
const refusals: ReadonlyArray<Reason | undefined> = [
  undefined,
  { _tag: "Unknown", code: "SOCKS_1", detail: "the proxy failed" },
  { _tag: "PermissionDenied" },
  { _tag: "NetworkUnreachable" },
  { _tag: "HostUnreachable" },
  { _tag: "ConnectionRefused" },
  { _tag: "HostUnreachable" },
  { _tag: "Unsupported", detail: "CONNECT by the proxy" },
  { _tag: "Unsupported", detail: "this kind of address by the proxy" }
]

/** Bytes of a reply up to the first one of its address, which is a name's length. */
export const headSize = 5

/** How many bytes of the reply follow its head: it is a success then. */
export const decodeHead = (bytes: Uint8Array): Result.Result<number, Reason> => {
  const [replyVersion, code, , type, first] = bytes
  if (replyVersion !== version) return Result.fail(badReply(`the proxy replies in version ${replyVersion} of SOCKS`))
  if (code !== 0) return Result.fail(refusals[code] ?? badReply(`the proxy replies with code ${code}`))
  if (type === types.ipv4) return Result.succeed(3 + 2)
  if (type === types.ipv6) return Result.succeed(15 + 2)
  return type === types.name ? Result.succeed(first + 2) : Result.fail(badReply(`an address of type ${type}`))
}
