import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as NetAddress from "effect/net/NetAddress"
import * as Hostent from "../src/Hostent.ts"
import * as NodeResolver from "../src/NodeResolver.ts"
import * as Resolver from "../src/Resolver.ts"
import * as ResolverCache from "../src/ResolverCache.ts"
import * as DnsServer from "./utils/dnsServer.ts"

const { a, aaaa, cname, ptr } = DnsServer

const quick = { timeout: "300 millis", tries: 1 } as const

/** Runs a program against a name server that does what `handler` says. */
const against = <A, E>(
  handler: (question: DnsServer.Question) => DnsServer.Reply,
  use: (server: DnsServer.DnsServer) => Effect.Effect<A, E, Resolver.Resolver>,
  options: Omit<NodeResolver.DnsOptions, "servers"> = quick
) =>
  Effect.scoped(
    Effect.flatMap(DnsServer.make(handler), (server) =>
      Effect.provide(use(server), NodeResolver.layerDns({ ...options, servers: [server.address] }))
    )
  )

const texts = (addresses: ReadonlyArray<NetAddress.IpAddress>) => addresses.map(NetAddress.formatIp)

const hostent = (name: string, aliases: ReadonlyArray<string>, ...addresses: ReadonlyArray<string>) =>
  Hostent.fromAddresses(name, aliases, addresses.map(NetAddress.ipFromStringUnsafe) as [NetAddress.IpAddress])

const www = DnsServer.zone([
  cname("www.example", "web.example"),
  cname("web.example", "host.example"),
  a("host.example", "192.0.2.1"),
  a("host.example", "192.0.2.2"),
  aaaa("six.example", "2001:db8::6"),
  a("both.example", "127.0.0.1"),
  aaaa("both.example", "::1"),
  ptr("1.2.0.192.in-addr.arpa", "host.example"),
  ptr("9.2.0.192.in-addr.arpa", "host.example"),
  ptr("9.2.0.192.in-addr.arpa", "Second.example"),
  ptr("8.2.0.192.in-addr.arpa", "a name.example"),
  { type: "TXT", name: "text.example", data: "no address here" },
  cname("lost.example", "text.example"),
  cname("circle.example", "circle2.example"),
  cname("circle2.example", "circle.example")
])

describe("layerDns, forward", () => {
  it.live("a chain of aliases ends in the canonical name, and all addresses come", () =>
    against(www, () =>
      Effect.gen(function* () {
        const found = yield* Resolver.resolveHostIpaddr("WWW.example.")
        const expected = hostent("host.example", ["www.example", "web.example"], "192.0.2.1", "192.0.2.2")
        assert.isTrue(Equal.equals(found, expected), Hostent.format(found))
      })
    )
  )

  it.live("A and AAAA are asked for together, and a lookup asks for no canonical name", () =>
    against(www, ({ queries }) =>
      Effect.gen(function* () {
        assert.sameMembers(texts(yield* Resolver.lookup("both.example")), ["127.0.0.1", "::1"])
        assert.sameMembers([...queries], ["udp A both.example", "udp AAAA both.example"])
      })
    )
  )

  it.live("a lookup of one family asks for that family only", () =>
    against(www, ({ queries }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(texts(yield* Resolver.lookup("both.example", { family: "IPv6" })), ["::1"])
        assert.deepStrictEqual(queries, ["udp AAAA both.example"])
      })
    )
  )

  it.live("one family without records leaves the addresses of the other", () =>
    against(www, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(texts(yield* Resolver.lookup("six.example")), ["2001:db8::6"])
        assert.deepStrictEqual(texts(yield* Resolver.lookup("host.example")), ["192.0.2.1", "192.0.2.2"])
      })
    )
  )

  it.live("a family that is never answered does not hold up the other for all its tries", () =>
    against(
      (question) => (question.type === "AAAA" ? "silence" : www(question)),
      () =>
        Effect.gen(function* () {
          const found = yield* Effect.timeout(Resolver.lookup("both.example"), "4 seconds")
          assert.deepStrictEqual(texts(found), ["127.0.0.1"])
        }),
      { timeout: "200 millis", tries: 100 }
    )
  )

  it.live("a family that is never answered does not hold up the other one's answer", () =>
    against(
      (question) => (question.type === "AAAA" ? "silence" : www(question)),
      () =>
        Effect.gen(function* () {
          const found = yield* Effect.timeout(Stream.runHead(Resolver.answers("both.example")), "2 seconds")
          assert.deepStrictEqual(Option.map(found, texts), Option.some(["127.0.0.1"]))
        }),
      { timeout: "5 seconds", tries: 1 }
    )
  )

  it.live("answers come family by family, and fail as a lookup does", () =>
    against(www, () =>
      Effect.gen(function* () {
        const found = yield* Stream.runCollect(Resolver.answers("both.example"))
        assert.sameDeepMembers(found.map(texts), [["127.0.0.1"], ["::1"]])
        for (const name of ["nowhere.example", "text.example", "circle.example"]) {
          const error = yield* Effect.flip(Stream.runDrain(Resolver.answers(name)))
          assert.deepStrictEqual(error.reason, (yield* Effect.flip(Resolver.lookup(name))).reason)
        }
      })
    )
  )

  it.live("a truncated answer is asked for again over TCP", () =>
    against(
      (question) => (question.transport === "udp" ? { truncated: true } : www(question)),
      ({ queries }) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(texts(yield* Resolver.lookup("host.example", { family: "IPv4" })), [
            "192.0.2.1",
            "192.0.2.2"
          ])
          assert.deepStrictEqual(queries, ["udp A host.example", "tcp A host.example"])
        })
    )
  )

  it.live("a lost question is asked again", () => {
    let lost = 0
    return against(
      (question) => (lost++ === 0 ? "silence" : www(question)),
      () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(texts(yield* Resolver.lookup("six.example", { family: "IPv6" })), ["2001:db8::6"])
          assert.strictEqual(lost, 2)
        }),
      { timeout: "300 millis", tries: 3 }
    )
  })

  it.live("a second server is asked when the first fails", () =>
    Effect.gen(function* () {
      const bad = yield* DnsServer.make(() => ({ rcode: 2 }))
      const good = yield* DnsServer.make(www)
      const layer = NodeResolver.layerDns({ ...quick, servers: [bad.address, good.address] })
      const found = yield* Effect.provide(Resolver.lookup("host.example", { family: "IPv4" }), layer)
      assert.deepStrictEqual(texts(found), ["192.0.2.1", "192.0.2.2"])
      assert.strictEqual(bad.queries.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live.each([
    ["localhost", "127.0.0.1"],
    ["printer.localhost.", "127.0.0.1"],
    ["192.0.2.77", "192.0.2.77"],
    ["2001:DB8::0:1", "2001:db8::1"]
  ])("%s is answered without a question to anybody", ([name, address]) =>
    against(
      () => "silence",
      ({ queries }) =>
        Effect.gen(function* () {
          assert.include(texts(yield* Resolver.lookup(name)), address)
          assert.deepStrictEqual(queries, [])
        })
    )
  )

  it.live("an international name is asked for in its ASCII form", () =>
    against(DnsServer.zone([a("xn--bcher-kva.example", "192.0.2.3")]), () =>
      Effect.gen(function* () {
        const found = yield* Resolver.resolveHostIpaddr("Bücher.example")
        assert.isTrue(Equal.equals(found, hostent("xn--bcher-kva.example", [], "192.0.2.3")), Hostent.format(found))
      })
    )
  )
})

describe("layerDns, reverse", () => {
  const reverse = (address: string) => against(www, () => Resolver.resolveHostIpaddr(address))

  it.live("a name that leads back to the address brings its other addresses, the asked one first", () =>
    Effect.gen(function* () {
      const found = yield* reverse("192.0.2.1")
      assert.isTrue(Equal.equals(found, hostent("host.example", [], "192.0.2.1", "192.0.2.2")), Hostent.format(found))
    })
  )

  it.live("a name that does not lead back brings nothing but itself and the other names of the address", () =>
    Effect.gen(function* () {
      const found = yield* reverse("192.0.2.9")
      const expected = hostent("host.example", ["second.example"], "192.0.2.9")
      assert.isTrue(Equal.equals(found, expected), Hostent.format(found))
    })
  )

  it.live("a mapped IPv4 address is the IPv4 address", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* reverse("::ffff:192.0.2.1")).name, "host.example")
    })
  )

  it.live("a name that is no host name is an invalid answer", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(reverse("192.0.2.8"))
      assert.strictEqual(error.reason._tag, "InvalidResponse")
    })
  )
})

const failing: ReadonlyArray<
  readonly [reason: string, what: string, handler: (question: DnsServer.Question) => DnsServer.Reply, name?: string]
> = [
  ["HostNotFound", "NXDOMAIN", www, "nowhere.example"],
  ["HostNotFound", "a name in invalid", () => "silence", "host.invalid"],
  ["HostNotFound", "a name in onion", () => "silence", "host.onion"],
  ["HostNotFound", "no name for an address", www, "192.0.2.200"],
  ["NoAddress", "NODATA", www, "text.example"],
  ["NoAddress", "an alias whose target has no address", www, "lost.example"],
  [
    "HostNotFound",
    "NXDOMAIN for one family and a timeout for the other",
    (question) => (question.type === "AAAA" ? "silence" : { rcode: 3 })
  ],
  [
    "ServerFailure",
    "NODATA for one family and SERVFAIL for the other",
    (question) => (question.type === "AAAA" ? { rcode: 2 } : {})
  ],
  ["ServerFailure", "SERVFAIL", () => ({ rcode: 2 })],
  ["ServerFailure", "aliases in a circle, as recursive servers answer them", www, "circle.example"],
  ["Refused", "REFUSED", () => ({ rcode: 5 })],
  ["Unsupported", "NOTIMP", () => ({ rcode: 4 })],
  ["Timeout", "silence", () => "silence"],
  ["Timeout", "an answer that comes too late", () => ({ delay: 2000 })],
  ["Timeout", "an answer to another question", () => ({ about: "y.example", answers: [a("y.example", "192.0.2.66")] })],
  ["Timeout", "an answer with a wrong id", ({ name }) => ({ idOffset: 1, answers: [a(name, "192.0.2.66")] })],
  [
    "InvalidResponse",
    "an answer cut off in the middle",
    ({ id }) => Uint8Array.of(id >> 8, id & 255, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 7)
  ],
  [
    "InvalidResponse",
    "aliases in a circle from a careless server",
    ({ name, type }) =>
      type === "CNAME"
        ? { answers: [cname(name, name === "x.example" ? "y.example" : "x.example")] }
        : { answers: [a(name, "192.0.2.1")] }
  ],
  [
    "InvalidResponse",
    "an alias for what is no host name",
    ({ name, type }) =>
      type === "CNAME" ? { answers: [cname(name, "no host.example")] } : { answers: [a(name, "192.0.2.1")] }
  ]
]

describe("layerDns, errors", () => {
  for (const [reason, what, handler, name = "x.example"] of failing) {
    it.live(`${what} is ${reason}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(against(handler, () => Resolver.resolveHostIpaddr(name)))
        assert.strictEqual(error.reason._tag, reason, error.message)
        assert.include(error.message, name)
      })
    )
  }

  it.live("a server that does not listen is Refused", () =>
    Effect.gen(function* () {
      const { address } = yield* Effect.scoped(DnsServer.make(() => "silence"))
      const layer = NodeResolver.layerDns({ ...quick, servers: [address] })
      const error = yield* Effect.flip(Effect.provide(Resolver.lookup("host.example"), layer))
      assert.strictEqual(error.reason._tag, "Refused")
    })
  )

  it.live("the family that is missing is named", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(against(www, () => Resolver.lookup("host.example", { family: "IPv6" })))
      assert.deepStrictEqual(error.reason, { _tag: "NoAddress", family: "IPv6" })
    })
  )

  it.live.each(["ns.example", "fe80::1%1", "192.0.2.1:70000", ""])("%j is no name server", (server) =>
    Effect.gen(function* () {
      const layer = NodeResolver.layerDns({ servers: [server] })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.strictEqual(error.reason._tag, "InvalidName")
    })
  )
})

const settled = <A>(effect: Effect.Effect<A>) => Effect.timeout(effect, "5 seconds")

describe("layerDns, interruption and release", () => {
  it.live("releasing the layer cancels the queries under way and fails later questions", () =>
    Effect.gen(function* () {
      const server = yield* DnsServer.make(() => "silence")
      const scope = yield* Scope.make()
      const layer = NodeResolver.layerDns({ timeout: "1 minute", tries: 1, servers: [server.address] })
      const context = yield* Layer.buildWithScope(layer, scope)
      const question = Effect.provide(Effect.flip(Resolver.lookup("host.example")), context)
      const fiber = yield* Effect.forkChild(question)
      yield* settled(Effect.repeat(Effect.sleep(1), { until: () => server.queries.length === 2 }))
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.timeout(Fiber.join(fiber), "5 seconds")
      assert.deepStrictEqual(error.reason, { _tag: "Unknown", code: "ECANCELLED" })
      assert.deepStrictEqual((yield* question).reason, { _tag: "Unknown", code: "ECANCELLED" })
      assert.strictEqual(server.queries.length, 2)
    }).pipe(Effect.scoped)
  )

  it.live("interrupting one question leaves the others alone and asks nothing more", () =>
    against(
      (question) => (question.name === "slow.example" ? "silence" : { ...www(question), delay: 200 }),
      ({ queries }) =>
        Effect.gen(function* () {
          const slow = yield* Effect.forkChild(Resolver.lookup("slow.example"))
          const other = yield* Effect.forkChild(Resolver.lookup("both.example"))
          yield* settled(Effect.repeat(Effect.sleep(1), { until: () => queries.length === 4 }))
          yield* settled(Fiber.interrupt(slow))
          assert.strictEqual((yield* Fiber.join(other)).length, 2)
          yield* Effect.sleep("500 millis")
          assert.strictEqual(queries.filter((query) => query.endsWith("slow.example")).length, 2)
        }),
      { timeout: "250 millis", tries: 20 }
    )
  )
})

describe("layerDns under a cache", () => {
  /** The number of questions after asking now, just before `seconds`, and then. */
  const keeps = (seconds: number, question: string, handler: Parameters<typeof against>[0]) =>
    Effect.gen(function* () {
      const server = yield* DnsServer.make(handler)
      const dns = NodeResolver.layerDns({ ...quick, servers: [server.address] })
      yield* Effect.gen(function* () {
        const ask = Effect.exit(Resolver.lookup(question))
        yield* ask
        const { length } = server.queries
        yield* TestClock.adjust(`${seconds * 1000 - 1} millis`)
        yield* ask
        assert.strictEqual(server.queries.length, length, "it was forgotten too early")
        yield* TestClock.adjust("1 millis")
        yield* ask
        assert.isAbove(server.queries.length, length, "it was kept too long")
      }).pipe(Effect.provide(ResolverCache.layerCached().pipe(Layer.provide(dns))))
    }).pipe(Effect.scoped)

  it.effect("an answer is kept for the shortest time of its records", () =>
    keeps(
      7,
      "www.example",
      DnsServer.zone([
        cname("www.example", "host.example", 90),
        a("host.example", "192.0.2.1", 8),
        aaaa("host.example", "2001:db8::1", 7)
      ])
    )
  )

  it.effect("an absence is kept for the time of its zone", () =>
    keeps(300, "no.host.example", DnsServer.zone([DnsServer.soa("example", 300), a("host.example", "192.0.2.1")]))
  )

  it.effect("an absence in no zone is kept for ten seconds", () => keeps(10, "no.host.example", DnsServer.zone([])))

  it.effect("an answer that lacks a family for a failure is kept for ten seconds", () =>
    keeps(10, "both.example", (question) =>
      question.type === "AAAA" ? { rcode: 2 } : { answers: [a(question.name, "192.0.2.1", 600)] }
    )
  )

  it.effect("a time with its highest bit set is zero", () =>
    against(
      ({ name }) => ({ answers: [a(name, "192.0.2.1", 2 ** 31)] }),
      ({ queries }) =>
        Effect.gen(function* () {
          const cached = ResolverCache.layerCached().pipe(
            Layer.provide(Layer.succeed(Resolver.Resolver, yield* Resolver.Resolver))
          )
          const ask = Resolver.lookup("host.example", { family: "IPv4" })
          yield* Effect.provide(Effect.andThen(ask, ask), cached)
          assert.strictEqual(queries.length, 2)
        })
    )
  )
})
