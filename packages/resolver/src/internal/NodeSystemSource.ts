import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as dns from "node:dns"
import * as fs from "node:fs/promises"
import * as HostName from "../HostName.ts"
import * as HostsFile from "../HostsFile.ts"
import { noAddress } from "../ResolverError.ts"
import * as ResolverSource from "../ResolverSource.ts"
import * as Servent from "../Servent.ts"
import * as NodeErrors from "./NodeErrors.ts"

export interface SystemFiles {
  readonly hostsFile?: string | undefined
  readonly servicesFile?: string | undefined
}

const etc =
  process.platform === "win32" ? `${process.env["SystemRoot"] ?? "C:\\Windows"}\\System32\\drivers\\etc` : "/etc"

// A file that cannot be read is an empty file, but for want of a descriptor nothing is known of it.
const read = (path: string): Effect.Effect<string, ResolverSource.SourceError> =>
  Effect.tryPromise({
    try: (signal) => fs.readFile(path, { encoding: "utf8", signal }),
    catch: NodeErrors.fromCause
  }).pipe(
    Effect.catchIf(
      ({ reason }) => reason._tag === "Unknown",
      () => Effect.succeed("")
    )
  )

// The zone of a link-local address has no place in an `IpAddress`.
const toAddress = (text: string) => NetAddress.ipFromString(text.replace(/%.*/, ""))

const isAbsent = ({ reason }: ResolverSource.SourceError) =>
  reason._tag === "HostNotFound" || reason._tag === "NoAddress"

export const make = (files?: SystemFiles): ResolverSource.ResolverSource => {
  const hosts = Effect.map(read(files?.hostsFile ?? `${etc}/hosts`), HostsFile.parse)

  // Shared while it runs: a call holds one of libuv's four threads and cannot be cancelled.
  const running = new Map<string, Promise<Array<dns.LookupAddress>>>()
  const getaddrinfo = (name: string, family: 0 | 4 | 6) => {
    const key = `${family} ${name}`
    let call = running.get(key)
    if (call === undefined) {
      call = dns.promises.lookup(name, { all: true, order: "verbatim", family }).finally(() => running.delete(key))
      running.set(key, call)
    }
    return call
  }

  const addressesOf = (
    name: string,
    family: NetAddress.IpFamily | undefined
  ): Effect.Effect<Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>, ResolverSource.SourceError> =>
    Effect.tryPromise({
      try: () => getaddrinfo(name, family === undefined ? 0 : family === "IPv4" ? 4 : 6),
      catch: NodeErrors.fromCause
    }).pipe(
      Effect.flatMap((found) =>
        ResolverSource.orFail(
          Arr.filterMap(found, ({ address }) => toAddress(address)),
          { _tag: "InvalidResponse", detail: "no address in it can be read" }
        )
      )
    )

  const forward = Effect.fnUntraced(function* ({ family, name, names }: ResolverSource.Question) {
    const relative = HostName.toRelative(name)
    const loopback = HostName.loopbackOf(name, family)
    const addresses = yield* addressesOf(loopback === undefined ? name : relative, family).pipe(
      Effect.catchIf(isAbsent, (error) =>
        loopback !== undefined
          ? Effect.succeed(loopback)
          : family === undefined
            ? Effect.fail(error)
            : // getaddrinfo does not tell a host of the other family from no host.
              Effect.flatMap(addressesOf(name, undefined), () => ResolverSource.fail(noAddress(family)))
      )
    )
    const found = names ? HostsFile.namesOf(yield* hosts, relative) : undefined
    return { name: found?.name ?? relative, aliases: found?.aliases ?? [], addresses }
  })

  const reverse = Effect.fnUntraced(function* (address: NetAddress.IpAddress) {
    const { hostname } = yield* Effect.tryPromise({
      try: () => dns.promises.lookupService(NetAddress.formatIp(address), 0),
      catch: NodeErrors.fromCause
    })
    return yield* ResolverSource.confirmed(address, hostname, forward)
  })

  return {
    forward,
    reverse,
    services: Effect.map(read(files?.servicesFile ?? `${etc}/services`), Servent.parse)
  }
}
