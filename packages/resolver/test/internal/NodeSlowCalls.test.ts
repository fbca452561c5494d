import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as dns from "node:dns"
import * as NodeSlowCalls from "../../src/internal/NodeSlowCalls.ts"

/** What Node's `lookup` is asked while the effect runs; each call is answered, or thrown at, by the test. */
interface Call {
  readonly asked: string
  readonly answer: () => void
}

const lookingUp = <A, E, R>(use: (calls: ReadonlyArray<Call>) => Effect.Effect<A, E, R>) => {
  const original = dns.promises.lookup
  const calls: Array<Call> = []
  const lookup = (name: string, { family }: { readonly family: number }) =>
    new Promise((resolve) => {
      calls.push({ asked: `${family} ${name}`, answer: () => resolve([{ address: "192.0.2.1", family: 4 }]) })
    })
  return Effect.acquireUseRelease(
    Effect.sync(() => Object.assign(dns.promises, { lookup })),
    () => use(calls),
    () => Effect.sync(() => Object.assign(dns.promises, { lookup: original }))
  )
}

const turn = Effect.sleep(5)
const asked = (calls: ReadonlyArray<Call>) => calls.map((call) => call.asked)

describe("getaddrinfo", () => {
  it.live("calls for one family that are never answered leave a thread to the other one", () =>
    lookingUp((calls) =>
      Effect.gen(function* () {
        const { getaddrinfo: ask } = NodeSlowCalls.make()
        for (const name of ["a", "b", "c"]) {
          yield* Effect.forkChild(ask(name, "IPv6"))
          yield* Effect.forkChild(ask(name, "IPv4"))
        }
        yield* turn
        // Of four threads libuv gives two to such calls.
        assert.deepStrictEqual(asked(calls), ["6 a", "4 a"])
        calls[1].answer()
        yield* turn
        calls[2].answer()
        yield* turn
        assert.deepStrictEqual(asked(calls), ["6 a", "4 a", "4 b", "4 c"])
      })
    )
  )

  it.live("callers who ask the same share a call, and one who leaves leaves it to the others", () =>
    lookingUp((calls) =>
      Effect.gen(function* () {
        const { getaddrinfo: ask } = NodeSlowCalls.make()
        const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(ask("a", "IPv4")))
        yield* turn
        yield* Fiber.interrupt(fibers[0])
        calls[0].answer()
        assert.strictEqual((yield* Fiber.join(fibers[1])).length, 1)
        assert.strictEqual((yield* Fiber.join(fibers[2])).length, 1)
        assert.strictEqual(calls.length, 1)
      })
    )
  )

  it.live("a call that has begun is joined by later callers, though the first has left", () =>
    lookingUp((calls) =>
      Effect.gen(function* () {
        const { getaddrinfo: ask } = NodeSlowCalls.make()
        const first = yield* Effect.forkChild(ask("a", undefined))
        yield* turn
        yield* Fiber.interrupt(first)
        const second = yield* Effect.forkChild(ask("a", undefined))
        yield* turn
        calls[0].answer()
        assert.strictEqual((yield* Fiber.join(second)).length, 1)
        assert.strictEqual(calls.length, 1)
      })
    )
  )

  it.live("a call that waits for a thread is withdrawn when its last caller leaves", () =>
    lookingUp((calls) =>
      Effect.gen(function* () {
        const { getaddrinfo: ask } = NodeSlowCalls.make()
        yield* Effect.forkChild(ask("a", "IPv6"))
        const waiting = yield* Effect.forEach([1, 2], () => Effect.forkChild(ask("b", "IPv6")))
        yield* Effect.forkChild(ask("c", "IPv6"))
        yield* turn
        yield* Fiber.interruptAll(waiting)
        calls[0].answer()
        yield* turn
        assert.deepStrictEqual(asked(calls), ["6 a", "6 c"])
      })
    )
  )

  it.live.each([new Error("no"), null, undefined, { code: 7 }, "text"])("%s thrown by Node is a failure", (thrown) =>
    Effect.gen(function* () {
      const original = dns.promises.lookup
      const lookup = () => {
        throw thrown
      }
      const error = yield* Effect.acquireUseRelease(
        Effect.sync(() => Object.assign(dns.promises, { lookup })),
        () => Effect.flip(NodeSlowCalls.make().getaddrinfo("a", undefined)),
        () => Effect.sync(() => Object.assign(dns.promises, { lookup: original }))
      )
      assert.strictEqual(error.reason._tag, "Unknown")
    })
  )
})

describe("getnameinfo", () => {
  it.live("callers who ask the same share a call, and all of them leave a thread to other calls", () =>
    Effect.gen(function* () {
      const original = dns.promises.lookupService
      const asked: Array<string> = []
      const lookupService = (address: string) => {
        asked.push(address)
        return new Promise(() => {})
      }
      yield* Effect.acquireUseRelease(
        Effect.sync(() => Object.assign(dns.promises, { lookupService })),
        () =>
          Effect.gen(function* () {
            const { getnameinfo } = NodeSlowCalls.make()
            for (const text of ["192.0.2.1", "192.0.2.1", "192.0.2.2"]) {
              yield* Effect.forkChild(getnameinfo(NetAddress.ipFromStringUnsafe(text)))
            }
            yield* turn
            assert.deepStrictEqual(asked, ["192.0.2.1"])
          }),
        () => Effect.sync(() => Object.assign(dns.promises, { lookupService: original }))
      )
    })
  )
})
