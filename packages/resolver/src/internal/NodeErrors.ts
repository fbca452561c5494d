/**
 * What an error of Node's says of a lookup; every call of Node's that gives a promise goes through `attempt`.
 */
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as fs from "node:fs"
import * as os from "node:os"
import type { Reason } from "../ResolverError.ts"
import * as ResolverSource from "../ResolverSource.ts"

const unknownHost: Reason = { _tag: "HostNotFound" }
const noAddress: Reason = { _tag: "NoAddress" }
const tryAgain: Reason = { _tag: "TryAgain" }
const timeout: Reason = { _tag: "Timeout" }
const serverFailure: Reason = { _tag: "ServerFailure" }
const outOfDescriptors: Reason = { _tag: "OutOfDescriptors" }

// The codes of getaddrinfo, of getnameinfo, of sockets to name servers and of the files that are read. A name server that
// cannot be reached may be there again soon, as getaddrinfo sees it.
const reasons: Readonly<Record<string, Reason>> = {
  ENOTFOUND: unknownHost,
  ENODATA: noAddress,
  EAI_NODATA: noAddress,
  EAI_ADDRFAMILY: noAddress,
  EAI_AGAIN: tryAgain,
  EAI_MEMORY: tryAgain,
  ECONNREFUSED: tryAgain,
  ECONNRESET: tryAgain,
  EPIPE: tryAgain,
  EHOSTUNREACH: tryAgain,
  EHOSTDOWN: tryAgain,
  ENETUNREACH: tryAgain,
  ENETDOWN: tryAgain,
  EADDRNOTAVAIL: tryAgain,
  ENOBUFS: tryAgain,
  ENOMEM: tryAgain,
  ETIMEDOUT: timeout,
  EAI_FAIL: serverFailure,
  // Bun's, of getaddrinfo.
  ESERVFAIL: serverFailure,
  EMFILE: outOfDescriptors,
  ENFILE: outOfDescriptors
}

// Node calls both ENOTFOUND, but keeps libuv's number: UV_EAI_NODATA.
const noData = -3007

/** The failure that an error of Node's tells of; whatever was thrown, it has one. */
export const fromCause = (cause: unknown): ResolverSource.SourceError => {
  const { code, errno }: { readonly code?: unknown; readonly errno?: unknown } = Object(cause)
  const reason = errno === noData ? noAddress : typeof code === "string" ? reasons[code] : undefined
  return new ResolverSource.SourceError({
    reason: reason ?? { _tag: "Unknown", code: typeof code === "string" ? code : Inspectable.toStringUnknown(cause) },
    cause
  })
}

/** The C library hides the want of a descriptor: it cannot ask its name servers then. Nobody waits for `/dev/null`. */
const isOutOfDescriptors = (): boolean => {
  try {
    fs.closeSync(fs.openSync(os.devNull, "r"))
    return false
  } catch (error) {
    return fromCause(error).reason._tag === "OutOfDescriptors"
  }
}

/** Runs an operation of Node's and gives its error a reason. */
export const attempt = <A>(
  operation: (signal: AbortSignal) => Promise<A>
): Effect.Effect<A, ResolverSource.SourceError> =>
  Effect.tryPromise({
    try: operation,
    catch: (cause) => {
      const error = fromCause(cause)
      const { reason } = error
      return (reason === tryAgain || reason === serverFailure) && isOutOfDescriptors()
        ? new ResolverSource.SourceError({ reason: outOfDescriptors, cause })
        : error
    }
  })
