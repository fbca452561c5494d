/** The one check of a port. */
import type { Reason } from "../NetworkError.ts"

/** Why a number is no port, if it is none. The least is 0 where that asks for any free one, and 1 where it names one. */
export const portProblem = (port: number, least: 0 | 1): Extract<Reason, { _tag: "InvalidAddress" }> | undefined =>
  Number.isInteger(port) && port >= least && port <= 65_535
    ? undefined
    : { _tag: "InvalidAddress", detail: `port ${port} is not an integer from ${least} to 65535` }
