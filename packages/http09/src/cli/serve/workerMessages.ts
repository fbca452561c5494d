/**
 * What `http09 serve` and its workers tell each other.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { ConnectionInfo } from "./connections.ts"
import type { Settings } from "./settings.ts"

/** The argument of a process that is a worker: the command line knows no such command. */
export const workerArgument = "worker-of-serve"

/** Whether this process is a worker: only another process of this program can start one, since it needs a channel. */
export const isWorker = process.argv[2] === workerArgument && process.send !== undefined

/** What a worker answers while it runs. */
export type Answer =
  | { readonly _tag: "Metrics"; readonly text: string }
  | { readonly _tag: "Connections"; readonly connections: ReadonlyArray<ConnectionInfo> }

/** To a worker. */
export type Order =
  | {
      readonly _tag: "Start"
      /** From 1. */
      readonly worker: number
      /** The whole server's: the worker takes its share of the limits. */
      readonly settings: Settings
      /** How many descriptors it has inherited to listen on; the first is 3. */
      readonly descriptors: number
    }
  | { readonly _tag: "Ask"; readonly id: number; readonly question: Answer["_tag"] }
  /** Close the port, let downloads end within the time for that, exit. */
  | { readonly _tag: "Stop" }
  /** The same for one whose place another has taken, so that no client notices. */
  | { readonly _tag: "HandOver" }
  /** Reset what is open, exit. */
  | { readonly _tag: "Cut" }

/** From a worker. */
export type News =
  /** On these addresses, as text. */
  | { readonly _tag: "Listening"; readonly addresses: ReadonlyArray<string> }
  /** Somebody wants it to end: it serves until it is told to. */
  | { readonly _tag: "Leaving" }
  /** Why it does not start. It exits. */
  | { readonly _tag: "Failed"; readonly message: string }
  /** To the question of that number. */
  | { readonly _tag: "Answer"; readonly id: number; readonly answer: Answer }
  /** It has stopped, and cut so many connections. It exits. */
  | { readonly _tag: "Stopped"; readonly cut: number }

/** An address from its text: what is none of the network's is a path. */
export const addressOf = (text: string): NetAddress.SocketAddress =>
  Result.getOrElse(NetAddress.inetAddressFromString(text), () => NetAddress.unixPathAddress(text))
