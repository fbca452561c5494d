import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as EffectDns from "../src/EffectDns.ts"
import * as Hostent from "../src/Hostent.ts"
import * as Resolver from "../src/Resolver.ts"
import * as ResolverDns from "../src/ResolverDns.ts"
import { Reason } from "../src/ResolverError.ts"
import * as ResolverSource from "../src/ResolverSource.ts"
import * as Arbitraries from "./utils/arbitraries.ts"

const domain = Host.domainNameFromStringUnsafe
const cname = (target: string) => Dns.makeRecordUnsafe("CNAME", { target: domain(target) })
const ip = NetAddress.ipFromStringUnsafe

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

describe("fromDns, failures", () => {
  const answering = (reason: Dns.DnsErrorReason) =>
    ResolverDns.fromDns(
      Dns.make({
        lookup: () => Effect.succeed([ip("192.0.2.1")]),
        resolve: (hostname, recordType) =>
          Effect.fail(new Dns.DnsError({ reason, method: "resolve", hostname, recordType })),
        reverse: () => Effect.die("not asked")
      })
    )

  it.effect.each<Dns.DnsErrorReason>(["Timeout", "ServerFailure", "Temporary"])(
    "a name that may be an alias is not given out as the canonical one: %s",
    (reason) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(answering(reason).resolveHostIpaddr("www.example"))
        assert.isTrue(error.isTemporary, error.message)
        assert.isNotEmpty(yield* answering(reason).lookup("www.example"))
      })
  )

  it.effect.each<Dns.DnsErrorReason>(["NotFound", "Unsupported"])(
    "without aliases the name is canonical: %s",
    (reason) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* answering(reason).resolveHostIpaddr("www.example")).name, "www.example")
      })
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
        assert.strictEqual(yield* question(ResolverDns.fromDns(EffectDns.toDns(direct))), yield* question(direct))
      }).pipe(Effect.provide(Resolver.layerStatic({ hosts: { "host.example": addresses } })))
  )

  it.effect.prop("every reason comes back as it was", [Reason], ([reason]) =>
    Effect.gen(function* () {
      const failing = Resolver.make({
        forward: () => ResolverSource.fail(reason),
        reverse: () => ResolverSource.fail(reason),
        services: Effect.succeed([])
      })
      const back = ResolverDns.fromDns(EffectDns.toDns(failing))
      assert.deepStrictEqual((yield* Effect.flip(back.resolveHostIpaddr("192.0.2.1"))).reason, reason)
      assert.deepStrictEqual((yield* Effect.flip(back.resolveHostIpaddr("host.example"))).reason._tag, reason._tag)
    })
  )
})
