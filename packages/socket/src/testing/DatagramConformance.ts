/**
 * The contract of datagrams as a test suite for any `DatagramNetwork`. As `Conformance`, it needs no test runner: each
 * case is an effect that succeeds, or fails with what is wrong.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"
import type { DatagramNetwork } from "../Datagram.ts"
import { checks } from "../internal/conformance/Datagrams.ts"
import { type Case, ConformanceFailure } from "./Conformance.ts"

const limit = Duration.seconds(30)

/**
 * The suite, at an address of the network's with port 0: whole messages and their senders, the longest one, connected
 * sockets, refusal, both policies of a full queue, interruption, closing, options. It expects a way that loses nothing.
 *
 * ```ts
 * import * as MemoryNetwork from "@effect-sockets/socket/MemoryNetwork"
 * import * as DatagramConformance from "@effect-sockets/socket/testing/DatagramConformance"
 * import { Effect } from "effect"
 * import * as NetAddress from "effect/net/NetAddress"
 * const [first] = DatagramConformance.cases(NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0"))
 * const exit = await Effect.runPromise(Effect.exit(Effect.provide(first.run, MemoryNetwork.layer())))
 * exit._tag // => "Success"
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const cases = (address: NetAddress.InetAddress): ReadonlyArray<Case<DatagramNetwork>> =>
  Object.entries(checks).map(([name, check]) => ({
    name,
    run: Effect.suspend(() => check(address)).pipe(
      Effect.scoped,
      Effect.timeoutOrElse({
        duration: limit,
        orElse: () => Effect.fail(`it has not ended after ${Duration.format(limit)}`)
      }),
      Effect.mapError((error) => ConformanceFailure.make({ name, detail: String(error) }))
    )
  }))
