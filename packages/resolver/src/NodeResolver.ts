/**
 * Resolvers over Node's: the operating system's, and DNS itself.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeDnsSource from "./internal/NodeDnsSource.ts"
import * as NodeSystemSource from "./internal/NodeSystemSource.ts"
import * as Resolver from "./Resolver.ts"
import { ResolverError } from "./ResolverError.ts"

/** Files that {@link layerSystem} reads in place of the system's. */
export interface SystemOptions {
  /** Canonical names and aliases. `getaddrinfo` itself always reads the system's own. */
  readonly hostsFile?: string | undefined
  readonly servicesFile?: string | undefined
}

/**
 * The operating system's resolver, with the files it takes names from.
 *
 * - Addresses come from `getaddrinfo`, in its order (RFC 6724), from whatever the system is configured to ask.
 * - The canonical name and the aliases of a host in the hosts file are those of its lines; of any other host, the name
 *   that was asked for, for Node's `getaddrinfo` tells no more.
 * - Reverse is `getnameinfo`, so names from the hosts file count; aliases and further addresses are added only if that
 *   name leads back to the address.
 * - Concurrent questions for one name and family share one call, because `getaddrinfo` takes one of libuv's four
 *   threads and cannot be cancelled.
 */
export const layerSystem = (options?: SystemOptions): Layer.Layer<Resolver.Resolver> =>
  Layer.effect(
    Resolver.Resolver,
    Effect.sync(() => Resolver.make(NodeSystemSource.make(options)))
  )

/** {@link layerSystem} with the system's own files. */
export const layer: Layer.Layer<Resolver.Resolver> = layerSystem()

/** Options of {@link layerDns}. */
export interface DnsOptions {
  /** Name servers, as `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:5353`. Default: the system's. */
  readonly servers?: ReadonlyArray<NetAddress.IpAddressInput | NetAddress.InetAddressInput> | undefined
  /** How long one try at one server may take, in whole milliseconds. Default: 2 seconds, as c-ares has it. */
  readonly timeout?: Duration.Input | undefined
  /** How often each server is tried. Default: 3, as c-ares has it. */
  readonly tries?: number | undefined
}

/**
 * DNS itself, past the hosts file and every other source of the system: names are asked for as they are, without search
 * domains, over UDP and, when an answer is truncated, TCP.
 *
 * - A and AAAA are asked for together. If only one of them answers, its addresses are the answer, at the latest one
 *   `timeout` later; a cache keeps such an answer 10 seconds at most.
 * - The canonical name is the end of the chain of aliases (CNAME), the names before it are the aliases.
 * - Addresses are sorted by RFC 6724 with the source addresses that the system would use.
 * - Reverse takes the first PTR record as the name. Aliases and further addresses of that name are added only if it
 *   leads back to the address.
 * - `localhost` and names in it are the loopback addresses; names in `invalid` and `onion` do not exist (RFC 6761, RFC
 *   7686). None of them becomes a query.
 *
 * A query fails with `Timeout` at the latest after `timeout` times `tries` times the number of servers.
 *
 * **Errors** `InvalidName` for a server that is no address, or that has an IPv6 zone.
 *
 * **Interruption** of a question cancels its queries; when the layer is released, all of them are cancelled.
 */
export const layerDns = (options?: DnsOptions): Layer.Layer<Resolver.Resolver, ResolverError> =>
  Layer.effect(
    Resolver.Resolver,
    Effect.gen(function* () {
      const servers = yield* Effect.forEach(options?.servers ?? [], (input) => Effect.fromResult(serverOf(input)))
      const timeout = Duration.toMillis(options?.timeout ?? "2 seconds")
      const source = yield* NodeDnsSource.make({
        servers,
        timeout: Duration.millis(clamp(Math.ceil(timeout))),
        tries: clamp(Math.floor(options?.tries ?? 3))
      })
      return Resolver.make(source)
    })
  )

// c-ares takes a signed 32-bit integer; NaN becomes 1.
const clamp = (value: number): number => (value >= 1 ? Math.min(value, 0x7fffffff) : 1)

const serverOf = (
  input: NetAddress.IpAddressInput | NetAddress.InetAddressInput
): Result.Result<string, ResolverError> => {
  const invalid = (detail: string) =>
    new ResolverError({ operation: "layerDns", query: String(input), reason: { _tag: "InvalidName", detail } })
  return Result.flatMap(
    Result.mapError(Dns.nameServerFromInput(input), ({ message }) => invalid(message)),
    (server) =>
      NetAddress.isInetAddressV6(server) && server.scopeId !== 0
        ? Result.fail(invalid("c-ares drops the zone of an IPv6 address"))
        : Result.succeed(NetAddress.formatInet(server))
  )
}
