/**
 * Answers of the operating system: `getaddrinfo`, `getnameinfo` and the hosts file.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Host from "effect/net/Host"
import * as NetAddress from "effect/net/NetAddress"
import * as HostName from "../HostName.ts"
import * as HostsFile from "../HostsFile.ts"
import { noAddress } from "../ResolverError.ts"
import * as ResolverSource from "../ResolverSource.ts"
import * as NodeFiles from "./NodeFiles.ts"
import * as NodeSlowCalls from "./NodeSlowCalls.ts"

export interface SystemFiles {
  readonly hostsFile?: string | undefined
  readonly servicesFile?: string | undefined
}

// Node takes each byte of a name for a character; the hosts file, of which the name may be, is UTF-8. What is not, is no
// host name, and stays so.
const fromLatin1 = (text: string): string => {
  const decoded = Buffer.from(text, "latin1").toString("utf8")
  return decoded.includes("\ufffd") ? "" : decoded
}

const isInternational = (name: string): boolean => /(^|\.)xn--/.test(name)

// The zone of a link-local address has no place in an `IpAddress`.
const toAddress = (text: string) => NetAddress.ipFromString(text.replace(/%.*/, ""))

export const make = (files?: SystemFiles): ResolverSource.ResolverSource => {
  const { getaddrinfo, getnameinfo } = NodeSlowCalls.make()
  const hosts = NodeFiles.hosts(files?.hostsFile)

  const addressesOf = (
    name: string,
    family: NetAddress.IpFamily | undefined
  ): Effect.Effect<Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>, ResolverSource.SourceError> =>
    Effect.flatMap(getaddrinfo(name, family), (found) =>
      ResolverSource.orFail(
        Arr.filterMap(found, ({ address }) => toAddress(address)),
        { _tag: "InvalidResponse", detail: "no address in it can be read" }
      )
    )

  // Asked for a family that a name of the hosts file lacks, the C library asks name servers for it, past the file.
  const addressesOfFamily = Effect.fnUntraced(function* (name: Host.DomainName, family: NetAddress.IpFamily) {
    const inFile = HostsFile.namesOf(yield* hosts, HostName.toRelative(name)) !== undefined
    const addresses = yield* addressesOf(name, inFile ? undefined : family)
    return yield* ResolverSource.orFail(
      addresses.filter((address) => NetAddress.isFamily(address, family)),
      noAddress(family)
    )
  })

  const addressesAsked = (name: Host.DomainName, family: NetAddress.IpFamily | undefined) =>
    family === undefined ? addressesOf(name, undefined) : addressesOfFamily(name, family)

  // The C library compares bytes: a name that the file writes in UTF-8 is not found by its ASCII form.
  const inFileOnly = Effect.fnUntraced(function* (
    name: Host.DomainName,
    family: NetAddress.IpFamily | undefined,
    error: ResolverSource.SourceError
  ) {
    const lines = isInternational(name) ? yield* hosts : []
    const addresses = HostsFile.addressesOf(lines, HostName.toRelative(name))
    if (addresses.length === 0) return yield* error
    return yield* ResolverSource.orFail(
      addresses.filter((address) => family === undefined || NetAddress.isFamily(address, family)),
      noAddress(family)
    )
  })

  const forward = Effect.fnUntraced(function* ({ family, name, names }: ResolverSource.Question) {
    const relative = HostName.toRelative(name)
    const loopback = HostName.loopbackOf(name, family)
    const addresses = yield* loopback !== undefined
      ? Effect.orElseSucceed(addressesAsked(relative, family), () => loopback)
      : addressesAsked(name, family).pipe(
          Effect.catchIf(
            ({ reason }) => reason._tag === "HostNotFound" && family !== undefined,
            // Not every getaddrinfo tells a host of the other family from no host.
            () => Effect.andThen(addressesOf(name, undefined), ResolverSource.fail(noAddress(family)))
          ),
          Effect.catchIf(ResolverSource.isAbsence, (error) => inFileOnly(name, family, error))
        )
    const found = names ? HostsFile.namesOf(yield* hosts, relative) : undefined
    return { name: found?.name ?? relative, aliases: found?.aliases ?? [], addresses }
  })

  const reverse = Effect.fnUntraced(function* (address: NetAddress.IpAddress) {
    const { hostname } = yield* getnameinfo(address)
    return yield* ResolverSource.confirmed(address, fromLatin1(hostname), forward)
  })

  return {
    forward,
    reverse,
    services: NodeFiles.services(files?.servicesFile)
  }
}
