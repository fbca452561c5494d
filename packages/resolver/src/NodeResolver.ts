/**
 * Resolvers over Node's: the operating system's, and DNS itself.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeSystemSource from "./internal/NodeSystemSource.ts"
import * as Resolver from "./Resolver.ts"

/** Files that {@link layerSystem} reads in place of the system's. */
export interface SystemOptions {
  /** Canonical names and aliases. `getaddrinfo` itself always reads the system's own. */
  readonly hostsFile?: string | undefined
  readonly servicesFile?: string | undefined
}

/**
 * The operating system's resolver, with the files it takes names from.
 *
 * - Addresses come from `getaddrinfo`, in its order (RFC 6724), from whatever the system is configured to ask.
 * - The canonical name and the aliases of a host in the hosts file are those of its lines; of any other host, the name
 *   that was asked for, for Node's `getaddrinfo` tells no more.
 * - Reverse is `getnameinfo`, so names from the hosts file count; aliases and further addresses are added only if that
 *   name leads back to the address.
 * - Concurrent questions for one name and family share one call, because `getaddrinfo` takes one of libuv's four
 *   threads and cannot be cancelled.
 */
export const layerSystem = (options?: SystemOptions): Layer.Layer<Resolver.Resolver> =>
  Layer.effect(
    Resolver.Resolver,
    Effect.sync(() => Resolver.make(NodeSystemSource.make(options)))
  )

/** {@link layerSystem} with the system's own files. */
export const layer: Layer.Layer<Resolver.Resolver> = layerSystem()
