import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as AddressKind from "../src/AddressKind.ts"
import * as AnyIpaddr from "../src/AnyIpaddr.ts"
import * as Arbitraries from "../src/Arbitraries.ts"
import * as Ipaddr6 from "../src/Ipaddr6.ts"
import * as IpRange from "../src/IpRange.ts"
import * as SpecialPurpose from "../src/SpecialPurpose.ts"
import { around } from "./utils/model.ts"
import { hasPython, kinds } from "./utils/python.ts"
import { rounds } from "../../../test/utils/rounds.ts"

const predicates = { ...AddressKind }

/** The kinds of an address, asked as a number and as effect's value, which must agree. */
const kindsOf = (address: AnyIpaddr.AnyIpaddr): Array<string> =>
  Object.entries(predicates).flatMap(([name, predicate]) => {
    const answer = predicate(address)
    assert.strictEqual(predicate(AnyIpaddr.toAddress(address)), answer, `${name} ${AnyIpaddr.format(address)}`)
    return answer ? [name] : []
  })

const rowOf = (address: AnyIpaddr.AnyIpaddr) =>
  Option.getOrUndefined(SpecialPurpose.classify(AnyIpaddr.toAddress(address)))

/** The first and the last address of every registered block, and their neighbours. */
const edges = [...SpecialPurpose.ipv4, ...SpecialPurpose.ipv6]
  .flatMap((row) => row.blocks)
  .concat("224.0.0.0/4", "ff00::/8", "fec0::/10", "2000::/3", "0.0.0.0/0", "::/0")
  .map(IpRange.fromStringUnsafe)
  .flatMap(({ first, last }) => [first, last, ...around(first, last)])

describe("kinds of addresses", () => {
  it.effect.runIf(hasPython)("are those of Python's ipaddress, but for what the registries say (needs python3)", () =>
    Effect.gen(function* () {
      const sampled = yield* Arbitrary.sampleEffect(Arbitraries.anyIpaddr, { count: rounds(2000) })
      const addresses = [...edges, ...sampled].map(AnyIpaddr.unmap)
      const answers = kinds(addresses.map(AnyIpaddr.format))
      addresses.forEach((address, index) => {
        const python = new Set(answers[index])
        // Python takes the broadcast address and registered blocks of otherwise reserved space for reserved.
        const row = rowOf(address)
        const reserved = python.has("reserved") && (row === undefined || row.name === "Reserved")
        assert.deepStrictEqual(
          [
            AddressKind.isUnspecified(address),
            AddressKind.isLoopback(address),
            AddressKind.isLinkLocal(address),
            AddressKind.isMulticast(address),
            AddressKind.isReserved(address)
          ],
          [...["unspecified", "loopback", "link_local", "multicast"].map((kind) => python.has(kind)), reserved],
          AnyIpaddr.format(address)
        )
      })
    })
  )

  it("an address is global if its row says so, or if it is ordinary unicast without a row", () => {
    for (const address of edges.map(AnyIpaddr.unmap)) {
      const row = rowOf(address)
      const isUnicast = AnyIpaddr.isV4(address) ? address < 0xe0000000 : address >> 125n === 1n
      assert.strictEqual(
        AddressKind.isGlobal(address),
        row === undefined ? isUnicast : row.globallyReachable === true,
        AnyIpaddr.format(address)
      )
    }
  })

  it.prop("a mapped address is of the kinds of the address inside", [Arbitraries.ipaddr], ([address]) => {
    assert.deepStrictEqual(kindsOf(Ipaddr6.fromIpaddr(address)), kindsOf(address))
  })

  it.prop("what is global is none of the others", [Arbitraries.anyIpaddr], ([address]) => {
    const kinds = kindsOf(address)
    if (kinds.includes("isGlobal")) assert.deepStrictEqual(kinds, ["isGlobal"])
  })

  for (const [text, ...expected] of [
    ["0.0.0.0", "isUnspecified"],
    ["::", "isUnspecified"],
    ["127.255.255.255", "isLoopback"],
    ["::1", "isLoopback"],
    ["::ffff:127.0.0.1", "isLoopback"],
    ["169.254.169.254", "isLinkLocal"],
    ["fe80::1", "isLinkLocal"],
    ["172.31.255.255", "isPrivate"],
    ["172.32.0.0", "isGlobal"],
    ["fd00::1", "isPrivate"],
    ["100.64.0.1", "isShared"],
    ["203.0.113.1", "isDocumentation"],
    ["3fff::1", "isDocumentation"],
    ["224.0.0.1", "isMulticast"],
    ["ff02::1", "isMulticast"],
    ["255.255.255.255", "isBroadcast"],
    ["240.0.0.1", "isReserved"],
    ["4000::1", "isReserved"],
    ["fec0::1"],
    ["2002::1"],
    ["192.0.0.9", "isGlobal"],
    ["64:ff9b::8.8.8.8", "isGlobal"],
    ["8.8.8.8", "isGlobal"],
    ["2606:4700::1111", "isGlobal"]
  ]) {
    it(`${text} is ${expected.length === 0 ? "of no kind" : expected.join()}`, () =>
      assert.deepStrictEqual(kindsOf(AnyIpaddr.fromStringUnsafe(text)), expected))
  }
})

describe("a number that is no address", () => {
  it("is of no kind, in particular not global", () => {
    for (const value of [Number.NaN, -1, 0.5, 4294967296, 8 * 2 ** 32 + 0x08080808, Infinity, -1n, 1n << 128n]) {
      const kinds = Object.entries(predicates).filter(([, predicate]) => predicate(value as AnyIpaddr.AnyIpaddr))
      assert.deepStrictEqual(kinds, [], String(value))
    }
  })
})
