/** Timers of Node that work for every length. */
import { performance } from "node:perf_hooks"
import type { Timers } from "../../Connection.ts"
import { guard } from "../guard.ts"

/** The longest that `setTimeout` can wait: beyond it fires after 1 ms, with a warning. */
const longest = 2 ** 31 - 1

const doNothing = (): void => {}

/** Calls `f`, which must not throw, once after `millis`; never, if they are infinite. The result cancels it. */
export const after = (millis: number, f: () => void): (() => void) => {
  // Node keeps timers of one length in one list, so setting and clearing one costs well under a microsecond.
  if (millis <= longest) {
    const timer = setTimeout(f, millis)
    return () => clearTimeout(timer)
  }
  if (millis === Infinity) return doNothing
  let left = millis
  let timer = setTimeout(step, longest)
  function step(): void {
    left -= longest
    timer = left > longest ? setTimeout(step, longest) : setTimeout(f, left)
  }
  return () => clearTimeout(timer)
}

/** The machine's clock. What a timer of nobody's connection throws is logged. */
export const timers: Timers = {
  now: () => performance.now(),
  set: (millis, f) => after(millis, () => guard(f))
}
