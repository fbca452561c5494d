/**
 * The hosts file (`hosts(5)`, RFC 952): addresses with a canonical name and aliases.
 */
import * as Result from "effect/Result"
import * as NetAddress from "effect/net/NetAddress"
import * as HostName from "./HostName.ts"

/**
 * One line of a hosts file. Names are in lower-case ASCII without a trailing dot.
 *
 * ```ts
 * import * as HostsFile from "@effect-sockets/resolver/HostsFile"
 * const [line]: ReadonlyArray<HostsFile.HostsLine> = HostsFile.parse("192.0.2.7 db.example db # the database")
 * line.aliases // => ["db"]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface HostsLine {
  readonly address: NetAddress.IpAddress
  readonly name: string
  readonly aliases: ReadonlyArray<string>
}

/**
 * Reads a hosts file. Lines without an address or without a valid name are skipped, as are invalid names in a line; the
 * zone of a link-local address is dropped.
 *
 * ```ts
 * import * as HostsFile from "@effect-sockets/resolver/HostsFile"
 * const lines = HostsFile.parse("127.0.0.1 localhost\n# nothing\n::1 localhost ip6-localhost")
 * lines.map(({ address }) => String(address)) // => ["127.0.0.1", "::1"]
 * ```
 *
 * @category parsing
 * @since 0.1.0
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

/**
 * The canonical name and the aliases of a host.
 *
 * ```ts
 * import * as HostsFile from "@effect-sockets/resolver/HostsFile"
 * const names: HostsFile.Names | undefined = HostsFile.namesOf(HostsFile.parse("192.0.2.7 db.example db"), "db")
 * names?.name // => "db.example"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Names {
  readonly name: string
  readonly aliases: ReadonlyArray<string>
}

/**
 * The addresses of a host that is in the file by name or alias, in the order of its lines; none if it is not there.
 *
 * ```ts
 * import * as HostsFile from "@effect-sockets/resolver/HostsFile"
 * const lines = HostsFile.parse("192.0.2.7 db.example db\n2001:db8::7 db.example")
 * HostsFile.addressesOf(lines, "db.example").map(String) // => ["192.0.2.7", "2001:db8::7"]
 * HostsFile.addressesOf(lines, "db").map(String) // => ["192.0.2.7"]
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const addressesOf = (lines: ReadonlyArray<HostsLine>, name: string): ReadonlyArray<NetAddress.IpAddress> =>
  linesOf(lines, name).map(({ address }) => address)

const linesOf = (lines: ReadonlyArray<HostsLine>, name: string) =>
  lines.filter((line) => line.name === name || line.aliases.includes(name))

/**
 * The names of a host that is in the file by name or alias: the first name of its first line is the canonical one, and
 * all others in its lines are aliases.
 *
 * ```ts
 * import * as HostsFile from "@effect-sockets/resolver/HostsFile"
 * const lines = HostsFile.parse("192.0.2.7 db.example db\n192.0.2.8 db.example database")
 * HostsFile.namesOf(lines, "db.example") // => { name: "db.example", aliases: ["db", "db.example", "database"] }
 * HostsFile.namesOf(lines, "web.example") // => undefined
 * ```
 *
 * @category lookups
 * @since 0.1.0
 */
export const namesOf = (lines: ReadonlyArray<HostsLine>, name: string): Names | undefined => {
  const [first, ...rest] = linesOf(lines, name).flatMap((line) => [line.name, ...line.aliases])
  return first === undefined ? undefined : { name: first, aliases: rest }
}
