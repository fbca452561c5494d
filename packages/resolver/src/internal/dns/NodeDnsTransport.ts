/**
 * One question to one name server, over UDP or TCP. Each has a socket of its own, so a port of its own that a forger would
 * have to guess, and is over when its socket is closed.
 */
import * as Effect from "effect/Effect"
import * as dgram from "node:dgram"
import * as net from "node:net"
import * as NodeErrors from "../NodeErrors.ts"
import * as ResolverSource from "../../ResolverSource.ts"
import * as DnsMessage from "./DnsMessage.ts"

/** Where a name server listens. */
export interface NameServer {
  readonly host: string
  readonly port: number
}

type Reply = Effect.Effect<DnsMessage.Answer, ResolverSource.SourceError>

const unreadable: Reply = ResolverSource.fail({ _tag: "InvalidResponse", detail: "it cannot be read" })

/** The answer in these bytes, or nothing if they are another's. */
const replyOf = (bytes: Uint8Array, question: DnsMessage.Question): Reply | undefined => {
  const message = DnsMessage.decode(bytes)
  if (message === undefined) return DnsMessage.idOf(bytes) === question.id ? unreadable : undefined
  return DnsMessage.isAnswerTo(message, question) ? Effect.succeed(message) : undefined
}

/**
 * Runs a conversation on a socket: `start` gets the guard that every callback from Node goes through, and gives what
 * closes the socket. It is closed with the first reply, with the first error, and when the effect is interrupted.
 */
const conversation = (
  start: (
    reply: (reply: Reply) => void,
    guard: <Args extends ReadonlyArray<unknown>>(f: (...args: Args) => void) => (...args: Args) => void
  ) => () => void
): Reply =>
  Effect.callback((resume) => {
    let over = false
    let close: (() => void) | undefined
    const finish = () => {
      over = true
      close?.()
      close = undefined
    }
    const reply = (reply: Reply) => {
      if (over) return
      finish()
      resume(reply)
    }
    const guard =
      <Args extends ReadonlyArray<unknown>>(f: (...args: Args) => void) =>
      (...args: Args) => {
        if (over) return
        try {
          f(...args)
        } catch (cause) {
          reply(Effect.fail(NodeErrors.fromCause(cause)))
        }
      }
    guard(() => {
      close = start(reply, guard)
      if (over) finish()
    })()
    return Effect.sync(finish)
  })

/** Asks over UDP, `extended` as in `DnsMessage.encode`. The answer may be truncated. */
export const overUdp = (server: NameServer, question: DnsMessage.Question, extended: boolean): Reply =>
  conversation((reply, guard) => {
    const socket = dgram.createSocket(net.isIPv4(server.host) ? "udp4" : "udp6")
    socket.on("error", (cause) => reply(Effect.fail(NodeErrors.fromCause(cause))))
    socket.on(
      "message",
      guard((bytes: Uint8Array) => {
        const found = replyOf(bytes, question)
        if (found !== undefined) reply(found)
      })
    )
    // Connected: the kernel drops what comes from others, and tells that nobody listens.
    socket.connect(
      server.port,
      server.host,
      // Node gives a route that is missing to the callback, and not to the listener of errors.
      guard((error?: unknown) => {
        if (error === undefined) socket.send(DnsMessage.encode(question, extended))
        else reply(Effect.fail(NodeErrors.fromCause(error)))
      })
    )
    return () => socket.close()
  })

/** Asks over TCP (RFC 7766), where an answer has its length before it. */
export const overTcp = (server: NameServer, question: DnsMessage.Question): Reply =>
  conversation((reply, guard) => {
    const socket = net.connect({ host: server.host, port: server.port })
    let received = Buffer.alloc(0)
    socket.on("error", (cause) => reply(Effect.fail(NodeErrors.fromCause(cause))))
    socket.on(
      "connect",
      guard(() => {
        const message = DnsMessage.encode(question)
        socket.write(Uint8Array.of(message.length >> 8, message.length & 0xff, ...message))
      })
    )
    socket.on(
      "data",
      guard((chunk: Buffer) => {
        received = Buffer.concat([received, chunk])
        if (received.length < 2) return
        const end = 2 + received.readUInt16BE(0)
        if (received.length >= end) reply(replyOf(received.subarray(2, end), question) ?? unreadable)
      })
    )
    socket.on(
      "end",
      guard(() => reply(unreadable))
    )
    return () => socket.destroy()
  })
