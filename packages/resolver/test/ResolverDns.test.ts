import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as Hostent from "../src/Hostent.ts"
import * as Resolver from "../src/Resolver.ts"
import * as ResolverDns from "../src/ResolverDns.ts"
import { Reason } from "../src/ResolverError.ts"
import * as ResolverSource from "../src/ResolverSource.ts"
import * as Arbitraries from "./utils/arbitraries.ts"

const zone = Resolver.layerStatic({
  hosts: { "db.internal": ["10.0.0.5", "fd00::5"], "four.internal": ["10.0.0.4"] },
  aliases: { db: "db.internal" }
})

const domain = Host.domainNameFromStringUnsafe
const cname = (target: string) => Dns.makeRecordUnsafe("CNAME", { target: domain(target) })
const ip = NetAddress.ipFromStringUnsafe

describe("layerDns", () => {
  const dns = ResolverDns.layerDns.pipe(Layer.provide(zone))

  it.effect("looks up, resolves and reverses by the resolver", () =>
    Effect.gen(function* () {
      const dns = yield* Dns.Dns
      assert.deepStrictEqual((yield* dns.lookup("DB.internal")).map(NetAddress.formatIp), ["10.0.0.5", "fd00::5"])
      assert.deepStrictEqual((yield* dns.lookup("db", { family: "IPv6" })).map(NetAddress.formatIp), ["fd00::5"])
      assert.deepStrictEqual((yield* dns.resolve("db", "A")).map(Dns.formatRecord), ["A 10.0.0.5"])
      assert.deepStrictEqual((yield* dns.resolve("db", "AAAA")).map(Dns.formatRecord), ["AAAA fd00::5"])
      assert.deepStrictEqual(yield* dns.reverse("10.0.0.5"), [domain("db.internal"), domain("db")])
    }).pipe(Effect.provide(dns))
  )

  it.effect("an absence is NotFound, and the resolver's error is the cause", () =>
    Effect.gen(function* () {
      const dns = yield* Dns.Dns
      const questions: ReadonlyArray<Effect.Effect<unknown, Dns.DnsError>> = [
        dns.lookup("no.internal"),
        dns.resolve("four.internal", "AAAA"),
        dns.reverse("10.9.9.9")
      ]
      for (const question of questions) {
        const error = yield* Effect.flip(question)
        assert.strictEqual(error.reason, "NotFound")
        assert.include(String(error.cause), "ResolverError")
      }
      assert.strictEqual((yield* Effect.flip(dns.resolve("db", "MX"))).reason, "Unsupported")
    }).pipe(Effect.provide(dns))
  )
})

describe("layerAddressResolver", () => {
  it.effect("gives the addresses of an endpoint", () =>
    Effect.gen(function* () {
      const found = yield* (yield* AddressResolver.AddressResolver).resolve("db:5432")
      assert.deepStrictEqual(found.map(NetAddress.formatInet), ["10.0.0.5:5432", "[fd00::5]:5432"])
    }).pipe(Effect.provide(ResolverDns.layerAddressResolver().pipe(Layer.provide(zone))))
  )
})

describe("fromDns", () => {
  const resolver = ResolverDns.layerFromDns.pipe(
    Layer.provide(
      Dns.layerStatic({
        hosts: { "www.example": ["192.0.2.1"], "host.example": ["192.0.2.1", "2001:db8::1"], "other.example": ["::2"] },
        records: { "www.example": [cname("web.example.")], "web.example": [cname("host.example.")] }
      })
    )
  )

  it.effect("follows the aliases to the canonical name", () =>
    Effect.gen(function* () {
      const found = yield* Resolver.resolveHostIpaddr("www.example")
      assert.deepStrictEqual(
        found,
        Hostent.fromAddresses("host.example", ["www.example", "web.example"], [ip("192.0.2.1")])
      )
    }).pipe(Effect.provide(resolver))
  )

  it.effect("reverses an address and adds what leads back to it", () =>
    Effect.gen(function* () {
      const found = yield* Resolver.resolveHostIpaddr("2001:db8::1")
      assert.deepStrictEqual(found, Hostent.fromAddresses("host.example", [], [ip("2001:db8::1"), ip("192.0.2.1")]))
    }).pipe(Effect.provide(resolver))
  )

  it.effect("tells a missing family from a missing host", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(Resolver.lookup("other.example", { family: "IPv4" }))
      assert.deepStrictEqual(missing.reason, { _tag: "NoAddress", family: "IPv4" })
      const unknown = yield* Effect.flip(Resolver.lookup("no.example", { family: "IPv4" }))
      assert.deepStrictEqual(unknown.reason, { _tag: "HostNotFound" })
    }).pipe(Effect.provide(resolver))
  )
})

describe("there and back", () => {
  it.effect.prop(
    "a resolver from the Dns of a resolver gives the same addresses",
    [Arbitraries.addresses, Schema.UndefinedOr(Schema.Literals(["IPv4", "IPv6"]))],
    ([addresses, family]) =>
      Effect.gen(function* () {
        const direct = yield* Resolver.Resolver
        const question = (resolver: Resolver.Resolver["Service"]) =>
          resolver.lookup("host.example", { family }).pipe(
            Effect.map(String),
            Effect.catch(({ reason }) => Effect.succeed(reason._tag))
          )
        assert.strictEqual(yield* question(ResolverDns.fromDns(ResolverDns.toDns(direct))), yield* question(direct))
      }).pipe(Effect.provide(Resolver.layerStatic({ hosts: { "host.example": addresses } })))
  )

  it.effect.prop("every reason comes back as it was", [Reason], ([reason]) =>
    Effect.gen(function* () {
      const failing = Resolver.make({
        forward: () => ResolverSource.fail(reason),
        reverse: () => ResolverSource.fail(reason),
        services: Effect.succeed([])
      })
      const back = ResolverDns.fromDns(ResolverDns.toDns(failing))
      assert.deepStrictEqual((yield* Effect.flip(back.resolveHostIpaddr("192.0.2.1"))).reason, reason)
      assert.deepStrictEqual((yield* Effect.flip(back.resolveHostIpaddr("host.example"))).reason._tag, reason._tag)
    })
  )
})
