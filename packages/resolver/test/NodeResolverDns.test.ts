import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import * as NetAddress from "effect/net/NetAddress"
import * as dgram from "node:dgram"
import * as dns from "node:dns"
import * as fs from "node:fs"
import * as Hostent from "../src/Hostent.ts"
import * as NodeResolver from "../src/NodeResolver.ts"
import * as Resolver from "../src/Resolver.ts"
import * as ResolverCache from "../src/ResolverCache.ts"
import * as DnsServer from "./utils/dnsServer.ts"
import * as System from "./utils/system.ts"

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

  it.live("an answer of more than 512 bytes comes over UDP, if the server can", () => {
    const records = Array.from({ length: 60 }, (_, i) => a("many.example", `192.0.2.${i}`))
    return against(DnsServer.zone(records), ({ queries }) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* Resolver.lookup("many.example", { family: "IPv4" })).length, 60)
        assert.deepStrictEqual(queries, ["udp A many.example"])
      })
    )
  })

  it.live.each([1, 4])("a server that does not know of longer answers, and says %s, is asked in the old way", (rcode) =>
    against(
      (question) => (question.udpPayloadSize > 0 ? { rcode } : www(question)),
      ({ queries }) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(texts(yield* Resolver.lookup("six.example", { family: "IPv6" })), ["2001:db8::6"])
          assert.strictEqual(queries.length, 2)
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

  it.live("a datagram that cannot be read does not end a question: it is asked again within its tries", () => {
    let damaged = 0
    return against(
      (question) =>
        damaged++ < 2 ? Uint8Array.of(question.id >> 8, question.id & 255, 0x81, 0x80, 0, 1, 7) : www(question),
      () =>
        Effect.gen(function* () {
          const found = yield* Resolver.lookup("six.example", { family: "IPv6" })
          assert.deepStrictEqual([texts(found), damaged], [["2001:db8::6"], 3])
        }),
      { timeout: "5 seconds", tries: 3 }
    )
  })

  it.live("a datagram that is not about the question is passed over, and the answer after it counts", () =>
    against(
      (question) => ({
        ...www(question),
        noise: [Uint8Array.of(1), Uint8Array.of(question.id >> 8, ~question.id & 255, 9)]
      }),
      () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(texts(yield* Resolver.lookup("six.example", { family: "IPv6" })), ["2001:db8::6"])
        }),
      { timeout: "5 seconds", tries: 1 }
    )
  )

  it.live("the canonical name is that of the answer, without a question of its own", () =>
    against(
      (question) => (question.type === "CNAME" ? { rcode: 2 } : www(question)),
      ({ queries }) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* Resolver.resolveHostIpaddr("www.example")).name, "host.example")
          assert.sameMembers([...queries], ["udp A www.example", "udp AAAA www.example"])
        })
    )
  )

  it.live("IPv4 addresses are sorted, whether or not there are others", () =>
    Effect.gen(function* () {
      const records = [a("order.example", "169.254.3.4"), a("order.example", "127.0.0.1")]
      for (const more of [[], [aaaa("order.example", "::1")]]) {
        const found = yield* against(DnsServer.zone([...records, ...more]), () => Resolver.lookup("order.example"))
        assert.deepStrictEqual(texts(found.filter(NetAddress.isIpv4Address)), ["127.0.0.1", "169.254.3.4"])
      }
    })
  )

  it.live.each<NodeResolver.DnsOptions>([
    { timeout: "30 days", tries: 1000 },
    { timeout: Infinity },
    { maxQueries: 1 }
  ])("with %j questions are answered", (options) =>
    against(
      www,
      () =>
        Effect.gen(function* () {
          const found = yield* Effect.timeout(Resolver.lookup("both.example"), "10 seconds")
          assert.strictEqual(found.length, 2)
        }),
      options
    )
  )

  it.live("no more than maxQueries are under way, and who waits its turn too long fails by the deadline", () =>
    against(
      () => "silence",
      ({ queries }) =>
        Effect.gen(function* () {
          const hosts = Array.from({ length: 20 }, (_, i) => `h${i}.example`)
          const asking = yield* Effect.forkChild(
            Effect.timed(
              Effect.forEach(hosts, (host) => Effect.flip(Resolver.lookup(host, { family: "IPv4" })), {
                concurrency: "unbounded"
              })
            )
          )
          yield* Effect.sleep("500 millis")
          assert.strictEqual(queries.length, 3)
          const [time, errors] = yield* Fiber.join(asking)
          assert.deepStrictEqual(new Set(errors.map(({ reason }) => reason._tag)), new Set(["Timeout"]))
          assert.isBelow(Duration.toMillis(time), 6000)
        }),
      { timeout: "2 seconds", tries: 1, maxQueries: 3 }
    )
  )

  it.live("a crowd of questions is answered with few descriptors", () =>
    Effect.gen(function* () {
      const { address } = yield* DnsServer.make(({ name, type }) => ({
        answers: type === "A" ? [a(name, "192.0.2.1")] : [],
        delay: 20
      }))
      const questions = Array.from({ length: 500 }, (_, i) => `h${i}.example`)
      const replies = yield* Effect.promise(() =>
        System.askWithLimitAsync(200, { server: address, first: true, questions })
      )
      assert.deepStrictEqual(
        replies.map((reply) => reply.split(" ")[0]),
        questions.map(() => "192.0.2.1")
      )
    }).pipe(Effect.scoped)
  )

  it.live("a second server is asked when the first is silent, or does not listen", () =>
    Effect.gen(function* () {
      const silent = yield* DnsServer.make(() => "silence")
      const down = yield* Effect.scoped(DnsServer.make(() => "silence"))
      const good = yield* DnsServer.make(www)
      for (const first of [silent, down]) {
        const layer = NodeResolver.layerDns({ ...quick, servers: [first.address, good.address] })
        const found = yield* Effect.provide(Resolver.lookup("six.example", { family: "IPv6" }), layer)
        assert.deepStrictEqual(texts(found), ["2001:db8::6"])
      }
    }).pipe(Effect.scoped)
  )

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

describe("layerDns, spans", () => {
  it.live("each query has one below that of its lookup, which names the server", () =>
    against(
      (question) => (question.transport === "udp" ? { truncated: true } : www(question)),
      ({ address }) =>
        Effect.gen(function* () {
          const spans: Array<Tracer.NativeSpan> = []
          const tracer = Tracer.make({
            span: (options) => {
              const span = new Tracer.NativeSpan(options)
              spans.push(span)
              return span
            }
          })
          const found = Resolver.lookup("six.example", { family: "IPv6" })
          yield* Effect.provideService(found, Tracer.Tracer, tracer)
          const [lookup, ...queries] = spans
          assert.strictEqual(lookup.name, "Resolver.lookup")
          const port = Number(address.split(":")[1])
          assert.deepStrictEqual(
            queries.map((query) => [
              query.name,
              Option.getOrUndefined(query.parent)?.spanId,
              Object.fromEntries(query.attributes)
            ]),
            ["udp", "tcp"].map((transport) => [
              "DNS AAAA",
              lookup.spanId,
              {
                "dns.question.name": "six.example",
                "server.address": "127.0.0.1",
                "server.port": port,
                "network.transport": transport
              }
            ])
          )
        })
    )
  )
})

/** Runs an effect while a method of Node's throws what it should not. */
const throwing = <A, E, R>(prototype: object, method: string, thrown: unknown, effect: Effect.Effect<A, E, R>) => {
  const original: unknown = Reflect.get(prototype, method)
  return Effect.acquireUseRelease(
    Effect.sync(() =>
      Reflect.set(prototype, method, () => {
        throw thrown
      })
    ),
    () => effect,
    () => Effect.sync(() => Reflect.set(prototype, method, original))
  )
}

describe("layerDns, guards", () => {
  it.live.each<[what: string, prototype: object, method: string, thrown: unknown]>([
    ["making a socket", dgram.Socket.prototype, "connect", new Error("no")],
    ["sending", dgram.Socket.prototype, "send", null],
    ["sending what has a number for a code", dgram.Socket.prototype, "send", { code: 7 }],
    ["asking for the name servers", dns.Resolver.prototype, "getServers", undefined]
  ])("what Node throws at %s is a failure of that question", ([, prototype, method, thrown]) =>
    Effect.gen(function* () {
      const { address } = yield* DnsServer.make(www)
      const servers = method === "getServers" ? [] : [address]
      yield* Effect.gen(function* () {
        const question = Effect.flip(Resolver.lookup("both.example"))
        const error = yield* throwing(prototype, method, thrown, question)
        assert.strictEqual(error.reason._tag, "Unknown", error.message)
      }).pipe(Effect.provide(NodeResolver.layerDns({ ...quick, servers })))
    }).pipe(Effect.scoped)
  )
})

describe("layerDns, order of addresses", () => {
  it.live("what throws while the order is found out loses no address", () =>
    Effect.gen(function* () {
      const records = [a("many.example", "127.0.0.1"), a("many.example", "192.0.2.1")]
      const found = yield* against(DnsServer.zone(records), () =>
        throwing(
          dgram.Socket.prototype,
          "address",
          new Error("no"),
          Resolver.lookup("many.example", { family: "IPv4" })
        )
      )
      assert.strictEqual(found.length, 2)
    })
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

  it.live.each<[where: string, names: ReadonlyArray<string>]>([
    ["first", ["a name.example", "host.example", "other.example"]],
    ["last", ["host.example", "other.example", "a name.example"]]
  ])("of several records, one that is no host name does not matter, even if it is the %s", ([, names]) =>
    against(DnsServer.zone(names.map((name) => ptr("7.2.0.192.in-addr.arpa", name))), () =>
      Effect.gen(function* () {
        const found = yield* Resolver.resolveHostIpaddr("192.0.2.7")
        assert.deepStrictEqual([found.name, found.aliases], ["host.example", ["other.example"]])
      })
    )
  )

  it.live("the records may be those of an alias, as in zones of fewer than 256 addresses (RFC 2317)", () =>
    against(
      DnsServer.zone([
        cname("7.2.0.192.in-addr.arpa", "7.0-63.2.0.192.in-addr.arpa"),
        ptr("7.0-63.2.0.192.in-addr.arpa", "host.example")
      ]),
      () =>
        Effect.gen(function* () {
          assert.strictEqual((yield* Resolver.resolveHostIpaddr("192.0.2.7")).name, "host.example")
        })
    )
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
  ["InvalidResponse", "aliases in a circle, shown with SERVFAIL", www, "circle.example"],
  [
    "InvalidResponse",
    "aliases in a circle, shown with NOERROR",
    (question) => ({ ...www(question), rcode: 0 }),
    "circle.example"
  ],
  ...[6, 7, 8, 9, 10, 11, 15].map(
    (rcode) => ["ServerFailure", `rcode ${rcode}, which says nothing of the name,`, () => ({ rcode })] as const
  ),
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
    "an alias for what is no host name",
    ({ name }) => ({ answers: [cname(name, "no host.example"), a("no host.example", "192.0.2.1")] })
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

  it.live("a server that does not listen may be there again: TryAgain", () =>
    Effect.gen(function* () {
      const { address } = yield* Effect.scoped(DnsServer.make(() => "silence"))
      const layer = NodeResolver.layerDns({ ...quick, servers: [address] })
      const error = yield* Effect.flip(Effect.provide(Resolver.lookup("host.example"), layer))
      assert.deepStrictEqual([error.reason._tag, error.isTemporary], ["TryAgain", true])
    })
  )

  it.live("the family that is missing is named", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(against(www, () => Resolver.lookup("host.example", { family: "IPv6" })))
      assert.deepStrictEqual(error.reason, { _tag: "NoAddress", family: "IPv6" })
    })
  )

  it.live.each(["ns.example", "fe80::1%1", "192.0.2.1:70000", "192.0.2.1:0", ""])("%j is no name server", (server) =>
    Effect.gen(function* () {
      const layer = NodeResolver.layerDns({ servers: [server] })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.strictEqual(error.reason._tag, "InvalidName")
    })
  )
})

describe("layerDnsConfig", () => {
  const environment = (env: Readonly<Record<string, string>>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

  it.live("takes its options from the environment", () =>
    Effect.gen(function* () {
      const { address, queries } = yield* DnsServer.make(www)
      const env = {
        RESOLVER_SERVERS: address,
        RESOLVER_TIMEOUT: "3 seconds",
        RESOLVER_TRIES: "2",
        RESOLVER_MAX_QUERIES: "9"
      }
      for (const layer of [NodeResolver.layerDnsConfig(), NodeResolver.layerConfig]) {
        const found = yield* Effect.provide(Resolver.lookup("six.example"), Layer.provide(layer, environment(env)))
        assert.deepStrictEqual(texts(found), ["2001:db8::6"])
      }
      assert.strictEqual(queries.length, 4)
      assert.deepStrictEqual(yield* Effect.provide(NodeResolver.dnsConfig, environment(env)), {
        servers: [address],
        timeout: Duration.seconds(3),
        tries: 2,
        maxQueries: 9
      })
    }).pipe(Effect.scoped)
  )

  it.live("an empty environment leaves the defaults, and the system is asked", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        Object.values(yield* NodeResolver.dnsConfig).filter((value) => value !== undefined),
        []
      )
      assert.isNotEmpty(yield* Effect.provide(Resolver.lookup("localhost"), NodeResolver.layerConfig))
    }).pipe(Effect.provide(environment({})))
  )

  it.live.each([
    { RESOLVER_TRIES: "0" },
    { RESOLVER_TRIES: "many" },
    { RESOLVER_TIMEOUT: "soon" },
    { RESOLVER_MAX_QUERIES: "1.5" },
    { RESOLVER_SERVERS: "ns.example" }
  ])("%j fails, with a typed error", (env) =>
    Effect.gen(function* () {
      const layer = Layer.provide(NodeResolver.layerDnsConfig(), environment(env))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.include(["ConfigError", "ResolverError"], error._tag)
    })
  )

  it.live("names of one's own are a record of configs", () =>
    Effect.gen(function* () {
      const { address } = yield* DnsServer.make(www)
      const layer = NodeResolver.layerDnsConfig({ servers: Config.succeed([address]), tries: Config.Int("MY_TRIES") })
      const found = Effect.provide(Resolver.lookup("six.example"), Layer.provide(layer, environment({ MY_TRIES: "1" })))
      assert.deepStrictEqual(texts(yield* found), ["2001:db8::6"])
    }).pipe(Effect.scoped)
  )
})

describe("layerDns, options", () => {
  it.live.each<[NodeResolver.DnsOptions, option: string]>([
    [{ timeout: NaN }, "timeout"],
    [{ timeout: 0 }, "timeout"],
    [{ timeout: "-1 seconds" }, "timeout"],
    [{ tries: NaN }, "tries"],
    [{ tries: 0 }, "tries"],
    [{ tries: 1.5 }, "tries"],
    [{ tries: Infinity }, "tries"],
    [{ maxQueries: 0 }, "maxQueries"],
    [{ maxQueries: NaN }, "maxQueries"],
    [{ servers: "192.0.2.53" as never }, "servers"]
  ])("%j cannot be meant", ([options, option]) =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(Effect.scoped(Layer.build(NodeResolver.layerDns(options))))
      assert.strictEqual(reason._tag === "InvalidOption" && reason.option, option)
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

describe.skipIf(!fs.existsSync("/proc/self/fd"))("layerDns, descriptors (needs /proc)", () => {
  const open = () => fs.readdirSync("/proc/self/fd").length

  it.live.each([7, 20, 2048])(
    "questions that are interrupted at any moment leave none behind (yield after %s)",
    (ops) =>
      Effect.gen(function* () {
        const server = yield* DnsServer.make(({ name, type }) => ({
          truncated: name.startsWith("t"),
          answers: type === "A" ? [a(name, "192.0.2.1"), a(name, "127.0.0.1")] : [],
          delay: 1
        }))
        yield* Effect.gen(function* () {
          yield* Resolver.lookup("h.example")
          const before = open()
          yield* Effect.forEach(
            Array.from({ length: 120 }, (_, i) => i),
            (i) => Effect.timeoutOption(Resolver.lookup(`${i % 3 === 0 ? "t" : "h"}.example`), (i % 12) * 0.5),
            { concurrency: 40 }
          ).pipe(Effect.ignore)
          yield* settled(Effect.repeat(Effect.sleep(5), { until: () => open() <= before }).pipe(Effect.orDie))
        }).pipe(Effect.provide(NodeResolver.layerDns({ servers: [server.address] })))
      }).pipe(Effect.scoped, Effect.provideService(Scheduler.MaxOpsBeforeYield, ops))
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

  it.effect("the time of an absence is its SOA record's own, if that is shorter than its MINIMUM", () =>
    keeps(60, "no.host.example", DnsServer.zone([DnsServer.soa("example", 300, 60), a("host.example", "192.0.2.1")]))
  )

  it.live("an absence is told at once, and how long it holds costs no further question", () =>
    Effect.gen(function* () {
      const server = yield* DnsServer.make(({ type }) =>
        type === "SOA" ? "silence" : { rcode: 3, authorities: [DnsServer.soa("example", 60)] }
      )
      const dns = NodeResolver.layerDns({ timeout: "5 seconds", servers: [server.address] })
      const cached = ResolverCache.layerCached().pipe(Layer.provide(dns))
      const error = yield* Effect.flip(Resolver.lookup("www.sub.host.example")).pipe(
        Effect.timeout("3 seconds"),
        Effect.provide(cached)
      )
      assert.deepStrictEqual([error.reason._tag, server.queries.length], ["HostNotFound", 2])
    }).pipe(Effect.scoped)
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
