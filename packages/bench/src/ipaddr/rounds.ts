/**
 * Timing in processor time and in interleaved rounds: each round times every candidate once, in turn, and compares inside the round only, so
 * that a machine whose speed changes from minute to minute changes both sides.
 */

/** What is timed: a function that does its work on each of a number of inputs and gives a number that depends on all. */
export interface Candidate {
  readonly name: string
  readonly run: () => number
}

/** A candidate's median time for one operation, in nanoseconds, and its median speed as a multiple of the baseline. */
export interface Row {
  readonly name: string
  readonly nanoseconds: number
  readonly ratio: number
}

let sink = 0

const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >>> 1]

/** The processor time of this thread so far, in nanoseconds: what other programs on the machine take is not in it. */
export const now = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) * 1000
}

const time = (candidate: Candidate, repeats: number): number => {
  const start = now()
  for (let index = 0; index < repeats; index++) sink += candidate.run()
  return now() - start
}

/** Times candidates of `operations` operations a run; the first is the baseline of the ratios. */
export const compare = (operations: number, candidates: ReadonlyArray<Candidate>, rounds = 25): Array<Row> => {
  // Enough repeats for twenty milliseconds, after half a second of warming up: the processor's clock is coarse.
  const repeats = candidates.map((candidate) => {
    let runs = 0
    for (const end = performance.now() + 500; performance.now() < end; runs++) sink += candidate.run()
    return Math.ceil(runs / 25)
  })
  const times = candidates.map((): Array<number> => [])
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < candidates.length; turn++) {
      const index = (turn + round) % candidates.length
      times[index].push(time(candidates[index], repeats[index]) / repeats[index] / operations)
    }
  }
  return candidates.map(({ name }, index) => ({
    name,
    nanoseconds: median(times[index]),
    ratio: median(times[index].map((value, round) => times[0][round] / value))
  }))
}

/** Prints a table; the ratio is how many times as fast as the first row. */
export const print = (title: string, rows: ReadonlyArray<Row>): void => {
  console.log(`\n${title}`)
  for (const { name, nanoseconds, ratio } of rows) {
    console.log(`  ${name.padEnd(34)} ${nanoseconds.toFixed(1).padStart(10)} ns ${ratio.toFixed(2).padStart(9)} x`)
  }
}

/** A number that keeps all results alive. */
export const checksum = (): number => sink
