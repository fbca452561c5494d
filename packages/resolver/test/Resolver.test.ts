import { assert, describe, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Tracer from "effect/Tracer"
import * as NetAddress from "effect/net/NetAddress"
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as Hostent from "../src/Hostent.ts"
import * as Resolver from "../src/Resolver.ts"
import * as ResolverError from "../src/ResolverError.ts"
import * as ResolverSource from "../src/ResolverSource.ts"
import * as Servent from "../src/Servent.ts"
import type { StaticZone } from "../src/StaticZone.ts"
import * as Arbitraries from "./utils/arbitraries.ts"

const ip = NetAddress.ipFromStringUnsafe
const texts = (addresses: ReadonlyArray<NetAddress.IpAddress>) => addresses.map(NetAddress.formatIp)

const book = Resolver.layerStatic({
  hosts: {
    "bibop.alu.org": ["128.18.65.4"],
    "Both.Example.": ["192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1"],
    "bücher.example": ["192.0.2.3"],
    "empty.example": []
  },
  aliases: { "www.lisp.org": "bibop.alu.org", lisp: "BIBOP.alu.org", both: "both.example" },
  services: [new Servent.Servent({ name: "mine", aliases: ["my"], port: 80, protocol: "tcp" })]
})

const bibop = Hostent.fromAddresses("bibop.alu.org", ["www.lisp.org", "lisp"], [ip("128.18.65.4")])

describe("resolveHostIpaddr", () => {
  it.effect.each<[Resolver.HostInput]>([
    ["bibop.alu.org"],
    ["BIBOP.ALU.ORG."],
    ["www.lisp.org"],
    ["128.18.65.4"],
    ["::ffff:128.18.65.4"],
    [Ipaddr.fromDottedUnsafe("128.18.65.4")],
    [ip("128.18.65.4")]
  ])("%s is the host of the book", ([host]) =>
    Effect.gen(function* () {
      const found = yield* Resolver.resolveHostIpaddr(host)
      assert.isTrue(Equal.equals(found, bibop), Hostent.format(found))
    }).pipe(Effect.provide(book))
  )

  it.effect("an address that is asked for comes first, and none comes twice", () =>
    Effect.gen(function* () {
      const found = yield* Resolver.resolveHostIpaddr("2001:db8::1")
      assert.deepStrictEqual(texts(found.addresses), ["2001:db8::1", "192.0.2.1", "192.0.2.2"])
      assert.strictEqual(found.addressType, "IPv6")
    }).pipe(Effect.provide(book))
  )
})

describe("answers", () => {
  const collected = (host: Resolver.HostInput) =>
    Effect.map(Stream.runCollect(Resolver.answers(host)), (families) => families.map(texts))

  it.effect("a fixed zone gives one element for each family, its best one first", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* collected("both"), [["192.0.2.1", "192.0.2.2"], ["2001:db8::1"]])
      assert.deepStrictEqual(yield* collected("lisp"), [["128.18.65.4"]])
    }).pipe(Effect.provide(book))
  )

  it.effect.each<[Resolver.HostInput, string]>([
    ["192.0.2.9", "192.0.2.9"],
    ["2001:DB8::9", "2001:db8::9"],
    [Ipaddr.fromDottedUnsafe("192.0.2.9"), "192.0.2.9"],
    [ip("192.0.2.9"), "192.0.2.9"]
  ])("an address written out, %s, is its own answer", ([host, address]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* collected(host), [[address]])
    }).pipe(Effect.provide(book))
  )

  it.effect.each(["nowhere.example", "empty.example", "127.1"])("%s fails as a lookup of it does", (host) =>
    Effect.gen(function* () {
      const [error, expected] = yield* Effect.all([Effect.flip(collected(host)), Effect.flip(Resolver.lookup(host))])
      assert.strictEqual(error.message, expected.message)
      assert.deepStrictEqual(error.reason, expected.reason)
    }).pipe(Effect.provide(book))
  )

  /** A source whose families take this long, or fail. */
  const timed = (times: { readonly IPv4?: Duration.Input; readonly IPv6?: Duration.Input }) => {
    const addresses = { IPv4: ip("192.0.2.1"), IPv6: ip("2001:db8::1") }
    const interrupted: Array<string> = []
    const resolver = Resolver.make({
      forward: ({ family = "IPv4", name }) =>
        times[family] === undefined
          ? ResolverSource.fail({ _tag: "NoAddress", family })
          : Effect.succeed({ name, aliases: [], addresses: [addresses[family]] as const }).pipe(
              Effect.delay(times[family]),
              Effect.onInterrupt(() => Effect.sync(() => interrupted.push(family)))
            ),
      reverse: () => Effect.die("not asked"),
      services: Effect.succeed([])
    })
    return { resolver, interrupted }
  }

  it.effect("the family that is there first does not wait for the other one", () =>
    Effect.gen(function* () {
      const { resolver } = timed({ IPv4: "10 millis", IPv6: "1 hour" })
      const seen: Array<string> = []
      const fiber = yield* resolver.answers("host.example").pipe(
        Stream.runForEach((found) => Effect.sync(() => seen.push(...texts(found)))),
        Effect.forkChild
      )
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(seen, ["192.0.2.1"])
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(seen, ["192.0.2.1", "2001:db8::1"])
    })
  )

  it.effect("who leaves with the first family gives up the question for the other one", () =>
    Effect.gen(function* () {
      const { interrupted, resolver } = timed({ IPv4: "10 millis", IPv6: "1 hour" })
      const fiber = yield* Effect.forkChild(Stream.runHead(resolver.answers("host.example")))
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(interrupted, ["IPv6"])
    })
  )

  it.effect("a family without addresses is left out, and without both the host has none", () =>
    Effect.gen(function* () {
      const one = yield* Stream.runCollect(timed({ IPv4: 0 }).resolver.answers("host.example"))
      assert.deepStrictEqual(one.map(texts), [["192.0.2.1"]])
      const none = yield* Effect.flip(Stream.runDrain(timed({}).resolver.answers("host.example")))
      assert.deepStrictEqual(none.reason, { _tag: "NoAddress" })
    })
  )
})

describe("spans", () => {
  /** A tracer that writes down the spans that ended. */
  const listen = () => {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    return { spans, listening: Effect.provideService(Tracer.Tracer, tracer) }
  }

  it.effect("each lookup has one under OpenTelemetry's names, with the reason of its failure", () =>
    Effect.gen(function* () {
      const { listening, spans } = listen()
      yield* Effect.gen(function* () {
        yield* Resolver.lookup("both")
        yield* Resolver.resolveHostIpaddr("128.18.65.4")
        yield* Stream.runDrain(Resolver.answers("both"))
        yield* Effect.flip(Resolver.lookup("nowhere.example"))
        yield* Effect.flip(Stream.runDrain(Resolver.answers("nowhere.example")))
        yield* Resolver.lookup("192.0.2.1")
      }).pipe(listening)
      const name = "dns.question.name"
      const type = "error.type"
      assert.deepStrictEqual(
        spans.map((span) => [
          span.name,
          span.kind,
          span.attributes.get(name),
          span.attributes.get(type),
          span.status._tag
        ]),
        [
          ["Resolver.lookup", "client", "both", undefined, "Ended"],
          ["Resolver.resolveHostIpaddr", "client", "128.18.65.4", undefined, "Ended"],
          ["Resolver.answers", "client", "both", undefined, "Ended"],
          ["Resolver.lookup", "client", "nowhere.example", "HostNotFound", "Ended"],
          ["Resolver.answers", "client", "nowhere.example", "HostNotFound", "Ended"]
        ]
      )
    }).pipe(Effect.provide(book))
  )

  it.effect("where nobody listens, none is made", () =>
    Effect.gen(function* () {
      let seen: string | undefined
      const resolver = Resolver.make({
        forward: ({ name }) =>
          Effect.gen(function* () {
            seen = Option.match(yield* Effect.option(Effect.currentSpan), {
              onNone: () => "none",
              onSome: (span) => span.name
            })
            return { name, aliases: [], addresses: [ip("192.0.2.1")] as const }
          }),
        reverse: () => Effect.die("not asked"),
        services: Effect.succeed([])
      })
      yield* resolver.lookup("host.example")
      assert.strictEqual(seen, "none")
      yield* Effect.withSpan(resolver.lookup("host.example"), "parent")
      assert.strictEqual(seen, "Resolver.lookup")
    })
  )
})

describe("lookup", () => {
  it.effect("a family that is none cannot be meant", () =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(Resolver.lookup("both", { family: "ipv4" as never }))
      assert.strictEqual(reason._tag === "InvalidOption" && reason.option, "family")
    }).pipe(Effect.provide(book))
  )

  it.effect("alternates the families, from the first address on", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(texts(yield* Resolver.lookup("both")), ["192.0.2.1", "2001:db8::1", "192.0.2.2"])
    }).pipe(Effect.provide(book))
  )

  it.effect("tries link-local IPv6 addresses last, for they have lost their interface", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(texts(yield* Resolver.lookup("local")), ["192.0.2.9", "fe80::9"])
    }).pipe(Effect.provide(Resolver.layerStatic({ hosts: { local: ["fe80::9", "192.0.2.9"] } })))
  )

  it.effect("keeps to the family that is asked for", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(texts(yield* Resolver.lookup("both", { family: "IPv6" })), ["2001:db8::1"])
      assert.deepStrictEqual(texts(yield* Resolver.lookup("BÜCHER.example", { family: "IPv4" })), ["192.0.2.3"])
    }).pipe(Effect.provide(book))
  )

  it.effect.prop(
    "an address in any form comes back as itself, and the source is not asked",
    [Arbitraries.address],
    ([address]) =>
      Effect.gen(function* () {
        for (const host of [address, NetAddress.formatIp(address)]) {
          assert.deepStrictEqual(yield* Resolver.lookup(host), [address])
        }
        if (NetAddress.isIpv4Address(address)) {
          assert.deepStrictEqual(yield* Resolver.lookup(Ipaddr.fromAddress(address)), [address])
        }
      }).pipe(
        Effect.provideService(
          Resolver.Resolver,
          Resolver.make({
            forward: () => Effect.die("asked"),
            reverse: () => Effect.die("asked"),
            services: Effect.die("asked")
          })
        )
      )
  )
})

describe("services", () => {
  it.effect("a resolver's own come before the well-known ones", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Resolver.serviceByPort(80)).name, "mine")
      assert.strictEqual((yield* Resolver.serviceByName("My", "tcp")).port, 80)
      assert.strictEqual((yield* Resolver.serviceByName("domain", "udp")).port, 53)
    }).pipe(Effect.provide(book))
  )
})

const reason = (effect: Effect.Effect<unknown, ResolverError.ResolverError, Resolver.Resolver>) =>
  Effect.map(Effect.flip(effect), (error) => error.message)

describe("errors name the operation, the question and the reason", () => {
  it.effect.each<[Effect.Effect<unknown, ResolverError.ResolverError, Resolver.Resolver>, string]>([
    [Resolver.lookup("no.example"), "lookup no.example: unknown host"],
    [Resolver.resolveHostIpaddr("192.0.2.99"), "resolveHostIpaddr 192.0.2.99: unknown host"],
    [Resolver.lookup("empty.example"), "lookup empty.example: the host has no address"],
    [Resolver.lookup("lisp", { family: "IPv6" }), "lookup lisp: the host has no IPv6 address"],
    [Resolver.lookup("::1", { family: "IPv4" }), "lookup ::1: the host has no IPv4 address"],
    [Resolver.lookup(""), 'lookup "": invalid name: the name is empty'],
    [Resolver.lookup("a\nb"), 'lookup "a\\nb": invalid name: invalid domain name'],
    [Resolver.lookup(ip("::1"), { family: "IPv4" }), "lookup ::1: the host has no IPv4 address"],
    [Resolver.serviceByName("nothing", "tcp"), "serviceByName nothing/tcp: unknown service"],
    [Resolver.serviceByPort(65_536), "serviceByPort 65536: unknown service"]
  ])("%#: %s", ([effect, message]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* reason(effect), message)
    }).pipe(Effect.provide(book))
  )

  it.effect.each([[-1], [1.5], [2 ** 32], [Number.NaN]])("%d is no ipaddr", ([number]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Resolver.lookup(number as Ipaddr.Ipaddr))
      assert.strictEqual(error.reason._tag, "InvalidName")
    }).pipe(Effect.provide(book))
  )

  it.effect("catchReason handles one of them", () =>
    Effect.gen(function* () {
      const caught = yield* Resolver.lookup("no.example").pipe(
        Effect.catchReason("ResolverError", "HostNotFound", () => Effect.succeed("caught"))
      )
      assert.strictEqual(caught, "caught")
    }).pipe(Effect.provide(book))
  )

  it("what may pass by itself is temporary", () => {
    const temporary = ["TryAgain", "Timeout", "ServerFailure", "OutOfDescriptors"]
    const tags = Object.keys(ResolverError.Reason.cases) as ReadonlyArray<ResolverError.Reason["_tag"]>
    for (const _tag of tags) {
      const fields = { detail: "why", code: "EWHAT", option: "tries", value: "NaN", mustBe: "more" }
      const reason = { _tag, ...fields } as ResolverError.Reason
      const error = ResolverError.make({ operation: "lookup", query: "x", reason })
      assert.strictEqual(error.isTemporary, temporary.includes(_tag), _tag)
    }
  })

  it.prop("an error survives being written as JSON", [ResolverError.Reason, Schema.String], ([reason, query]) => {
    const codec = Schema.toCodecJson(ResolverError.ResolverError)
    const error = new ResolverError.ResolverError({ operation: "lookup", query, reason })
    const back = Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(error))))
    assert.strictEqual(back.message, error.message)
    assert.deepStrictEqual(back.reason, error.reason)
  })

  it.prop("a message is one line of bounded length, whatever was asked", [Schema.String], ([query]) => {
    const reason: ResolverError.Reason = { _tag: "HostNotFound" }
    for (const text of [query, query.repeat(100)]) {
      const { message } = new ResolverError.ResolverError({ operation: "lookup", query: text, reason })
      assert.notMatch(message, /[\p{Cc}]/u)
      assert.isBelow(message.length, 2000)
    }
  })
})

describe("layerStatic", () => {
  it.effect.each<[StaticZone, string]>([
    [{ hosts: { "a b": [] } }, "a b"],
    [{ hosts: { a: ["1.2.3"] } }, "1.2.3"],
    [{ hosts: { a: [] }, aliases: { "-": "a" } }, "-"],
    [{ aliases: { a: "b" } }, "b"]
  ])("the zone %j fails and names %j", ([zone, query]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Resolver.layerStatic(zone))))
      assert.deepStrictEqual([error.operation, error.query, error.reason._tag], ["layerStatic", query, "InvalidName"])
    })
  )

  it.effect.prop("reverse undoes forward", [Arbitraries.addresses], ([addresses]) =>
    Effect.gen(function* () {
      const forward = yield* Resolver.resolveHostIpaddr("host.example")
      assert.sameMembers(texts(forward.addresses), [...new Set(texts(addresses))])
      for (const address of addresses) {
        assert.strictEqual((yield* Resolver.resolveHostIpaddr(address)).name, "host.example")
      }
    }).pipe(Effect.provide(Resolver.layerStatic({ hosts: { "host.example": addresses } })))
  )
})

describe("Hostent", () => {
  it("prints as the book does", () => {
    const host = Hostent.fromAddresses("bibop.alu.org", [], [ip("128.18.65.4")])
    const printed = '#S(HOSTENT :NAME "bibop.alu.org" :ALIASES NIL :ADDR-LIST ("128.18.65.4") :ADDR-TYPE 2)'
    assert.strictEqual(Hostent.format(host), printed)
  })

  it.prop(
    "survives being written as JSON",
    [Arbitraries.addresses, Schema.Array(Schema.String)],
    ([addresses, aliases]) => {
      const host = Hostent.fromAddresses("host.example", aliases, addresses)
      const text = JSON.stringify(Schema.encodeSync(Hostent.Hostent)(host))
      assert.isTrue(Equal.equals(Schema.decodeUnknownSync(Hostent.Hostent)(JSON.parse(text)), host), text)
    }
  )
})

describe("confirmed", () => {
  it.effect("an address whose name cannot be looked up has that name and nothing more", () =>
    Effect.gen(function* () {
      const answer = yield* ResolverSource.confirmed(ip("192.0.2.1"), "Host.Example.", () =>
        ResolverSource.fail({ _tag: "Timeout" })
      )
      assert.deepStrictEqual(answer, { name: "host.example", aliases: [], addresses: [ip("192.0.2.1")] })
    })
  )
})
