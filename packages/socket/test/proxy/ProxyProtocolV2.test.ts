/** Sections are those of HAProxy's doc/proxy-protocol.txt. */
import { assert, describe, it } from "@effect/vitest"
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"
import { bytes as text } from "../utils/live.ts"
import * as Headers from "../utils/proxyHeaders.ts"

const { decode, encodeUnsafe, proxied } = ProxyProtocol

const at = NetAddress.inetAddressFromStringUnsafe
const path = NetAddress.unixPathAddress
const hex = (input: string) => Uint8Array.from(Buffer.from(input.replaceAll(" ", ""), "hex"))
const signature = "0D0A0D0A 000D0A51 5549540A"
const v4 = "C0A80001 C0A8000B DC04 01BB"
const toPath = (name: string) => Buffer.from(name).toString("hex").padEnd(216, "0")

const v4Header = proxied(at("192.168.0.1:56324"), at("192.168.0.11:443"))
const withTlvs = (...tlvs: ReadonlyArray<ProxyProtocol.Tlv>): ProxyProtocol.Header => ({ ...v4Header, tlvs })

/** A header for IPv4 with these bytes behind the addresses. */
const tlvBytes = (tlvs: string) => hex(`${signature} 21 11 00${(12 + hex(tlvs).length).toString(16)} ${v4} ${tlvs}`)

describe("the layouts of section 2.2", () => {
  for (const [name, encoded, header] of [
    ["LOCAL", "20 00 0000", { _tag: "Local", version: 2, tlvs: [] }],
    ["UNSPEC", "21 00 0000", { _tag: "Unknown", version: 2, tlvs: [] }],
    ["TCP over IPv4", `21 11 000C ${v4}`, v4Header],
    ["UDP over IPv4", `21 12 000C ${v4}`, { ...v4Header, transport: "datagram" }],
    [
      "TCP over IPv6",
      "21 21 0024 20010DB8000000000000000000000001 20010DB8000000000000000000000002 0000 FFFF",
      proxied(at("[2001:db8::1]:0"), at("[2001:db8::2]:65535"))
    ],
    [
      "UDP over IPv6",
      "21 22 0024 00000000000000000000000000000001 FF020000000000000000000000000001 0001 0002",
      { ...proxied(at("[::1]:1"), at("[ff02::1]:2")), transport: "datagram" }
    ],
    [
      "UNIX stream",
      `21 31 00D8 ${toPath("/run/a.sock")} ${toPath("/run/b.sock")}`,
      proxied(path("/run/a.sock"), path("/run/b.sock"))
    ],
    [
      "UNIX datagram, without a name and with an abstract one",
      `21 32 00D8 ${toPath("")} ${toPath("\0name")}`,
      { ...proxied(path(""), path("\0name")), transport: "datagram" }
    ]
  ] satisfies ReadonlyArray<readonly [string, string, ProxyProtocol.Header]>) {
    it(`${name} is written and read`, () => {
      const bytes = hex(`${signature} ${encoded}`)
      assert.deepStrictEqual(encodeUnsafe(header), bytes)
      assert.deepStrictEqual(decode(bytes), { _tag: "Complete", header, length: bytes.length })
    })
  }

  it("addresses of both families go as IPv6, and a mapped address comes out as IPv4", () => {
    const header = proxied(at("192.0.2.1:1"), at("[2001:db8::2]:2"))
    const bytes = hex(
      `${signature} 21 21 0024 00000000000000000000FFFFC0000201 20010DB8000000000000000000000002 0001 0002`
    )
    assert.deepStrictEqual(encodeUnsafe(header), bytes)
    assert.deepStrictEqual(decode(bytes), { _tag: "Complete", header, length: 52 })
  })

  it("a mapped address goes as IPv4 where the other end is IPv4", () => {
    const mapped = at("[::ffff:192.168.0.1]:56324")
    assert.deepStrictEqual(encodeUnsafe({ ...v4Header, source: mapped }), encodeUnsafe(v4Header))
  })

  it("a header has 16 bytes at least, and exactly what they say once they are there", () => {
    const bytes = encodeUnsafe(v4Header)
    for (const [length, atLeast] of [
      [1, 16],
      [12, 16],
      [15, 16],
      [16, 28],
      [27, 28]
    ]) {
      assert.deepStrictEqual(decode(bytes.subarray(0, length)), { _tag: "NeedMore", atLeast })
    }
  })

  it("a path ends at its NUL, or fills its 108 bytes", () => {
    const full = "x".repeat(108)
    const bytes = hex(`${signature} 21 31 00D8 ${toPath("/a\0left over")} ${toPath(full)}`)
    const header = proxied(path("/a"), path(full))
    assert.deepStrictEqual(decode(bytes), { _tag: "Complete", header, length: 232 })
  })
})

describe("which bytes are taken", () => {
  const decodeWith = (version: number, family: number) => {
    const bytes = new Uint8Array(16 + 216)
    bytes.set(hex(signature))
    bytes.set([version, family, 0, 216], 12)
    return decode(bytes)
  }
  const all = Array.from({ length: 256 }, (_, byte) => byte)

  it("version 2 with LOCAL or PROXY, and no other 13th byte", () => {
    assert.deepStrictEqual(
      all.filter((byte) => decodeWith(byte, 0)._tag === "Complete"),
      [0x20, 0x21]
    )
  })

  it("with PROXY, UNSPEC and the six combinations that are listed, and no other 14th byte", () => {
    assert.deepStrictEqual(
      all.filter((byte) => decodeWith(0x21, byte)._tag === "Complete"),
      [0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32]
    )
  })

  it("with LOCAL, any 14th byte", () => {
    assert.isTrue(all.every((byte) => decodeWith(0x20, byte)._tag === "Complete"))
  })

  for (const [input, at, why] of [
    ["11", 12, "the version is not 2"],
    ["22", 12, "the command is neither LOCAL nor PROXY"],
    ["21 41", 13, "there is no such family and transport"],
    ["21 13", 13, "there is no such family and transport"],
    ["21 10", 13, "there is no such family and transport"],
    ["21 11 000B", 14, "the length leaves no room for the addresses"],
    ["21 21 0023", 14, "the length leaves no room for the addresses"],
    ["21 31 00D7", 14, "the length leaves no room for the addresses"],
    ["21 11 0ff1", 14, "the header has 4097 bytes, more than 4096"],
    [`21 31 00D8 ${"FF".repeat(216)}`, 16, "a path is not UTF-8"],
    [`21 11 000D ${v4} 04`, 28, "a TLV reaches past the end of the header"],
    [`21 11 000F ${v4} 040001`, 28, "a TLV reaches past the end of the header"],
    [`21 11 0013 ${v4} 040000 04000200`, 31, "a TLV reaches past the end of the header"],
    [`21 11 0012 ${v4} 030003 000000`, 31, "a checksum has 4 bytes"],
    [`21 11 0013 ${v4} 030004 00000000`, 31, "the checksum is wrong"]
  ] as const) {
    it(`${input.slice(0, 50)} is wrong at byte ${at}, which is told as soon as it is there: ${why}`, () => {
      assert.deepStrictEqual(decode(hex(`${signature} ${input}`)), { _tag: "Invalid", at, why })
    })
  }

  it("a client's certificate of 1, 2 and 4 KB fits, the last one with a higher limit", () => {
    const withCertificate = (size: number) =>
      encodeUnsafe(
        withTlvs({
          _tag: "Ssl",
          tls: true,
          certificate: true,
          sessionCertificate: true,
          verify: 0,
          tlvs: [{ _tag: "Certificate", value: new Uint8Array(size) }]
        })
      )
    for (const size of [1000, 2000, 4000]) assert.strictEqual(decode(withCertificate(size))._tag, "Complete")
    assert.strictEqual(decode(withCertificate(4096), { maxBytes: 8192 })._tag, "Complete")
  })

  it("a limit that cannot be meant is no limit, and makes every header invalid in so many words", () => {
    for (const maxBytes of [NaN, -1, 0, 1.5, Infinity, 65_552]) {
      const decoded = decode(encodeUnsafe(withTlvs()), { maxBytes })
      assert.strictEqual(
        decoded._tag === "Invalid" && decoded.why,
        `maxBytes is ${maxBytes}, and must be an integer from 16 to 65551`
      )
    }
  })

  it("a header of 4096 bytes is taken, a longer one only with a higher limit, and 65551 bytes are the most", () => {
    const noop = (length: number) => encodeUnsafe(withTlvs({ _tag: "Noop", length: length - 31 }))
    assert.strictEqual(decode(noop(4096))._tag, "Complete")
    assert.strictEqual(decode(noop(4097))._tag, "Invalid")
    assert.strictEqual(decode(noop(4097), { maxBytes: 4097 })._tag, "Complete")
    assert.strictEqual(decode(noop(65_551), { maxBytes: 65_551 })._tag, "Complete")
    assert.isTrue(Result.isFailure(ProxyProtocol.encode(withTlvs({ _tag: "Noop", length: 65_521 }))))
  })

  it.prop("LOCAL and UNSPEC are taken with anything in them that holds no checksum", [Headers.bytes(60)], ([junk]) => {
    const block = junk.filter((byte) => byte !== 3)
    for (const [command, family, tag] of [
      [0x20, 0x00, "Local"],
      [0x20, 0x11, "Local"],
      [0x20, 0x99, "Local"],
      [0x21, 0x00, "Unknown"]
    ] as const) {
      const decoded = decode(Uint8Array.of(...hex(signature), command, family, 0, block.length, ...block, 1, 2, 3))
      if (decoded._tag !== "Complete") return assert.fail(JSON.stringify(decoded))
      assert.strictEqual(decoded.header._tag, tag)
      assert.strictEqual(decoded.length, 16 + block.length)
    }
  })

  it("a checksum is verified in LOCAL and UNSPEC too", () => {
    for (const _tag of ["Local", "Unknown"] as const) {
      const header: ProxyProtocol.Header = { _tag, version: 2, tlvs: [{ _tag: "Crc32c" }] }
      const bytes = encodeUnsafe(header)
      assert.deepStrictEqual(decode(bytes), { _tag: "Complete", header, length: 23 })
      bytes[22] ^= 1
      assert.deepStrictEqual(decode(bytes), { _tag: "Invalid", at: 19, why: "the checksum is wrong" })
    }
  })
})

describe("TLVs (sections 2.2.1 to 2.2.8)", () => {
  for (const [encoded, tlv] of [
    ["01 0002 6832", { _tag: "Alpn", value: text("h2") }],
    ["02 000B 6578616D706C652E636F6D", { _tag: "Authority", value: "example.com" }],
    ["04 0003 000000", { _tag: "Noop", length: 3 }],
    ["05 0002 00FF", { _tag: "UniqueId", value: Uint8Array.of(0, 255) }],
    [
      "20 0027 05 00000001 21 0007 544C5376312E33 22 0002 C3A9 25 0007 52534132303438 29 0001 09 28 0002 3000",
      {
        _tag: "Ssl",
        tls: true,
        certificate: false,
        sessionCertificate: true,
        verify: 1,
        tlvs: [
          { _tag: "Version", value: "TLSv1.3" },
          { _tag: "CommonName", value: "é" },
          { _tag: "KeyAlgorithm", value: "RSA2048" },
          { _tag: "Other", type: 0x29, value: Uint8Array.of(9) },
          { _tag: "Certificate", value: Uint8Array.of(0x30, 0) }
        ]
      }
    ],
    ["30 0002 6E73", { _tag: "Netns", value: "ns" }],
    ["E0 0001 07", { _tag: "Other", type: 0xe0, value: Uint8Array.of(7) }],
    // Their values have not the form of their types: they are kept as they are.
    ["02 0001 FF", { _tag: "Other", type: 0x02, value: Uint8Array.of(255) }],
    ["20 0004 01000000", { _tag: "Other", type: 0x20, value: Uint8Array.of(1, 0, 0, 0) }],
    ["20 0007 01000000002100", { _tag: "Other", type: 0x20, value: Uint8Array.of(1, 0, 0, 0, 0, 0x21, 0) }],
    [`05 0081 ${"AA".repeat(129)}`, { _tag: "Other", type: 0x05, value: new Uint8Array(129).fill(0xaa) }]
  ] satisfies ReadonlyArray<readonly [string, ProxyProtocol.Tlv]>) {
    it(`${encoded.slice(0, 60)} is ${tlv._tag}`, () => {
      const bytes = tlvBytes(encoded)
      assert.deepStrictEqual(decode(bytes), { _tag: "Complete", header: withTlvs(tlv), length: bytes.length })
      assert.deepStrictEqual(encodeUnsafe(withTlvs(tlv)), bytes)
    })
  }

  for (const [why, tlv] of [
    ["UniqueId has more than 128 bytes", { _tag: "UniqueId", value: new Uint8Array(129) }],
    ["256 is not a type of TLV", { _tag: "Other", type: 256, value: new Uint8Array(0) }],
    ["a checksum is written as Crc32c", { _tag: "Other", type: 3, value: new Uint8Array(4) }],
    ["Netns has more than 65535 bytes", { _tag: "Netns", value: "x".repeat(65_536) }],
    [
      "4294967296 is not a result of a verification",
      { _tag: "Ssl", tls: true, certificate: true, sessionCertificate: true, verify: 2 ** 32, tlvs: [] }
    ],
    ["Noop has no -1 bytes", { _tag: "Noop", length: -1 }],
    ["the header is longer than its length can say", { _tag: "Alpn", value: new Uint8Array(65_535) }]
  ] satisfies ReadonlyArray<readonly [string, ProxyProtocol.Tlv]>) {
    it(`cannot be written: ${why}`, () => {
      const error = Result.getOrThrow(Result.flip(ProxyProtocol.encode(withTlvs(tlv))))
      assert.strictEqual(error.message, `PROXY header: ${why}`)
    })
  }

  for (const name of ["x".repeat(109), "/a\0b", "\0", "\0a\0", "\uD800"]) {
    it(`the path ${JSON.stringify(name.slice(0, 20))} of ${name.length} units has no place in 108 bytes`, () => {
      assert.isTrue(Result.isFailure(ProxyProtocol.encode(proxied(path("/a"), path(name)))))
    })
  }

  it("a path and an internet address have no header together", () => {
    assert.isTrue(Result.isFailure(ProxyProtocol.encode(proxied(path("/a"), at("127.0.0.1:1")))))
  })
})

it("a TLV inside SSL may have the type of the checksum, which only the header itself has", () => {
  const inner: ProxyProtocol.SslTlv = { _tag: "Other", type: 3, value: Uint8Array.of(1, 2) }
  const ssl: ProxyProtocol.Tlv = {
    _tag: "Ssl",
    tls: true,
    certificate: false,
    sessionCertificate: false,
    verify: 0,
    tlvs: [inner]
  }
  const bytes = ProxyProtocol.encodeUnsafe({ _tag: "Local", version: 2, tlvs: [ssl] })
  const decoded = ProxyProtocol.decode(bytes)
  assert.deepStrictEqual(decoded._tag === "Complete" && decoded.header.tlvs, [ssl])
})
