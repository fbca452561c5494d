/**
 * What a client is asked for, and under which deadlines.
 */
import type { HostInput } from "@effect-sockets/resolver/Resolver"
import type * as SocketStream from "@effect-sockets/socket/SocketStream"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as RequestLine from "../../RequestLine.ts"

/**
 * What to get: a URL, or its parts.
 *
 * ```ts
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * const targets: ReadonlyArray<Http09Client.Target> = ["http://localhost/a", { host: "localhost", port: 8080, path: "/a" }]
 * targets.length // => 2
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Target =
  /** `http://host[:port]/path`, see `Http09Url`. */
  | string
  | {
      /** A name, an address as text or value, or an ipaddr. */
      readonly host: HostInput
      /** 1 to 65535. */
      readonly port: number
      /** From `/`, as a person types it: escapes stay, what may not stand in a line is escaped. */
      readonly path: string
    }

/**
 * What a request tells while it is under way.
 *
 * ```ts
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * import { Console } from "effect"
 * const observe = (event: Http09Client.Event) => Console.log(event._tag, event.stream.remoteAddress)
 * const get = Http09Client.get("http://localhost:8080/", { observe })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  /** The connection is open and the request is sent now. */
  | { readonly _tag: "Sending"; readonly stream: SocketStream.SocketStream }
  /** A document comes: its first bytes are there, or its end. */
  | { readonly _tag: "Receiving"; readonly stream: SocketStream.SocketStream }

/**
 * How to get it. A deadline of `"Infinity"` never passes.
 *
 * ```ts
 * import * as Http09Client from "@effect-sockets/http09/Http09Client"
 * const options: Http09Client.Options = { dialect: "1991", timeout: "10 seconds", maxBytes: 1_000_000 }
 * const page = Http09Client.getText("http://localhost:8080/", options)
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** `book` (`GET path HTTP/0.9`, the default) or `1991` (`GET path`), for servers that know no version below 1.0. */
  readonly dialect?: RequestLine.Dialect | undefined
  /** Takes every answer for a document, a status line too. Default `false`. */
  readonly raw?: boolean | undefined
  /** How long it may take until the connection is open, the name's resolution included. Default 30 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long the server may think before its first byte. Default 60 seconds, nginx's `proxy_read_timeout`. */
  readonly firstByteTimeout?: Duration.Input | undefined
  /**
   * How long the server may be silent between two bytes while they are waited for. Default 60 seconds: RST can be lost,
   * and a server that is gone is silent for ever.
   */
  readonly idleTimeout?: Duration.Input | undefined
  /**
   * How long everything may take, from the first step to the last byte, what the consumer takes for itself included.
   * Default: for ever, since nobody knows how long the document is.
   */
  readonly timeout?: Duration.Input | undefined
  /** How many bytes the document may have. Default: any number, and for `getText` 16 MiB, which are kept in memory. */
  readonly maxBytes?: number | undefined
  /** Hears what happens. Default: nobody does. */
  readonly observe?: ((event: Event) => Effect.Effect<void>) | undefined
}
