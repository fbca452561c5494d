/** The request for a tunnel and its answer (RFC 9110, section 9.3.6; Basic: RFC 7617), between bytes and data. */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { Reason } from "../../NetworkError.ts"
import { badReply, format, type ProxyTarget } from "./ProxyTarget.ts"
import type { Credentials } from "./Socks5.ts"

/** Whether a user and a password can be sent: no control characters, no colon in the user (RFC 7617, section 2). */
export const isSendable = ({ password, user }: Credentials): boolean =>
  // oxlint-disable-next-line no-control-regex
  !/[\u0000-\u001f\u007f]/.test(user + password) && !user.includes(":")

/** The request. */
export const encodeRequest = (target: ProxyTarget, credentials: Credentials | undefined): string => {
  const authority = format(target)
  const basic =
    credentials === undefined
      ? ""
      : `Proxy-Authorization: Basic ${Base64.encode(`${credentials.user}:${credentials.password}`)}\r\n`
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${basic}\r\n`
}

/** The end of an answer's head. */
export const headEnd = Uint8Array.of(13, 10, 13, 10)

const decoder = new TextDecoder("latin1")

/** What the head of an answer says: the tunnel is there, another head follows, or why there is none. */
export const decodeHead = (bytes: Uint8Array): Result.Result<"open" | "interim", Reason> => {
  const [line] = decoder.decode(bytes).split("\r\n", 1)
  const [, status, phrase = ""] = /^HTTP\/1\.[01] (\d{3})(?: ([\t -~]*))?$/.exec(line) ?? []
  if (status === undefined) return Result.fail(badReply("the proxy's answer is no HTTP/1"))
  if (status.startsWith("2")) return Result.succeed("open")
  // 101 would be another protocol, which nobody asked for.
  if (status.startsWith("1") && status !== "101") return Result.succeed("interim")
  if (status === "401" || status === "403" || status === "407") return Result.fail({ _tag: "PermissionDenied" })
  return Result.fail({
    _tag: "Unknown",
    code: `HTTP_${status}`,
    detail: `the proxy says ${status} ${phrase.slice(0, 80)}`.trimEnd()
  })
}
