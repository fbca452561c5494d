/** One SMTP connection: a dialogue, so a loop of reads. */
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import type * as Tls from "@effect-sockets/socket/Tls"
import { Effect, Option } from "effect"
import * as NetAddress from "effect/net/NetAddress"
import { domainOf, parse, path, size } from "./Command.ts"
import * as Message from "./Message.ts"

export interface Mail {
  readonly from: string
  readonly to: ReadonlyArray<string>
  readonly content: Uint8Array
}

export interface Options<E, R> {
  /** Mail is taken for this domain only: the server relays for nobody. */
  readonly domain: string
  /** With an identity, STARTTLS is offered. */
  readonly identity?: Tls.Identity | undefined
  /** Has the mail safe when it succeeds: then the client forgets it. */
  readonly deliver: (mail: Mail) => Effect.Effect<void, E, R>
}

export const maxMessage = 1024 * 1024
const maxRecipients = 20
/** Refused commands, after which a client is not worth more. */
const maxErrors = 10
const command = { maxBytes: 510, requireDelimiter: true }

export const session = <E, R>({ deliver, domain, identity }: Options<E, R>) =>
  Effect.fnUntraced(
    function* (stream: SocketStream.SocketStream) {
      let isSecure = false
      let client: string | undefined
      let from: string | undefined
      let to: ReadonlyArray<string> = []
      let errors = 0

      const reset = () => {
        from = undefined
        to = []
      }
      const say = (text: string) => {
        if (text >= "4") errors++
        return SocketStream.writeLine(stream, text)
      }

      const extensions = () => [
        ...(identity === undefined || isSecure ? [] : ["STARTTLS"]),
        `SIZE ${maxMessage}`,
        "8BITMIME",
        "ENHANCEDSTATUSCODES"
      ]

      const mail = (rest: string) => {
        const given = Option.getOrUndefined(path("FROM", rest))
        if (client === undefined) return say("503 5.5.1 Say EHLO first")
        if (from !== undefined) return say("503 5.5.1 There is a sender already")
        if (given === undefined) return say("501 5.5.4 MAIL FROM:<address>")
        if (size(given.parameters) > maxMessage) return say("552 5.3.4 The message is too long")
        from = given.address
        return say("250 2.1.0 OK")
      }

      const recipient = (rest: string) => {
        const given = Option.getOrUndefined(path("TO", rest))
        if (from === undefined) return say("503 5.5.1 Say MAIL first")
        if (given === undefined) return say("501 5.5.4 RCPT TO:<address>")
        if (domainOf(given.address) !== domain.toLowerCase()) return say("550 5.7.1 Not for this server")
        if (to.length >= maxRecipients) return say("452 4.5.3 Too many recipients")
        to = [...to, given.address]
        return say("250 2.1.5 OK")
      }

      const data = Effect.fnUntraced(function* () {
        if (from === undefined || to.length === 0) return yield* say("503 5.5.1 Say MAIL and RCPT first")
        yield* say("354 End with a dot on a line of its own")
        const message = yield* Message.read(stream, maxMessage)
        const peer = NetAddress.formatSocketAddress(stream.remoteAddress)
        const trace = `Return-Path: <${from}>\r\nReceived: from ${client} (${peer}) with ESMTP${isSecure ? "S" : ""}\r\n`
        const content = Buffer.concat([Buffer.from(trace), message])
        const isSafe = yield* deliver({ from, to, content }).pipe(
          Effect.as(true),
          Effect.catch((error) => Effect.as(Effect.logError("A message could not be kept", error), false))
        )
        reset()
        yield* say(isSafe ? "250 2.0.0 It is kept" : "451 4.3.0 It could not be kept; try again later")
      })

      const startTls = Effect.fnUntraced(function* () {
        if (identity === undefined || isSecure) return yield* say("503 5.5.1 Not now")
        yield* say("220 2.0.0 Go ahead")
        // What was sent in clear behind STARTTLS fails the handshake, so it never counts as said under TLS.
        yield* SocketStream.upgradeTls(stream, { side: "server", options: { identity } })
        isSecure = true
        client = undefined
        reset()
      })

      yield* say(`220 ${domain} ESMTP`)
      while (true) {
        if (errors >= maxErrors) return yield* say("421 4.7.0 Too many errors")
        const line = yield* SocketStream.readLine(stream, command)
        if (Option.isNone(line)) return
        const [verb, rest] = parse(line.value)
        if (verb === "QUIT") return yield* say("221 2.0.0 Bye")
        else if (verb === "EHLO" || verb === "HELO") {
          if (/^[\w.:[\]-]{1,255}$/.test(rest)) {
            client = rest
            reset()
            const lines = verb === "EHLO" ? [domain, ...extensions()] : [domain]
            yield* say(lines.map((text, i) => `250${i < lines.length - 1 ? "-" : " "}${text}`).join("\r\n"))
          } else yield* say("501 5.5.4 EHLO name")
        } else if (verb === "STARTTLS") yield* startTls()
        else if (verb === "MAIL") yield* mail(rest)
        else if (verb === "RCPT") yield* recipient(rest)
        else if (verb === "DATA") yield* data()
        else if (verb === "RSET") {
          reset()
          yield* say("250 2.0.0 OK")
        } else if (verb === "NOOP") yield* say("250 2.0.0 OK")
        else yield* say("500 5.5.2 What?")
      }
    },
    (talk, stream) =>
      talk.pipe(
        Effect.catchTag("Unacceptable", ({ reply }) => SocketStream.writeLine(stream, reply)),
        Effect.catchReason("NetworkError", "LineTooLong", () =>
          SocketStream.writeLine(stream, "500 5.5.2 The line is too long")
        )
      )
  )
