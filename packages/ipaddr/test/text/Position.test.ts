import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isIPv4, isIPv6 } from "node:net"
import * as AnyIpaddr from "../../src/AnyIpaddr.ts"
import * as Arbitraries from "../../src/Arbitraries.ts"
import * as Ipaddr from "../../src/Ipaddr.ts"
import * as Ipaddr6 from "../../src/Ipaddr6.ts"
import type { IpaddrError } from "../../src/IpaddrError.ts"
import * as IpRange from "../../src/IpRange.ts"
import * as IpSet from "../../src/IpSet.ts"
import * as IpTable from "../../src/IpTable.ts"
import * as ZonedIpaddr6 from "../../src/ZonedIpaddr6.ts"
import { mutated } from "../utils/mutation.ts"
import { hasPython, inet } from "../utils/python.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

type Accepts = (text: string) => boolean

/**
 * The index of the first wrong character by the plainest definition: the longest start of the text that some ending
 * makes right is fine, what follows it is wrong.
 */
const firstWrong = (text: string, accepts: Accepts, endings: ReadonlyArray<string>): number => {
  let length = text.length
  while (length > 0 && !endings.some((ending) => accepts(text.slice(0, length) + ending))) length--
  return length
}

const endings4 = ["", "0", ".0", "0.0", ".0.0", "0.0.0", ".0.0.0", "0.0.0.0"]
const zeros = Array.from({ length: 9 }, (_, count) => ":0".repeat(count))
const endings6 = [...endings4, ":", "::", ...zeros, ...zeros.map((zeros) => `0${zeros}`)]

const accepts6: Accepts = (text) => isIPv6(text) && !text.includes("%")

const isV6: Accepts = (text) => /^[^.:/-]*:/.test(text)

/** What `IpRange.fromString` takes, but for bits beyond a prefix and the order of first and last. */
const acceptsRange =
  (v6: boolean): Accepts =>
  (text) => {
    const [, first, separator, second] = /^([^/-]*)([/-]?)(.*)$/su.exec(text)!
    const isAddress = v6 ? accepts6 : isIPv4
    if (!isAddress(first)) return false
    if (separator === "-") return isAddress(second)
    return separator === "" || (/^(0|[1-9]\d*)$/.test(second) && Number(second) <= (v6 ? 128 : 32))
  }

const assertPosition = (
  text: string,
  result: Result.Result<unknown, IpaddrError>,
  accepts: Accepts,
  endings: ReadonlyArray<string>
): void => {
  if (Result.isSuccess(result)) return
  const { position, reason } = result.failure
  assert.strictEqual(position, firstWrong(text, accepts, endings), `${JSON.stringify(text)}: ${reason}`)
}

const runs = { arbitrary: { runs: rounds(5000) } }
const alphabet = "0123456789abcdef:::...%g/ -\u0000٣"
const { anyIpaddr, ipaddr, ipaddr6, ipRange, zonedIpaddr6 } = Arbitraries
const dotted = Arbitrary.map(ipaddr, Ipaddr.toDotted)
const long6 = (address: bigint) =>
  Array.from({ length: 8 }, (_, group) =>
    ((address >> BigInt(112 - group * 16)) & 0xffffn).toString(16).padStart(4, "0")
  )

/** IPv6 in short and in long form, and with dotted IPv4 at the end of either. */
const text6 = Arbitrary.map(
  Arbitrary.all([ipaddr6, ipaddr, Arbitrary.schema(Schema.Literals([0, 1, 2, 3]))]),
  ([address, v4, form]) =>
    [
      Ipaddr6.format(address),
      long6(address).join(":"),
      `${long6(address).slice(0, 6).join(":")}:${Ipaddr.toDotted(v4)}`,
      `::${Ipaddr.toDotted(v4)}`
    ][form]
)

describe("an error's position is the first wrong character, or the end if something is missing there", () => {
  it.prop(
    "in dotted text",
    [mutated(dotted, alphabet)],
    ([text]) => assertPosition(text, Ipaddr.fromDotted(text), isIPv4, endings4),
    runs
  )

  it.prop(
    "in IPv6 text",
    [mutated(text6, alphabet)],
    ([text]) => assertPosition(text, Ipaddr6.fromString(text), accepts6, endings6),
    runs
  )

  it.prop(
    "in text of either family",
    [mutated(Arbitrary.map(anyIpaddr, AnyIpaddr.format), alphabet)],
    ([text]) => {
      const v6 = /^[^.]*:/.test(text)
      assertPosition(text, AnyIpaddr.fromString(text), v6 ? accepts6 : isIPv4, v6 ? endings6 : endings4)
    },
    runs
  )

  const ranges = Arbitrary.map(
    Arbitrary.all([ipRange, anyIpaddr, Arbitrary.schema(Schema.Literals([true, false, false]))]),
    ([range, other, mixed]) =>
      mixed ? `${AnyIpaddr.format(range.first)}-${AnyIpaddr.format(other)}` : IpRange.format(range)
  )
  const isAboutBits = (reason: string) => reason.startsWith("bits") || reason.endsWith("below its start")

  it.prop(
    "in ranges and CIDR blocks",
    [mutated(ranges, alphabet)],
    ([text]) => {
      const result = IpRange.fromString(text)
      if (Result.isFailure(result) && isAboutBits(result.failure.reason)) {
        return assert.isTrue(acceptsRange(isV6(text))(text), text)
      }
      const endings = isV6(text) ? endings6 : endings4
      assertPosition(text, result, acceptsRange(isV6(text)), endings)
    },
    runs
  )

  it.prop(
    "in the blocks of a table, which have no last address",
    [mutated(ranges, alphabet)],
    ([text]) => {
      const result = IpTable.fromCidrs([[text, 0]])
      if (Result.isFailure(result) && isAboutBits(result.failure.reason)) return
      const accepts: Accepts = (text) => !text.includes("-") && acceptsRange(v6)(text)
      const v6 = isV6(text)
      assertPosition(text, result, accepts, v6 ? endings6 : endings4)
    },
    runs
  )

  it.prop(
    "in the lines of a list, where it is a column",
    [mutated(ranges, "0123456789abcdef:::...%g/-"), mutated(ranges, "0123456789abcdef:::...%g/-")],
    ([first, second]) => {
      const result = IpSet.fromString(` ${first}\t# one\n${second}`)
      const expected = [first, second].flatMap((text, index) => {
        const error = text === "" ? undefined : Result.getOrUndefined(Result.flip(IpRange.fromString(text)))
        return error === undefined ? [] : [{ line: index + 1, column: error.position + (index === 0 ? 2 : 1) }]
      })
      const problems = Result.isFailure(result) ? result.failure.problems : []
      assert.deepStrictEqual(
        problems.map(({ column, line }) => ({ line, column })),
        expected
      )
    }
  )

  it.prop(
    "in zones",
    [mutated(Arbitrary.map(zonedIpaddr6, ZonedIpaddr6.format), "0123%%:/[] \n\u0000eth")],
    ([text]) => {
      const [address, ...zone] = text.split("%")
      const accepts: Accepts = (text) => {
        const [address, ...rest] = text.split("%")
        return accepts6(address) && rest.length === 1 && /^[^%[\]/\s\p{Cc}]+$/u.test(rest[0])
      }
      // An index that is too large goes wrong at a digit, though letters behind it would make it a name.
      if (accepts6(address) && /^\d+$/.test(zone.join("%"))) return
      assertPosition(text, ZonedIpaddr6.fromString(text), accepts, [
        ...endings6.map((ending) => `${ending}%0`),
        "%0",
        "0"
      ])
    },
    runs
  )

  const legacy = Arbitrary.map(
    Arbitrary.array(
      Arbitrary.schema(
        Schema.Literals(["0", "1", "255", "256", "0x", "0x7f", "0377", "0400", "65535", "65536", "4294967295"])
      ),
      { minLength: 1, maxLength: 5 }
    ),
    (parts) => parts.join(".")
  )

  it.effect.runIf(hasPython)("in legacy text, by what inet_aton takes (needs python3)", () =>
    Effect.gen(function* () {
      const texts = yield* Arbitrary.sampleEffect(mutated(legacy, "0123456789abcxX.. \t-g\u0000"), {
        count: rounds(3000)
      })
      const starts = texts.flatMap((text) =>
        Array.from({ length: text.length + 1 }, (_, length) => text.slice(0, length)).flatMap((text) => [
          text,
          `${text}0`
        ])
      )
      const answers = inet("aton", starts)
      const accepted = new Set(starts.filter((_, index) => answers[index] !== null))
      for (const text of texts) {
        assertPosition(text, Ipaddr.fromLegacy(text), (text) => accepted.has(text), ["", "0"])
      }
    })
  )
})

describe("where bits are wrong, the position is the first part or hexadecimal digit that has such a bit", () => {
  const position = (text: string) => Result.getOrThrow(Result.flip(IpRange.fromString(text))).position

  it.prop(
    "beyond the prefix of IPv6, by the digits of the long form",
    [ipaddr6, Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 128 })))],
    ([address, length]) => {
      const text = long6(address).join(":")
      const result = IpRange.fromString(`${text}/${length}`)
      // Of each character the lowest bits that are beyond the prefix, if it is a digit.
      const wrong = Array.from(text.replaceAll(":", ""), (digit, index) => {
        const beyond = Math.min(Math.max(index * 4 + 4 - length, 0), 4)
        return Number.parseInt(digit, 16) % 2 ** beyond !== 0
      }).indexOf(true)
      assert.strictEqual(Result.isSuccess(result), wrong < 0)
      if (Result.isFailure(result)) assert.strictEqual(result.failure.position, wrong + Math.floor(wrong / 4))
    },
    runs
  )

  it.prop(
    "beyond the prefix of IPv4, by the bytes",
    [ipaddr, Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 32 })))],
    ([address, length]) => {
      const parts = Ipaddr.toDotted(address).split(".")
      const result = IpRange.fromString(`${parts.join(".")}/${length}`)
      const wrong = parts.findIndex(
        (part, index) => Number(part) % 2 ** Math.min(Math.max(index * 8 + 8 - length, 0), 8) !== 0
      )
      assert.strictEqual(Result.isSuccess(result), wrong < 0)
      if (Result.isFailure(result)) {
        assert.strictEqual(
          result.failure.position,
          parts.slice(0, wrong).reduce((at, { length }) => at + length + 1, 0)
        )
      }
    },
    runs
  )

  it.prop(
    "of a last address that is below the first one, by the digits of the long form",
    [ipaddr6, ipaddr6],
    ([a, b]) => {
      const [first, last] = [a, b].map((address) => long6(address).join(":"))
      const result = IpRange.fromString(`${first}-${last}`)
      assert.strictEqual(Result.isSuccess(result), first <= last)
      if (Result.isFailure(result)) {
        const differs = Array.from(last).findIndex((digit, index) => digit !== first[index])
        assert.strictEqual(result.failure.position, first.length + 1 + differs)
      }
    },
    runs
  )

  for (const [text, expected] of [
    ["10.0.0.1/8", 7],
    ["10.1.0.0/8", 3],
    ["10.0.0.129/25", 7],
    ["fe80::1/10", 6],
    ["2001:db8:8001::/33", 12],
    ["::1:0:0/16", 2],
    ["::ffff:10.0.0.1/104", 14],
    ["1::2:3/112", 5],
    ["::f/125", 2],
    ["10.0.0.9-10.0.0.1", 16],
    ["10.0.1.0-10.0.0.255", 14],
    ["::2-::1", 6],
    ["::1:0-::ffff", 6],
    ["1::-0:1::", 4],
    ["f::ab1-f::aa2", 11],
    ["::ffff:10.0.0.2-::ffff:10.0.0.1", 30]
  ] as const) {
    it(`${text} is wrong at ${expected}`, () => assert.strictEqual(position(text), expected))
  }
})
