/** Sections are those of HAProxy's doc/proxy-protocol.txt. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { crc32c } from "../../src/internal/proxy/Crc32c.ts"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"
import { bytes as text } from "../utils/live.ts"
import * as Headers from "../utils/proxyHeaders.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const { decode, encodeUnsafe } = ProxyProtocol
const maxBytes = 65_551
const runs = { arbitrary: { runs: rounds(500), size: 30 } }

const at = NetAddress.inetAddressFromStringUnsafe
const join = (...parts: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(parts))

const line = (rest: string) => text(`PROXY ${rest}\r\n`)

const crc: ProxyProtocol.Tlv = { _tag: "Crc32c" }
const flip = (bytes: Uint8Array, bit: number) => {
  const flipped = bytes.slice()
  flipped[bit >> 3] ^= 1 << (bit & 7)
  return flipped
}

const complete = (input: Uint8Array, options?: ProxyProtocol.Options): ProxyProtocol.Header => {
  const decoded = decode(input, options)
  assert.strictEqual(decoded._tag, "Complete", JSON.stringify(decoded))
  return decoded._tag === "Complete" ? decoded.header : assert.fail()
}

const hasChecksum = (decoded: ProxyProtocol.Decoded) =>
  decoded._tag === "Complete" && decoded.header.tlvs.some(({ _tag }) => _tag === "Crc32c")

describe("any header", () => {
  it.prop(
    "survives its bytes, whatever follows them",
    [Headers.header, Headers.bytes()],
    ([header, behind]) => {
      const encoded = encodeUnsafe(header)
      assert.deepStrictEqual(decode(join(encoded, behind), { maxBytes }), {
        _tag: "Complete",
        header,
        length: encoded.length
      })
    },
    runs
  )

  it.prop(
    "is waited for while it is not whole, and no more than its length is asked for",
    [Headers.header],
    ([header]) => {
      const encoded = encodeUnsafe(header)
      for (let length = 0; length < encoded.length; length++) {
        const decoded = decode(encoded.subarray(0, length), { maxBytes })
        if (decoded._tag !== "NeedMore") return assert.fail(`${length}: ${JSON.stringify(decoded)}`)
        assert.isAbove(decoded.atLeast, length)
        assert.isAtMost(decoded.atLeast, encoded.length)
      }
    },
    runs
  )

  it.prop("keeps nothing of the bytes that it came from", [Headers.v2], ([header]) => {
    const encoded = encodeUnsafe(header)
    const decoded = complete(encoded, { maxBytes })
    encoded.fill(0)
    assert.deepStrictEqual(decoded, header)
  })
})

describe("any bytes near a header", () => {
  it.prop(
    "never throw; what is taken for a header ends within them, needs nothing behind it and survives its own bytes",
    [Headers.nearly],
    ([bytes]) => {
      const decoded = decode(bytes, { maxBytes })
      if (decoded._tag !== "Complete") return
      assert.isAtMost(decoded.length, bytes.length)
      assert.deepStrictEqual(decode(bytes.subarray(0, decoded.length), { maxBytes }), decoded)
      assert.deepStrictEqual(complete(encodeUnsafe(decoded.header), { maxBytes }), decoded.header)
    },
    { arbitrary: { runs: rounds(4000), size: 30 } }
  )

  it.prop(
    "are judged alike however they are cut: what is refused stays refused, what is a header stays it",
    [Headers.nearly],
    ([bytes]) => {
      const whole = decode(bytes, { maxBytes })
      for (let length = 0; length < bytes.length; length++) {
        const part = decode(bytes.subarray(0, length), { maxBytes })
        if (part._tag === "Complete") assert.deepStrictEqual(part, whole)
        else if (part._tag !== "NeedMore") assert.strictEqual(part._tag, whole._tag)
      }
    },
    { arbitrary: { runs: rounds(1500), size: 30 } }
  )
})

describe("the checksum", () => {
  // RFC 3720, appendix B.4, and the usual check value.
  for (const [input, sum] of [
    [text("123456789"), 0xe306_9283],
    [new Uint8Array(32), 0x8a91_36aa],
    [new Uint8Array(32).fill(255), 0x62a8_ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd_794e]
  ] as const) {
    it(`of ${Buffer.from(input).toString("hex")} is ${sum.toString(16)}`, () => {
      assert.strictEqual(crc32c(input, input.length), sum)
    })
  }

  it.prop("is refused when one bit of the header is another", [Headers.v2], ([header]) => {
    const checked = { ...header, tlvs: [...header.tlvs.filter(({ _tag }) => _tag !== "Crc32c"), crc] }
    const encoded = encodeUnsafe(checked)
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const decoded = decode(flip(encoded, bit), { maxBytes })
      // A flip in a length or a type can hide the checksum, never make it right.
      assert.isFalse(hasChecksum(decoded), `bit ${bit}: ${JSON.stringify(decoded)}`)
    }
  })

  for (const [name, source, destination] of [
    ["IPv4", at("192.0.2.1:50000"), at("192.0.2.2:443")],
    ["IPv6", at("[2001:db8::1]:50000"), at("[2001:db8::2]:443")],
    ["a path", NetAddress.unixPathAddress("/run/a"), NetAddress.unixPathAddress("/run/b")]
  ] as const) {
    it(`of a header with ${name} finds every flip of one bit that does not hit its own type or the lengths`, () => {
      const encoded = encodeUnsafe({ ...ProxyProtocol.proxied(source, destination), tlvs: [crc] })
      const hidden = new Set([14, 15, encoded.length - 7])
      const bits = Array.from({ length: encoded.length * 8 }, (_, bit) => bit).filter((bit) => !hidden.has(bit >> 3))
      const refused = new Set(["Invalid", "NotProxy"])
      assert.deepStrictEqual(
        bits.filter((bit) => !refused.has(decode(flip(encoded, bit))._tag)),
        []
      )
    })
  }

  it("stands where its TLV is, and there is only one", () => {
    const header = ProxyProtocol.proxied(at("192.0.2.1:1"), at("192.0.2.2:2"))
    const noop: ProxyProtocol.Tlv = { _tag: "Noop", length: 1 }
    const encoded = encodeUnsafe({ ...header, tlvs: [noop, crc] })
    assert.deepStrictEqual([...encoded.subarray(28, 35)], [4, 0, 1, 0, 3, 0, 4])
    assert.isTrue(Result.isFailure(ProxyProtocol.encode({ ...header, tlvs: [crc, crc] })))
    const doubled = join(encoded, encoded.subarray(-7))
    doubled[15] += 7
    assert.deepStrictEqual(decode(doubled), { _tag: "Invalid", at: 42, why: "there is a second checksum" })
  })
})

describe("version 1 (section 2.1)", () => {
  const tcp = (source: string, destination: string): ProxyProtocol.Header => ({
    ...ProxyProtocol.proxied(at(source), at(destination)),
    version: 1
  })
  const unknown: ProxyProtocol.Header = { _tag: "Unknown", version: 1, tlvs: [] }
  const ffff = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

  it("the specification's example is read up to the request behind it", () => {
    const header = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
    const decoded = decode(text(`${header}GET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n`))
    const expected = tcp("192.168.0.1:56324", "192.168.0.11:443")
    assert.deepStrictEqual(decoded, { _tag: "Complete", header: expected, length: header.length })
    assert.deepStrictEqual(encodeUnsafe(expected), text(header))
  })

  for (const [rest, length, header] of [
    ["TCP4 255.255.255.255 255.255.255.255 65535 65535", 56, tcp("255.255.255.255:65535", "255.255.255.255:65535")],
    [`TCP6 ${ffff} ${ffff} 65535 65535`, 104, tcp(`[${ffff}]:65535`, `[${ffff}]:65535`)],
    ["UNKNOWN", 15, unknown],
    [`UNKNOWN ${ffff} ${ffff} 65535 65535`, 107, unknown]
  ] as const) {
    it(`the longest or shortest line of its kind has ${length} bytes and is read: ${rest}`, () => {
      assert.deepStrictEqual(decode(line(rest)), { _tag: "Complete", header, length })
    })
  }

  it("107 bytes pass, 108 fail, and 106 without CR are known to fail", () => {
    const filled = (count: number) => line(`UNKNOWN ${"x".repeat(count - 16)}`)
    assert.deepStrictEqual(decode(filled(107)), { _tag: "Complete", header: unknown, length: 107 })
    const tooLong = { _tag: "Invalid", at: 107, why: "CR LF ends within 107 bytes" } as const
    assert.deepStrictEqual(decode(filled(108)), tooLong)
    assert.deepStrictEqual(decode(filled(108).subarray(0, 106)), tooLong)
    assert.deepStrictEqual(decode(filled(107).subarray(0, 106)), { _tag: "NeedMore", atLeast: 107 })
  })

  it("the shortest line has 15 bytes, and CR LF is still to come", () => {
    for (const [input, atLeast] of [
      ["", 15],
      ["PROXY", 15],
      ["PROXY UNKNOWN\r", 15],
      ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2", 32],
      ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r", 32]
    ] as const) {
      assert.deepStrictEqual(decode(text(input)), { _tag: "NeedMore", atLeast })
    }
  })

  it("what follows UNKNOWN is ignored up to CR LF, whatever it is", () => {
    for (const junk of ["", "TCP4", "\n", "\r", "\rx\n", "\0\u00ff", "1.2.3.4 1.2.3.4 99999 99999"]) {
      assert.deepStrictEqual(complete(line(`UNKNOWN ${junk}`)), unknown, JSON.stringify(junk))
    }
  })

  it("IPv6 is read in all its forms, and a mapped address is the IPv4 address", () => {
    assert.deepStrictEqual(complete(line("TCP6 ::1 2001:DB8:0::1 0 1")), tcp("[::1]:0", "[2001:db8::1]:1"))
    const mapped = tcp("192.0.2.1:1", "[2001:db8::1]:2")
    assert.deepStrictEqual(complete(line("TCP6 ::ffff:192.0.2.1 2001:db8::1 1 2")), mapped)
    assert.deepStrictEqual(encodeUnsafe(mapped), line("TCP6 0:0:0:0:0:ffff:c000:201 2001:db8::1 1 2"))
  })

  const port = "a port is a decimal number from 0 to 65535 without leading zeros"
  const stray = "two addresses, two ports and CR LF have no such byte"
  const fields = "two addresses and two ports follow, with one space between them"
  for (const [input, at, why] of [
    ["PROXY\r\n", 5, "one space follows PROXY"],
    ["PROXYTCP4 ", 5, "one space follows PROXY"],
    ["PROXY  TCP4 ", 6, "it is TCP4, TCP6 or UNKNOWN"],
    ["PROXY tcp4 ", 6, "it is TCP4, TCP6 or UNKNOWN"],
    ["PROXY UDP4 ", 6, "it is TCP4, TCP6 or UNKNOWN"],
    ["PROXY TCP4\r\n", 6, "it is TCP4, TCP6 or UNKNOWN"],
    ["PROXY UNKNOWNX", 6, "it is TCP4, TCP6 or UNKNOWN"],
    ["PROXY UNKNOWN\n", 6, "it is TCP4, TCP6 or UNKNOWN"],
    ["PROXY UNKNOWN\rx\r\n", 6, "it is TCP4, TCP6 or UNKNOWN"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", 30, stray],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rG", 30, stray],
    ["PROXY TCP4 1.2.3.4\t1.2.3.4 1 2\r\n", 18, stray],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", 27, stray],
    ["PROXY TCP4 \r\n", 11, fields],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", 11, fields],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", 11, fields],
    ["PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", 11, fields],
    ["PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", 16, "a dot is missing"],
    ["PROXY TCP4 1.2.3.4 1.2.03.4 1 2\r\n", 24, "a part has no leading zero"],
    ["PROXY TCP4 1.2.3.4 1.2.3.256 1 2\r\n", 27, "a part is at most 255"],
    ["PROXY TCP4 ::1 ::1 1 2\r\n", 11, "a decimal digit is missing"],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", 27, port],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", 27, port],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 65535 65536\r\n", 33, port],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", 29, port],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 a\r\n", 29, port]
  ] as const) {
    it(`${JSON.stringify(input)} is wrong at byte ${at}: ${why}`, () => {
      assert.deepStrictEqual(decode(text(input)), { _tag: "Invalid", at, why })
    })
  }

  it("TCP6 does not carry IPv4 addresses", () => {
    assert.strictEqual(decode(line("TCP6 1.2.3.4 1.2.3.4 1 2"))._tag, "Invalid")
  })

  it("TLVs, datagrams and paths cannot be written", () => {
    const header = tcp("1.2.3.4:1", "1.2.3.4:2")
    const path = NetAddress.unixPathAddress("/a")
    for (const unwritable of [
      { ...header, tlvs: [{ _tag: "Crc32c" }] },
      { ...header, transport: "datagram" },
      { ...header, source: path, destination: path }
    ] as const) {
      const error = Result.getOrThrow(Result.flip(ProxyProtocol.encode(unwritable as ProxyProtocol.Header)))
      assert.strictEqual(error.reason._tag, "Unencodable")
    }
  })
})

describe("what is no header", () => {
  for (const input of [
    "GET / HTTP/1.1\r\n",
    "G",
    "PROXX",
    "PRXY TCP4",
    "proxy TCP4",
    "\r\n\r\n\0\r\nQUIZ",
    "\r\r",
    "\x16\x03\x01"
  ]) {
    it(`${JSON.stringify(input)} is told at once`, () => {
      assert.deepStrictEqual(decode(text(input)), { _tag: "NotProxy" })
    })
  }
})
