import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Hostent from "../src/Hostent.ts"
import * as NodeResolver from "../src/NodeResolver.ts"
import * as Resolver from "../src/Resolver.ts"
import { has } from "../../../test/utils/programs.ts"
import * as Dnsmasq from "./utils/dnsmasq.ts"
import * as System from "./utils/system.ts"

const addresses = Array.from({ length: 120 }, (_, i) => `192.0.2.${i + 1}`)

const dnsmasq = Dnsmasq.start(
  "--local=/example/2.0.192.in-addr.arpa/",
  "--host-record=host.example,192.0.2.1,2001:db8::1",
  "--cname=www.example,web.example,host.example",
  "--txt-record=text.example,none",
  ...addresses.map((address) => `--host-record=many.example,${address}`)
)

const layer = Layer.unwrap(
  Effect.map(dnsmasq, (server) => NodeResolver.layerDns({ servers: [server], timeout: "2 seconds", tries: 2 }))
)

const show = (host: string) => Effect.map(Resolver.resolveHostIpaddr(host), Hostent.format)

// Needs dnsmasq (Debian: dnsmasq-base).
describe.skipIf(!has("dnsmasq"))("layerDns against dnsmasq (needs dnsmasq)", () => {
  it.live("follows an alias to the canonical name, with the addresses of both families", () =>
    Effect.gen(function* () {
      const found = yield* Resolver.resolveHostIpaddr("www.example")
      assert.strictEqual(found.name, "host.example")
      assert.deepStrictEqual(found.aliases, ["www.example"])
      assert.sameMembers(found.addresses.map(String), ["192.0.2.1", "2001:db8::1"])
    }).pipe(Effect.provide(layer))
  )

  it.live("gives the name of an address of each family", () =>
    Effect.gen(function* () {
      assert.include(yield* show("192.0.2.1"), ':NAME "host.example"')
      assert.include(yield* show("2001:db8::1"), ':NAME "host.example"')
    }).pipe(Effect.provide(layer))
  )

  it.live("tells an unknown host from a host without an address", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(show("nowhere.example"))).reason._tag, "HostNotFound")
      assert.strictEqual((yield* Effect.flip(show("text.example"))).reason._tag, "NoAddress")
      assert.strictEqual((yield* Effect.flip(show("192.0.2.254"))).reason._tag, "HostNotFound")
      assert.strictEqual((yield* Effect.flip(show("elsewhere.test"))).reason._tag, "Refused")
    }).pipe(Effect.provide(layer))
  )

  it.live("gets all of an answer that is too long for UDP", () =>
    Effect.gen(function* () {
      const found = yield* Resolver.lookup("many.example", { family: "IPv4" })
      assert.sameMembers(found.map(String), addresses)
    }).pipe(Effect.provide(layer))
  )

  it.live("the command asks the server it is given", () =>
    Effect.gen(function* () {
      const server = yield* dnsmasq
      const { status, stderr, stdout } = System.command("--dns", server, "--json", "www.example", "nowhere.example")
      assert.deepInclude(JSON.parse(stdout), { name: "host.example", aliases: ["www.example"] })
      assert.deepStrictEqual([stderr, status], ["resolver: nowhere.example: unknown host\n", 1])
    }).pipe(Effect.scoped)
  )
})
