import * as Equal from "effect/Equal"
import { expect } from "vitest"

/** Compares as effect does, then by structure. `line` is the assertion's, in the source. */
export const equal = (actual: unknown, expected: unknown, line: number): void => {
  if (!Equal.equals(actual, expected)) expect(actual, `line ${line}`).toStrictEqual(expected)
}
