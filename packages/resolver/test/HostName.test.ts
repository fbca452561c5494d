import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as net from "node:net"
import * as HostName from "../src/HostName.ts"
import * as Arbitraries from "./utils/arbitraries.ts"

const label63 = "a".repeat(63)
const name253 = [label63, label63, label63, "a".repeat(61)].join(".")
const domain = Host.domainNameFromStringUnsafe

describe("fromString", () => {
  it.each([
    ["localhost", "localhost"],
    ["WWW.Example", "www.example"],
    ["host.example.", "host.example."],
    ["_http._tcp.example", "_http._tcp.example"],
    ["3com.example", "3com.example"],
    ["1.2.3.example", "1.2.3.example"],
    ["a-b.example", "a-b.example"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["BÜCHER.example", "xn--bcher-kva.example"],
    ["bücher。example", "xn--bcher-kva.example"],
    ["例え.テスト", "xn--r8jz45g.xn--zckzah"],
    [label63, label63],
    [name253, name253],
    [`${name253}.`, `${name253}.`]
  ])("%j is the name %j", (text, name) => {
    assert.deepStrictEqual(HostName.fromString(text), Result.succeed(domain(name)))
  })

  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::1", "::1"],
    ["2001:DB8:0::0:1", "2001:db8::1"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.1"]
  ])("%j is the address %j", (text, address) => {
    assert.deepStrictEqual(HostName.fromString(text), Result.succeed(NetAddress.ipFromStringUnsafe(address)))
  })

  it.each([
    "",
    ".",
    "。",
    "．",
    "｡",
    "\u00ad.",
    "..",
    "a..b",
    ".a",
    "127.1",
    "0x7f000001",
    "0x7f.1",
    "0X7F.0.0.1",
    "2130706433",
    "0177.0.0.1",
    "127.0.0.1.",
    "127.0.0.256",
    "1.2.3.4.5",
    "host.0x",
    "host.42",
    "１２７.0.0.1",
    "127。0。0。1",
    "[::1]",
    "::1%lo",
    "fe80::1%eth0",
    "1::2::3",
    "12345::",
    "host:80",
    "host/path",
    "user@host",
    "a b",
    "a\nb",
    "a\0b",
    "host%41.example",
    "-a.example",
    "a-.example",
    "*.example",
    "ａ％41.example",
    `${label63}a.example`,
    `${name253}a`
  ])("%j is refused", (text) => {
    assert.isTrue(Result.isFailure(HostName.fromString(text)))
  })

  it.prop(
    "an address is told apart exactly as node:net does",
    [Arbitraries.address, Arbitrary.schema(Schema.String)],
    ([address, junk]) => {
      const text = NetAddress.formatIp(address)
      for (const candidate of [
        text,
        `${text}${junk.slice(0, 2)}`,
        `${junk.slice(0, 1)}${text}`,
        text.slice(1),
        text.replace(/\d/, "0$&")
      ]) {
        const parsed = HostName.fromString(candidate)
        const isAddress = Result.isSuccess(parsed) && NetAddress.isIpAddress(parsed.success)
        assert.strictEqual(isAddress, net.isIP(candidate) !== 0 && !candidate.includes("%"), candidate)
      }
    }
  )

  it.prop("what is accepted as a name is accepted again as itself", [Arbitrary.schema(Schema.String)], ([text]) => {
    const parsed = HostName.fromString(text)
    if (Result.isSuccess(parsed) && typeof parsed.success === "string") {
      assert.deepStrictEqual(HostName.fromString(parsed.success), parsed)
    }
  })
})

describe("names that no name server is asked for", () => {
  it.each([
    ["localhost", undefined, ["::1", "127.0.0.1"]],
    ["localhost.", "IPv4", ["127.0.0.1"]],
    ["a.b.localhost", "IPv6", ["::1"]],
    ["notlocalhost", undefined, undefined],
    ["localhost.example", undefined, undefined]
  ] as const)("the loopback addresses of %j in family %j are %j", (name, family, expected) => {
    assert.deepStrictEqual(HostName.loopbackOf(domain(name), family)?.map(NetAddress.formatIp), expected?.slice())
  })

  it.each([
    ["host.invalid", true],
    ["invalid.", true],
    ["a.onion", true],
    ["invalid.example", false],
    ["union", false]
  ])("%j does not exist in DNS: %j", (name, expected) => {
    assert.strictEqual(HostName.isNeverInDns(domain(name)), expected)
  })
})
