import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as dns from "node:dns"
import * as HostName from "../HostName.ts"
import * as HostsFile from "../HostsFile.ts"
import { noAddress } from "../ResolverError.ts"
import * as ResolverSource from "../ResolverSource.ts"
import * as NodeErrors from "./NodeErrors.ts"
import * as NodeFiles from "./NodeFiles.ts"

export interface SystemFiles {
  readonly hostsFile?: string | undefined
  readonly servicesFile?: string | undefined
}

// The zone of a link-local address has no place in an `IpAddress`.
const toAddress = (text: string) => NetAddress.ipFromString(text.replace(/%.*/, ""))

export const make = (files?: SystemFiles): ResolverSource.ResolverSource => {
  const hosts = NodeFiles.hosts(files?.hostsFile)

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
    NodeErrors.attempt(() => getaddrinfo(name, family === undefined ? 0 : family === "IPv4" ? 4 : 6)).pipe(
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
    const addresses = yield* loopback !== undefined
      ? Effect.orElseSucceed(addressesOf(relative, family), () => loopback)
      : addressesOf(name, family).pipe(
          Effect.catchIf(NodeErrors.isAbsence, (error) =>
            // getaddrinfo does not tell a host of the other family from no host.
            family === undefined
              ? error
              : Effect.andThen(addressesOf(name, undefined), ResolverSource.fail(noAddress(family)))
          )
        )
    const found = names ? HostsFile.namesOf(yield* hosts, relative) : undefined
    return { name: found?.name ?? relative, aliases: found?.aliases ?? [], addresses }
  })

  const reverse = Effect.fnUntraced(function* (address: NetAddress.IpAddress) {
    const { hostname } = yield* NodeErrors.attempt(() => dns.promises.lookupService(NetAddress.formatIp(address), 0))
    return yield* ResolverSource.confirmed(address, hostname, forward)
  })

  return {
    forward,
    reverse,
    services: NodeFiles.services(files?.servicesFile)
  }
}
