/**
 * Resolvers over Node's: the operating system's, and DNS itself.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeDnsSource from "./internal/dns/NodeDnsSource.ts"
import type { NameServer } from "./internal/dns/NodeDnsTransport.ts"
import * as NodeSystemSource from "./internal/NodeSystemSource.ts"
import * as InvalidOption from "./InvalidOption.ts"
import * as Resolver from "./Resolver.ts"
import { make as makeError, type Operation, type ResolverError } from "./ResolverError.ts"

/**
 * Files that {@link layerSystem} reads in place of the system's.
 *
 * ```ts
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const options: NodeResolver.SystemOptions = { servicesFile: "/etc/services" }
 * const { port } = await Effect.runPromise(Effect.provide(Resolver.serviceByName("https"), NodeResolver.layerSystem(options)))
 * port // => 443
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface SystemOptions {
  /** Canonical names and aliases. `getaddrinfo` itself always reads the system's own. */
  readonly hostsFile?: string | undefined
  /** Names and ports of services. */
  readonly servicesFile?: string | undefined
}

const refuse = (operation: Operation, invalid: InvalidOption.InvalidOption | undefined) =>
  invalid === undefined ? Effect.void : Effect.fail(makeError({ operation, query: invalid.option, reason: invalid }))

/**
 * The operating system's resolver: {@link layerSystem} with the system's own files.
 *
 * ```ts
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const found = await Effect.runPromise(Effect.provide(Resolver.lookup("localhost"), NodeResolver.layer))
 * found.map(String).includes("127.0.0.1") // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Resolver.Resolver> = Layer.effect(
  Resolver.Resolver,
  Effect.sync(() => Resolver.make(NodeSystemSource.make()))
)

/**
 * The operating system's resolver, with the files it takes names from.
 *
 * - Addresses come from `getaddrinfo`, in its order (RFC 6724), from whatever the system is configured to ask.
 * - The canonical name and the aliases of a host in the hosts file are those of its lines; of any other host, the name
 *   that was asked for, for Node's `getaddrinfo` tells no more.
 * - Reverse is `getnameinfo`, so names from the hosts file count; aliases and further addresses are added only if that
 *   name leads back to the address.
 * - Concurrent questions for one name and family share one call, because `getaddrinfo` takes one of libuv's few threads
 *   and cannot be cancelled.
 * - `answers` asks for each family in a call of its own, and leaves a thread to the other family.
 * - A name of the hosts file has only the addresses that the file gives it, also where one family is asked for.
 *
 * **Errors** `InvalidOption` for a file whose name is no text or empty.
 *
 * ```ts
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const layer = NodeResolver.layerSystem({ servicesFile: "/nowhere" })
 * const { name } = await Effect.runPromise(Effect.provide(Resolver.serviceByPort(70), layer))
 * name // => "gopher"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSystem = (options: SystemOptions = {}): Layer.Layer<Resolver.Resolver, ResolverError> =>
  Layer.effect(
    Resolver.Resolver,
    Effect.as(
      refuse(
        "layerSystem",
        InvalidOption.find(options, { hostsFile: InvalidOption.text, servicesFile: InvalidOption.text })
      ),
      Resolver.make(NodeSystemSource.make(options))
    )
  )

/**
 * Options of {@link layerDns}.
 *
 * ```ts
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const options: NodeResolver.DnsOptions = { servers: ["192.0.2.53", "[2001:db8::53]:5353"], timeout: "500 millis", tries: 2 }
 * // Nobody is asked about names in localhost.
 * const [first] = await Effect.runPromise(Effect.provide(Resolver.lookup("db.localhost"), NodeResolver.layerDns(options)))
 * String(first) // => "::1"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface DnsOptions {
  /** Name servers, as `192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:5353`. Default: the system's. */
  readonly servers?: ReadonlyArray<NetAddress.IpAddressInput | NetAddress.InetAddressInput> | undefined
  /** How long one try at one server may take. Default: 2 seconds; answers that come at all come sooner. */
  readonly timeout?: Duration.Input | undefined
  /** How often each server is tried, at least once. Default: 3, since networks lose datagrams. */
  readonly tries?: number | undefined
  /**
   * How many questions are under way at once, each with a socket of its own; further ones wait their turn. At least 1.
   * Default: 128, an eighth of the usual limit of descriptors.
   */
  readonly maxQueries?: number | undefined
}

/**
 * DNS itself, past the hosts file and every other source of the system: names are asked for as they are, without search
 * domains, over UDP and, when an answer is truncated, TCP.
 *
 * - A and AAAA are asked for together. If only one of them answers a lookup, its addresses are the answer, at the latest
 *   one `timeout` later; a cache keeps such an answer 10 seconds at most.
 * - The canonical name is the end of the chain of aliases (CNAME) in the answer, the names before it are the aliases.
 * - Addresses are sorted by RFC 6724 with the source addresses that the system would use.
 * - Reverse takes the first PTR record that is a host name as the name, the others are aliases. Aliases and further
 *   addresses of the name are added only if it leads back to the address.
 * - `localhost` and names in it are the loopback addresses; names in `invalid` and `onion` do not exist (RFC 6761, RFC
 *   7686). None of them becomes a query.
 * - A server that fails or refuses is passed over for the next. A datagram that cannot be read is as good as none: the
 *   question is asked again within its tries.
 *
 * A question fails with `Timeout` at the latest after `timeout` times `tries` times the number of servers, the time in
 * which it waits for its turn included. With a `timeout` of `Infinity` it waits for ever.
 *
 * **Errors** `InvalidName` for a server that is no address, that has port 0, or that has an IPv6 zone; `InvalidOption` for
 * any other option that cannot be meant.
 *
 * **Interruption** of a question cancels its queries; when the layer is released, all of them are cancelled.
 *
 * ```ts
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const dns = NodeResolver.layerDns({ tries: 0 })
 * const error = await Effect.runPromise(Effect.flip(Effect.provide(Resolver.lookup("www.example.org"), dns)))
 * error.message // => "layerDns tries: tries is 0, and must be an integer of at least 1"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDns = (options: DnsOptions = {}): Layer.Layer<Resolver.Resolver, ResolverError> =>
  Layer.effect(
    Resolver.Resolver,
    Effect.gen(function* () {
      const invalid = InvalidOption.find(options, {
        servers: InvalidOption.array,
        timeout: InvalidOption.positiveDuration,
        tries: InvalidOption.integer(1),
        maxQueries: InvalidOption.integer(1)
      })
      yield* refuse("layerDns", invalid)
      const source = yield* NodeDnsSource.make({
        servers: yield* Effect.forEach(options.servers ?? [], (input) => Effect.fromResult(serverOf(input))),
        timeout: Duration.fromInputUnsafe(options.timeout ?? "2 seconds"),
        tries: options.tries ?? 3,
        maxQueries: options.maxQueries ?? 128
      })
      return Resolver.make(source)
    })
  )

const serverOf = (
  input: NetAddress.IpAddressInput | NetAddress.InetAddressInput
): Result.Result<NameServer, ResolverError> => {
  const invalid = (detail: string) =>
    makeError({ operation: "layerDns", query: String(input), reason: { _tag: "InvalidName", detail } })
  return Result.flatMap(
    Result.mapError(Dns.nameServerFromInput(input), ({ message }) => invalid(message)),
    (server) => {
      if (NetAddress.isInetAddressV6(server) && server.scopeId !== 0) {
        return Result.fail(invalid("a name server has no zone"))
      }
      if (server.port === 0) return Result.fail(invalid("nobody listens on port 0"))
      return Result.succeed({ host: NetAddress.formatIp(server.address), port: server.port })
    }
  )
}

/**
 * The options of {@link layerDns} from the environment, or from whatever `ConfigProvider` there is.
 *
 * | name | example | without it |
 * |---|---|---|
 * | `RESOLVER_SERVERS` | `192.0.2.53,[2001:db8::53]:5353` | the system's name servers |
 * | `RESOLVER_TIMEOUT` | `500 millis` | 2 seconds |
 * | `RESOLVER_TRIES` | `2` | 3 |
 * | `RESOLVER_MAX_QUERIES` | `64` | 128 |
 *
 * ```ts
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import { ConfigProvider, Effect } from "effect"
 * const env = { RESOLVER_SERVERS: "192.0.2.53,192.0.2.54", RESOLVER_TRIES: "2" }
 * const { servers } = await Effect.runPromise(NodeResolver.dnsConfig.parse(ConfigProvider.fromEnv({ env })))
 * servers // => ["192.0.2.53", "192.0.2.54"]
 * ```
 *
 * @category config
 * @since 0.1.0
 */
export const dnsConfig: Config.Config<DnsOptions> = Config.unwrap<DnsOptions>({
  servers: Config.withDefault(Config.Array(Schema.String, "RESOLVER_SERVERS"), undefined),
  timeout: Config.withDefault(Config.Duration("RESOLVER_TIMEOUT"), undefined),
  tries: Config.withDefault(Config.Int("RESOLVER_TRIES"), undefined),
  maxQueries: Config.withDefault(Config.Int("RESOLVER_MAX_QUERIES"), undefined)
})

/**
 * {@link layerDns} with its options from effect's `Config`; by default those of {@link dnsConfig}.
 *
 * **Errors** `ConfigError` for a value that cannot be read, and the errors of {@link layerDns}.
 *
 * ```ts
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Config, Effect } from "effect"
 * const dns = NodeResolver.layerDnsConfig({ tries: Config.withDefault(Config.Int("MY_TRIES"), 1) })
 * const [first] = await Effect.runPromise(Effect.provide(Resolver.lookup("localhost"), dns))
 * String(first) // => "::1"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerDnsConfig = (
  config: Config.Wrap<DnsOptions> = dnsConfig
): Layer.Layer<Resolver.Resolver, ResolverError | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap(config), layerDns))

/**
 * The resolver that the configuration asks for: {@link layerDns} if it names servers (`RESOLVER_SERVERS`, see
 * {@link dnsConfig}), and the operating system's otherwise.
 *
 * **Errors** as {@link layerDnsConfig}.
 *
 * ```ts
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * const env = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { RESOLVER_SERVERS: "192.0.2.53" } }))
 * const [first] = await Effect.runPromise(
 *   Effect.provide(Resolver.lookup("localhost"), Layer.provide(NodeResolver.layerConfig, env))
 * )
 * String(first) // => "::1"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<Resolver.Resolver, ResolverError | Config.ConfigError> = Layer.unwrap(
  Effect.map(dnsConfig, (options) => ((options.servers ?? []).length === 0 ? layer : layerDns(options)))
)
