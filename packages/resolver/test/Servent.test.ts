import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Servent from "../src/Servent.ts"

const services = Servent.parse(`
# comment
echo 4/ddp
echo		7/tcp
echo		7/udp
discard 9/tcp sink null # all of it
ntp 123/udp
broken
broken2 80
broken3 tcp/80
broken4 65536/tcp
high 65535/tcp
`)

const show = (found: Option.Option<Servent.Servent>) =>
  Option.getOrUndefined(Option.map(found, ({ name, port, protocol }) => `${name} ${port}/${protocol}`))

describe("Servent", () => {
  it("reads names, ports, protocols and aliases, and skips what is none", () => {
    assert.strictEqual(services.length, 6)
    assert.deepStrictEqual(
      services[3],
      new Servent.Servent({ name: "discard", aliases: ["sink", "null"], port: 9, protocol: "tcp" })
    )
  })

  it.each([
    ["echo", undefined, "echo 7/tcp"],
    ["ECHO", "udp", "echo 7/udp"],
    ["sink", undefined, "discard 9/tcp"],
    ["Null", "tcp", "discard 9/tcp"],
    ["ntp", undefined, "ntp 123/udp"],
    ["ntp", "tcp", undefined],
    ["gopher", undefined, undefined]
  ])("by name %j and protocol %j it finds %j", (name, protocol, expected) => {
    assert.strictEqual(show(Servent.findByName(services, name, protocol)), expected)
  })

  it.each([
    [7, undefined, "echo 7/tcp"],
    [7, "udp", "echo 7/udp"],
    [4, undefined, "echo 4/ddp"],
    [65_535, "tcp", "high 65535/tcp"],
    [8, undefined, undefined]
  ])("by port %j and protocol %j it finds %j", (port, protocol, expected) => {
    assert.strictEqual(show(Servent.findByPort(services, port, protocol)), expected)
  })

  it("the built-in list knows the services of this project's examples", () => {
    assert.strictEqual(show(Servent.findByName(Servent.wellKnown, "www")), "http 80/tcp")
    assert.strictEqual(show(Servent.findByPort(Servent.wellKnown, 53, "udp")), "domain 53/udp")
  })
})
