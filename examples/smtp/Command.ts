/** A line of an SMTP client (RFC 5321), pure. */
import { Option } from "effect"

/** The first word in capitals, and the rest. */
export const parse = (line: string): readonly [verb: string, rest: string] => {
  const [verb] = line.split(" ", 1)
  return [verb.toUpperCase(), line.slice(verb.length).trim()]
}

export interface Path {
  readonly address: string
  /** What follows, such as `SIZE=1000 BODY=8BITMIME`. */
  readonly parameters: string
}

/** `FROM:<ada@example.org> SIZE=1000`; without an address, a bounce, only where that is allowed. */
export const path = (keyword: "FROM" | "TO", rest: string): Option.Option<Path> => {
  const found = /^(FROM|TO): ?<([^<>@\s\p{Cc}]{1,64}@[^<>@\s\p{Cc}]{1,255}|)>((?: \S+)*)$/iu.exec(rest)
  if (found === null || found[1].toUpperCase() !== keyword) return Option.none()
  const [, , address, parameters] = found
  return address === "" && keyword === "TO" ? Option.none() : Option.some({ address, parameters: parameters.trim() })
}

export const size = (parameters: string): number => Number(/(?:^| )SIZE=(\d{1,15})(?: |$)/i.exec(parameters)?.[1] ?? 0)

export const domainOf = (address: string): string => address.slice(address.lastIndexOf("@") + 1).toLowerCase()
