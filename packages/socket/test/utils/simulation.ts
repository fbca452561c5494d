/** Programs on a faulty memory network, by the hundred: everything that happens comes from one seed. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Resolver from "@effect-sockets/resolver/Resolver"
import type * as Scope from "effect/Scope"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import { layer } from "./memory.ts"
import * as Simulation from "../../src/testing/Simulation.ts"

export class Dice {
  private readonly random: typeof Random.Random.Service

  constructor(random: typeof Random.Random.Service) {
    this.random = random
  }

  /** From `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.random.nextDoubleUnsafe() * (max - min + 1))
  }

  chance(probability: number): boolean {
    return this.random.nextDoubleUnsafe() < probability
  }

  pick<A>(...values: ReadonlyArray<A>): A {
    return values[this.int(0, values.length - 1)]
  }

  /** A message in pieces. */
  cut(message: Uint8Array): ReadonlyArray<Uint8Array> {
    const pieces: Array<Uint8Array> = []
    for (let at = 0; at < message.length;) {
      const size = this.int(1, 1 + Math.floor(message.length / 3))
      pieces.push(message.subarray(at, at + size))
      at += size
    }
    return pieces
  }
}

/** One simulation: its seed, its dice, and the end of trouble. */
export interface World {
  readonly seed: number
  /** Dice of their own for each name, so that one user of chance does not change another's. */
  readonly dice: (name: string) => Dice
  /** No more faults, and all ways are open. */
  readonly calm: Effect.Effect<void, never, MemoryNetwork.MemoryNetwork>
}

export type Requirements = Scope.Scope | MemoryNetwork.MemoryNetwork | Resolver.Resolver

export type Program = (world: World) => Effect.Effect<void, unknown, Requirements>

const diceOf = (seed: number) => (name: string) =>
  Effect.runSync(Random.Random.useSync((random) => new Dice(random)).pipe(Random.withSeed(`${seed}/${name}`)))

const nature = (dice: Dice, faults: (attempt: MemoryNetwork.Attempt) => MemoryNetwork.Fault | undefined) => ({
  latency: dice.int(1, 40),
  jitter: dice.pick(0, dice.int(1, 30)),
  bandwidth: dice.chance(0.3) ? dice.int(2000, 50_000) : undefined,
  sendBuffer: dice.pick(1, 17, 300, 4096, 65_536),
  receiveBuffer: dice.pick(5, 64, 300, 4096, 65_536),
  maxChunk: dice.pick(undefined, dice.int(1, 8), dice.int(1, 2000)),
  acceptDelay: dice.pick(0, dice.int(1, 30)),
  retransmitTimeout: "20 seconds" as const,
  traceLimit: 100_000,
  faults
})

const fault = (dice: Dice): MemoryNetwork.Fault | undefined => {
  const [chance, toward, after] = [
    dice.int(1, 100),
    dice.pick<"client" | "server">("client", "server"),
    dice.int(0, dice.pick(10, 3000))
  ] as const
  if (chance <= 8) return { _tag: "Refuse" }
  if (chance <= 25) return { _tag: "Reset", toward, after }
  return chance <= 35 ? { _tag: "Vanish", toward, after } : undefined
}

/** Now and then a way is cut for a while, or everything on it is reset. */
const trouble = Effect.fnUntraced(function* (dice: Dice) {
  for (let i = dice.int(0, 4); i > 0; i--) {
    yield* Effect.sleep(dice.int(10, 800))
    if (dice.chance(0.3)) {
      yield* MemoryNetwork.reset("client", "server")
    } else {
      yield* MemoryNetwork.partition("client", "server")
      yield* Effect.sleep(dice.int(1, dice.pick(100, 30_000)))
      yield* MemoryNetwork.heal("client", "server")
    }
  }
})

/** What one seed gives: the trace, with what went wrong at its end. */
export const runSeed = (seed: number, program: Program) => Effect.suspend(() => attempt(seed, program))

const attempt = (seed: number, program: Program) => {
  let isCalm = false
  const dice = diceOf(seed)
  const faultDice = dice("faults")
  return Effect.gen(function* () {
    const troubled = yield* Effect.forkChild(trouble(dice("trouble")))
    const calm = Effect.suspend(() => {
      isCalm = true
      return Effect.andThen(Fiber.interrupt(troubled), MemoryNetwork.heal())
    })
    const exit = yield* Effect.exit(Effect.scoped(program({ seed, dice, calm })))
    return { exit, trace: yield* MemoryNetwork.trace }
  }).pipe(
    Effect.provide(layer({ ...nature(dice("network"), () => (isCalm ? undefined : fault(faultDice))), seed })),
    Simulation.simulate
  )
}

/** Fails with the seed, what went wrong, and the end of the trace. */
export const checkSeed = (seed: number, program: Program) =>
  Effect.flatMap(Effect.exit(runSeed(seed, program)), (exit) => {
    const outcome = Exit.isFailure(exit) ? exit : exit.value.exit
    if (Exit.isSuccess(outcome)) return Effect.void
    const trace = Exit.isSuccess(exit) ? MemoryNetwork.format(exit.value.trace.slice(-40)) : "no trace"
    return Effect.die(
      new Error(`seed ${seed}, replay with SIMULATION_SEED=${seed}: ${Cause.pretty(outcome.cause)}\n${trace}`)
    )
  })
