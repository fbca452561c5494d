/** A small reliable transfer over datagrams: stop-and-wait, as in TFTP (RFC 1350). */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Datagram from "../../src/Datagram.ts"
import { NetworkError } from "../../src/NetworkError.ts"

/** A block's number, then up to so many bytes; a shorter block is the last one. */
export const blockSize = 100

const frame = (number: number, data: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(4 + data.length)
  new DataView(bytes.buffer).setUint32(0, number)
  bytes.set(data, 4)
  return bytes
}

const numberOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)

/** Waits for the acknowledgement of a block. Those of earlier blocks, late or doubled, are passed over. */
const acknowledged = (socket: Datagram.Socket, number: number): Effect.Effect<void, NetworkError> =>
  Effect.flatMap(Datagram.receive(socket), ({ payload }) =>
    numberOf(payload) === number ? Effect.void : acknowledged(socket, number)
  )

const patience = "200 millis"
const tries = 30

/** Sends a text block by block, each again until it is acknowledged. */
export const sendAll = Effect.fnUntraced(function* (socket: Datagram.Socket, data: Uint8Array) {
  for (let number = 0; number * blockSize <= data.length; number++) {
    const block = frame(number, data.subarray(number * blockSize, (number + 1) * blockSize))
    const attempt = Effect.andThen(
      Datagram.send(socket, block),
      Effect.timeoutOption(acknowledged(socket, number), patience)
    )
    let isThere = false
    for (let left = tries; !isThere && left > 0; left--) isThere = Option.isSome(yield* attempt)
    if (!isThere) return yield* Effect.fail("nobody answers")
  }
})

/** Receives a text, acknowledges each block, and for a while answers those that come again: the last answer may be lost. */
export const receiveAll = Effect.fnUntraced(function* (socket: Datagram.Socket) {
  const blocks: Array<Uint8Array> = []
  const next = Effect.gen(function* () {
    const { from, payload } = yield* Datagram.receive(socket)
    const number = numberOf(payload)
    if (number > blocks.length) return false
    yield* Datagram.send(socket, frame(number, new Uint8Array(0)), from)
    if (number < blocks.length) return false
    blocks.push(payload.slice(4))
    return payload.length < 4 + blockSize
  })
  while (!(yield* next));
  yield* Effect.timeoutOption(Effect.forever(next), "10 seconds")
  return Buffer.concat(blocks)
})
