/**
 * What `http09 serve` can be told: each setting is a flag and a variable of the environment, with one parser for both.
 * The flag wins; a wrong value is named with the flag or the variable that it came from.
 */
import { fromCidrs, fromCidrsUnsafe } from "@effect-sockets/ipaddr/IpSet"
import type * as Server from "@effect-sockets/socket/Server"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { fromUser, inPackage, withoutBrackets } from "../common.ts"

/** How the text of a setting is read. */
interface Kind<A> {
  /** What help shows in its place. */
  readonly metavar: string
  /** What it should have been, for whoever wrote something else. */
  readonly expected: string
  readonly parse: (text: string) => A | undefined
}

const text = <A>(metavar: string, parse: (text: string) => A): Kind<A> => ({ metavar, expected: "a text", parse })

const integer = (least: number, most: number): Kind<number> => ({
  metavar: "number",
  expected: `a number from ${least} to ${most}`,
  parse: (text) => (/^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined)
})

const port = integer(0, 65_535)

const units: Readonly<Record<string, number>> = { ms: 1, "": 1000, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds. The longest is the longest that a timer of the platform can wait. */
const time = (least: 0 | 1): Kind<number> => ({
  metavar: "time",
  expected: `a time from ${least}ms to 596h, such as 500ms, 15s or 2m`,
  parse: (text) => {
    const [, amount, unit] = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|)$/.exec(text) ?? []
    if (amount === undefined || unit === undefined) return undefined
    const millis = Math.round(Number(amount) * units[unit])
    return millis >= least && millis <= 596 * units.h ? millis : undefined
  }
})

const choice = <const A extends string>(...names: ReadonlyArray<A>): Kind<A> => ({
  metavar: names.join("|"),
  expected: names.join(" or "),
  parse: (text) => names.find((name) => name === text)
})

const switches: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  "1": true,
  false: false,
  no: false,
  off: false,
  "0": false
}

const toggle: Kind<boolean> = {
  metavar: "",
  expected: "true or false",
  parse: (text) => (Object.hasOwn(switches, text) ? switches[text] : undefined)
}

/** Where metrics go: a port of the loopback, or a file. */
export type MetricsTarget =
  | { readonly _tag: "Port"; readonly port: number }
  | { readonly _tag: "File"; readonly file: string }

const metricsTarget: Kind<MetricsTarget> = {
  metavar: "port|file",
  expected: `${port.expected}, or a file`,
  parse: (text) => {
    if (!/^\d+$/.test(text)) return { _tag: "File", file: fromUser(text) }
    const number = port.parse(text)
    return number === undefined ? undefined : { _tag: "Port", port: number }
  }
}

const variable = (name: string): string => `HTTP09_${name.replaceAll("-", "_").toUpperCase()}`

const fromEnvironment = <A, B>(name: string, kind: Kind<A>, otherwise: B) =>
  Config.option(Config.String(variable(name))).pipe(
    Effect.orDie,
    Effect.flatMap((found): Effect.Effect<A | B, CliError.UserError> => {
      if (Option.isNone(found)) return Effect.succeed(otherwise)
      const value = kind.parse(found.value)
      const userMessage = `Invalid value for ${variable(name)}: "${found.value}". Expected: ${kind.expected}`
      return value === undefined
        ? Effect.fail(new CliError.UserError({ cause: found.value, userMessage }))
        : Effect.succeed(value)
    })
  )

const describe = (name: string, about: string, otherwise: unknown): string =>
  `${about} [${variable(name)}${otherwise === undefined || otherwise === false ? "" : `; default ${String(otherwise)}`}]`

/** A setting with a value. `shown` is the default in words. */
const setting = <A, const B>(name: string, kind: Kind<A>, about: string, otherwise: B, shown: unknown = otherwise) =>
  Flag.String(name).pipe(
    Flag.withMetavar(kind.metavar),
    Flag.withDescription(describe(name, about, shown)),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(kind.parse(text)),
      () => kind.expected
    ),
    Flag.withDefault(fromEnvironment(name, kind, otherwise))
  )

/** A setting that is on or off. `--no-name` turns off what the environment turned on. */
const onOff = (name: string, about: string) =>
  Flag.Boolean(name).pipe(
    Flag.withDescription(describe(name, about, false)),
    Flag.withDefault(fromEnvironment(name, toggle, false))
  )

const rootKind = text("folder", fromUser)

const parts = (text: string): ReadonlyArray<string> => text.split(",").map((part) => part.trim())

/** Names and addresses, with commas between them. */
const hosts: Kind<ReadonlyArray<string>> = {
  metavar: "name|address",
  expected: "names or addresses, with commas between them",
  parse: (text) => {
    const all = parts(text).map(withoutBrackets)
    return all.includes("") ? undefined : all
  }
}

/** What stands among addresses for the peers of a Unix-domain socket, which have none. */
const unixPeers = "unix"

/** Peers by their addresses, as text: it is sent to workers. */
const peers: Kind<ReadonlyArray<string>> = {
  metavar: "CIDR",
  expected: `networks or addresses, such as 192.0.2.0/24 or ::1, or ${unixPeers}, with commas between them`,
  parse: (text) => {
    const all = parts(text)
    return Result.isSuccess(fromCidrs(all.filter((part) => part !== unixPeers))) ? all : undefined
  }
}

/** The rule for proxies, of texts that were parsed. */
export const proxyProtocolOf = (trusted: ReadonlyArray<string>): Server.Options["proxyProtocol"] =>
  trusted.length === 0
    ? undefined
    : {
        trust: fromCidrsUnsafe(trusted.filter((peer) => peer !== unixPeers)),
        unix: trusted.includes(unixPeers)
      }

/** A setting that may be said several times: all of it counts. */
const settings = <A>(name: string, kind: Kind<ReadonlyArray<A>>, about: string, otherwise: ReadonlyArray<A>) =>
  Flag.String(name).pipe(
    Flag.withMetavar(kind.metavar),
    Flag.withDescription(describe(name, about, otherwise.length > 0 && otherwise.join())),
    Flag.filterMap(
      (text) => Option.fromUndefinedOr(kind.parse(text)),
      () => kind.expected
    ),
    Flag.atLeast(0),
    Flag.mapEffect((said) => (said.length === 0 ? fromEnvironment(name, kind, otherwise) : Effect.succeed(said.flat())))
  )

/** The parameters of `http09 serve`. Times are in milliseconds. */
export const parameters = {
  root: Argument.String("root").pipe(
    Argument.withDescription(
      describe("root", "The folder to serve; without it, a small site about this server", undefined)
    ),
    Argument.map(fromUser),
    Argument.withDefault(fromEnvironment("root", rootKind, inPackage("site")))
  ),
  port: setting("port", port, "The port to listen on; 0 takes a free one and prints it", 8080).pipe(
    Flag.withAlias("p")
  ),
  hosts: settings(
    "host",
    hosts,
    "A name or address to listen on, localhost for both loopbacks; 0.0.0.0 for all of this machine, :: for those of IPv6 too. May be said again",
    ["127.0.0.1"]
  ),
  unix: setting("unix", text("path", fromUser), "Listen on a Unix-domain socket instead of host and port", undefined),
  listing: onOff("listing", "List folders that have no index.html"),
  dotfiles: onOff("dotfiles", "Serve names that start with a dot"),
  text: onOff("text", "Send files as text, each line ended by CR LF"),
  dialect: setting(
    "dialect",
    choice("book", "1991"),
    "Say what is wrong in the book's status lines, or in the short HTML texts of 1991",
    "book"
  ),
  logFormat: setting(
    "log-format",
    choice("human", "common", "json"),
    "Log the book's lines, the Common Log Format, or an object a line",
    "human"
  ),
  metrics: setting(
    "metrics",
    metricsTarget,
    "Give figures for Prometheus, and /connections, on a port of 127.0.0.1, or write them to a file every 10 seconds",
    undefined
  ),
  workers: setting("workers", integer(1, 256), "Processes that share the port, and the limits below", 1),
  maxConnections: setting(
    "max-connections",
    integer(1, 1_000_000),
    "Connections at once; more wait",
    undefined,
    "half the descriptor limit, at most 10000, for each worker"
  ),
  maxPerPeer: setting(
    "max-per-peer",
    integer(1, 1_000_000),
    "Connections of one address at once; more are reset",
    undefined,
    "no limit"
  ),
  acceptRate: setting(
    "accept-rate",
    integer(1, 1_000_000),
    "Connections that may come in a second, and at once after a quiet one; more are reset",
    undefined,
    "no limit"
  ),
  acceptRatePerPeer: setting(
    "accept-rate-per-peer",
    integer(1, 1_000_000),
    "The same for each address",
    undefined,
    "no limit"
  ),
  proxyProtocol: settings(
    "proxy-protocol",
    peers,
    "Proxies that say with a PROXY header who their client is, as HAProxy does with send-proxy-v2; unix for those of a Unix-domain socket. May be said again",
    []
  ),
  headerTimeout: setting("header-timeout", time(1), "Time for the whole request line, then reset", 15_000, "15s"),
  sendTimeout: setting(
    "send-timeout",
    time(1),
    "Time in which a client takes nothing of what waits for it, then reset",
    60_000,
    "60s"
  ),
  maxAge: setting("total-timeout", time(1), "Time for a whole connection, then reset", 3_600_000, "1h"),
  drainTimeout: setting("drain-timeout", time(0), "Time for downloads when the server stops", 10_000, "10s")
} as const

/** The settings as they were given: plain data, that can be sent to another process. */
export type Settings = {
  readonly [K in keyof typeof parameters]: (typeof parameters)[K] extends
    | Flag.Flag<infer A>
    | Argument.Argument<infer A>
    ? A
    : never
}

/** A worker's part of a limit, for workers from 1: all parts together are the limit, but each is at least one. */
export const share = <A extends number | undefined>(limit: A, worker: number, workers: number): A | number =>
  limit === undefined ? limit : Math.max(1, Math.floor(limit / workers) + (worker <= limit % workers ? 1 : 0))
