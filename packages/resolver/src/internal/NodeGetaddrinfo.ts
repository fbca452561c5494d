/**
 * The system's `getaddrinfo`, shared and bounded: a call holds one of the few threads that libuv has for slow work, for as
 * long as a silent name server lets it wait, and nothing cancels it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"
import type * as NetAddress from "effect/net/NetAddress"
import * as dns from "node:dns"
import type * as ResolverSource from "../ResolverSource.ts"
import * as NodeErrors from "./NodeErrors.ts"

/** One call, and how many wait for it. */
interface Call {
  readonly result: Deferred.Deferred<ReadonlyArray<dns.LookupAddress>, ResolverSource.SourceError>
  callers: number
  started: boolean
  fiber: Fiber.Fiber<unknown> | undefined
}

// libuv gives at most half of its threads (4, or UV_THREADPOOL_SIZE) to such calls.
const slowThreads = (): number => {
  const threads = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4)
  return threads >= 1 ? Math.ceil(Math.min(threads, 1024) / 2) : 2
}

const numberOf = { IPv4: 4, IPv6: 6 } as const

/**
 * Gives a function that asks for the addresses of a name, of one family or of both in one call.
 *
 * - Callers who ask the same at the same time share one call.
 * - Calls for one family leave a thread to the other family: names whose AAAA is never answered do not hold back an A.
 * - No hints are given. `AI_ADDRCONFIG` would lose the loopback addresses where nothing but the loopback is up.
 *
 * **Interruption** of the last caller withdraws a call that has not begun; one that has goes on unheard.
 */
export const make = () => {
  const permits = Math.max(1, slowThreads() - 1)
  const lanes = { IPv4: Semaphore.makeUnsafe(permits), IPv6: Semaphore.makeUnsafe(permits) }
  const calls = new Map<string, Call>()

  const start = (key: string, call: Call, name: string, family: NetAddress.IpFamily | undefined) => {
    const ask = Effect.uninterruptible(
      Effect.suspend(() => {
        call.started = true
        return NodeErrors.attempt(() =>
          dns.promises.lookup(name, {
            all: true,
            order: "verbatim",
            family: family === undefined ? 0 : numberOf[family]
          })
        )
      })
    )
    return (family === undefined ? ask : lanes[family].withPermits(1)(ask)).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          if (calls.get(key) === call) calls.delete(key)
        })
      ),
      Deferred.into(call.result),
      Effect.interruptible,
      Effect.forkDetach({ startImmediately: true })
    )
  }

  return (
    name: string,
    family: NetAddress.IpFamily | undefined
  ): Effect.Effect<ReadonlyArray<dns.LookupAddress>, ResolverSource.SourceError> =>
    Effect.acquireUseRelease(
      Effect.gen(function* () {
        const key = `${family ?? "both"} ${name}`
        const running = calls.get(key)
        if (running !== undefined) {
          running.callers += 1
          return { key, call: running }
        }
        const call: Call = { result: Deferred.makeUnsafe(), callers: 1, started: false, fiber: undefined }
        calls.set(key, call)
        call.fiber = yield* start(key, call, name, family)
        return { key, call }
      }),
      ({ call }) => Deferred.await(call.result),
      ({ call, key }) => {
        call.callers -= 1
        if (call.callers > 0 || call.started || call.fiber === undefined) return Effect.void
        calls.delete(key)
        return Fiber.interrupt(call.fiber)
      }
    )
}
