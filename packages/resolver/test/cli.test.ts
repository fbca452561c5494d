import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as DnsServer from "./utils/dnsServer.ts"
import * as System from "./utils/system.ts"

describe("resolver", () => {
  it("prints hosts as the book does, one a line", () => {
    const { status, stderr, stdout } = System.command("localhost", "127.0.0.1")
    const [forward, reverse, rest] = stdout.split("\n")
    assert.match(forward, /^#S\(HOSTENT :NAME "\S+" :ALIASES (NIL|\(.*\)) :ADDR-LIST \(.*\) :ADDR-TYPE (2|10)\)$/)
    assert.match(reverse, /^#S\(HOSTENT :NAME "\S+" :ALIASES (NIL|\(.*\)) :ADDR-LIST \("127.0.0.1".*\) :ADDR-TYPE 2\)$/)
    assert.deepStrictEqual([rest, stderr, status], ["", "", 0])
  })

  it("prints one JSON object a line on request", () => {
    const { stdout } = System.command("--json", "127.0.0.1")
    const host = JSON.parse(stdout)
    assert.deepStrictEqual(Object.keys(host), ["name", "aliases", "addressType", "addresses"])
    assert.deepStrictEqual([host.addressType, host.addresses[0]], ["IPv4", "127.0.0.1"])
  })

  it("prints the hosts it can resolve, one line for each it cannot, and ends with 1", () => {
    const { status, stderr, stdout } = System.command("127.1", "localhost", "a\nb")
    assert.match(stdout, /^#S\(HOSTENT .*\)\n$/)
    assert.match(stderr, /^resolver: 127\.1: invalid name: .*\nresolver: "a\\nb": invalid name: .*\n$/)
    assert.strictEqual(status, 1)
  })

  it.each<[claim: string, args: ReadonlyArray<string>]>([
    ["no host", []],
    ["an unknown flag", ["--what", "localhost"]],
    ["a name server that is none", ["--dns", "ns.example", "localhost"]]
  ])("%s is one line and status 2", (_, args) => {
    const { status, stderr, stdout } = System.command(...args)
    assert.match(stderr, /^resolver: .*\n$/)
    assert.deepStrictEqual([stdout, status], ["", 2])
  })

  const escape = "\u001b[31m\u009b2J\u202e\r"
  it.each<[what: string, args: ReadonlyArray<string>]>([
    ["a host", [escape + "x".repeat(5000)]],
    ["a flag", [`--${escape}${"x".repeat(5000)}`, "localhost"]],
    ["a name server", ["--dns", escape + "x".repeat(5000), "localhost"]]
  ])("%s from the command line is printed escaped and cut", (_, args) => {
    const { stderr } = System.command(...args)
    assert.match(stderr, /^resolver: .*\n$/)
    assert.notMatch(stderr.trimEnd(), /[\p{Cc}\p{Cf}]/u)
    assert.isBelow(stderr.length, 600)
  })

  it("who reads may leave: a closed pipe ends it quietly", () => {
    const hosts = Array.from({ length: 3000 }, () => "localhost").join(" ")
    const { stderr, stdout } = System.commandLine(`${hosts} | head -1`)
    assert.match(stdout, /^#S\(HOSTENT .*\)\n$/)
    assert.strictEqual(stderr, "")
  })

  it.skipIf(!fs.existsSync("/dev/full")).each(["localhost", "--help"])(
    "%s into a full device is an error (needs /dev/full)",
    (args) => {
      const { status, stderr } = System.commandLine(`${args} > /dev/full`)
      assert.match(stderr, /^resolver: write: ENOSPC.*\n$/)
      assert.strictEqual(status, 1)
    }
  )

  it.live("asks the name servers it is given", () =>
    Effect.gen(function* () {
      const { address } = yield* DnsServer.make(
        DnsServer.zone([DnsServer.cname("www.example", "host.example"), DnsServer.a("host.example", "192.0.2.1")])
      )
      // The server lives in this process, which must not block.
      const { status, stderr, stdout } = yield* Effect.promise(() =>
        System.commandAsync("--dns", address, "www.example", "no.example")
      )
      assert.strictEqual(
        stdout,
        '#S(HOSTENT :NAME "host.example" :ALIASES ("www.example") :ADDR-LIST ("192.0.2.1") :ADDR-TYPE 2)\n'
      )
      assert.deepStrictEqual([stderr, status], ["resolver: no.example: unknown host\n", 1])
    }).pipe(Effect.scoped)
  )
})
