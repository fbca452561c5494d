import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as NetAddress from "effect/net/NetAddress"
import * as dns from "node:dns"
import * as fs from "node:fs"
import * as path from "node:path"
import * as os from "node:os"
import * as NodeResolver from "../src/NodeResolver.ts"
import * as Resolver from "../src/Resolver.ts"
import * as DnsServer from "./utils/dnsServer.ts"
import * as System from "./utils/system.ts"

const texts = (addresses: ReadonlyArray<NetAddress.IpAddress>) => addresses.map(NetAddress.formatIp)

/** A layer that reads these files, which are gone when the effect ends. */
const reading = <A, E>(
  files: { readonly hosts?: string; readonly services?: string },
  effect: Effect.Effect<A, E, Resolver.Resolver>
) =>
  Effect.acquireUseRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "resolver-"))),
    (folder) => {
      const [hostsFile, servicesFile] = ["hosts", "services"].map((name) => path.join(folder, name))
      if (files.hosts !== undefined) fs.writeFileSync(hostsFile, files.hosts)
      if (files.services !== undefined) fs.writeFileSync(servicesFile, files.services)
      return Effect.provide(effect, NodeResolver.layerSystem({ hostsFile, servicesFile }))
    },
    (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
  )

describe("layer", () => {
  it.live("gives the addresses of getaddrinfo in its order", () =>
    Effect.gen(function* () {
      const system = yield* Effect.promise(() => dns.promises.lookup("localhost", { all: true, order: "verbatim" }))
      const found = yield* Resolver.resolveHostIpaddr("localhost")
      assert.deepStrictEqual(texts(found.addresses), [...new Set(system.map(({ address }) => address))])
    }).pipe(Effect.provide(NodeResolver.layer))
  )

  it.live("gives the name of getnameinfo for an address in each form", () =>
    Effect.gen(function* () {
      const system = yield* Effect.promise(() => dns.promises.lookupService("127.0.0.1", 0))
      for (const host of ["127.0.0.1", 2130706433 as never, NetAddress.ipv4Loopback, "::ffff:127.0.0.1"]) {
        const found = yield* Resolver.resolveHostIpaddr(host)
        assert.deepStrictEqual(
          [found.name, found.addressType, texts(found.addresses)[0]],
          [system.hostname, "IPv4", "127.0.0.1"]
        )
      }
    }).pipe(Effect.provide(NodeResolver.layer))
  )

  it.live("localhost and the names in it are never missing, in either family", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(texts(yield* Resolver.lookup("a.localhost", { family: "IPv6" })), ["::1"])
      assert.deepStrictEqual(texts(yield* Resolver.lookup("localhost.", { family: "IPv6" })), ["::1"])
      assert.deepStrictEqual(texts(yield* Resolver.lookup("localhost", { family: "IPv4" })), ["127.0.0.1"])
    }).pipe(Effect.provide(NodeResolver.layer))
  )

  it.live("the addresses of localhost come family by family", () =>
    Effect.gen(function* () {
      const found = yield* Stream.runCollect(Resolver.answers("localhost"))
      assert.includeMembers(texts(found.flat()), texts(yield* Resolver.lookup("localhost")))
      for (const family of found) assert.strictEqual(new Set(family.map(NetAddress.familyOf)).size, 1)
    }).pipe(Effect.provide(NodeResolver.layer))
  )

  it.live("concurrent lookups of one name share one call of getaddrinfo", () =>
    Effect.gen(function* () {
      const original = dns.promises.lookup
      let calls = 0
      const counted = (...args: Parameters<typeof original>) => (calls++, original(...args))
      yield* Effect.acquireUseRelease(
        Effect.sync(() => Object.assign(dns.promises, { lookup: counted })),
        () =>
          Effect.all(
            Array.from({ length: 50 }, () => Resolver.lookup("localhost")),
            { concurrency: "unbounded" }
          ),
        () => Effect.sync(() => Object.assign(dns.promises, { lookup: original }))
      )
      assert.strictEqual(calls, 1)
    }).pipe(Effect.provide(NodeResolver.layer))
  )
})

describe("layerSystem", () => {
  it.live("takes the canonical name and the aliases from the hosts file, forward and reverse", () =>
    reading(
      { hosts: "127.0.0.1 loop.example localhost lo\n::1 localhost lo6" },
      Effect.gen(function* () {
        const forward = yield* Resolver.resolveHostIpaddr("localhost")
        assert.deepStrictEqual([forward.name, ...forward.aliases], ["loop.example", "localhost", "lo", "lo6"])
        const reverse = yield* Resolver.resolveHostIpaddr("127.0.0.1")
        assert.deepStrictEqual(
          new Set([reverse.name, ...reverse.aliases]),
          new Set(["loop.example", "localhost", "lo", "lo6"])
        )
      })
    )
  )

  it.live("services come from the file, and from the built-in list where it does not know them", () =>
    reading(
      { services: "http 8080/tcp\nmine 4242/udp my" },
      Effect.gen(function* () {
        assert.strictEqual((yield* Resolver.serviceByName("http")).port, 8080)
        assert.strictEqual((yield* Resolver.serviceByName("MY", "udp")).name, "mine")
        assert.strictEqual((yield* Resolver.serviceByPort(443)).name, "https")
        assert.strictEqual((yield* Effect.flip(Resolver.serviceByName("mine", "tcp"))).reason._tag, "ServiceNotFound")
      })
    )
  )

  it.live("a file that was changed is read again", () =>
    Effect.gen(function* () {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "resolver-"))
      const hostsFile = path.join(folder, "hosts")
      const canonical = Effect.map(Resolver.resolveHostIpaddr("localhost"), ({ name }) => name)
      yield* Effect.gen(function* () {
        for (const name of ["first.example", "other.example", "third.example.org"]) {
          fs.writeFileSync(hostsFile, `127.0.0.1 ${name} localhost`)
          assert.strictEqual(yield* canonical, name)
        }
        fs.rmSync(folder, { recursive: true })
        assert.strictEqual(yield* canonical, "localhost")
      }).pipe(Effect.provide(NodeResolver.layerSystem({ hostsFile })))
    })
  )

  it.live.each<NodeResolver.SystemOptions>([{ hostsFile: "" }, { servicesFile: 3 as never }])(
    "%j cannot be meant",
    (options) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(NodeResolver.layerSystem(options))))
        assert.strictEqual(error.reason._tag, "InvalidOption")
      })
  )

  it.live("missing files are empty files", () =>
    reading(
      {},
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* Resolver.resolveHostIpaddr("localhost")).aliases, [])
        assert.strictEqual((yield* Resolver.serviceByName("gopher")).port, 70)
      })
    )
  )
})

describe("layer, errors", () => {
  const limited = { withoutDescriptors: true, questions: ["localhost", "127.0.0.1", "nowhere.example"] }

  it.live("without descriptors, names and addresses fail as OutOfDescriptors", () =>
    Effect.sync(() => {
      assert.deepStrictEqual(System.askWithLimit(64, limited), Array(3).fill("OutOfDescriptors"))
    })
  )

  it.live("without descriptors, DNS fails as OutOfDescriptors", () =>
    Effect.sync(() => {
      const request = { ...limited, server: "127.0.0.1:9", questions: ["host.example", "192.0.2.1"] }
      assert.deepStrictEqual(System.askWithLimit(64, request), Array(2).fill("OutOfDescriptors"))
    })
  )
})

// Needs user, mount and network namespaces (Linux, unprivileged or root) and ip (Debian: iproute2).
describe.skipIf(!System.canMount)("layer, on a system with these files (needs namespaces)", () => {
  const files: System.SystemFiles = {
    hosts: `127.0.0.1 localhost
192.0.2.7 db.example db database
192.0.2.8 db.example
2001:db8::7 db.example db6
2001:db8::6 six.example
`,
    "nsswitch.conf": "hosts: files\n",
    "host.conf": "multi on\n"
  }

  it.live("a host has all its addresses, the first name is canonical, the others are aliases", () =>
    Effect.sync(() => {
      const [byName, byAlias, reverse] = System.askWith(files, { questions: ["db.example", "database", "192.0.2.7"] })
      assert.match(byName, /^#S\(HOSTENT :NAME "db.example" :ALIASES \("db" "database" "db6"\) /)
      for (const address of ["192.0.2.7", "192.0.2.8", "2001:db8::7"]) assert.include(byName, `"${address}"`)
      assert.include(byAlias, ':NAME "db.example" :ALIASES ("db" "database")')
      assert.include(reverse, ':NAME "db.example" :ALIASES ("db" "database" "db6") :ADDR-LIST ("192.0.2.7" ')
      assert.include(reverse, "2001:db8::7")
    })
  )

  it.live(
    "a hosts file is UTF-8, and its international names are found, forward and reverse, in their ASCII form",
    () =>
      Effect.sync(() => {
        const hosts = "127.0.0.1 localhost\n192.0.2.61 caf\u00e9.example\n"
        const questions = ["192.0.2.61", "caf\u00e9.example", "xn--caf-dma.example", "th\u00e9.example"]
        const [reverse, ...forward] = System.askWith({ ...files, hosts }, { questions })
        assert.include(reverse, ':NAME "xn--caf-dma.example"')
        for (const found of forward.slice(0, 2)) assert.include(found, ':ADDR-LIST ("192.0.2.61")')
        assert.strictEqual(forward[2], "HostNotFound")
        const six = System.askWith({ ...files, hosts }, { family: "IPv6", questions: ["caf\u00e9.example"] })
        assert.deepStrictEqual(six, ["NoAddress"])
      })
  )

  it.live("a host, an address or a family that is not there is told apart", () =>
    Effect.sync(() => {
      assert.deepStrictEqual(System.askWith(files, { questions: ["nowhere.example", "192.0.2.99"] }), [
        "HostNotFound",
        "HostNotFound"
      ])
      assert.deepStrictEqual(System.askWith(files, { family: "IPv4", questions: ["six.example", "nowhere.example"] }), [
        "NoAddress",
        "HostNotFound"
      ])
    })
  )

  it.live("a system whose name server does not answer says TryAgain", () =>
    Effect.sync(() => {
      const broken = {
        ...files,
        "nsswitch.conf": "hosts: files dns\n",
        "resolv.conf": "nameserver 127.0.0.2\noptions timeout:1 attempts:1\n"
      }
      const replies = System.askWith(broken, { questions: ["nowhere.example", "192.0.2.99", "db"] })
      assert.deepStrictEqual(replies.slice(0, 2), ["TryAgain", "TryAgain"])
      assert.include(replies[2], "db.example")
    })
  )

  it.live("of a system that asks a name server, NXDOMAIN is HostNotFound and NODATA is NoAddress", () =>
    Effect.sync(() => {
      const asking = {
        ...files,
        "nsswitch.conf": "hosts: files dns\n",
        "resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
      }
      const records = [
        DnsServer.a("host.test", "192.0.2.1"),
        DnsServer.ptr("1.2.0.192.in-addr.arpa", "host.test"),
        DnsServer.ptr("2.2.0.192.in-addr.arpa", "text.test"),
        { type: "TXT" as const, name: "text.test", data: "no address" }
      ]
      const questions = ["nowhere.test", "text.test", "192.0.2.1", "192.0.2.2", "192.0.2.3"]
      assert.deepStrictEqual(System.askWith(asking, { questions, records }), [
        "HostNotFound",
        "NoAddress",
        '#S(HOSTENT :NAME "host.test" :ALIASES NIL :ADDR-LIST ("192.0.2.1") :ADDR-TYPE 2)',
        '#S(HOSTENT :NAME "text.test" :ALIASES NIL :ADDR-LIST ("192.0.2.2") :ADDR-TYPE 2)',
        "HostNotFound"
      ])
      assert.deepStrictEqual(
        System.askWith(asking, { family: "IPv6", questions: ["host.test", "text.test"], records }),
        ["NoAddress", "NoAddress"]
      )
    })
  )

  const waiting = {
    ...files,
    "nsswitch.conf": "hosts: files dns\n",
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:4 attempts:1\n"
  }

  it.live("A addresses come at once where AAAA is never answered, of many hosts at the same time", () =>
    Effect.sync(() => {
      const hosts = ["1", "2", "3", "4", "5", "6"]
      const records = hosts.map((n) => DnsServer.a(`h${n}.test`, `192.0.2.${n}`))
      const questions = hosts.map((n) => `h${n}.test`)
      assert.deepStrictEqual(
        System.askWith(waiting, { first: true, silentFor: "AAAA", questions, records }),
        hosts.map((n) => `192.0.2.${n} soon`)
      )
    })
  )

  it.live("a name of the hosts file is never asked of name servers for the family that the file lacks", () =>
    Effect.sync(() => {
      const records = [DnsServer.aaaa("db", "2001:db8::bad"), DnsServer.a("six.example", "192.0.2.66")]
      const questions = ["db", "six.example"]
      assert.deepStrictEqual(System.askWith(waiting, { first: true, questions, records }), [
        "192.0.2.7 soon",
        "2001:db8::6 soon"
      ])
      assert.deepStrictEqual(System.askWith(waiting, { family: "IPv6", questions, records }), [
        "NoAddress",
        "2001:db8::6"
      ])
    })
  )
})
