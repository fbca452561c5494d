/** An identity from files that a renewal tool writes (certbot, acme.sh, cert-manager's volumes), reread as they change. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { readFile } from "node:fs/promises"
import { watch as watchFolder } from "node:fs"
import { dirname } from "node:path"
import { type EffectOptions, fromEffect, type IdentitySource } from "./IdentitySource.ts"
import type { Network } from "./Network.ts"
import { make as makeError, type NetworkError, reasonFromCause } from "./NetworkError.ts"
import type * as Tls from "./Tls.ts"

/**
 * Where the two parts of an identity lie, as PEM text.
 *
 * ```ts
 * import type { Files } from "@effect-sockets/socket/NodeIdentity"
 * const of = (name: string): Files => ({
 *   cert: `/etc/letsencrypt/live/${name}/fullchain.pem`,
 *   key: `/etc/letsencrypt/live/${name}/privkey.pem`
 * })
 * of("example.com").key // => "/etc/letsencrypt/live/example.com/privkey.pem"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Files {
  /** The certificate, followed by those that lead to the authority: certbot's `fullchain.pem`. */
  readonly cert: string
  /** The private key: certbot's `privkey.pem`. */
  readonly key: string
}

const text = (path: string): Effect.Effect<string, NetworkError> =>
  Effect.tryPromise({
    try: (signal) => readFile(path, { encoding: "utf8", signal }),
    catch: (cause) => makeError("tls", path, reasonFromCause(cause))
  })

/**
 * The identity in the files, now.
 *
 * **Errors**: `tls` at the file's path, with why it cannot be read. **Interruption** ends the reading.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as NodeIdentity from "@effect-sockets/socket/NodeIdentity"
 * const error = await Effect.runPromise(Effect.flip(NodeIdentity.read({ cert: "/nowhere/a.pem", key: "/nowhere/b.pem" })))
 * error.operation // => "tls"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = (files: Files): Effect.Effect<Tls.Identity, NetworkError> =>
  Effect.all({ cert: text(files.cert), key: text(files.key) }, { concurrency: 2 })

/** The two files of a renewal are written one after the other: both are reread when neither has changed for so long. */
const pause: Duration.Input = "300 millis"

/**
 * Something in the folder has changed, or may have until the watching began. A folder that cannot be watched, or no
 * longer, is only asked from time to time.
 */
const changes = (folder: string): Stream.Stream<void> =>
  Stream.callback<void>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          try {
            const watcher = watchFolder(folder, { persistent: false }, () => void Queue.offerUnsafe(queue, undefined))
            watcher.on("error", () => watcher.close())
            Queue.offerUnsafe(queue, undefined)
            return watcher
          } catch {
            return undefined
          }
        }),
        (watcher) => Effect.sync(() => watcher?.close())
      ),
    { bufferSize: 1, strategy: "sliding" }
  )

/**
 * A source that follows two files: their folders are watched, and since no system tells of every change (a network's
 * folder, a link that leads elsewhere now), they are also read `every` minute.
 *
 * **Errors**: why a file cannot be read the first time, or `Tls` if what is in them cannot be used; later ones go to
 * `onError`, and the identity before serves on. **Interruption** ends the watching.
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as NodeIdentity from "@effect-sockets/socket/NodeIdentity"
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * const listen = Effect.gen(function* () {
 *   const identity = yield* NodeIdentity.watch({ cert: "/nowhere/fullchain.pem", key: "/nowhere/privkey.pem" })
 *   return yield* ServerSocket.listen(443, { tls: { identity } })
 * }).pipe(Effect.scoped, Effect.provide(NodeNetwork.layer))
 * const error = await Effect.runPromise(Effect.flip(listen))
 * error.message.includes("ENOENT") // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const watch = (
  files: Files,
  options: EffectOptions<NetworkError> = {}
): Effect.Effect<IdentitySource, NetworkError, Network | Scope.Scope> => {
  const folders = [...new Set([dirname(files.cert), dirname(files.key)])]
  const told = Stream.debounce(Stream.mergeAll(folders.map(changes), { concurrency: folders.length }), pause)
  return fromEffect(read(files), { ...options, changes: Stream.merge(told, options.changes ?? Stream.empty) })
}
