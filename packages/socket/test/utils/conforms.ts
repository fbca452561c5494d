/** Runs the conformance suite as tests over this machine's network. */
import { describe, it } from "@effect/vitest"
import type * as Resolver from "@effect-sockets/resolver/Resolver"
import * as Effect from "effect/Effect"
import type { Network } from "../../src/Network.ts"
import * as Conformance from "../../src/testing/Conformance.ts"
import { readdirSync } from "node:fs"
import { layer } from "./live.ts"

/** Open descriptors, where the system tells. */
const held = Effect.sync(() => (process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0))

export const conforms = (
  transport: string,
  options: Omit<Conformance.OverNetwork<Network | Resolver.Resolver>, "held">
): void => {
  describe(`over ${transport}`, () => {
    const factory = Conformance.overNetwork({ ...options, held })
    for (const { name, run } of Conformance.cases(factory)) {
      it.live(name, () => Effect.provide(run, layer), 40_000)
    }
  })
}
