/**
 * How often a test with chance in it is repeated: a tenth of its rounds and seeds, or, with `TESTS=long`, all.
 * `SIMULATION_SEEDS=5000` gives simulations that many seeds, `SIMULATION_SEED=17` replays one.
 */

/** Whether all rounds are wanted. A run with `TESTS=long` has only the files that import this one. */
export const isLong: boolean = process.env.TESTS === "long"

/** A tenth of the rounds, but not fewer than ten. */
export const rounds = (long: number): number => (isLong ? long : Math.max(Math.round(long / 10), Math.min(long, 10)))

/** Every eleventh of many cases: lists whose product they are come up whole, since none of their lengths divides by it. */
export const part = <A>(cases: ReadonlyArray<A>): ReadonlyArray<A> =>
  isLong ? cases : cases.filter((_, index) => index % 11 === 0)

/** The seeds of a simulation. */
export const seedsOf = (long: number): ReadonlyArray<number> =>
  process.env.SIMULATION_SEED === undefined
    ? Array.from({ length: Number(process.env.SIMULATION_SEEDS ?? rounds(long)) }, (_, index) => index + 1)
    : [Number(process.env.SIMULATION_SEED)]

/** How long they may take in all, in milliseconds. */
export const patience = (seeds: ReadonlyArray<number>): number => 30_000 + seeds.length * 500
