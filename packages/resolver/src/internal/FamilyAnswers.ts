/**
 * The addresses of a host, family by family as they come.
 */
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as Host from "effect/net/Host"
import type * as NetAddress from "effect/net/NetAddress"
import * as ResolverSource from "../ResolverSource.ts"

const families = ["IPv6", "IPv4"] as const

/** Asks for each family beside the other and hands on what comes; fails at the end if nothing came. */
export const of = (
  source: ResolverSource.ResolverSource,
  name: Host.DomainName
): Stream.Stream<Arr.NonEmptyReadonlyArray<NetAddress.IpAddress>, ResolverSource.SourceError> =>
  Stream.suspend(() => {
    const errors: Array<ResolverSource.SourceError> = []
    return Stream.fromIterable(families).pipe(
      Stream.mapEffect((family) => Effect.result(source.forward({ name, family, names: false })), {
        concurrency: 2,
        unordered: true
      }),
      Stream.filterMap((answer) => {
        if (Result.isFailure(answer)) errors.push(answer.failure)
        return Result.map(answer, ({ addresses }) => addresses)
      }),
      Stream.concat(
        Stream.suspend(() =>
          errors.length < families.length ? Stream.empty : Stream.fail(ResolverSource.ofBoth(errors))
        )
      )
    )
  })
