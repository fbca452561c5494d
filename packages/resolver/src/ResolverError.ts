/**
 * Why a name or an address could not be resolved.
 */
import * as Schema from "effect/Schema"
import type * as NetAddress from "effect/net/NetAddress"
import { describe as describeOption } from "./InvalidOption.ts"

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

/** The type of {@link Reason}. */
export type Reason = typeof Reason.Type

/** The operations of a `Resolver`, and the layers that can fail. */
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

/** The type of {@link Operation}. */
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
    return `${this.operation} ${printable(this.query)}: ${this.explanation}`
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
 * A text from a user or a network as it may stand in a message or on a terminal: in quotes where something in it has to be
 * escaped, and cut after 300 characters.
 */
export const printable = (text: string): string => {
  const quoted = escapeControls(JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text))
  return quoted.slice(1, -1) === text && text !== "" ? text : quoted
}

/** A text without characters that would act on a terminal or break a line: each stands as `\u009b`. */
export const escapeControls = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) =>
    [...char].map((unit) => `\\u${unit.codePointAt(0)!.toString(16).padStart(4, "0")}`).join("")
  )

/** What a {@link ResolverError} is made of. */
export interface Fields {
  readonly operation: Operation
  readonly query: string
  readonly reason: Reason
  readonly cause?: unknown
}

/** Makes an error of its parts. */
export const make = ({ cause, ...fields }: Fields): ResolverError =>
  new ResolverError(cause === undefined ? fields : { ...fields, cause }, { disableChecks: true })

/** The reason for a host that exists without an address, of that family if one was asked for. */
export const noAddress = (family: NetAddress.IpFamily | undefined): Reason =>
  family === undefined ? { _tag: "NoAddress" } : { _tag: "NoAddress", family }
