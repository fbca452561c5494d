/** The step from clear text to TLS, on a stream whose upgrade has begun. */
import * as Result from "effect/Result"
import type { SecureConnection } from "../../Connection.ts"
import type { NetworkError } from "../../NetworkError.ts"
import type * as Tls from "../../Tls.ts"
import type { StreamState } from "./StreamState.ts"

/** Puts the handshake in place. What the peer has sent is its part of it. */
export const startTls = (
  stream: StreamState,
  options: Tls.HandshakeOptions
): Result.Result<SecureConnection, NetworkError> => {
  // It may have been closed or cut while what was written left.
  const error = stream.outputError("tls")
  if (error !== undefined) return Result.fail(error)
  const { connection, input } = stream
  // `beginUpgrade` has seen that the connection can.
  const secure = connection.startTls!(options, input.take(input.size))
  if (Result.isFailure(secure)) return Result.fail(stream.error("tls", secure.failure))
  stream.upgrade(secure.success)
  return Result.succeed(secure.success)
}
