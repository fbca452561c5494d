/**
 * How far downloads are, in one line of a terminal that is drawn over itself.
 */
import * as ByteSize from "effect/ByteSize"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as NodeOutput from "../output.ts"

/** Bytes as people read them: `1.5 MB`, in powers of 1000. */
export const size = (bytes: number): string =>
  ByteSize.format(ByteSize.bytes(Math.round(bytes)), { system: "decimal", precision: 1 })

/** The line: `> 1 of 3, 12.5 MB, 2.5 MB/s`, without the count if there is only one. Pure. */
export const line = (done: number, count: number, bytes: number, millis: number): string => {
  const rate = millis > 0 ? `, ${size((bytes * 1000) / millis)}/s` : ""
  return `> ${count > 1 ? `${done} of ${count}, ` : ""}${size(bytes)}${rate}`
}

/** What downloads tell of themselves. */
export interface Progress {
  /** So many more bytes have come. */
  readonly add: (bytes: number) => void
  /** One document has ended, well or not. */
  readonly end: () => void
  /** Prints a line on standard error, above the one that is drawn. */
  readonly tell: (line: string) => Effect.Effect<void>
}

const interval = "200 millis"
const erase = "\r\u001b[K"

/** Draws the line while the scope is open, if standard error is a terminal and `isWanted`. */
export const make = (count: number, isWanted: boolean): Effect.Effect<Progress, never, Scope.Scope> =>
  Effect.gen(function* () {
    let bytes = 0
    let done = 0
    const add = (more: number): void => void (bytes += more)
    const end = (): void => void done++
    // Whoever read what is told may leave: the documents are wanted all the same.
    process.stderr.on("error", () => {})
    if (!isWanted || !process.stderr.isTTY) return { add, end, tell: NodeOutput.tell }
    const start = yield* Clock.currentTimeMillis
    const put = (text: string) => Effect.sync(() => void process.stderr.write(text))
    const draw = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      put(`${erase}${line(done, count, bytes, now - start)}`)
    )
    yield* Effect.acquireRelease(Effect.void, () => put(erase))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(draw, interval)))
    return { add, end, tell: (line) => put(`${erase}${line}\n`) }
  })
