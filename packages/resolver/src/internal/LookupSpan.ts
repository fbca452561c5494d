/**
 * Spans of lookups, under OpenTelemetry's names. Where nobody listens, none is made: with effect's own tracer and outside of
 * a span, there would be nobody to see it.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"

type Attributes = Readonly<Record<string, string | number>>

const isHeard = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.getRef(Tracer.Tracer) !== Tracer.nativeTracer || fiber.context.mapUnsafe.has(Tracer.ParentSpanKey)

const options = (attributes: () => Attributes) => ({ kind: "client", attributes: attributes() }) as const

const noTrace = { captureStackTrace: false } as const

/** The tag of an error's reason as `error.type`. */
const fail = (error: { readonly reason: { readonly _tag: string } }) =>
  Effect.annotateCurrentSpan("error.type", error.reason._tag)

/** Puts an effect in a span, if somebody listens. */
export const around = <A, E extends { readonly reason: { readonly _tag: string } }, R>(
  self: Effect.Effect<A, E, R>,
  name: string,
  attributes: () => Attributes
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) =>
    isHeard(fiber) ? Effect.tapError(self, fail).pipe(Effect.withSpan(name, options(attributes), noTrace)) : self
  )

/** Puts a stream in a span, if somebody listens. */
export const aroundStream = <A, E extends { readonly reason: { readonly _tag: string } }, R>(
  self: Stream.Stream<A, E, R>,
  name: string,
  attributes: () => Attributes
): Stream.Stream<A, E, R> =>
  Stream.unwrap(
    Effect.withFiberSucceed((fiber) =>
      isHeard(fiber) ? Stream.withSpan(Stream.tapError(self, fail), name, { ...options(attributes), ...noTrace }) : self
    )
  )
