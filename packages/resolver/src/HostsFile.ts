/**
 * The hosts file (`hosts(5)`, RFC 952): addresses with a canonical name and aliases.
 */
import * as Result from "effect/Result"
import * as NetAddress from "effect/net/NetAddress"
import * as HostName from "./HostName.ts"

/** One line of a hosts file. Names are in lower-case ASCII without a trailing dot. */
export interface HostsLine {
  readonly address: NetAddress.IpAddress
  readonly name: string
  readonly aliases: ReadonlyArray<string>
}

/**
 * Reads a hosts file. Lines without an address or without a valid name are skipped, as are invalid names in a line; the
 * zone of a link-local address is dropped.
 */
export const parse = (text: string): ReadonlyArray<HostsLine> =>
  text.split("\n").flatMap((line) => {
    const [host, ...words] = line.replace(/#.*/, "").trim().split(/\s+/)
    const address = NetAddress.ipFromString(host.replace(/%.*/, ""))
    const [name, ...aliases] = words.flatMap((word) =>
      Result.match(HostName.nameFromString(word), {
        onSuccess: (name) => [HostName.toRelative(name)],
        onFailure: () => []
      })
    )
    return Result.isSuccess(address) && name !== undefined ? [{ address: address.success, name, aliases }] : []
  })

/** The canonical name and the aliases of a host. */
export interface Names {
  readonly name: string
  readonly aliases: ReadonlyArray<string>
}

/**
 * The names of a host that is in the file by name or alias: the first name of its first line is the canonical one, and
 * all others in its lines are aliases.
 */
export const namesOf = (lines: ReadonlyArray<HostsLine>, name: string): Names | undefined => {
  const [first, ...rest] = lines
    .filter((line) => line.name === name || line.aliases.includes(name))
    .flatMap((line) => [line.name, ...line.aliases])
  return first === undefined ? undefined : { name: first, aliases: rest }
}
