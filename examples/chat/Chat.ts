/** A chat over lines: the first one is a name and a room, all others are said there. */
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import { Data, Deferred, Effect, Option, Queue } from "effect"
import type { Member, Rooms } from "./Rooms.ts"

/** Somebody reads slower than the others talk, and is dropped rather than waited for. */
export class TooSlow extends Data.TaggedError("TooSlow")<{ readonly name: string }> {}

/** Lines that may wait for one member, besides what is in its connection's buffers. */
const maxWaiting = 100
const line = { maxBytes: 512 }

/** Texts of strangers end on terminals. */
const printable = (text: string) => text.replaceAll(/\p{Cc}/gu, "")

const inRoom = Effect.fnUntraced(function* (
  rooms: Rooms,
  stream: SocketStream.SocketStream,
  name: string,
  room: string
) {
  const waiting = yield* Queue.bounded<string>(maxWaiting)
  const slow = yield* Deferred.make<never, TooSlow>()
  const member: Member = {
    name,
    tell: (text) => {
      if (!Queue.offerUnsafe(waiting, text)) Deferred.doneUnsafe(slow, Effect.fail(new TooSlow({ name })))
    }
  }
  const refusal = rooms.join(room, member)
  if (refusal !== undefined) return yield* SocketStream.writeLine(stream, refusal)
  yield* Effect.addFinalizer(() => Effect.sync(() => rooms.leave(room, member)))
  const hear = SocketStream.forEachLine(
    stream,
    // The others write what they were told before they are told more: who sends many lines at once drives nobody out.
    (text) =>
      Effect.andThen(
        Effect.sync(() => rooms.say(room, `${name}: ${printable(text)}`)),
        Effect.yieldNow
      ),
    line
  )
  const tell = Effect.forever(Effect.flatMap(Queue.take(waiting), (text) => SocketStream.writeLine(stream, text)))
  yield* Effect.raceAllFirst([hear, tell, Deferred.await(slow)])
})

export const chat = (rooms: Rooms) =>
  Effect.fnUntraced(
    function* (stream: SocketStream.SocketStream) {
      yield* SocketStream.writeLine(stream, "Your name and a room, please.")
      const first = yield* SocketStream.readLine(stream, line)
      const [, name, room] = /^([\w-]{1,20}) ([\w-]{1,20})$/.exec(Option.getOrElse(first, () => "")) ?? []
      if (room === undefined) return yield* SocketStream.writeLine(stream, "Two words of up to 20 letters or digits.")
      yield* inRoom(rooms, stream, name, room)
    },
    Effect.scoped,
    (talk, stream) =>
      Effect.catchReason(talk, "NetworkError", "LineTooLong", () =>
        SocketStream.writeLine(stream, "That was too long.")
      )
  )
