/**
 * The HTTP/0.9 client: one line out, one document in.
 */
import { type HostInput, Resolver } from "@effect-sockets/resolver/Resolver"
import { Network } from "@effect-sockets/socket/Network"
import type { SocketError } from "@effect-sockets/socket/SocketError"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Http09Error } from "./Http09Error.ts"
import * as RequestLine from "./RequestLine.ts"
import * as StatusLine from "./StatusLine.ts"

/** What a request tells while it is under way. */
export type Event =
  /** The connection is open and the request is sent now. */
  | { readonly _tag: "Sending"; readonly stream: SocketStream.SocketStream }
  /** A document comes: its first bytes are there, or its end. */
  | { readonly _tag: "Receiving"; readonly stream: SocketStream.SocketStream }

/** What to get, and how. */
export interface Request {
  /** A name, an address as text or value, or an ipaddr. */
  readonly host: HostInput
  /** 1 to 65535. */
  readonly port: number
  /** From `/`, as a person types it: escapes stay, what may not stand in a line is escaped. */
  readonly path: string
  /** `book` (`GET path HTTP/0.9`, the default) or `1991` (`GET path`), for servers that know no version below 1.0. */
  readonly dialect?: RequestLine.Dialect | undefined
  /** Takes every answer for a document, a status line too. Default `false`. */
  readonly raw?: boolean | undefined
  /** How long it may take until the connection is open. Default 30 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long the server may be silent, before its first byte and between two. Default 60 seconds. */
  readonly readTimeout?: Duration.Input | undefined
  /** Hears what happens. Default: nobody does. */
  readonly observe?: ((event: Event) => Effect.Effect<void>) | undefined
}

/** Gets documents. */
export class Http09Client extends Context.Service<
  Http09Client,
  {
    /**
     * The document's bytes as they come. Its end is the server's FIN.
     *
     * **Errors**: `Http09Error` if a status line came instead of a document; `SocketError` if no connection could be
     * had, or it broke: `ConnectionReset` in the middle says that the document is not whole.
     * **Interruption**, and a consumer that takes no more, closes the connection.
     */
    readonly get: (request: Request) => Stream.Stream<Uint8Array, Http09Error | SocketError>
  }
>()("@effect-sockets/http09/Http09Client") {}

/** The client over a network. */
export const layer: Layer.Layer<Http09Client, never, Network | Resolver> = Layer.effect(
  Http09Client,
  Effect.gen(function* () {
    // No more than these two: the context here has the layer's own scope, but a connection belongs to its stream's.
    const context = Context.pick(Network, Resolver)(yield* Effect.context<Network | Resolver>())
    return { get: (request) => Stream.unwrap(Effect.provideContext(exchange(request), context)) }
  })
)

/** The document's bytes as they come: the service's `get`. */
export const get = (request: Request): Stream.Stream<Uint8Array, Http09Error | SocketError, Http09Client> =>
  Stream.unwrap(Effect.map(Http09Client, (client) => client.get(request)))

const defaultReadTimeout = "60 seconds"

/** Connects, sends the line, and reads on until it is clear whether a document comes. */
const exchange = Effect.fnUntraced(function* (
  request: Request
): Effect.fn.Return<
  Stream.Stream<Uint8Array, SocketError>,
  Http09Error | SocketError,
  Network | Resolver | Scope.Scope
> {
  const { host, port, path, dialect = "book", raw = false, observe = () => Effect.void } = request
  const fail = (reason: Http09Error["reason"]) => new Http09Error({ server: serverOf(request), path, reason })
  const line = yield* Effect.fromResult(RequestLine.encode(path, dialect)).pipe(
    Effect.mapError((refusal) => fail({ _tag: "InvalidPath", refusal }))
  )
  const stream = yield* SocketStream.open(host, port, {
    connectTimeout: request.connectTimeout,
    readTimeout: request.readTimeout ?? defaultReadTimeout,
    // The answer's end is the last that can come; after less than that nobody wants the rest.
    lingerTimeout: 0
  })
  yield* observe({ _tag: "Sending", stream })
  yield* SocketStream.write(stream, line)

  let start: Uint8Array = new Uint8Array(0)
  for (;;) {
    const chunk = yield* SocketStream.read(stream)
    if (Option.isSome(chunk)) start = start.length === 0 ? chunk.value : concat(start, chunk.value)
    const answer = raw ? "document" : StatusLine.decode(start, Option.isNone(chunk))
    if (answer === undefined) continue
    if (answer !== "document") return yield* fail({ _tag: "StatusLine", ...answer })
    yield* observe({ _tag: "Receiving", stream })
    const rest = SocketStream.chunks(stream)
    return start.length === 0 ? rest : Stream.concat(Stream.succeed(start), rest)
  }
})

const concat = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

const serverOf = ({ host, port }: Request): string => {
  const name = typeof host === "object" ? NetAddress.formatIp(host) : String(host)
  return name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`
}
