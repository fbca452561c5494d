import * as Effect from "effect/Effect"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import type { Reason } from "../ResolverError.ts"
import * as ResolverSource from "../ResolverSource.ts"

const unknownHost: Reason = { _tag: "HostNotFound" }
const noAddress: Reason = { _tag: "NoAddress" }
const tryAgain: Reason = { _tag: "TryAgain" }
const refused: Reason = { _tag: "Refused" }
const serverFailure: Reason = { _tag: "ServerFailure" }
const outOfDescriptors: Reason = { _tag: "OutOfDescriptors" }
const invalidResponse: Reason = { _tag: "InvalidResponse", detail: "it cannot be read" }
const unsupported: Reason = { _tag: "Unsupported", detail: "the name server does not do that" }
const rejected: Reason = { _tag: "InvalidName", detail: "the platform rejects it" }

// The codes of getaddrinfo, of getnameinfo, of c-ares and of the files that are read.
const reasons: Readonly<Record<string, Reason>> = {
  ENOTFOUND: unknownHost,
  ENODATA: noAddress,
  EAI_NODATA: noAddress,
  EAI_AGAIN: tryAgain,
  EAI_MEMORY: tryAgain,
  EAI_FAIL: serverFailure,
  ETIMEOUT: { _tag: "Timeout" },
  ESERVFAIL: serverFailure,
  EREFUSED: refused,
  ECONNREFUSED: refused,
  EBADNAME: rejected,
  ENONAME: rejected,
  EFORMERR: invalidResponse,
  EBADRESP: invalidResponse,
  ENOTIMP: unsupported,
  EMFILE: outOfDescriptors,
  ENFILE: outOfDescriptors
}

// Node calls both ENOTFOUND, but keeps libuv's number: UV_EAI_NODATA.
const noData = -3007

const fromCause = (cause: unknown): ResolverSource.SourceError => {
  const { code, errno } = cause as { readonly code?: unknown; readonly errno?: unknown }
  const reason = errno === noData ? noAddress : reasons[String(code)]
  return new ResolverSource.SourceError({ reason: reason ?? { _tag: "Unknown", code: String(code ?? cause) }, cause })
}

// c-ares and getnameinfo report the want of a descriptor as these.
const mayHideWant: ReadonlySet<unknown> = new Set(["ECONNREFUSED", "EAI_AGAIN"])

const openAndClose = Effect.tryPromise({
  try: async () => (await fs.open(os.devNull)).close(),
  catch: fromCause
})

/** Runs an operation of Node's and gives its error a reason. */
export const attempt = <A>(
  operation: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, ResolverSource.SourceError> =>
  Effect.tryPromise({ try: operation, catch: fromCause }).pipe(
    Effect.catchIf(
      ({ cause }) => mayHideWant.has((cause as { readonly code?: unknown }).code),
      (error) => Effect.andThen(openAndClose, error)
    )
  )
