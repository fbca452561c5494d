/**
 * Why a name or an address could not be resolved.
 */
import * as Schema from "effect/Schema"
import type * as NetAddress from "effect/net/NetAddress"
import { describe as describeOption } from "./InvalidOption.ts"
import * as Printable from "./Printable.ts"

/**
 * The reason of a {@link ResolverError}, told apart by `_tag`.
 *
 * - `HostNotFound`: the name (or the address, in reverse) does not exist. DNS: NXDOMAIN.
 * - `NoAddress`: the name exists, but has no address, or none of the `family` asked for. DNS: NODATA (RFC 2308, 2.2).
 * - `ServiceNotFound`: no service has that name or port.
 * - `TryAgain`: the system could not find out now, or no server could be reached.
 * - `Timeout`: no server answered in time.
 * - `Refused`: the servers refused to answer. DNS: REFUSED.
 * - `ServerFailure`: the servers could not find out. DNS: SERVFAIL, and codes that say nothing of the name.
 * - `InvalidName`: the text is neither a host name nor an address; nothing was sent. `detail` says why.
 * - `InvalidResponse`: an answer came that makes no sense.
 * - `OutOfDescriptors`: the process or the system has no free file descriptor.
 * - `InvalidOption`: an option of a layer, or an argument, that cannot be meant: its name, the value, and what it must be.
 * - `Unsupported`: this resolver, or the server, does not do that.
 * - `Unknown`: anything else; `code` is the platform's.
 *
 * ```ts
 * import * as ResolverError from "@effect-sockets/resolver/ResolverError"
 * const reason: ResolverError.Reason = { _tag: "InvalidName", detail: "a space" }
 * ResolverError.Reason.guards.InvalidName(reason) // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const Reason = Schema.TaggedUnion({
  HostNotFound: {},
  NoAddress: { family: Schema.optionalKey(Schema.Literals(["IPv4", "IPv6"])) },
  ServiceNotFound: {},
  TryAgain: {},
  Timeout: {},
  Refused: {},
  ServerFailure: {},
  InvalidName: { detail: Schema.String },
  InvalidResponse: { detail: Schema.String },
  OutOfDescriptors: {},
  InvalidOption: { option: Schema.String, value: Schema.String, mustBe: Schema.String },
  Unsupported: { detail: Schema.String },
  Unknown: { code: Schema.String }
})

/**
 * The type of {@link Reason}.
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * The operations of a `Resolver`, and the layers that can fail.
 *
 * ```ts
 * import * as ResolverError from "@effect-sockets/resolver/ResolverError"
 * ResolverError.Operation.literals.includes("lookup") // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const Operation = Schema.Literals([
  "resolveHostIpaddr",
  "lookup",
  "serviceByName",
  "serviceByPort",
  "layerStatic",
  "layerSystem",
  "layerDns",
  "layerCached"
])

/**
 * The type of {@link Operation}.
 *
 * @category errors
 * @since 0.1.0
 */
export type Operation = typeof Operation.Type

const temporary: ReadonlySet<Reason["_tag"]> = new Set(["TryAgain", "Timeout", "ServerFailure", "OutOfDescriptors"])

const describe = Reason.match({
  HostNotFound: () => "unknown host",
  NoAddress: ({ family }) => `the host has no ${family === undefined ? "" : `${family} `}address`,
  ServiceNotFound: () => "unknown service",
  TryAgain: () => "temporary failure in name resolution",
  Timeout: () => "no name server answered in time",
  Refused: () => "refused by the name servers",
  ServerFailure: () => "the name servers failed",
  InvalidName: ({ detail }) => `invalid name: ${detail}`,
  InvalidResponse: ({ detail }) => `invalid answer: ${detail}`,
  OutOfDescriptors: () => "out of file descriptors",
  InvalidOption: describeOption,
  Unsupported: ({ detail }) => `unsupported: ${detail}`,
  Unknown: ({ code }) => `failed: ${code}`
})

/**
 * A failed operation of a `Resolver`: what was asked, of which operation, and the {@link Reason}. The message names all
 * three. `Effect.catchReason("ResolverError", "HostNotFound", …)` handles one reason.
 *
 * ```ts
 * import * as Resolver from "@effect-sockets/resolver/Resolver"
 * import { Effect } from "effect"
 * const failing = Effect.provide(Resolver.lookup("nowhere.example"), Resolver.layerStatic({}))
 * const error = await Effect.runPromise(Effect.flip(failing))
 * error.message // => "lookup nowhere.example: unknown host"
 * error.isTemporary // => false
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class ResolverError extends Schema.TaggedError<ResolverError>("@effect-sockets/resolver/ResolverError")(
  "ResolverError",
  {
    reason: Reason,
    operation: Operation,
    /** The name, address, service or port that was asked for. */
    query: Schema.String,
    cause: Schema.optionalKey(Schema.Defect())
  }
) {
  override get message(): string {
    return `${this.operation} ${Printable.name(this.query)}: ${this.explanation}`
  }

  /** The reason in words, as in the message. */
  get explanation(): string {
    return describe(this.reason)
  }

  /** Whether the same question may be answered if it is asked again. */
  get isTemporary(): boolean {
    return temporary.has(this.reason._tag)
  }
}

/**
 * What a {@link ResolverError} is made of.
 *
 * ```ts
 * import * as ResolverError from "@effect-sockets/resolver/ResolverError"
 * const fields: ResolverError.Fields = { operation: "lookup", query: "db.example", reason: { _tag: "Timeout" } }
 * ResolverError.make(fields).isTemporary // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export interface Fields {
  readonly operation: Operation
  readonly query: string
  readonly reason: Reason
  readonly cause?: unknown
}

/**
 * Makes an error of its parts.
 *
 * ```ts
 * import * as ResolverError from "@effect-sockets/resolver/ResolverError"
 * const error = ResolverError.make({ operation: "lookup", query: "db.example", reason: { _tag: "TryAgain" } })
 * error.message // => "lookup db.example: temporary failure in name resolution"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const make = ({ cause, ...fields }: Fields): ResolverError =>
  new ResolverError(cause === undefined ? fields : { ...fields, cause }, { disableChecks: true })

/**
 * The reason for a host that exists without an address, of that family if one was asked for.
 *
 * ```ts
 * import * as ResolverError from "@effect-sockets/resolver/ResolverError"
 * ResolverError.noAddress("IPv6") // => { _tag: "NoAddress", family: "IPv6" }
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const noAddress = (family: NetAddress.IpFamily | undefined): Reason =>
  family === undefined ? { _tag: "NoAddress" } : { _tag: "NoAddress", family }
