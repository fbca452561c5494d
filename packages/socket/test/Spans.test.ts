import * as IpSet from "@effect-sockets/ipaddr/IpSet"
import * as Resolver from "@effect-sockets/resolver/Resolver"
import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as TestClock from "effect/testing/TestClock"
import { make as makeError } from "../src/NetworkError.ts"
import * as ProxyProtocol from "../src/ProxyProtocol.ts"
import * as Server from "../src/Server.ts"
import * as ServerSocket from "../src/ServerSocket.ts"
import * as SocketStream from "../src/SocketStream.ts"
import { authority, server as identity } from "./utils/certificates.ts"
import { FakeNetwork, type Script } from "./utils/fakeNetwork.ts"
import { folder } from "./utils/folders.ts"
import { live, portOf } from "./utils/live.ts"
import * as memory from "./utils/memory.ts"
import { attributesOf, outcomeOf, parentOf, Recorder } from "./utils/recorder.ts"
import { echo } from "./utils/serving.ts"

class Refusal extends Data.TaggedError("Refusal")<{}> {}

/** One connection that says nothing to a server with this handler. */
const visit = (handler: Server.Handler, options: Server.Options = {}) =>
  Effect.gen(function* () {
    const socket = yield* ServerSocket.listen(0, { lingerTimeout: 100 })
    const server = yield* Server.start(socket, handler, { onError: () => Effect.void, ...options })
    const stream = yield* SocketStream.open(socket.address, { lingerTimeout: 100 })
    return { server, stream }
  })

describe("a server's connection", () => {
  const seen = Effect.gen(function* () {
    const recorder = new Recorder()
    const { server, stream } = yield* visit((stream) => Effect.withSpan(SocketStream.readLine(stream), "work")).pipe(
      recorder.traced
    )
    yield* SocketStream.writeLine(stream, "hello")
    const [span] = yield* recorder.ended("socket connection")
    return { recorder, server, span, stream }
  })

  const claim = "is a span around all that its handler does, with both addresses"
  const check = Effect.gen(function* () {
    const { recorder, server, span, stream } = yield* seen
    const { address, port } = stream.localAddress as NetAddress.InetAddress
    assert.deepStrictEqual(attributesOf(span), {
      "network.transport": "tcp",
      "network.type": "ipv4",
      "network.peer.address": NetAddress.formatIp(address),
      "network.peer.port": port,
      "network.local.address": NetAddress.formatIp((server.address as NetAddress.InetAddress).address),
      "network.local.port": (server.address as NetAddress.InetAddress).port
    })
    assert.deepStrictEqual([span.kind, parentOf(span), outcomeOf(span)], ["server", undefined, "succeeded"])
    assert.deepStrictEqual(recorder.named("work").map(parentOf), ["socket connection"])
  })
  live(claim, check)
  it.live(`${claim}, in memory`, () => check.pipe(Effect.scoped, Effect.provide(memory.layer())))

  live(
    "is the parent of what the effects of a driver do, those that complete at once and those that wait",
    Effect.gen(function* () {
      const recorder = new Recorder()
      const { stream } = yield* visit((stream) =>
        SocketStream.forEachLine(stream, (line) =>
          Effect.withSpan(
            Effect.andThen(line === "wait" ? Effect.sleep(5) : Effect.void, SocketStream.writeLine(stream, line)),
            "line"
          )
        )
      ).pipe(recorder.traced)
      for (const line of ["at once", "wait"]) yield* SocketStream.writeLine(stream, line)
      const lines = yield* recorder.ended("line", 2)
      assert.deepStrictEqual(lines.map(parentOf), ["socket connection", "socket connection"])
    })
  )

  live(
    "over IPv6 and over a Unix-domain socket says so, and leaves out the name that a client's socket has not",
    Effect.gen(function* () {
      const recorder = new Recorder()
      const path = `${yield* folder}/socket`
      for (const address of [NetAddress.inetAddressFromStringUnsafe("[::1]:0"), NetAddress.unixPathAddress(path)]) {
        const socket = yield* ServerSocket.listen(address)
        yield* Server.start(socket, () => Effect.void).pipe(recorder.traced)
        yield* SocketStream.open(socket.address)
      }
      const [six, unix] = (yield* recorder.ended("socket connection", 2)).map(attributesOf)
      assert.include(six, { "network.type": "ipv6", "network.peer.address": "::1", "network.local.address": "::1" })
      assert.deepStrictEqual(unix, { "network.transport": "unix", "network.local.address": path })
    })
  )

  for (const [what, end, type, outcome] of [
    ["fails", Effect.fail(new Refusal()), "Refusal", "failed"],
    ["fails with a NetworkError", Effect.fail(makeError("read", "peer", { _tag: "TimedOut" })), "TimedOut", "failed"],
    ["dies", Effect.die(new TypeError("oh")), "TypeError", "failed"],
    ["is interrupted", Effect.interrupt, undefined, "interrupted"]
  ] as const) {
    live(
      `whose handler ${what} is a span that ${outcome === "failed" ? `failed, of type ${type}` : "was interrupted, without a type of error"}`,
      Effect.gen(function* () {
        const recorder = new Recorder()
        const handler = (stream: SocketStream.SocketStream) =>
          Effect.andThen(SocketStream.readLine(stream), end as Effect.Effect<never, unknown>)
        const { stream } = yield* visit(handler).pipe(recorder.traced)
        yield* SocketStream.writeLine(stream, "now")
        const [span] = yield* recorder.ended("socket connection")
        assert.deepStrictEqual([span.attributes.get("error.type"), outcomeOf(span)], [type, outcome])
      })
    )
  }

  live(
    "that the server ends between two messages is a span without an error",
    Effect.gen(function* () {
      const recorder = new Recorder()
      const { server } = yield* visit(SocketStream.forEachLine(() => Effect.void)).pipe(recorder.traced)
      yield* Effect.sleep(10)
      yield* server.stop
      const [span] = yield* recorder.ended("socket connection")
      assert.deepStrictEqual([span.attributes.get("error.type"), outcomeOf(span)], [undefined, "interrupted"])
    })
  )

  live(
    "behind a proxy names the proxy as its peer, and the client by its header",
    Effect.gen(function* () {
      const recorder = new Recorder()
      const proxyProtocol = { trust: IpSet.fromCidrsUnsafe(["127.0.0.0/8"]), timeout: 50 }
      const { stream } = yield* visit(() => Effect.void, { proxyProtocol }).pipe(recorder.traced)
      const client = NetAddress.inetAddressFromStringUnsafe("203.0.113.7:5000")
      const header = ProxyProtocol.proxied(client, NetAddress.inetAddressFromStringUnsafe("198.51.100.1:80"))
      yield* SocketStream.write(stream, ProxyProtocol.encodeUnsafe(header))
      const [span] = yield* recorder.ended("socket connection")
      assert.include(attributesOf(span), {
        "network.peer.address": "127.0.0.1",
        "client.address": "203.0.113.7",
        "client.port": 5000
      })
      yield* visit(() => Effect.void, { proxyProtocol }).pipe(recorder.traced)
      const [, refused] = yield* recorder.ended("socket connection", 2)
      assert.deepStrictEqual([refused.attributes.get("error.type"), outcomeOf(refused)], ["ProxyHeader", "failed"])
    })
  )
})

describe("where nobody listens", () => {
  const seen: Array<string | undefined> = []
  const look = Effect.map(Effect.option(Effect.currentSpan), (span) => {
    seen.push(span._tag === "None" ? undefined : span.value.name)
  })

  live(
    "no connection is a span: with effect's own tracer, also of a server that was started within a span, or with tracing off",
    Effect.gen(function* () {
      const recorder = new Recorder()
      yield* visit(() => look)
      yield* Effect.withSpan(
        visit(() => look),
        "start"
      )
      yield* visit(() => look).pipe(Effect.withTracerEnabled(false), recorder.traced)
      yield* Effect.sleep(20)
      assert.deepStrictEqual(seen, [undefined, "start", undefined])
      assert.deepStrictEqual(recorder.spans, [])
    })
  )
})

describe("an open", () => {
  live(
    "is a span, with the lookup and each attempt below it",
    Effect.gen(function* () {
      const recorder = new Recorder()
      const socket = yield* ServerSocket.listen(0)
      const port = portOf(socket)
      const stream = yield* SocketStream.open("loop.test", port, { lingerTimeout: 0 }).pipe(recorder.traced)
      const local = stream.localAddress as NetAddress.InetAddress
      const [open] = recorder.named("SocketStream.open")
      const target = { "server.address": "loop.test", "server.port": port }
      assert.deepStrictEqual(attributesOf(open), target)
      assert.deepStrictEqual([open.kind, outcomeOf(open)], ["client", "succeeded"])
      assert.deepStrictEqual(recorder.named("Resolver.answers").map(parentOf), ["SocketStream.open"])
      const [first, second] = recorder.named("socket connect")
      const network = { ...target, "network.transport": "tcp", "network.peer.port": port }
      assert.deepStrictEqual(attributesOf(first), {
        ...network,
        "network.type": "ipv6",
        "network.peer.address": "::1",
        "error.type": "ConnectionRefused"
      })
      assert.deepStrictEqual(attributesOf(second), {
        ...network,
        "network.type": "ipv4",
        "network.peer.address": "127.0.0.1",
        "network.local.address": "127.0.0.1",
        "network.local.port": local.port
      })
      assert.deepStrictEqual([first, second].map(outcomeOf), ["failed", "succeeded"])
      assert.deepStrictEqual([first, second].map(parentOf), ["SocketStream.open", "SocketStream.open"])
    })
  )

  const race = Effect.fnUntraced(function* (script: Script, interruptAfter?: number) {
    const recorder = new Recorder()
    const layer = Layer.merge(
      new FakeNetwork(script).layer,
      Resolver.layerStatic({ hosts: { "host.test": Object.keys(script) } })
    )
    const fiber = yield* SocketStream.open("host.test", 80, { connectTimeout: "1 second" }).pipe(
      Effect.scoped,
      Effect.provide(layer),
      recorder.traced,
      Effect.forkChild
    )
    yield* TestClock.adjust(interruptAfter ?? 60_000)
    if (interruptAfter !== undefined) yield* Fiber.interrupt(fiber)
    yield* Fiber.await(fiber)
    return [...recorder.named("SocketStream.open"), ...recorder.named("socket connect")].map(
      (span) => `${outcomeOf(span)} ${String(span.attributes.get("error.type") ?? "")}`
    )
  })

  it.effect("that is won by one attempt interrupts the others", () =>
    Effect.map(race({ "2001:db8::1": "silent", "192.0.2.1": [100, true] }), (spans) => {
      assert.deepStrictEqual(spans, ["succeeded ", "interrupted ", "succeeded "])
    })
  )

  it.effect("that has no time left failed, and its attempts were given up", () =>
    Effect.map(race({ "2001:db8::1": "silent", "192.0.2.1": [0, "HostUnreachable"] }), (spans) => {
      assert.deepStrictEqual(spans, ["failed TimedOut", "interrupted ", "failed HostUnreachable"])
    })
  )

  it.effect("that is interrupted leaves no span open", () =>
    Effect.map(race({ "2001:db8::1": "silent", "192.0.2.1": "silent" }, 300), (spans) => {
      assert.deepStrictEqual(spans, ["interrupted ", "interrupted ", "interrupted "])
    })
  )

  live(
    "of a name that nobody knows is a span that failed, of type Resolution",
    Effect.gen(function* () {
      const recorder = new Recorder()
      yield* Effect.exit(SocketStream.open("nowhere.test", 80).pipe(recorder.traced))
      const [open] = recorder.named("SocketStream.open")
      assert.deepStrictEqual([outcomeOf(open), open.attributes.get("error.type")], ["failed", "Resolution"])
      assert.deepStrictEqual(recorder.named("socket connect"), [])
    })
  )
})

describe("a TLS handshake", () => {
  const tls = { ca: authority, servername: "socket.test", alpnProtocols: ["echo"] }
  const secured = (options: Partial<typeof tls>) =>
    Effect.gen(function* () {
      const recorder = new Recorder()
      const socket = yield* ServerSocket.listen(0, { tls: { identity, alpnProtocols: ["echo"] }, lingerTimeout: 100 })
      yield* Server.start(socket, echo).pipe(recorder.traced)
      const opened = SocketStream.open(socket.address, { tls: { ...tls, ...options }, lingerTimeout: 100 })
      const exit = yield* Effect.exit(recorder.traced(opened))
      if (Exit.isSuccess(exit)) {
        yield* SocketStream.writeLine(exit.value, "hello")
        yield* SocketStream.readLine(exit.value)
      }
      return recorder
    })

  live(
    "is a span of either side, and the server's connection knows what it agreed on",
    Effect.gen(function* () {
      const recorder = yield* secured({})
      yield* recorder.ended("TLS handshake", 2)
      const of = (kind: string) => recorder.named("TLS handshake").filter((span) => span.kind === kind)
      const agreed = { "tls.protocol.name": "tls", "tls.protocol.version": "1.3", "tls.next_protocol": "echo" }
      const [client] = of("client")
      assert.include(attributesOf(client), { ...agreed, "tls.server.subject": "CN=socket.test" })
      assert.strictEqual(parentOf(client), "SocketStream.open")
      const [server] = of("server")
      const asked = { ...agreed, "tls.client.server_name": "socket.test" }
      assert.deepStrictEqual(attributesOf(server), asked)
      assert.strictEqual(parentOf(server), "socket connection")
      assert.include(attributesOf(recorder.named("socket connection")[0]), { ...asked, "network.type": "ipv4" })
    })
  )

  live(
    "that fails is a span that failed, and so is the open; the server's connection ends its own",
    Effect.gen(function* () {
      const recorder = yield* secured({ servername: "elsewhere.test" })
      yield* recorder.ended("socket connection")
      const spans = yield* recorder.ended("TLS handshake", 2)
      const [client] = spans.filter(({ kind }) => kind === "client")
      const [open] = recorder.named("SocketStream.open")
      for (const span of [client, open]) {
        assert.deepStrictEqual([outcomeOf(span), span.attributes.get("error.type")], ["failed", "Tls"])
      }
    })
  )
})
