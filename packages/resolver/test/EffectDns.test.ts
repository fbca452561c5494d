import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AddressResolver from "effect/net/AddressResolver"
import * as Dns from "effect/net/Dns"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as EffectDns from "../src/EffectDns.ts"
import * as Resolver from "../src/Resolver.ts"

const zone = Resolver.layerStatic({
  hosts: { "db.internal": ["10.0.0.5", "fd00::5"], "four.internal": ["10.0.0.4"] },
  aliases: { db: "db.internal" }
})

const domain = Host.domainNameFromStringUnsafe

describe("layerDns", () => {
  const dns = EffectDns.layerDns.pipe(Layer.provide(zone))

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
    }).pipe(Effect.provide(EffectDns.layerAddressResolver().pipe(Layer.provide(zone))))
  )
})
