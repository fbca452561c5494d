/** Runs the conformance suite as tests over this machine's network. */
import { describe, it } from "@effect/vitest"
import type * as Resolver from "@effect-sockets/resolver/Resolver"
import * as Effect from "effect/Effect"
import type { Network } from "../../src/Network.ts"
import * as Conformance from "../../src/testing/Conformance.ts"
import { openSockets } from "./leaks.ts"
import { layer } from "./live.ts"

export const conforms = (
  transport: string,
  options: Omit<Conformance.OverNetwork<Network | Resolver.Resolver>, "openHandles">
): void => {
  describe(`over ${transport}`, () => {
    const factory = Conformance.overNetwork({ ...options, openHandles: Effect.sync(openSockets) })
    for (const { name, run } of Conformance.cases(factory)) {
      it.live(name, () => Effect.provide(run, layer), 40_000)
    }
  })
}
