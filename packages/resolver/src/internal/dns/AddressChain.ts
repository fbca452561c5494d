/**
 * What an answer says of the name that was asked for: through which aliases it leads, and to what.
 */
import type * as DnsMessage from "./DnsMessage.ts"

/** A chain of aliases that was followed to its end. */
export interface Chain {
  /** The name asked for, its aliases in order, and the canonical name last. */
  readonly names: readonly [string, ...Array<string>]
  /** What the canonical name has, of all types. */
  readonly records: ReadonlyArray<DnsMessage.Record>
  /** The shortest time of all records used, in seconds; nothing if there are none. */
  readonly ttl: number | undefined
}

// RFC 2181, section 8: a time to live with the highest bit set is zero.
const secondsOf = (ttl: number): number => (ttl > 0x7fffffff ? 0 : ttl)

type Alias = Extract<DnsMessage.Record, { readonly target: string }>

/** Follows the aliases of a name in an answer; nothing if they lead in a circle. */
export const follow = (name: string, records: ReadonlyArray<DnsMessage.Record>): Chain | undefined => {
  const names: [string, ...Array<string>] = [name.toLowerCase()]
  const times: Array<number> = []
  for (;;) {
    const canonical = names[names.length - 1]
    const here = records.filter(({ owner }) => owner === canonical)
    const alias = here.find((record): record is Alias => record.type === "CNAME")
    if (alias === undefined) {
      times.push(...here.map(({ ttl }) => secondsOf(ttl)))
      return { names, records: here, ttl: times.length === 0 ? undefined : Math.min(...times) }
    }
    if (names.includes(alias.target)) return undefined
    names.push(alias.target)
    times.push(secondsOf(alias.ttl))
  }
}

/**
 * How long the absence that an answer tells of may be remembered, in seconds: the smaller of the SOA record's own time and
 * its MINIMUM (RFC 2308, section 5). Nothing if the answer has no such record.
 */
export const negativeTtl = ({ authority }: DnsMessage.Answer): number | undefined => {
  const soa = authority.find((record) => record.type === "SOA")
  return soa === undefined ? undefined : Math.min(secondsOf(soa.ttl), secondsOf(soa.minimum))
}
