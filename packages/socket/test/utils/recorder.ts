/** A tracer that keeps every span, in the order in which they began. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { until } from "./plain.ts"

export class Recorder {
  readonly spans: Array<Tracer.NativeSpan> = []
  readonly tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      this.spans.push(span)
      return span
    }
  })

  /** Gives an effect this tracer. */
  readonly traced = Effect.provideService(Tracer.Tracer, this.tracer)

  named(name: string): ReadonlyArray<Tracer.NativeSpan> {
    return this.spans.filter((span) => span.name === name)
  }

  /** Waits until so many spans of that name have ended, and gives them. */
  ended(name: string, count = 1): Effect.Effect<ReadonlyArray<Tracer.NativeSpan>> {
    const ended = (): ReadonlyArray<Tracer.NativeSpan> =>
      this.named(name).filter(({ status }) => status._tag === "Ended")
    return Effect.map(
      until(() => ended().length >= count),
      ended
    )
  }
}

export const attributesOf = (span: Tracer.Span): Record<string, unknown> => Object.fromEntries(span.attributes)

/** The name of a span's parent. */
export const parentOf = (span: Tracer.Span): string | undefined =>
  Option.getOrUndefined(Option.map(span.parent, (parent) => (parent._tag === "Span" ? parent.name : "external")))

/** `succeeded`, `failed`, `interrupted`, or `open` while it lasts. */
export const outcomeOf = ({ status }: Tracer.Span): string => {
  if (status._tag === "Started") return "open"
  if (status.exit._tag === "Success") return "succeeded"
  return status.exit.cause.reasons.some(({ _tag }) => _tag !== "Interrupt") ? "failed" : "interrupted"
}
