import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Iterable_ from "effect/Iterable"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Arbitraries from "../src/Arbitraries.ts"
import * as IpRange from "../src/IpRange.ts"
import * as Subnet from "../src/Subnet.ts"
import { mutated } from "./utils/mutation.ts"
import { hasPython, networks } from "./utils/python.ts"
import { rounds } from "../../../test/utils/rounds.ts"

const network = IpNetwork.fromStringUnsafe
const block = Arbitrary.map(Arbitraries.cidr, (range) => Option.getOrThrow(IpRange.toNetwork(range)))
const take = (values: Iterable<unknown>) => Array.from(Iterable_.take(values, 8), String)
const orNull = <A>(result: Result.Result<A, unknown>) => Result.getOrElse(result, () => null)
const textOrNull = (option: Option.Option<unknown>) => Option.getOrNull(Option.map(option, String))

describe("blocks", () => {
  const near = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: -4, maximum: 12 })))

  it.effect.runIf(hasPython)(
    "are cut, put together, stepped through and masked as Python does it (needs python3)",
    () =>
      Effect.gen(function* () {
        const sampled = yield* Arbitrary.sampleEffect(Arbitrary.all([block, near]), { count: rounds(3000) })
        const edges = [
          "0.0.0.0/0",
          "::/0",
          "255.255.255.255/32",
          "255.255.255.254/31",
          "0.0.0.0/32",
          "::/127",
          "::1/128"
        ]
        const questions = [
          ...sampled,
          ...edges.flatMap((text) => [-1, 0, 1, 2].map((by) => [network(text), by] as const))
        ]
          .map(([network, by]) => [network, network.prefixLength + by] as const)
          .filter(([network, length]) => length >= 0 && length <= (IpNetwork.isIpv4Network(network) ? 32 : 128))
        const answers = networks(questions.map(([network, length]) => [String(network), length]))
        questions.forEach(([network, length], index) => {
          assert.deepStrictEqual(
            {
              subnets: orNull(Result.map(Subnet.subnets(network, length), take)),
              supernet: orNull(Result.map(Subnet.supernet(network, length), String)),
              hosts: take(Subnet.hosts(network)),
              netmask: String(Subnet.netmask(network)),
              hostmask: String(Subnet.hostmask(network)),
              withNetmask: Subnet.formatNetmask(network),
              withHostmask: Subnet.formatHostmask(network),
              next: textOrNull(Subnet.next(network)),
              previous: textOrNull(Subnet.previous(network))
            },
            answers[index],
            `${network} ${length}`
          )
        })
      })
  )

  it.prop("subnets touch, fill their block and have its addresses again", [block, near], ([self, by]) => {
    const length = self.prefixLength + Math.max(by, 0)
    const cut = Result.map(Subnet.subnets(self, length), (subnets) => [...subnets])
    if (Result.isFailure(cut)) return assert.isAbove(length, IpNetwork.isIpv4Network(self) ? 32 : 128)
    assert.strictEqual(cut.success.length, 2 ** (length - self.prefixLength))
    cut.success.forEach((subnet, index) => {
      assert.deepStrictEqual(
        Result.map(Subnet.supernet(subnet, self.prefixLength), String),
        Result.succeed(String(self))
      )
      if (index > 0) assert.strictEqual(textOrNull(Subnet.next(cut.success[index - 1])), String(subnet))
    })
  })

  it("subnets and hosts are made as they are asked for, and may be gone through again", () => {
    const subnets = Result.getOrThrow(Subnet.subnets(network("::/0"), 128))
    assert.deepStrictEqual(take(subnets), take(subnets))
    assert.strictEqual(take(subnets)[7], "::7/128")
    assert.deepStrictEqual(Array.from(Iterable_.take(Subnet.hosts(network("::/0")), 2), String), ["::1", "::2"])
  })

  it.prop("there are as many hosts as hostCount says", [block], ([self]) => {
    if (IpNetwork.addressCount(self) > 4096n) return
    assert.strictEqual(BigInt([...Subnet.hosts(self)].length), Subnet.hostCount(self))
  })

  it("a prefix length that no such block has is refused", () => {
    for (const [text, length] of [
      ["10.0.0.0/8", 7],
      ["10.0.0.0/8", 33],
      ["::/8", 129],
      ["10.0.0.0/8", 8.5],
      ["10.0.0.0/8", Number.NaN],
      ["10.0.0.0/8", Infinity]
    ] as const) {
      assert.isTrue(Result.isFailure(Subnet.subnets(network(text), length)), `${text} ${length}`)
    }
    for (const length of [-1, 9, 0.5, Number.NaN, -Infinity]) {
      const error = Result.getOrThrow(Result.flip(Subnet.supernet(network("10.0.0.0/8"), length)))
      assert.deepStrictEqual([error.position, error.input], [9, `10.0.0.0/${length}`])
    }
  })
})

describe("texts with masks", () => {
  it.prop("a block survives its netmask and its hostmask", [block], ([self]) => {
    const text = String(self)
    assert.strictEqual(String(Result.getOrThrow(Subnet.fromNetmaskString(Subnet.formatNetmask(self)))), text)
    assert.strictEqual(String(Result.getOrThrow(Subnet.fromHostmaskString(Subnet.formatHostmask(self)))), text)
  })

  it.prop(
    "what is taken is the text of a block, and what is refused points into the text",
    [mutated(Arbitrary.map(block, Subnet.formatNetmask), "0125./:f ")],
    ([text]) => {
      for (const [parse, format] of [
        [Subnet.fromNetmaskString, Subnet.formatNetmask],
        [Subnet.fromHostmaskString, Subnet.formatHostmask]
      ] as const) {
        const result = parse(text)
        if (Result.isSuccess(result)) assert.deepStrictEqual(parse(format(result.success)), result)
        else assert.isTrue(result.failure.position >= 0 && result.failure.position <= text.length, text)
      }
    },
    { arbitrary: { runs: rounds(2000) } }
  )

  for (const [text, position, reason] of [
    ["10.0.0.0", 8, "a slash and a mask are missing"],
    ["10.0.0.0/", 9, "a decimal digit is missing"],
    ["10.0.0.0/8", 10, "a dot is missing"],
    ["10.0.0.0/255.0.255.0", 15, "a netmask is ones, then zeros"],
    ["10.0.0.0/0.0.0.255", 15, "a netmask is ones, then zeros"],
    ["10.0.0.1/255.0.0.0", 7, "bits are set beyond the prefix"],
    ["10.0.0.0/255.0.0.256", 19, "a part is at most 255"],
    ["fe80::/ffc0:1::", 12, "a netmask is ones, then zeros"],
    ["fe80::/255.0.0.0", 10, "there are fewer than eight groups and no ::"]
  ] as const) {
    it(`${JSON.stringify(text)} is refused at ${position}: ${reason}`, () => {
      const error = Result.getOrThrow(Result.flip(Subnet.fromNetmaskString(text)))
      assert.deepStrictEqual([error.position, error.reason], [position, reason])
    })
  }

  it("a mask that could be either is what was asked for", () => {
    const [netmask, hostmask] = [Subnet.fromNetmaskString, Subnet.fromHostmaskString].map((parse) =>
      parse("0.0.0.0/0.0.0.0")
    )
    assert.deepStrictEqual([netmask, hostmask].map(Result.map(String)), [
      Result.succeed("0.0.0.0/0"),
      Result.succeed("0.0.0.0/32")
    ])
    const error = Result.getOrThrow(Result.flip(Subnet.fromHostmaskString("10.0.0.0/255.0.0.0")))
    assert.deepStrictEqual([error.position, error.reason], [13, "a hostmask is zeros, then ones"])
  })
})
