import { assert, describe, it } from "@effect/vitest"
import type { Resolver } from "@effect-sockets/resolver/Resolver"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Scope from "effect/Scope"
import { readdirSync, readFileSync } from "node:fs"
import * as EffectSocket from "../../src/EffectSocket.ts"
import type { Network } from "../../src/Network.ts"
import type { Options, SocketStream } from "../../src/SocketStream.ts"
import * as Conformance from "../../src/testing/Conformance.ts"
import * as effectNode from "../utils/effectSocketNode.ts"
import { layer } from "../utils/live.ts"

const tcp = Conformance.overNetwork({ address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0") })

/** Streams over effect's sockets over streams: both adapters, and no socket of effect's own. */
const twice = Effect.fnUntraced(function* (limits: Options) {
  const scope = yield* Effect.scope
  // The stream below has no deadline of its own: `pull` waits as long as it takes.
  const pair = yield* Scope.provide(
    tcp.pair({ ...limits, readTimeout: undefined }),
    yield* Scope.fork(scope, "parallel")
  )
  const ends = yield* Scope.fork(scope, "parallel")
  const again = ({ localAddress, remoteAddress }: SocketStream, socket: ReturnType<typeof EffectSocket.toSocket>) =>
    Scope.provide(EffectSocket.fromSocket(socket, { ...limits, localAddress, remoteAddress }), ends)
  const [near, far] = yield* Effect.forEach(pair, (stream) => again(stream, EffectSocket.toSocket(stream)))
  return [near, far] as const
})

const noReset = "RST: a stream that is reset shows its peer ConnectionReset, in read and in write"
const noHalfOpen = [
  "half-close: a peer that ended its output still gets the whole reply",
  "half-close: the end that finished first goes on to read"
]

/** Each with the cases that it is known to fail. Whatever changes here changes docs/effect-socket.md. */
const transports: ReadonlyArray<
  readonly [string, Conformance.Factory<Network | Resolver>["pair"], ReadonlyArray<string>]
> = [
  ["fromSocket of toSocket, over TCP", twice, []],
  [
    "fromSocket of effect's NodeSocket with allowHalfOpen",
    (limits) => effectNode.pair({ ...limits, allowHalfOpen: true }),
    [noReset]
  ],
  ["fromSocket of effect's NodeSocket as it comes", effectNode.pair, [...noHalfOpen, noReset]]
]

const openHandles = Effect.sync(() => readdirSync("/proc/self/fd").length)

/** What the case before left to the event loop is not the next one's. */
const settled: Effect.Effect<void> = Effect.suspend(() =>
  process.getActiveResourcesInfo().some((kind) => kind.startsWith("TCP"))
    ? Effect.andThen(Effect.sleep(5), settled)
    : Effect.void
)

const page = readFileSync(new URL("../../../../docs/effect-socket.md", import.meta.url), "utf8")

for (const [name, pair, failures] of transports) {
  describe(`over ${name}`, () => {
    const cases = Conformance.cases({ pair, openHandles })

    for (const { name, run } of cases) {
      const fails = failures.includes(name)
      const check: Effect.Effect<unknown, unknown, Network | Resolver> = fails ? Effect.flip(run) : run
      it.live(
        fails ? `does not keep: ${name}` : name,
        () => Effect.provide(Effect.andThen(settled, check), layer),
        40_000
      )
    }

    it("does not keep what the guide says, and nothing else", () => {
      for (const failure of failures) {
        assert.include(page, failure)
        assert.isTrue(cases.some(({ name }) => name === failure))
      }
      for (const { name } of cases) if (page.includes(name)) assert.include([...noHalfOpen, noReset], name)
    })
  })
}
