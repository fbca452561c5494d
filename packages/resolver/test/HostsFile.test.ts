import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as NetAddress from "effect/net/NetAddress"
import * as HostsFile from "../src/HostsFile.ts"

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
