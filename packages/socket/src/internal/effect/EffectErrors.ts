/** Errors of effect's sockets as ours, and ours as effect's. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Socket from "effect/socket/Socket"
import { isNetworkError, type Operation, type Reason, reasonFromCause, NetworkError } from "../../NetworkError.ts"

/** Effect's code for the end of input, and for an end without one. */
export const normalClosure = 1000
const abnormalClosure = 1006

/** The end of a connection in effect's words. */
export const closeReason = (code: number, reason?: string): Socket.SocketErrorReason =>
  new Socket.SocketCloseError({ code, closeReason: reason })

const readReason = (cause: NetworkError): Socket.SocketErrorReason => {
  switch (cause.reason._tag) {
    case "UnexpectedEof":
      return closeReason(normalClosure)
    case "Closed":
      return closeReason(abnormalClosure)
    default:
      return new Socket.SocketReadError({ cause })
  }
}

const openReason = (cause: NetworkError): Socket.SocketErrorReason =>
  new Socket.SocketOpenError({ kind: cause.reason._tag === "TimedOut" ? "Timeout" : "Unknown", cause })

const effectReason: { readonly [K in Operation]: (cause: NetworkError) => Socket.SocketErrorReason } = {
  read: readReason,
  write: (cause) => new Socket.SocketWriteError({ cause }),
  close: (cause) => new Socket.SocketWriteError({ cause }),
  tls: (cause) => new Socket.SocketUpgradeError({ cause }),
  configure: readReason,
  open: openReason,
  connect: openReason,
  listen: openReason,
  accept: openReason
}

/**
 * Our error as effect's, by its operation: `SocketReadError`, `SocketWriteError`, `SocketOpenError` or
 * `SocketUpgradeError`, with ours as the `cause`. A read that found the end of input is `SocketCloseError` 1000, one
 * after `close` is 1006.
 *
 * ```ts
 * import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
 * import * as NetworkError from "@effect-sockets/socket/NetworkError"
 *
 * const error = NetworkError.make("write", "192.0.2.1:80", { _tag: "ConnectionReset" })
 * const { reason } = EffectSocket.toEffectError(error)
 * reason._tag // => "SocketWriteError"
 * "cause" in reason && reason.cause === error // => true
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toEffectError = (error: NetworkError): Socket.SocketError =>
  new Socket.SocketError({ reason: effectReason[error.operation](error) })

const tlsReason = (cause: unknown): Reason => {
  const reason = reasonFromCause(cause)
  return reason._tag === "Unknown" ? { ...reason, _tag: "Tls" } : reason
}

const ourReason: {
  readonly [K in Socket.SocketErrorReason["_tag"]]: readonly [
    Operation,
    (reason: Extract<Socket.SocketErrorReason, { _tag: K }>) => Reason
  ]
} = {
  SocketReadError: ["read", ({ cause }) => reasonFromCause(cause)],
  SocketWriteError: ["write", ({ cause }) => reasonFromCause(cause)],
  SocketOpenError: ["open", ({ cause, kind }) => (kind === "Timeout" ? { _tag: "TimedOut" } : reasonFromCause(cause))],
  SocketUpgradeError: [
    "tls",
    ({ cause }) => (cause === undefined ? { _tag: "Unsupported", detail: "TLS on this socket" } : tlsReason(cause))
  ],
  SocketCloseError: [
    "read",
    ({ closeReason, code }) =>
      code === normalClosure
        ? { _tag: "UnexpectedEof", expected: 1, received: 0 }
        : code === abnormalClosure
          ? { _tag: "ConnectionReset" }
          : { _tag: "Unknown", code: String(code), detail: closeReason ?? "closed" }
  ]
}

/**
 * Effect's error as ours: the one that it carries, or one made of its system error's `code`. Close code 1000 is
 * `UnexpectedEof`, 1006 is `ConnectionReset`. `address` is what the error names.
 *
 * ```ts
 * import * as EffectSocket from "@effect-sockets/socket/EffectSocket"
 * import * as Socket from "effect/socket/Socket"
 *
 * const closed = new Socket.SocketError({ reason: new Socket.SocketCloseError({ code: 1006 }) })
 * EffectSocket.fromEffectError(closed, "192.0.2.1:80").message // => "read 192.0.2.1:80: connection reset"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const fromEffectError = ({ reason }: Socket.SocketError, address = "unknown"): NetworkError => {
  if ("cause" in reason && isNetworkError(reason.cause)) return reason.cause
  const [operation, words] = ourReason[reason._tag]
  return NetworkError.make({
    operation,
    address,
    reason: (words as (reason: Socket.SocketErrorReason) => Reason)(reason)
  })
}

/** Whether a connection whose program ended so ends in order: see the page of `EffectSocket`. */
export const isOrderly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isSuccess(exit) || exit.cause.reasons.every((reason) => Cause.isInterruptReason(reason) || isClose(reason))

/** The error of effect's that a program failed with, or died of: its handlers like `Effect.orDie`. */
export const effectError = (reason: Cause.Reason<unknown>): Socket.SocketError | undefined => {
  const error = Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : undefined
  return Socket.isSocketError(error) ? error : undefined
}

const isClose = (reason: Cause.Reason<unknown>): boolean => effectError(reason)?.reason._tag === "SocketCloseError"
