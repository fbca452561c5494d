import * as AddressOrder from "@effect-sockets/resolver/AddressOrder"
import * as EffectDns from "@effect-sockets/resolver/EffectDns"
import * as Hostent from "@effect-sockets/resolver/Hostent"
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as ResolverCache from "@effect-sockets/resolver/ResolverCache"
import * as ResolverDns from "@effect-sockets/resolver/ResolverDns"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import * as Dns from "effect/net/Dns"
import * as NetAddress from "effect/net/NetAddress"
import * as DnsServer from "./utils/dnsServer.ts"

const host = "www.lisp.org"

const book = Resolver.layerStatic({
  hosts: { "bibop.alu.org": ["128.18.65.4"] },
  aliases: { "www.lisp.org": "bibop.alu.org" }
})

// The examples of docs/resolver.md, word for word.
describe("docs/resolver.md", () => {
  it.effect("asking", () => {
    const program = Effect.gen(function* () {
      const server = yield* Resolver.resolveHostIpaddr("www.lisp.org")
      const same = yield* Resolver.resolveHostIpaddr("128.18.65.4")
      const addresses = yield* Resolver.lookup("www.lisp.org", { family: "IPv4" })
      const { port } = yield* Resolver.serviceByName("http")
      return [Hostent.format(server), same.name, `${addresses[0]}:${port}`]
    })

    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* program, [
        '#S(HOSTENT :NAME "bibop.alu.org" :ALIASES ("www.lisp.org") :ADDR-LIST ("128.18.65.4") :ADDR-TYPE 2)',
        "bibop.alu.org",
        "128.18.65.4:80"
      ])
    }).pipe(Effect.provide(book))
  })

  it.live("resolvers", () =>
    Effect.gen(function* () {
      const answer = DnsServer.a("www.example.org", "192.0.2.7")
      const [here, there] = yield* Effect.all([
        DnsServer.make(DnsServer.zone([answer])),
        DnsServer.make(DnsServer.zone([answer]))
      ])

      const dns = NodeResolver.layerDns({
        servers: [here.address, there.address],
        timeout: "2 seconds",
        tries: 3
      })

      const zone = Resolver.layerStatic({
        hosts: { "db.internal": ["10.0.0.5", "fd00::5"] },
        aliases: { db: "db.internal" }
      })

      const cached = ResolverCache.layerCached({ capacity: 500 }).pipe(Layer.provide(dns))

      const look = Effect.map(Resolver.lookup("www.example.org"), String)
      assert.strictEqual(yield* Effect.provide(Effect.andThen(look, look), cached), "192.0.2.7")
      assert.strictEqual(here.queries.length, 2)
      assert.strictEqual(yield* Effect.provide(Effect.map(Resolver.lookup("db"), String), zone), "10.0.0.5,fd00::5")
    }).pipe(Effect.scoped)
  )

  it.effect("memory", () => {
    const report = Effect.gen(function* () {
      yield* ResolverCache.invalidate("www.example.org")
      const { hits, misses, size } = yield* ResolverCache.statistics
      return `${hits} of ${hits + misses} from memory, ${size} kept`
    })

    return Effect.gen(function* () {
      yield* Resolver.lookup(host)
      yield* Resolver.lookup(host)
      assert.strictEqual(yield* report, "1 of 2 from memory, 1 kept")
    }).pipe(Effect.provide(ResolverCache.layerCached().pipe(Layer.provide(book))))
  })

  it.effect("errors", () => {
    const addresses = Resolver.lookup(host).pipe(
      Effect.retry({
        while: (error) => error.isTemporary,
        times: 3,
        schedule: Schedule.exponential("100 millis")
      }),
      Effect.catchReason("ResolverError", "HostNotFound", () => Effect.succeed([]))
    )

    return Effect.gen(function* () {
      assert.deepStrictEqual((yield* addresses).map(String), ["128.18.65.4"])
      assert.deepStrictEqual(yield* Effect.provide(addresses, Resolver.layerStatic({})), [])
    }).pipe(Effect.provide(book))
  })

  it.effect("order", () =>
    Effect.sync(() => {
      const list = ["2001:db8::1", "2001:db8::2", "192.0.2.1"].map(NetAddress.ipFromStringUnsafe)
      const addresses = list as [NetAddress.IpAddress, ...Array<NetAddress.IpAddress>]
      const sources = [{ address: NetAddress.ipFromStringUnsafe("192.0.2.99") }]

      const alternating = AddressOrder.interleave(addresses)
      const sorted = AddressOrder.sort(addresses, (destination) => AddressOrder.selectSource(destination, sources))

      assert.strictEqual(String(alternating), "2001:db8::1,192.0.2.1,2001:db8::2")
      assert.strictEqual(String(sorted), "192.0.2.1,2001:db8::1,2001:db8::2")
    })
  )

  it.effect("effect's own services", () =>
    Effect.gen(function* () {
      const resolver = book

      const asDns = EffectDns.layerDns.pipe(Layer.provide(resolver))
      const asAddressResolver = EffectDns.layerAddressResolver().pipe(Layer.provide(resolver))
      const fromDns = ResolverDns.layerFromDns.pipe(Layer.provide(asDns))

      const names = Effect.flatMap(Dns.Dns, (dns) => dns.reverse("128.18.65.4"))
      assert.strictEqual((yield* Effect.provide(names, asDns))[0], "bibop.alu.org")
      assert.isDefined(yield* Effect.scoped(Layer.build(asAddressResolver)))
      const back = Effect.provide(Resolver.lookup(host), fromDns)
      assert.strictEqual(String(yield* back), "128.18.65.4")
    })
  )
})
