/**
 * A memory for any resolver.
 */
import * as Cache from "effect/Cache"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as InvalidOption from "./InvalidOption.ts"
import * as HostName from "./HostName.ts"
import * as Resolver from "./Resolver.ts"
import { make as makeError, type Reason, type ResolverError } from "./ResolverError.ts"
import * as ResolverSource from "./ResolverSource.ts"

/**
 * Options of {@link layerCached}.
 *
 * ```ts
 * import * as ResolverCache from "@effect-sockets/resolver/ResolverCache"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 * const options: ResolverCache.CacheOptions = { capacity: 100, maxTimeToLive: "5 minutes" }
 * const cached = Layer.provide(ResolverCache.layerCached(options), Resolver.layerStatic({ hosts: { db: ["10.0.0.5"] } }))
 * String(await Effect.runPromise(Effect.provide(Resolver.lookup("db"), cached))) // => "10.0.0.5"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface CacheOptions {
  /**
   * How many answers are kept, at least one; beyond that the one that was not used for longest goes. `Infinity` is no
   * bound. Default: 1,000.
   */
  readonly capacity?: number | undefined
  /** For answers whose source gives no time, such as the system's. Default: 30 seconds, to follow a change soon. */
  readonly timeToLive?: Duration.Input | undefined
  /** The longest for any answer, whatever its source says. Default: 1 day. */
  readonly maxTimeToLive?: Duration.Input | undefined
  /** For the absence of a host whose source gives no time. Default: 10 seconds. */
  readonly negativeTimeToLive?: Duration.Input | undefined
  /** The longest for any absence. Default: 1 hour; RFC 2308, section 5 finds one to three hours sensible. */
  readonly maxNegativeTimeToLive?: Duration.Input | undefined
  /**
   * For timeouts and failures of servers, so that a crowd of callers does not ask a broken server again at once (RFC
   * 9520). Default: 1 second; at most 5 minutes (RFC 2308, section 7).
   */
  readonly failureTimeToLive?: Duration.Input | undefined
}

/**
 * How well a cache does: `requests` is `hits` and `misses`; a request that joins a running query is a hit.
 *
 * ```ts
 * import * as ResolverCache from "@effect-sockets/resolver/ResolverCache"
 * const hitRate = ({ hits, requests }: ResolverCache.Statistics) => (requests === 0 ? 0 : hits / requests)
 * hitRate({ requests: 4, hits: 3, misses: 1, size: 1 }) // => 0.75
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Statistics {
  readonly requests: number
  readonly hits: number
  readonly misses: number
  /** Answers kept now, some of which may have expired. */
  readonly size: number
}

/**
 * The memory behind a resolver from {@link layerCached}.
 *
 * ```ts
 * import * as ResolverCache from "@effect-sockets/resolver/ResolverCache"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 * const cached = Layer.provide(ResolverCache.layerCached(), Resolver.layerStatic({ hosts: { db: ["10.0.0.5"] } }))
 * const size = ResolverCache.ResolverCache.use((cache) => cache.statistics).pipe(Effect.map(({ size }) => size))
 * await Effect.runPromise(Effect.provide(Effect.andThen(Resolver.lookup("db"), size), cached)) // => 1
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class ResolverCache extends Context.Service<
  ResolverCache,
  {
    /** See {@link statistics}. */
    readonly statistics: Effect.Effect<Statistics>
    /** See {@link invalidate}. */
    readonly invalidate: (host: Resolver.HostInput) => Effect.Effect<void>
    /** See {@link invalidateAll}. */
    readonly invalidateAll: Effect.Effect<void>
  }
>()("@effect-sockets/resolver/ResolverCache") {}

/**
 * Tells how well the cache does.
 *
 * ```ts
 * import * as ResolverCache from "@effect-sockets/resolver/ResolverCache"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 * const cached = Layer.provide(ResolverCache.layerCached(), Resolver.layerStatic({ hosts: { db: ["10.0.0.5"] } }))
 * const program = Effect.andThen(Effect.repeat(Resolver.lookup("db"), { times: 3 }), ResolverCache.statistics)
 * await Effect.runPromise(Effect.provide(program, cached)) // => { requests: 4, hits: 3, misses: 1, size: 1 }
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const statistics: Effect.Effect<Statistics, never, ResolverCache> = ResolverCache.use(
  (cache) => cache.statistics
)

/**
 * Forgets what is known of a host: of a name in both families, or of an address. A query under way goes on.
 *
 * ```ts
 * import * as ResolverCache from "@effect-sockets/resolver/ResolverCache"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 * const cached = Layer.provide(ResolverCache.layerCached(), Resolver.layerStatic({ hosts: { db: ["10.0.0.5"] } }))
 * const program = Effect.all([Resolver.lookup("db"), ResolverCache.invalidate("db"), ResolverCache.statistics])
 * const [, , { size }] = await Effect.runPromise(Effect.provide(program, cached))
 * size // => 0
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const invalidate = (host: Resolver.HostInput): Effect.Effect<void, never, ResolverCache> =>
  ResolverCache.use((cache) => cache.invalidate(host))

/**
 * Forgets everything.
 *
 * ```ts
 * import * as ResolverCache from "@effect-sockets/resolver/ResolverCache"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 * const cached = Layer.provide(ResolverCache.layerCached(), Resolver.layerStatic({ hosts: { db: ["10.0.0.5"] } }))
 * const program = Effect.all([Resolver.lookup("db"), ResolverCache.invalidateAll, ResolverCache.statistics])
 * const [, , { size }] = await Effect.runPromise(Effect.provide(program, cached))
 * size // => 0
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const invalidateAll: Effect.Effect<void, never, ResolverCache> = ResolverCache.use(
  (cache) => cache.invalidateAll
)

// Questions are kept as text: comparing them as structures took most of the time of a hit.
const forwardKey = ({ family, name, names }: ResolverSource.Question): string =>
  `${family ?? "both"} ${names ? "names" : "addresses"} ${name}`
const reverseKey = (address: NetAddress.IpAddress): string => `reverse ${NetAddress.formatIp(address)}`

const toQuestion = (key: string): ResolverSource.Question | NetAddress.IpAddress => {
  const [kind, what, name] = key.split(" ")
  return kind === "reverse"
    ? NetAddress.ipFromStringUnsafe(what)
    : {
        name: Host.domainNameFromStringUnsafe(name),
        family: kind === "both" ? undefined : (kind as NetAddress.IpFamily),
        names: what === "names"
      }
}

interface Stored {
  readonly answer: Result.Result<ResolverSource.Answer, ResolverSource.SourceError>
  readonly ttl: Duration.Duration
}

const day = Duration.days(1)
/** How long a family that failed is missing beside the other one's addresses, before it is asked for again. */
const partial = Duration.seconds(10)
const longestFailure = Duration.minutes(5)

// What may pass by itself; an absence has its own rules, and nothing else is kept.
const failures: ReadonlySet<Reason["_tag"]> = new Set([
  "TryAgain",
  "Timeout",
  "Refused",
  "ServerFailure",
  "InvalidResponse"
])

interface Bounds {
  /** For what the source gives no time. */
  readonly unknown: Duration.Duration
  readonly longest: Duration.Duration
}

const checks = {
  capacity: InvalidOption.integerOrInfinity(1),
  timeToLive: InvalidOption.duration,
  maxTimeToLive: InvalidOption.duration,
  negativeTimeToLive: InvalidOption.duration,
  maxNegativeTimeToLive: InvalidOption.duration,
  failureTimeToLive: InvalidOption.duration
}

const duration = (input: Duration.Input | undefined, standard: Duration.Input) =>
  Duration.fromInputUnsafe(input ?? standard)

const within = (ttl: Duration.Duration | undefined, bounds: Bounds) =>
  Duration.min(ttl ?? bounds.unknown, bounds.longest)

const make = Effect.fnUntraced(function* (source: ResolverSource.ResolverSource, options: CacheOptions) {
  const positive: Bounds = {
    unknown: duration(options.timeToLive, "30 seconds"),
    longest: duration(options.maxTimeToLive, day)
  }
  const negative: Bounds = {
    unknown: duration(options.negativeTimeToLive, "10 seconds"),
    longest: duration(options.maxNegativeTimeToLive, "1 hour")
  }
  const failure = Duration.min(duration(options.failureTimeToLive, "1 second"), longestFailure)

  const failureTtl = ({ reason, ttl }: ResolverSource.SourceError): Duration.Duration =>
    failures.has(reason._tag) ? failure : ResolverSource.isAbsence({ reason }) ? within(ttl, negative) : Duration.zero

  // The same question for the other family, of which `Resolver.answers` asks both at once.
  const siblingOf = (key: string) =>
    key.startsWith("IPv4")
      ? key.replace("IPv4", "IPv6")
      : key.startsWith("IPv6")
        ? key.replace("IPv6", "IPv4")
        : undefined
  const scope = yield* Effect.scope
  const waiting = new Map<string, number>()
  const count = (key: string, more: 1 | -1) =>
    Effect.sync(() => {
      const now = (waiting.get(key) ?? 0) + more
      if (now > 0) waiting.set(key, now)
      else waiting.delete(key)
    })

  let requests = 0
  let misses = 0
  const cache: Cache.Cache<string, Stored> = yield* Cache.makeWith(
    Effect.fnUntraced(function* (key: string): Effect.fn.Return<Stored> {
      misses += 1
      const question = toQuestion(key)
      const isReverse = NetAddress.isIpAddress(question)
      const answer = yield* Effect.result(isReverse ? source.reverse(question) : source.forward(question))
      if (Result.isSuccess(answer)) return { answer, ttl: within(answer.success.ttl, positive) }
      const ttl = failureTtl(answer.failure)
      const isPartial = failures.has(answer.failure.reason._tag) && (yield* hasAddresses(siblingOf(key)))
      return { answer, ttl: isPartial ? Duration.max(ttl, partial) : ttl }
    }),
    {
      capacity: options.capacity ?? 1000,
      timeToLive: (exit) => (Exit.isSuccess(exit) ? exit.value.ttl : Duration.zero)
    }
  )

  const hasAddresses = (key: string | undefined) =>
    key === undefined
      ? Effect.succeed(false)
      : Effect.map(
          Cache.getSuccess(cache, key),
          Option.exists(({ answer }) => Result.isSuccess(answer))
        )

  // Who has the addresses of one family may leave; the question for the other one goes on, so that it is known next time.
  const keepSibling = (key: string, { answer }: Stored) => {
    const sibling = siblingOf(key)
    return sibling === undefined || Result.isFailure(answer) || !waiting.has(sibling)
      ? Effect.void
      : Cache.get(cache, sibling).pipe(
          // `Cache` reads the clock of the fiber that asked first, which may have ended: set the time anew.
          // What was forgotten meanwhile stays forgotten.
          Effect.flatMap((stored) =>
            Effect.flatMap(Cache.getSuccess(cache, sibling), (kept) =>
              Option.contains(kept, stored) ? Cache.set(cache, sibling, stored) : Effect.void
            )
          ),
          Effect.forkIn(scope, { startImmediately: true })
        )
  }

  const ask = (key: string) =>
    Effect.suspend(() => {
      requests += 1
      return Effect.acquireUseRelease(
        count(key, 1),
        () => Effect.tap(Cache.get(cache, key), (stored) => keepSibling(key, stored)),
        () => count(key, -1)
      ).pipe(Effect.flatMap(({ answer }) => Effect.fromResult(answer)))
    })

  const invalidate = (host: Resolver.HostInput) => {
    const parsed = Resolver.parseHost(host)
    if (Result.isFailure(parsed)) return Effect.void
    if (NetAddress.isIpAddress(parsed.success)) {
      return Cache.invalidate(cache, reverseKey(NetAddress.toCanonical(parsed.success)))
    }
    const relative = HostName.toRelative(parsed.success)
    return Effect.forEach(
      [relative, HostName.toAbsolute(relative)].flatMap((name) =>
        ([undefined, "IPv4", "IPv6"] as const).flatMap((family) =>
          [true, false].map((names) => forwardKey({ name, family, names }))
        )
      ),
      (key) => Cache.invalidate(cache, key),
      { discard: true }
    )
  }

  const cached: ResolverSource.ResolverSource = {
    ...source,
    // Family by family from memory.
    answers: undefined,
    forward: (question) => ask(forwardKey(question)),
    reverse: (address) => ask(reverseKey(address))
  }
  const control = ResolverCache.of({
    statistics: Effect.map(Cache.size(cache), (size) => ({ requests, hits: requests - misses, misses, size })),
    invalidate,
    invalidateAll: Cache.invalidateAll(cache)
  })
  return { cached, control }
})

/**
 * Puts a memory in front of a resolver.
 *
 * - An answer is kept for as long as its source says, and no longer than `maxTimeToLive`; where the source does not say
 *   (the system does not), for `timeToLive`. A time of zero is respected: nothing is kept.
 * - That a host or its address does not exist is kept too: as long as the zone says (RFC 2308), within bounds.
 * - Callers who ask the same at the same time share one query.
 *
 * Addresses written out, and names that are none, never reach the cache. Services are not kept.
 *
 * **Errors** `InvalidOption` for an option that cannot be meant. A time of `Infinity` has no bound.
 *
 * **Interruption** of one caller leaves the others their answer; the query is cancelled when nobody waits any more.
 *
 * ```ts
 * import * as ResolverCache from "@effect-sockets/resolver/ResolverCache"
 * import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect, Layer } from "effect"
 * const resolver = ResolverCache.layerCached({ capacity: 100 }).pipe(Layer.provide(NodeResolver.layer))
 * const found = await Effect.runPromise(Effect.provide(Resolver.lookup("localhost", { family: "IPv4" }), resolver))
 * found.map(String) // => ["127.0.0.1"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCached = (
  options: CacheOptions = {}
): Layer.Layer<Resolver.Resolver | ResolverCache, ResolverError, Resolver.Resolver> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const invalid = InvalidOption.find(options, checks)
      if (invalid !== undefined) {
        return yield* makeError({ operation: "layerCached", query: invalid.option, reason: invalid })
      }
      const upstream = yield* Resolver.Resolver
      const { cached, control } = yield* make(Resolver.toSource(upstream), options)
      const { serviceByName, serviceByPort } = upstream
      return Context.make(Resolver.Resolver, { ...Resolver.make(cached), serviceByName, serviceByPort }).pipe(
        Context.add(ResolverCache, control)
      )
    })
  )
