/**
 * Where a document is: `http://host:port/path`, as text and in parts. Pure.
 */
import * as HostName from "@effect-sockets/resolver/HostName"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

/**
 * The parts of a URL that HTTP/0.9 has a use for.
 *
 * ```ts
 * import * as Http09Url from "@effect-sockets/http09/Http09Url"
 * const url: Http09Url.Http09Url = { host: "::1", port: 8080, path: "/a?b" }
 * Http09Url.format(url) // => "http://[::1]:8080/a?b"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Http09Url {
  /** A name or an address; an IPv6 address without brackets. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /** From `/`, with the query, as the URL has them: escapes stay. */
  readonly path: string
}

/**
 * The port of a URL that names none: 80 (RFC 9110, section 4.2.1).
 *
 * ```ts
 * import * as Http09Url from "@effect-sockets/http09/Http09Url"
 * Http09Url.authority({ host: "localhost", port: Http09Url.defaultPort }) // => "localhost:80"
 * ```
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultPort = 80

/**
 * Why a text is no URL of a document, each in words.
 *
 * ```ts
 * import * as Http09Url from "@effect-sockets/http09/Http09Url"
 * Http09Url.refusals.Scheme // => "it does not start with http://"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const refusals = {
  Scheme: "it does not start with http://",
  UserInfo: "HTTP/0.9 cannot send the user or password before the @",
  Host: "its host is neither a name nor an address (an IPv6 address needs brackets)",
  Port: "its port is not a number from 1 to 65535"
} as const

/**
 * Why a text is no URL of a document.
 *
 * ```ts
 * import * as Http09Url from "@effect-sockets/http09/Http09Url"
 * const explain = (refusal: Http09Url.Refusal) => `not a URL: ${Http09Url.refusals[refusal]}`
 * explain("Port") // => "not a URL: its port is not a number from 1 to 65535"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export type Refusal = keyof typeof refusals

const parts = /^http:\/\/(?<authority>[^/?#]*)(?<path>[^#]*)/iu
const place = /^(?:\[(?<ipv6>[^\]]*)\]|(?<name>[^:[\]]*))(?<port>:.*)?$/su

/** Reads digits only: `Number` would take `+80`, `8e1` and an empty text. */
const portOf = (digits: string): number => (/^\d{1,5}$/.test(digits) ? Number(digits) : 0)

const isHost = (name: string | undefined, ipv6: string | undefined): boolean =>
  name === undefined
    ? Result.isSuccess(NetAddress.ipv6FromString(ipv6 ?? ""))
    : Result.isSuccess(HostName.fromString(name))

/**
 * Reads `http://host[:port][/path][?query][#fragment]` (RFC 3986; the scheme in any case, IPv6 in brackets). An empty
 * path is `/`, an empty port is 80, the fragment is dropped: it is the reader's, not the server's.
 *
 * **Errors**: a `Refusal` for everything else, a user name or password among it.
 *
 * ```ts
 * import * as Http09Url from "@effect-sockets/http09/Http09Url"
 * import { Result } from "effect"
 * Http09Url.fromString("http://localhost:8080/a#top") // => Result.succeed({ host: "localhost", port: 8080, path: "/a" })
 * Http09Url.fromString("http://me@localhost/") // => Result.fail("UserInfo")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromString = (text: string): Result.Result<Http09Url, Refusal> => {
  const { authority, path } = parts.exec(text)?.groups ?? {}
  if (authority === undefined) return Result.fail("Scheme")
  if (authority.includes("@")) return Result.fail("UserInfo")
  const { ipv6, name, port: digits = "" } = place.exec(authority)?.groups ?? {}
  if (!isHost(name, ipv6)) return Result.fail("Host")
  const port = digits.length > 1 ? portOf(digits.slice(1)) : defaultPort
  if (port < 1 || port > 65_535) return Result.fail("Port")
  return Result.succeed({ host: name ?? ipv6, port, path: path.startsWith("/") ? path : `/${path}` })
}

const bracketed = (host: string): string => (host.includes(":") ? `[${host}]` : host)

/**
 * Host and port as text, with the brackets of an IPv6 address: `localhost:8080`, `[::1]:80`.
 *
 * ```ts
 * import * as Http09Url from "@effect-sockets/http09/Http09Url"
 * Http09Url.authority({ host: "::1", port: 80 }) // => "[::1]:80"
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const authority = ({ host, port }: Pick<Http09Url, "host" | "port">): string => `${bracketed(host)}:${port}`

/**
 * The URL as text, which `fromString` reads back; the default port is left out.
 *
 * ```ts
 * import * as Http09Url from "@effect-sockets/http09/Http09Url"
 * Http09Url.format({ host: "localhost", port: 80, path: "/a" }) // => "http://localhost/a"
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const format = (url: Http09Url): string =>
  `http://${url.port === defaultPort ? bracketed(url.host) : authority(url)}${url.path}`

const decode = Option.liftThrowable(decodeURIComponent)
const longestName = 255

/**
 * The name of a file for the document at a path: its last segment, decoded, or `index.html` for a folder. None if that
 * is no safe name for a file: it would lie elsewhere, be hidden, or be longer than file systems take.
 *
 * ```ts
 * import * as Http09Url from "@effect-sockets/http09/Http09Url"
 * import { Option } from "effect"
 * Http09Url.fileName("/notes/caf%C3%A9.txt?v=2") // => Option.some("café.txt")
 * Http09Url.fileName("/notes/") // => Option.some("index.html")
 * Http09Url.fileName("/..%2fpasswd") // => Option.none()
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const fileName = (path: string): Option.Option<string> => {
  const segment =
    path
      .replace(/[?#].*$/su, "")
      .split("/")
      .at(-1) ?? ""
  return Option.filter(
    decode(segment === "" ? "index.html" : segment),
    (name) => !/^\.|[/\\\p{Cc}]/u.test(name) && new TextEncoder().encode(name).length <= longestName
  )
}
