import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as NetAddress from "effect/net/NetAddress"
import * as Resolver from "../src/Resolver.ts"
import * as ResolverCache from "../src/ResolverCache.ts"
import type { Reason } from "../src/ResolverError.ts"
import * as ResolverSource from "../src/ResolverSource.ts"

/** A source that writes down what it is asked and answers `192.0.2.n` to the n-th question. */
const counting = (options: {
  readonly ttl?: Duration.Duration
  readonly reason?: Reason
  readonly negativeTtl?: Duration.Duration
  readonly before?: Effect.Effect<void>
}) => {
  const asked: Array<string> = []
  const answer = (question: string) =>
    Effect.suspend(() => {
      asked.push(question)
      const address = NetAddress.ipFromStringUnsafe(`192.0.2.${asked.length}`)
      return Effect.andThen(
        options.before ?? Effect.void,
        options.reason === undefined
          ? Effect.succeed({ name: "host.example", aliases: [], addresses: [address] as const, ttl: options.ttl })
          : Effect.fail(new ResolverSource.SourceError({ reason: options.reason, ttl: options.negativeTtl }))
      )
    })
  const source: ResolverSource.ResolverSource = {
    forward: ({ family, name, names }) => answer(`${name} ${family ?? "both"}${names ? " names" : ""}`),
    reverse: (address) => answer(NetAddress.formatIp(address)),
    services: Effect.succeed([])
  }
  return { asked, layer: Layer.succeed(Resolver.Resolver, Resolver.make(source)) }
}

const cached = (options: Parameters<typeof counting>[0] = {}, cache?: ResolverCache.CacheOptions) => {
  const { asked, layer } = counting(options)
  return { asked, layer: ResolverCache.layerCached(cache).pipe(Layer.provide(layer)) }
}

const look = Effect.map(Resolver.lookup("host.example"), ([first]) => NetAddress.formatIp(first))

/** Asks now, just before `after` and at `after`, and gives the number of questions that reached the source. */
const askedAround = (
  after: Duration.Input,
  options: Parameters<typeof counting>[0],
  cache?: ResolverCache.CacheOptions
) => {
  const { asked, layer } = cached(options, cache)
  return Effect.gen(function* () {
    const counts: Array<number> = []
    const ask = Effect.andThen(
      Effect.ignore(look),
      Effect.sync(() => counts.push(asked.length))
    )
    yield* ask
    yield* TestClock.adjust(Duration.subtract(Duration.fromInputUnsafe(after), Duration.millis(1)))
    yield* ask
    yield* TestClock.adjust("1 millis")
    yield* ask
    return counts
  }).pipe(Effect.provide(layer))
}

describe("layerCached, times", () => {
  const seconds = Duration.seconds
  it.effect.each<
    [claim: string, after: Duration.Input, source: Parameters<typeof counting>[0], cache?: ResolverCache.CacheOptions]
  >([
    ["the time the source gives", "7 seconds", { ttl: seconds(7) }],
    ["30 seconds where it gives none", "30 seconds", {}],
    ["the time of one's own where it gives none", "1 hour", {}, { timeToLive: "1 hour" }],
    ["one day at most", "1 day", { ttl: seconds(2 ** 31 - 1) }],
    ["a bound of one's own at most", "1 minute", { ttl: seconds(3600) }, { maxTimeToLive: "1 minute" }],
    ["10 seconds for an unknown host", "10 seconds", { reason: { _tag: "HostNotFound" } }],
    ["10 seconds for a host without address", "10 seconds", { reason: { _tag: "NoAddress" } }],
    [
      "the zone's time for an unknown host",
      "5 minutes",
      { reason: { _tag: "HostNotFound" }, negativeTtl: seconds(300) }
    ],
    [
      "one hour at most for an unknown host",
      "1 hour",
      { reason: { _tag: "HostNotFound" }, negativeTtl: Duration.days(1) }
    ],
    ["one second for a timeout", "1 second", { reason: { _tag: "Timeout" } }],
    [
      "5 minutes at most for a server failure",
      "5 minutes",
      { reason: { _tag: "ServerFailure" } },
      { failureTimeToLive: "1 day" }
    ]
  ])("an answer is kept for %s", ([, after, source, cache]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* askedAround(after, source, cache), [1, 1, 2])
    })
  )

  it.effect.each<[claim: string, source: Parameters<typeof counting>[0]]>([
    ["with a time of zero", { ttl: Duration.zero }],
    ["that there are no descriptors", { reason: { _tag: "OutOfDescriptors" } }],
    ["that is unknown", { reason: { _tag: "Unknown", code: "EWHAT" } }]
  ])("an answer %s is not kept", ([, source]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* askedAround("1 second", source), [1, 2, 3])
    })
  )
})

describe("layerCached, options", () => {
  it.effect.each<[ResolverCache.CacheOptions, option: string]>([
    [{ capacity: NaN }, "capacity"],
    [{ capacity: 0 }, "capacity"],
    [{ capacity: 1.5 }, "capacity"],
    [{ timeToLive: NaN }, "timeToLive"],
    [{ maxTimeToLive: -1 }, "maxTimeToLive"],
    [{ negativeTimeToLive: "soon" as never }, "negativeTimeToLive"],
    [{ maxNegativeTimeToLive: NaN }, "maxNegativeTimeToLive"],
    [{ failureTimeToLive: -1 }, "failureTimeToLive"]
  ])("%j cannot be meant", ([options, option]) =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(Effect.scoped(Layer.build(cached({}, options).layer)))
      assert.strictEqual(reason._tag === "InvalidOption" && reason.option, option)
    })
  )

  it.effect("Infinity is no bound, and 30 days are 30 days", () =>
    Effect.gen(function* () {
      const options = { capacity: Infinity, maxTimeToLive: Infinity, timeToLive: "30 days" } as const
      assert.deepStrictEqual(yield* askedAround("30 days", {}, options), [1, 1, 2])
      const forever = { maxTimeToLive: Infinity, timeToLive: Infinity } as const
      assert.deepStrictEqual(yield* askedAround("3000 days", {}, forever), [1, 1, 1])
    })
  )
})

describe("layerCached, questions", () => {
  it.effect("the answer that is kept is the answer that was given", () => {
    const { layer } = cached()
    return Effect.gen(function* () {
      assert.strictEqual(yield* look, "192.0.2.1")
      assert.strictEqual(yield* look, "192.0.2.1")
    }).pipe(Effect.provide(layer))
  })

  it.effect("spellings of a name are one question; families, and questions for all names, are others", () => {
    const { asked, layer } = cached()
    return Effect.gen(function* () {
      yield* Resolver.lookup("Host.EXAMPLE")
      yield* Resolver.lookup("host.example")
      yield* Resolver.lookup("host.example", { family: "IPv4" })
      yield* Resolver.resolveHostIpaddr("host.example")
      yield* Resolver.resolveHostIpaddr("192.0.2.7")
      yield* Resolver.resolveHostIpaddr(NetAddress.ipFromStringUnsafe("::ffff:192.0.2.7"))
      assert.deepStrictEqual(asked, ["host.example both", "host.example IPv4", "host.example both names", "192.0.2.7"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("addresses and names that are none are answered past the cache", () => {
    const { asked, layer } = cached()
    return Effect.gen(function* () {
      yield* Resolver.lookup("192.0.2.7")
      yield* Effect.flip(Resolver.lookup("0x7f.1"))
      assert.deepStrictEqual(asked, [])
      assert.strictEqual((yield* ResolverCache.statistics).requests, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("beyond its capacity the cache forgets what was not used for longest", () => {
    const { asked, layer } = cached({}, { capacity: 2 })
    return Effect.gen(function* () {
      for (const host of ["a", "b", "a", "c", "a", "b"]) yield* Resolver.lookup(`${host}.example`)
      assert.deepStrictEqual(
        asked.map((question) => question[0]),
        ["a", "b", "c", "b"]
      )
      assert.deepStrictEqual(yield* ResolverCache.statistics, { requests: 6, hits: 2, misses: 4, size: 2 })
    }).pipe(Effect.provide(layer))
  })

  it.effect("invalidate forgets one host, in every family and form", () => {
    const { asked, layer } = cached()
    return Effect.gen(function* () {
      const questions = Effect.all([
        Resolver.lookup("a.example"),
        Resolver.lookup("a.example.", { family: "IPv4" }),
        Resolver.resolveHostIpaddr("a.example"),
        Resolver.resolveHostIpaddr("192.0.2.7"),
        Resolver.lookup("b.example")
      ])
      yield* questions
      yield* ResolverCache.invalidate("A.example")
      yield* ResolverCache.invalidate("::ffff:192.0.2.7")
      yield* ResolverCache.invalidate("not a name")
      yield* questions
      assert.strictEqual(asked.length, 9)
      yield* ResolverCache.invalidateAll
      yield* questions
      assert.strictEqual(asked.length, 14)
    }).pipe(Effect.provide(layer))
  })

  it.effect("a resolver made by hand can be cached too", () => {
    let asked = 0
    const byHand = Layer.effect(
      Resolver.Resolver,
      Effect.gen(function* () {
        const { source: _, ...resolver } = yield* Resolver.Resolver
        return { ...resolver, lookup: (...host) => (asked++, resolver.lookup(...host)) }
      })
    ).pipe(Layer.provide(Resolver.layerStatic({ hosts: { "host.example": ["192.0.2.1", "::1"] } })))
    return Effect.gen(function* () {
      assert.strictEqual(yield* look, "192.0.2.1")
      assert.strictEqual(yield* look, "192.0.2.1")
      assert.strictEqual(asked, 1)
      assert.strictEqual((yield* Resolver.resolveHostIpaddr("::1")).name, "host.example")
      assert.strictEqual((yield* Effect.flip(Resolver.lookup("no.example"))).reason._tag, "HostNotFound")
      assert.strictEqual((yield* Resolver.serviceByName("http")).port, 80)
    }).pipe(Effect.provide(ResolverCache.layerCached().pipe(Layer.provide(byHand))))
  })
})

describe("layerCached, concurrent callers", () => {
  const gated = Effect.gen(function* () {
    const gate = yield* Deferred.make<void>()
    let interrupted = 0
    const before = Effect.onInterrupt(Deferred.await(gate), () => Effect.sync(() => interrupted++))
    return { gate, interrupted: () => interrupted, ...cached({ before }) }
  })

  it.effect("a hundred callers share one query", () =>
    Effect.gen(function* () {
      const { asked, gate, layer } = yield* gated
      yield* Effect.gen(function* () {
        const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(look))
        yield* Effect.yieldNow
        yield* Deferred.succeed(gate, undefined)
        const answers = yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual([...new Set(answers)], ["192.0.2.1"])
        assert.strictEqual(asked.length, 1)
        assert.deepStrictEqual(yield* ResolverCache.statistics, { requests: 100, hits: 99, misses: 1, size: 1 })
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("interrupting the caller who began leaves the others their answer", () =>
    Effect.gen(function* () {
      const { asked, gate, interrupted, layer } = yield* gated
      yield* Effect.gen(function* () {
        const first = yield* Effect.forkChild(look)
        yield* Effect.yieldNow
        const second = yield* Effect.forkChild(look)
        yield* Effect.yieldNow
        yield* Fiber.interrupt(first)
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(yield* Fiber.join(second), "192.0.2.1")
        assert.deepStrictEqual([asked.length, interrupted()], [1, 0])
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("when every caller is interrupted the query is too, and the next caller asks anew", () =>
    Effect.gen(function* () {
      const { asked, gate, interrupted, layer } = yield* gated
      yield* Effect.gen(function* () {
        const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(look))
        yield* Effect.yieldNow
        yield* Fiber.interruptAll(fibers)
        assert.strictEqual(interrupted(), 1)
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(yield* look, "192.0.2.2")
        assert.strictEqual(asked.length, 2)
      }).pipe(Effect.provide(layer))
    })
  )
})

describe("layerCached, family by family", () => {
  /** A source whose AAAA takes this long and then fails, while A is there at once. */
  const slow = (options: { readonly after: Duration.Input; readonly ttl?: Duration.Duration }) => {
    const asked: Array<string> = []
    const source: ResolverSource.ResolverSource = {
      forward: ({ family = "both", name }) =>
        Effect.suspend(() => {
          asked.push(family)
          const address = NetAddress.ipFromStringUnsafe(family === "IPv6" ? "2001:db8::1" : "192.0.2.1")
          return family === "IPv6"
            ? Effect.delay(ResolverSource.fail({ _tag: "Timeout" }), options.after)
            : Effect.succeed({ name, aliases: [], addresses: [address] as const, ttl: Duration.hours(1) })
        }),
      reverse: () => Effect.die("not asked"),
      services: Effect.succeed([])
    }
    const layer = Layer.succeed(Resolver.Resolver, Resolver.make(source))
    return { asked, layer: ResolverCache.layerCached().pipe(Layer.provide(layer)) }
  }
  const first = Stream.runHead(Resolver.answers("host.example"))
  const all = Stream.runCollect(Resolver.answers("host.example"))

  it.effect("each family is kept by itself, and answers come from memory", () => {
    const { asked, layer } = cached()
    return Effect.gen(function* () {
      yield* all
      assert.strictEqual((yield* all).length, 2)
      assert.sameMembers(asked, ["host.example IPv6", "host.example IPv4"])
    }).pipe(Effect.provide(layer))
  })

  it.effect(
    "the slow family is asked once for all who leave with the quick one, and its failure is kept 10 seconds",
    () => {
      const { asked, layer } = slow({ after: "6 seconds" })
      return Effect.gen(function* () {
        for (let i = 0; i < 3; i++) assert.isTrue(Option.isSome(yield* first))
        assert.sameMembers(asked, ["IPv4", "IPv6"])
        yield* TestClock.adjust("6 seconds")
        yield* all
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual((yield* all).length, 1)
        assert.strictEqual(asked.length, 2)
        yield* TestClock.adjust("1 seconds")
        yield* first
        assert.strictEqual(asked.length, 3)
      }).pipe(Effect.provide(layer))
    }
  )

  it.effect("a host that is forgotten while its slow family is asked for stays forgotten", () => {
    const { asked, layer } = slow({ after: "6 seconds" })
    return Effect.gen(function* () {
      yield* first
      yield* ResolverCache.invalidate("host.example")
      yield* TestClock.adjust("6 seconds")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* ResolverCache.statistics).size, 0)
      yield* first
      assert.strictEqual(asked.length, 4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("a host without any address is asked for once", () => {
    const { asked, layer } = cached({ reason: { _tag: "HostNotFound" } })
    return Effect.gen(function* () {
      for (let i = 0; i < 2; i++) assert.strictEqual((yield* Effect.flip(all)).reason._tag, "HostNotFound")
      assert.strictEqual(asked.length, 2)
    }).pipe(Effect.provide(layer))
  })
})
