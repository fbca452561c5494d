/**
 * The canonical name of a host whose aliases are asked for one by one.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as HostName from "../HostName.ts"
import * as ResolverSource from "../ResolverSource.ts"

/** More aliases in a row than any name has; recursive servers stop at 8 to 16. */
const maxAliases = 16

/**
 * Follows aliases: the names of a host from the one asked for to the canonical one. `targetsOf` gives what a name is an
 * alias of; a name for which it gives nothing is the canonical one. A failure is a failure: a name that may be an alias is not
 * given out as the canonical one.
 */
export const follow = Effect.fnUntraced(function* <E>(
  name: string,
  targetsOf: (name: string) => Effect.Effect<ReadonlyArray<string>, E>
) {
  const names = [name]
  while (names.length <= maxAliases) {
    const targets = yield* targetsOf(names[names.length - 1])
    if (targets.length === 0) return { name: names[names.length - 1], aliases: names.slice(0, -1) }
    const target = HostName.nameFromString(targets[0])
    if (Result.isFailure(target)) {
      return yield* ResolverSource.fail({ _tag: "InvalidResponse", detail: "the canonical name is no host name" })
    }
    names.push(HostName.toRelative(target.success))
  }
  return yield* ResolverSource.fail({ _tag: "InvalidResponse", detail: "too many aliases, or aliases in a circle" })
})
