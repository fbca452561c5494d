import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as NetAddress from "effect/net/NetAddress"
import * as HostsFile from "../src/HostsFile.ts"
import * as Servent from "../src/Servent.ts"

const hosts = HostsFile.parse(`
# comment
127.0.0.1\tlocalhost
::1 localhost ip6-localhost # both families
fe80::1%lo0 localhost
192.0.2.7   Db.Example. db database
2001:db8::7 db.example
nonsense line
192.0.2.8
192.0.2.9 bad_but_fine -bad- 127.1 ok\r
`)

describe("HostsFile", () => {
  it("reads addresses, first names and aliases, and skips what is none", () => {
    assert.deepStrictEqual(
      hosts.map(({ address, aliases, name }) => [NetAddress.formatIp(address), name, ...aliases]),
      [
        ["127.0.0.1", "localhost"],
        ["::1", "localhost", "ip6-localhost"],
        ["fe80::1", "localhost"],
        ["192.0.2.7", "db.example", "db", "database"],
        ["2001:db8::7", "db.example"],
        ["192.0.2.9", "bad_but_fine", "ok"]
      ]
    )
  })

  it("the first name of the first line is canonical, all others in its lines are aliases", () => {
    assert.strictEqual(HostsFile.namesOf(hosts, "ip6-localhost")?.name, "localhost")
    assert.deepStrictEqual(HostsFile.namesOf(hosts, "db.example"), {
      name: "db.example",
      aliases: ["db", "database", "db.example"]
    })
    assert.isUndefined(HostsFile.namesOf(hosts, "example"))
  })

  it.prop("no text makes it throw", [Arbitrary.schema(Schema.String)], ([text]) => {
    assert.isArray(HostsFile.parse(`127.0.0.1 ${text}\n${text} localhost`))
  })
})

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
