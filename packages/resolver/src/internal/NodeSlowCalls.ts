/**
 * The system's `getaddrinfo` and `getnameinfo`, shared and bounded: a call holds one of the few threads that libuv has for
 * slow work, for as long as a silent name server lets it wait, and nothing cancels it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"
import * as NetAddress from "effect/net/NetAddress"
import * as dns from "node:dns"
import type * as ResolverSource from "../ResolverSource.ts"
import * as NodeErrors from "./NodeErrors.ts"

/** One call, and how many wait for it. */
interface Call<A> {
  readonly result: Deferred.Deferred<A, ResolverSource.SourceError>
  callers: number
  started: boolean
  fiber: Fiber.Fiber<unknown> | undefined
}

/**
 * Gives a function that runs a call under a key, or joins the one that runs: callers who ask the same at the same time share
 * it. A call takes a permit of its lane, if it has one.
 *
 * **Interruption** of the last caller withdraws a call that has not begun; one that has goes on unheard.
 */
const sharing = <A>() => {
  const calls = new Map<string, Call<A>>()

  const start = (key: string, call: Call<A>, lane: Semaphore.Semaphore | undefined, operation: () => Promise<A>) => {
    const run = Effect.uninterruptible(
      Effect.suspend(() => {
        call.started = true
        return NodeErrors.attempt(operation)
      })
    )
    return (lane === undefined ? run : lane.withPermits(1)(run)).pipe(
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
    key: string,
    lane: Semaphore.Semaphore | undefined,
    operation: () => Promise<A>
  ): Effect.Effect<A, ResolverSource.SourceError> =>
    Effect.acquireUseRelease(
      Effect.gen(function* () {
        const running = calls.get(key)
        if (running !== undefined) {
          running.callers += 1
          return running
        }
        const call: Call<A> = { result: Deferred.makeUnsafe(), callers: 1, started: false, fiber: undefined }
        calls.set(key, call)
        call.fiber = yield* start(key, call, lane, operation)
        return call
      }),
      (call) => Deferred.await(call.result),
      (call) => {
        call.callers -= 1
        if (call.callers > 0 || call.started || call.fiber === undefined) return Effect.void
        calls.delete(key)
        return Fiber.interrupt(call.fiber)
      }
    )
}

// libuv gives at most half of its threads (4, or UV_THREADPOOL_SIZE) to such calls.
const slowThreads = (): number => {
  const threads = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4)
  return threads >= 1 ? Math.ceil(Math.min(threads, 1024) / 2) : 2
}

const numberOf = { IPv4: 4, IPv6: 6 } as const

/**
 * The two calls of one resolver.
 *
 * - `getaddrinfo` asks for the addresses of a name, of one family or of both in one call. Calls for one family leave a
 *   thread to the others: names whose AAAA is never answered do not hold back an A. No hints are given: `AI_ADDRCONFIG`
 *   would lose the loopback addresses where nothing but the loopback is up.
 * - `getnameinfo` asks for the name of an address. These calls leave a thread to the others, too.
 */
export const make = () => {
  const permits = Math.max(1, slowThreads() - 1)
  const lanes = { IPv4: Semaphore.makeUnsafe(permits), IPv6: Semaphore.makeUnsafe(permits) }
  const names = Semaphore.makeUnsafe(permits)
  const addresses = sharing<ReadonlyArray<dns.LookupAddress>>()
  const hostnames = sharing<{ readonly hostname: string }>()

  return {
    getaddrinfo: (name: string, family: NetAddress.IpFamily | undefined) =>
      addresses(`${family ?? "both"} ${name}`, family === undefined ? undefined : lanes[family], () =>
        dns.promises.lookup(name, {
          all: true,
          order: "verbatim",
          family: family === undefined ? 0 : numberOf[family]
        })
      ),
    getnameinfo: (address: NetAddress.IpAddress) => {
      const text = NetAddress.formatIp(address)
      return hostnames(text, names, () => dns.promises.lookupService(text, 0))
    }
  }
}
