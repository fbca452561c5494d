import { assert, describe } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as tls from "node:tls"
import * as ProxyProtocol from "../../src/ProxyProtocol.ts"
import * as ServerSocket from "../../src/ServerSocket.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import * as Haproxy from "../utils/haproxy.ts"
import * as Headers from "../utils/proxyHeaders.ts"
import { live, portOf, text } from "../utils/live.ts"
import { has } from "../../../../test/utils/programs.ts"
import { rounds } from "../../../../test/utils/rounds.ts"

const loopback = (port: number) => NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, port)

/** haproxy passes on what comes at `port`, with these options of its server and more ways to listen. */
const relaying = Effect.fnUntraced(function* (options: string, bind: (folder: string, port: number) => string) {
  // No linger: the two ends of one relayed connection would wait for each other.
  const backend = yield* ServerSocket.listen(0, { readTimeout: "5 seconds", lingerTimeout: 0 })
  const folder = yield* Haproxy.folder
  const port = yield* Haproxy.freePort
  yield* Haproxy.start(
    folder,
    "listen relay",
    "mode tcp",
    "unique-id-format id-%cp",
    `bind ${bind(folder, port)}`,
    `server backend 127.0.0.1:${portOf(backend)} ${options}`
  )
  return { backend, folder, port }
})

const tcp = (_: string, port: number) => `127.0.0.1:${port}`

const tags = (header: ProxyProtocol.Header) => header.tlvs.map(({ _tag }) => _tag)

// Needs haproxy (Debian: haproxy).
describe.skipIf(!has("haproxy"))("haproxy in front of us (needs haproxy)", () => {
  for (const [options, version, expected] of [
    ["send-proxy", 1, []],
    ["send-proxy-v2", 2, []],
    ["send-proxy-v2 proxy-v2-options crc32c", 2, ["Crc32c"]],
    ["send-proxy-v2 proxy-v2-options crc32c,unique-id", 2, ["Crc32c", "UniqueId"]]
  ] as const) {
    live(
      `${options}: the client's addresses, and behind them all that the client sent`,
      Effect.gen(function* () {
        const { backend, port } = yield* relaying(options, tcp)
        const client = yield* SocketStream.open(loopback(port), { lingerTimeout: 0 })
        yield* SocketStream.writeLine(client, "hello")
        const stream = yield* ServerSocket.accept(backend)
        const header = yield* ProxyProtocol.read(stream)
        const { localAddress, remoteAddress } = client
        assert.deepStrictEqual(header, {
          ...ProxyProtocol.proxied(localAddress, remoteAddress),
          version,
          tlvs: header.tlvs
        })
        assert.deepStrictEqual(tags(header), [...expected])
        for (const tlv of header.tlvs) {
          if (tlv._tag !== "UniqueId" || !NetAddress.isInetAddress(localAddress)) continue
          assert.strictEqual(text(tlv.value), `id-${localAddress.port}`)
        }
        assert.deepStrictEqual(yield* SocketStream.readLine(stream), Option.some("hello"))
      })
    )
  }

  live(
    "send-proxy-v2: the addresses of an IPv6 client",
    Effect.gen(function* () {
      const { backend, port } = yield* relaying("send-proxy-v2", (_, port) => `[::1]:${port}`)
      const address = NetAddress.inetAddressUnsafe(NetAddress.ipv6Loopback, port)
      const client = yield* SocketStream.open(address, { lingerTimeout: 0 })
      const stream = yield* ServerSocket.accept(backend)
      assert.deepStrictEqual(yield* ProxyProtocol.read(stream), ProxyProtocol.proxied(client.localAddress, address))
    })
  )

  for (const options of ["send-proxy", "send-proxy-v2"]) {
    live(
      `${options}: a client on a path comes without addresses`,
      Effect.gen(function* () {
        const { backend, folder } = yield* relaying(options, (folder) => `${folder}/relay`)
        yield* SocketStream.open(NetAddress.unixPathAddress(`${folder}/relay`), { lingerTimeout: 0 })
        const header = yield* ProxyProtocol.read(yield* ServerSocket.accept(backend))
        assert.strictEqual(header._tag, options === "send-proxy" ? "Unknown" : "Local")
      })
    )
  }

  live(
    "check-send-proxy: a health check is Local in version 2, with its checksum, and names its own ends in version 1",
    Effect.gen(function* () {
      const checking = Effect.fnUntraced(function* (options: string) {
        const { backend } = yield* relaying(`${options} check check-send-proxy inter 100`, tcp)
        const stream = yield* ServerSocket.accept(backend)
        return [stream, yield* ProxyProtocol.read(stream)] as const
      })
      const [, v2] = yield* checking("send-proxy-v2 proxy-v2-options crc32c")
      assert.deepStrictEqual(v2, { _tag: "Local", version: 2, tlvs: [{ _tag: "Crc32c" }] })
      const [stream, v1] = yield* checking("send-proxy")
      // haproxy resets the connection at once, so that its own address may be lost before anybody could ask for it.
      assert.deepInclude(v1, { _tag: "Proxied", version: 1, destination: stream.localAddress })
    })
  )
})

/** A TLS client that sends nothing; it trusts anybody. */
const tlsClient = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<tls.TLSSocket>((resume) => {
      const options = { host: "127.0.0.1", port, servername: "sni.test", ALPNProtocols: ["echo"] }
      const socket = tls.connect({ ...options, rejectUnauthorized: false }, () => resume(Effect.succeed(socket)))
      socket.once("error", (error) => resume(Effect.die(error)))
    }),
    (socket) =>
      Effect.callback<void>((resume) => {
        if (socket.closed) return resume(Effect.void)
        socket.once("close", () => resume(Effect.void))
        socket.destroy()
      })
  )

// Needs openssl too, for a certificate.
describe.skipIf(!has("haproxy") || !has("openssl"))(
  "haproxy in front of us, with TLS (needs haproxy and openssl)",
  () => {
    live(
      "send-proxy-v2-ssl-cn: the host name, ALPN and the cipher that the client agreed on",
      Effect.gen(function* () {
        const { backend, port } = yield* relaying(
          "send-proxy-v2-ssl-cn proxy-v2-options crc32c,authority,ssl-cipher,cert-sig,cert-key",
          (folder, port) => `${tcp(folder, port)} ssl crt ${Haproxy.makeCertificate(folder)} alpn echo`
        )
        const client = yield* tlsClient(port)
        const header = yield* ProxyProtocol.read(yield* ServerSocket.accept(backend))
        const ssl = header.tlvs.find((tlv) => tlv._tag === "Ssl")
        assert.sameDeepMembers(
          [...header.tlvs],
          [
            { _tag: "Crc32c" },
            { _tag: "Alpn", value: new TextEncoder().encode("echo") },
            { _tag: "Authority", value: "sni.test" },
            // Without a certificate of the client, too, it says that there was nothing wrong with it.
            { _tag: "Ssl", tls: true, certificate: false, sessionCertificate: false, verify: 0, tlvs: ssl?.tlvs ?? [] }
          ]
        )
        assert.includeDeepMembers(
          [...(ssl?.tlvs ?? [])],
          [
            { _tag: "Version", value: client.getProtocol() ?? "" },
            { _tag: "Cipher", value: client.getCipher().standardName },
            { _tag: "SignatureAlgorithm", value: "ecdsa-with-SHA256" },
            { _tag: "KeyAlgorithm", value: "EC256" }
          ]
        )
      })
    )
  }
)

/** haproxy expects a header. What it understood of these bytes comes back, with the request behind them. */
const asking = Effect.gen(function* () {
  const port = yield* Haproxy.freePort
  yield* Haproxy.start(
    yield* Haproxy.folder,
    "frontend ask",
    "mode http",
    `bind 127.0.0.1:${port} accept-proxy`,
    "http-request return status 200 content-type text/plain lf-string " +
      '"%[src] %[src_port] %[dst] %[dst_port] %[fc_pp_authority] %[fc_pp_unique_id]"'
  )
  return Effect.fnUntraced(function* (header: Uint8Array) {
    const client = yield* SocketStream.open(loopback(port), { readTimeout: "5 seconds", lingerTimeout: 0 })
    yield* SocketStream.write(client, Buffer.concat([header, Buffer.from("GET / HTTP/1.0\r\n\r\n")]))
    const answer = text(yield* SocketStream.readAll(client))
    return answer.slice(answer.indexOf("\r\n\r\n") + 4)
  }, Effect.scoped)
})

/** An address and a port as haproxy prints them: nothing for port 0. */
const printed = (address: string, port: string) =>
  NetAddress.toCanonical(NetAddress.inetAddressFromIpStringUnsafe(address, Number(port)))

describe.skipIf(!has("haproxy"))("haproxy behind us (needs haproxy)", () => {
  const v4 = ProxyProtocol.proxied(
    NetAddress.inetAddressFromStringUnsafe("192.0.2.1:1"),
    NetAddress.inetAddressFromStringUnsafe("198.51.100.2:65535")
  )
  const v6 = ProxyProtocol.proxied(
    NetAddress.inetAddressFromStringUnsafe("[2001:db8::1]:1"),
    NetAddress.inetAddressFromStringUnsafe("[::2]:2")
  )
  const mixed = { ...v4, destination: v6.destination }
  for (const [name, header, expected] of [
    ["version 1, IPv4", { ...v4, version: 1 }, "192.0.2.1 1 198.51.100.2 65535  "],
    ["version 1, IPv6", { ...v6, version: 1 }, "2001:db8::1 1 ::2 2  "],
    ["version 1, both", { ...mixed, version: 1 }, "::ffff:192.0.2.1 1 ::2 2  "],
    ["version 2, IPv4", v4, "192.0.2.1 1 198.51.100.2 65535  "],
    ["version 2, IPv6", v6, "2001:db8::1 1 ::2 2  "],
    [
      "version 2, with a checksum behind other TLVs",
      {
        ...v4,
        tlvs: [
          { _tag: "Noop", length: 5 },
          { _tag: "Authority", value: "sni.test" },
          { _tag: "UniqueId", value: new TextEncoder().encode("id") },
          { _tag: "Crc32c" }
        ]
      },
      "192.0.2.1 1 198.51.100.2 65535 sni.test id"
    ]
  ] satisfies ReadonlyArray<readonly [string, ProxyProtocol.Header, string]>) {
    live(
      `understands what we write: ${name}`,
      Effect.gen(function* () {
        const ask = yield* asking
        assert.strictEqual(yield* ask(ProxyProtocol.encodeUnsafe(header)), expected)
      })
    )
  }

  live(
    "takes the same addresses as we do from any bytes near a header in which we find some",
    Effect.gen(function* () {
      const ask = yield* asking
      const near = Arbitrary.filterMap(Headers.nearly, (bytes) => {
        const decoded = ProxyProtocol.decode(bytes)
        if (decoded._tag !== "Complete" || decoded.header._tag !== "Proxied") return Result.failVoid
        const { destination, source, transport } = decoded.header
        // haproxy knows no others.
        return NetAddress.isInetAddress(source) && transport === "stream"
          ? Result.succeed([bytes.subarray(0, decoded.length), source, destination] as const)
          : Result.failVoid
      })
      const result = yield* Arbitrary.checkEffect(
        near,
        ([header, source, destination]) =>
          Effect.map(ask(header), (answer) => {
            const [address, port, toAddress, toPort] = answer.split(" ")
            return Equal.equals([printed(address, port), printed(toAddress, toPort)], [source, destination])
          }),
        { runs: rounds(200), size: 30, maxDiscards: 100_000 }
      )
      assert.isUndefined(Arbitrary.formatCheckFailure(result))
    }),
    30_000
  )
})
