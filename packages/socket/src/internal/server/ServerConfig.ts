/** What operators decide about a server, as effect's `Config`. */
import * as Config from "effect/Config"
import * as NetAddress from "effect/net/NetAddress"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { make as makeError, type NetworkError } from "../../NetworkError.ts"
import type { Options } from "./ServerOptions.ts"

/** Settings under names that begin with `name`; what is not configured is as `options` say. */
const settings = <R>(name: string, options: Options<R>) =>
  Config.all({
    host: Config.withDefault(Config.String("HOST"), "127.0.0.1"),
    port: Config.Int("PORT"),
    maxConnections: Config.withDefault(Config.Int("MAX_CONNECTIONS"), options.maxConnections),
    maxPerPeer: Config.withDefault(Config.Int("MAX_PER_PEER"), options.maxPerPeer),
    readTimeout: Config.withDefault(Config.Duration("READ_TIMEOUT"), options.readTimeout),
    writeTimeout: Config.withDefault(Config.Duration("WRITE_TIMEOUT"), options.writeTimeout),
    idleTimeout: Config.withDefault(Config.Duration("IDLE_TIMEOUT"), options.idleTimeout),
    maxAge: Config.withDefault(Config.Duration("MAX_AGE"), options.maxAge),
    drainTimeout: Config.withDefault(Config.Duration("DRAIN_TIMEOUT"), options.drainTimeout)
  }).pipe(Config.nested(name))

/** The address and the options of a server. */
export const configured = Effect.fnUntraced(function* <R, O extends Options<R>>(
  name: string,
  given: O
): Effect.fn.Return<
  { readonly address: NetAddress.SocketAddress; readonly options: O },
  NetworkError | Config.ConfigError
> {
  const { host, port, ...decided } = yield* settings(name, given)
  const address = Result.flatMap(NetAddress.ipFromString(host), (ip) => NetAddress.inetAddress(ip, port))
  if (Result.isSuccess(address)) return { address: address.success, options: { ...given, ...decided } }
  const detail = `${name}_HOST and ${name}_PORT are no address`
  return yield* makeError("listen", `${host}:${port}`, { _tag: "InvalidAddress", detail })
})
