/** A SOCKS5 proxy (RFC 1928): CONNECT, without authentication, to addresses that are allowed. */
import type * as IpSet from "@effect-sockets/ipaddr/IpSet"
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import { Data, Effect } from "effect"

/** What the client asked for cannot be done; `reply` says so to it. */
class Refused extends Data.TaggedError("Refused")<{ readonly reply: number }> {}

const reply = (code: number) => Uint8Array.of(5, code, 0, 1, 0, 0, 0, 0, 0, 0)

const replies: { readonly [reason in NetworkError["reason"]["_tag"]]?: number } = {
  PermissionDenied: 2,
  NetworkUnreachable: 3,
  HostUnreachable: 4,
  Resolution: 4,
  ConnectionRefused: 5,
  TimedOut: 6
}

const version = (byte: number) => (byte === 5 ? Effect.void : Effect.fail(new Refused({ reply: 1 })))

/** Of the methods that the client offers, 0 is "none required"; 255 says that nothing it offers will do. */
const greeting = Effect.fnUntraced(function* (stream: SocketStream.SocketStream) {
  const [five, count] = yield* SocketStream.readExactly(stream, 2)
  yield* version(five)
  const methods = yield* SocketStream.readExactly(stream, count)
  yield* SocketStream.write(stream, Uint8Array.of(5, methods.includes(0) ? 0 : 255))
  return methods.includes(0)
})

const host = Effect.fnUntraced(function* (stream: SocketStream.SocketStream, type: number) {
  if (type === 1) return (yield* SocketStream.readExactly(stream, 4)).join(".")
  if (type === 4)
    return Buffer.from(yield* SocketStream.readExactly(stream, 16))
      .toString("hex")
      .match(/..../g)!
      .join(":")
  if (type !== 3) return yield* new Refused({ reply: 8 })
  const [size] = yield* SocketStream.readExactly(stream, 1)
  return new TextDecoder().decode(yield* SocketStream.readExactly(stream, size))
})

const target = Effect.fnUntraced(function* (stream: SocketStream.SocketStream) {
  const [five, command, , type] = yield* SocketStream.readExactly(stream, 4)
  yield* version(five)
  const name = yield* host(stream, type)
  const [high, low] = yield* SocketStream.readExactly(stream, 2)
  // BIND and UDP ASSOCIATE are not served.
  if (command !== 1) return yield* new Refused({ reply: 7 })
  return { host: name, port: (high << 8) | low }
})

/** `allow` is asked after a name was resolved: no name leads to an address that is not in it. */
export const proxy = (allow: IpSet.IpSet) =>
  Effect.fnUntraced(
    function* (stream: SocketStream.SocketStream) {
      if (!(yield* greeting(stream))) return
      const { host, port } = yield* target(stream)
      const up = yield* SocketStream.open(host, port, { access: { allow }, connectTimeout: "10 seconds" }).pipe(
        Effect.mapError(({ reason }) => new Refused({ reply: replies[reason._tag] ?? 1 }))
      )
      yield* SocketStream.write(stream, reply(0))
      yield* SocketStream.relay(stream, up, { idleTimeout: "5 minutes" })
    },
    (handled, stream) =>
      Effect.catchTag(handled, "Refused", (refused) => SocketStream.write(stream, reply(refused.reply)))
  )
