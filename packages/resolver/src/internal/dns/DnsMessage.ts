/**
 * The messages of DNS (RFC 1035, section 4): questions are written, answers are read. Whatever bytes come, reading gives a
 * message or nothing.
 */
import * as NetAddress from "effect/net/NetAddress"

/** The types of records that are asked for and read, with their numbers (RFC 1035, section 3.2.2; RFC 3596). */
export const types = { A: 1, CNAME: 5, SOA: 6, PTR: 12, AAAA: 28 } as const

/** The type of a record that is asked for or read. */
export type Type = keyof typeof types

/** A record that is read. Names are in lower case, without a trailing dot; `ttl` is in seconds. */
export type Record =
  | {
      readonly type: "A" | "AAAA"
      readonly owner: string
      readonly ttl: number
      readonly address: NetAddress.IpAddress
    }
  | { readonly type: "CNAME" | "PTR"; readonly owner: string; readonly ttl: number; readonly target: string }
  | { readonly type: "SOA"; readonly owner: string; readonly ttl: number; readonly minimum: number }

/** What is asked: the records of one type that a name has. */
export interface Question {
  readonly id: number
  readonly name: string
  readonly type: Type
}

/** An answer. One that is `truncated` has no records here: it is to be asked for again, over TCP. */
export interface Answer {
  readonly question: Question
  readonly rcode: number
  readonly truncated: boolean
  readonly answers: ReadonlyArray<Record>
  readonly authority: ReadonlyArray<Record>
}

const headerLength = 12
const internet = 1
const flags = { response: 0x8000, truncated: 0x0200, recursionDesired: 0x0100 }

/** How long an answer over UDP may be: what passes every network in one piece (DNS flag day 2020). */
const maxDatagram = 1232
/** The number of the OPT record, by which a question says that (RFC 6891, section 6.1.2). */
const opt = 41
const optLength = 11

/**
 * The message that asks a question, with the wish that the server ask others (RD). With `extended`, it allows for answers
 * over UDP of more than 512 bytes, which some old servers do not understand.
 */
export const encode = ({ id, name, type }: Question, extended = false): Uint8Array => {
  const labels = name.split(".")
  const end = headerLength + name.length + 2 + 4
  const bytes = new Uint8Array(extended ? end + optLength : end)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, id)
  view.setUint16(2, flags.recursionDesired)
  view.setUint16(4, 1)
  if (extended) {
    view.setUint16(10, 1)
    view.setUint16(end + 1, opt)
    view.setUint16(end + 3, maxDatagram)
  }
  let at = headerLength
  for (const label of labels) {
    bytes[at++] = label.length
    for (let i = 0; i < label.length; i++) bytes[at++] = label.charCodeAt(i)
  }
  view.setUint16(at + 1, types[type])
  view.setUint16(at + 3, internet)
  return bytes
}

/** The id of a message that may be too damaged to read. */
export const idOf = (bytes: Uint8Array): number | undefined =>
  bytes.length < 2 ? undefined : bytes[0] * 256 + bytes[1]

/** Whether a message answers a question: the id, the name and the type are the same. */
export const isAnswerTo = ({ question }: Answer, asked: Question): boolean =>
  question.id === asked.id && question.type === asked.type && question.name === asked.name.toLowerCase()

/** Something in the bytes is not as it must be. */
class Malformed extends Error {}

/** Reads an answer; nothing if the bytes are no answer, or damaged. */
export const decode = (bytes: Uint8Array): Answer | undefined => {
  try {
    return read(bytes)
  } catch (error) {
    if (error instanceof Malformed || error instanceof RangeError) return undefined
    throw error
  }
}

const typeNames = new Map<number, Type>(Object.entries(types).map(([type, number]) => [number, type as Type]))

const read = (bytes: Uint8Array): Answer => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const word = view.getUint16(2)
  const [questions, answers, authority] = [4, 6, 8].map((at) => view.getUint16(at))
  if ((word & flags.response) === 0 || questions !== 1) throw new Malformed()

  let at = headerLength
  const name = () => {
    const read = readName(bytes, at)
    at = read.next
    return read.name
  }
  const asked = name()
  const type = typeNames.get(view.getUint16(at))
  if (type === undefined || view.getUint16(at + 2) !== internet) throw new Malformed()
  at += 4

  const record = (): Record | undefined => {
    const owner = name()
    const type = view.getUint16(at)
    const isInternet = view.getUint16(at + 2) === internet
    const ttl = view.getUint32(at + 4)
    const start = at + 10
    at = start + view.getUint16(at + 8)
    if (at > bytes.length) throw new Malformed()
    return isInternet ? recordOf(view, bytes, owner, type, ttl, start, at) : undefined
  }
  const section = (count: number) => Array.from({ length: count }, record).filter((found) => found !== undefined)

  const truncated = (word & flags.truncated) !== 0
  return {
    question: { id: view.getUint16(0), name: asked, type },
    rcode: word & 0xf,
    truncated,
    answers: truncated ? [] : section(answers),
    authority: truncated ? [] : section(authority)
  }
}

const recordOf = (
  view: DataView,
  bytes: Uint8Array,
  owner: string,
  type: number,
  ttl: number,
  start: number,
  end: number
): Record | undefined => {
  const known = typeNames.get(type)
  switch (known) {
    case "A":
    case "AAAA": {
      const data = bytes.subarray(start, end)
      if (data.length !== (known === "A" ? 4 : 16)) throw new Malformed()
      const address = known === "A" ? NetAddress.ipv4FromBytesUnsafe(data) : NetAddress.ipv6FromBytesUnsafe(data)
      return { type: known, owner, ttl, address }
    }
    case "CNAME":
    case "PTR": {
      const { name, next } = readName(bytes, start)
      if (next !== end) throw new Malformed()
      return { type: known, owner, ttl, target: name }
    }
    case "SOA": {
      const { next } = readName(bytes, readName(bytes, start).next)
      // Serial, refresh, retry, expire and minimum, 32 bits each.
      if (next + 20 !== end) throw new Malformed()
      return { type: known, owner, ttl, minimum: view.getUint32(next + 16) }
    }
    default:
      return undefined
  }
}

const maxNameLength = 255
const pointer = 0xc0

/** The name at a place, and the place after it. Pointers lead back (RFC 1035, section 4.1.4), so that none leads for ever. */
const readName = (bytes: Uint8Array, start: number): { readonly name: string; readonly next: number } => {
  const labels: Array<string> = []
  let at = start
  let next = -1
  let bound = start
  let length = 0
  for (;;) {
    if (at >= bytes.length) throw new Malformed()
    const size = bytes[at]
    if (size === 0) break
    if ((size & pointer) === pointer) {
      const target = (size & ~pointer) * 256 + (bytes[at + 1] ?? 0)
      if (target >= bound) throw new Malformed()
      if (next === -1) next = at + 2
      bound = target
      at = target
      continue
    }
    length += size + 1
    if ((size & pointer) !== 0 || length > maxNameLength || at + 1 + size > bytes.length) throw new Malformed()
    labels.push(labelOf(bytes.subarray(at + 1, at + 1 + size)))
    at += size + 1
  }
  return { name: labels.join("."), next: next === -1 ? at + 1 : next }
}

/** A label as text, as in master files (RFC 1035, section 5.1): what is no visible ASCII stands as `\ddd`. */
const labelOf = (bytes: Uint8Array): string => {
  let text = ""
  for (const byte of bytes) {
    const char = String.fromCharCode(byte)
    if (char === "." || char === "\\") text += `\\${char}`
    else text += byte > 0x20 && byte < 0x7f ? char : `\\${String(byte).padStart(3, "0")}`
  }
  return text.toLowerCase()
}
