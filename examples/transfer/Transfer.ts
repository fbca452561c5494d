/**
 * A reliable transfer over datagrams: a sliding window, cumulative and selective acknowledgements, and a retransmission
 * timer by RFC 6298. The window is fixed: this is no way to share a network fairly (RFC 8085 says what is).
 */
import * as Datagram from "@effect-sockets/socket/Datagram"
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ReceiveWindow } from "./ReceiveWindow.ts"
import { decode, encode, windowSize } from "./Segment.ts"
import { SendWindow } from "./SendWindow.ts"

/** A transfer that has not come to its end. */
export class TransferError extends Schema.TaggedError<TransferError>()("TransferError", {
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

/**
 * Milliseconds without an acknowledgement after which a sender gives up. RFC 1122, section 4.2.3.5, asks for 100 seconds
 * at least; a quarter of an hour is what Linux's TCP takes. On a way that loses half of all, 100 seconds are soon over.
 */
const patience = 900_000

/** Sends all of `data` over a connected socket, and returns when the receiver has it. */
export const send = Effect.fnUntraced(function* (
  socket: Datagram.Socket,
  data: Uint8Array
): Effect.fn.Return<void, NetworkError | TransferError> {
  const transfer = yield* Random.nextIntBetween(0, 0xffff_ffff)
  const window = new SendWindow(data)
  for (;;) {
    const now = yield* Clock.currentTimeMillis
    const left = patience - window.silence(now)
    if (left <= 0) {
      return yield* TransferError.make({ detail: `no acknowledgement for ${patience} ms` })
    }
    for (const sending of window.due(now)) {
      const bytes = window.bytes(sending.number)
      yield* Datagram.send(socket, encode({ type: "data", transfer, bytes, ...sending }))
    }
    const came = yield* Effect.timeoutOption(Datagram.receive(socket), Math.min(left, window.deadline - now))
    if (Option.isNone(came)) continue
    const segment = decode(came.value.payload)
    if (segment?.type !== "acknowledgement" || segment.transfer !== transfer) continue
    window.acknowledged(segment, yield* Clock.currentTimeMillis)
    // It may be lost: then the receiver stays for as long as there might be a question.
    if (window.isDone) return yield* Datagram.send(socket, encode({ type: "bye", transfer }))
  }
})

/**
 * Receives what the first sender that comes has to send, at most `maxBytes` (default 64 MiB). What is sent again because
 * the last acknowledgements were lost is answered until the sender says bye or is silent for longer than it would wait;
 * for this the socket's scope must stay, so wait for `answered` before you close it.
 */
export const receive = Effect.fnUntraced(function* (
  socket: Datagram.Socket,
  maxBytes = 64 * 1024 * 1024
): Effect.fn.Return<
  { readonly data: Uint8Array; readonly answered: Effect.Effect<void> },
  NetworkError | TransferError,
  Scope.Scope
> {
  const window = new ReceiveWindow()
  let peer: { readonly from: string; readonly transfer: number } | undefined
  /** Takes one datagram, and answers it. Whether the sender has said bye. */
  const next = Effect.gen(function* () {
    const { from, payload } = yield* Datagram.receive(socket)
    const segment = decode(payload)
    const name = NetAddress.formatSocketAddress(from)
    if (segment === undefined || segment.type === "acknowledgement") return false
    // A transfer begins within its first window, as random bytes hardly do.
    if (peer === undefined && segment.type === "data" && segment.number < windowSize) {
      peer = { from: name, transfer: segment.transfer }
    }
    if (peer === undefined || peer.from !== name || peer.transfer !== segment.transfer) return false
    if (segment.type === "bye") return true
    window.received(segment.number, segment.bytes)
    if (window.size > maxBytes) return yield* TransferError.make({ detail: `more than ${maxBytes} bytes` })
    const { again, number, transfer } = segment
    const answer = encode({ type: "acknowledgement", transfer, answers: { number, again }, ...window.arrived })
    yield* Datagram.send(socket, answer, from)
    return false
  })
  while (!window.isDone) yield* next
  const { data } = window
  const answer: Effect.Effect<void, NetworkError | TransferError> = Effect.flatMap(
    Effect.timeoutOption(next, patience),
    (isBye) => (Option.getOrElse(isBye, () => true) ? Effect.void : answer)
  )
  const answering = yield* Effect.forkScoped(Effect.ignore(answer))
  return { data, answered: Effect.asVoid(Effect.exit(Fiber.join(answering))) }
})
