/** Both ends that effect's model gives to one of our streams. */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Socket from "effect/socket/Socket"
import type { NetworkError } from "../../NetworkError.ts"
import * as SocketStream from "../../SocketStream.ts"
import type * as Tls from "../../Tls.ts"
import { join, sizeOf } from "../stream/Bytes.ts"
import type { ReadAttempt, StreamState } from "../stream/StreamState.ts"
import { closeReason, isOrderly, normalClosure, toEffectError } from "./EffectErrors.ts"

type Batch = Arr.NonEmptyReadonlyArray<Uint8Array>

const encoder = new TextEncoder()
/** Effect's chunks are bytes or text. */
export const bytesOf = (chunk: Uint8Array | string): Uint8Array =>
  typeof chunk === "string" ? encoder.encode(chunk) : chunk

/** All that has come. The end of input is an error in effect's model, so it is one here already. */
const nextBatch: ReadAttempt<Batch> = (core) => {
  const { input } = core
  if (input.size > 0) {
    const batch: Arr.NonEmptyArray<Uint8Array> = [input.shift()]
    while (input.size > 0) batch.push(input.shift())
    return Effect.succeed(batch)
  }
  if (core.ended) return Effect.fail(core.error("read", { _tag: "UnexpectedEof", expected: 1, received: 0 }))
  return core.inputFailure()
}

/** One write for the batch: it is sent as a whole or not at all, and no other write comes between. */
const joined = (chunks: Arr.NonEmptyReadonlyArray<Uint8Array | string>): Uint8Array | string => {
  if (chunks.length === 1) return chunks[0]
  if (chunks.every((chunk) => typeof chunk === "string")) return chunks.join("")
  const parts = chunks.map(bytesOf)
  return join(parts, sizeOf(parts))
}

/** Both ends that effect's model gives to one stream, and what closing their scopes does. */
export const endsOf = (core: StreamState, side: Tls.HandshakeOptions["side"]) => {
  let closedWith: Socket.CloseEvent | undefined
  const pull = Effect.mapError(core.read(nextBatch), (error) =>
    closedWith !== undefined && error.reason._tag === "Closed"
      ? new Socket.SocketError({ reason: closeReason(closedWith.code, closedWith.reason) })
      : toEffectError(error)
  )
  const write = (chunk: Uint8Array | string) => Effect.mapError(core.write(chunk), toEffectError)
  return {
    reader: {
      pull,
      upgrade: (options = {}) =>
        tlsOptions(core, side, options).pipe(
          Effect.flatMap((tls) => SocketStream.upgradeTls(core, tls)),
          Effect.mapBoth({ onSuccess: () => undefined, onFailure: toEffectError })
        )
    } satisfies Socket.Reader<Uint8Array>,
    writer: {
      writeAll: (chunks) => Effect.suspend(() => write(joined(chunks))),
      write: (chunk) =>
        Effect.suspend(() => {
          if (!Socket.isCloseEvent(chunk)) return write(chunk)
          closedWith ??= chunk
          if (chunk.code === normalClosure) core.beginClose()
          else core.abort()
          return Effect.void
        })
    } satisfies Socket.Writer,
    /** Nobody waits here for the descriptor: that is for whoever owns the stream. */
    close: (exit: Exit.Exit<unknown, unknown>) =>
      Effect.sync(() => (isOrderly(exit) ? core.beginClose() : core.abort())),
    endWrite: (exit: Exit.Exit<unknown, unknown>) =>
      Effect.sync(() => (isOrderly(exit) ? core.endWrite() : core.abort()))
  }
}

const texts = (input: string | Uint8Array | ReadonlyArray<string | Uint8Array>): ReadonlyArray<string> =>
  Arr.ensure(input).map((text) => (typeof text === "string" ? text : new TextDecoder().decode(text)))

/** Effect's options of an upgrade in our words, or why they cannot be had. */
const tlsOptions = (
  core: StreamState,
  side: Tls.HandshakeOptions["side"],
  { alpnProtocols, ca, cert, key, passphrase, rejectUnauthorized, requestCert, servername }: Socket.TlsUpgradeOptions
): Effect.Effect<Tls.HandshakeOptions, NetworkError> => {
  const certs = cert === undefined ? [] : texts(cert)
  const keys = key === undefined ? [] : texts(Arr.ensure(key).map((key) => Redacted.value(key)))
  if (keys.length > 1 || certs.length > 1 || passphrase !== undefined) {
    const detail = "several certificates, or a key with a passphrase, in an upgrade"
    return Effect.fail(core.error("tls", { _tag: "Unsupported", detail }))
  }
  if (keys.length !== certs.length || (side === "server" && keys.length === 0)) {
    const detail = "a certificate and its key belong together, and a server needs both"
    return Effect.fail(core.error("tls", { _tag: "Tls", code: "NO_IDENTITY", detail }))
  }
  const identity = { cert: certs[0], key: keys[0] }
  const common = { ca: ca === undefined ? undefined : texts(ca), alpnProtocols }
  if (side === "server") {
    const required = rejectUnauthorized === false ? "optional" : "required"
    const clientCertificate = requestCert === true ? required : "none"
    return Effect.succeed({ side, options: { ...common, identity, clientCertificate } })
  }
  const own = keys.length === 0 ? undefined : identity
  return Effect.succeed({ side, options: { ...common, servername, rejectUnauthorized, identity: own } })
}
