/** RESP2, as far as a server needs it: commands are read, replies are written. */
import * as Codec from "@effect-sockets/socket/Codec"
import * as Decoder from "@effect-sockets/socket/Decoder"

const crlf = new TextEncoder().encode("\r\n")

const bulk = Decoder.byFirstByte(() => ({ $: Decoder.announcedText(Codec.decimalLine, { terminator: crlf }) }))

const array = Decoder.byFirstByte(() => ({ "*": Decoder.announcedFrames(Codec.decimalLine, bulk) }))

/** What a person types into telnet: words on a line. */
const inline = Decoder.map(Codec.line(), (line) => line.split(" ").filter((word) => word !== ""))

const star = "*".charCodeAt(0)

/** A command: its name and its arguments, none of them for an empty line. 1 MiB at most. */
export const command: Decoder.Decoder<ReadonlyArray<string>> = Decoder.make((input) =>
  (input.peek() === star ? array : inline).decode(input)
)

/** A reply: a status, an error, an integer, a text or none. */
export type Reply = { readonly _tag: "Status" | "Error"; readonly text: string } | bigint | string | undefined

export const ok: Reply = { _tag: "Status", text: "OK" }

export const error = (text: string): Reply => ({ _tag: "Error", text })

export const format = (reply: Reply): string => {
  if (reply === undefined) return "$-1\r\n"
  if (typeof reply === "bigint") return `:${reply}\r\n`
  if (typeof reply === "string") return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`
  // A line of its own within an error, which may have the words of a client, would be another reply.
  return `${reply._tag === "Error" ? "-" : "+"}${reply.text.replaceAll(/[\r\n]/g, " ")}\r\n`
}
