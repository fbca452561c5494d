import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as IdentitySource from "../src/IdentitySource.ts"
import { Network } from "../src/Network.ts"
import type { NetworkError } from "../src/NetworkError.ts"
import * as Server from "../src/Server.ts"
import * as ServerSocket from "../src/ServerSocket.ts"
import * as SocketStream from "../src/SocketStream.ts"
import type * as Tls from "../src/Tls.ts"
import { authority, client, other, server } from "./utils/certificates.ts"
import { live } from "./utils/live.ts"
import { until } from "./utils/plain.ts"
import { echo } from "./utils/serving.ts"

/** A server that shows what the source has, and a client that says whom it saw. */
const serving = Effect.fnUntraced(function* (tls: Tls.ServerOptions) {
  const listener = yield* ServerSocket.listen(0, { tls, lingerTimeout: 100 })
  yield* Server.start(listener, echo, { drainTimeout: 0 })
  const open = (servername: string) =>
    SocketStream.open(listener.address, {
      tls: { ca: authority, servername, rejectUnauthorized: false },
      lingerTimeout: 100
    })
  const seen = (servername = "socket.test") =>
    Effect.scoped(Effect.flatMap(open(servername), SocketStream.handshake)).pipe(
      Effect.map(({ peerSubject }) => peerSubject)
    )
  return { open, seen }
})

const broken: Tls.Identity = { cert: server.cert.slice(0, 200), key: server.key }
const mixed: Tls.Identity = { cert: server.cert, key: other.key }

/** A queue of identities as a stream, and what was reported. */
const followed = Effect.gen(function* () {
  const queue = yield* Queue.make<Tls.Identity>()
  yield* Queue.offer(queue, server)
  const errors: Array<NetworkError> = []
  const source = yield* IdentitySource.fromStream(Stream.fromQueue(queue), {
    onError: (error) => Effect.sync(() => void errors.push(error))
  })
  return { errors, queue, source }
})

describe("an identity that follows a stream", () => {
  live(
    "is what the next handshake shows, by default and by name; open connections go on as they are",
    Effect.gen(function* () {
      const { queue, source } = yield* followed
      const { open, seen } = yield* serving({ identity: source, identities: { "named.test": source } })
      const running = yield* open("socket.test")
      assert.strictEqual(yield* seen(), "CN=socket.test")
      yield* Queue.offer(queue, other)
      yield* until(() => source.current() === other)
      for (const name of ["socket.test", "named.test"]) assert.strictEqual(yield* seen(name), "CN=other.test")
      yield* SocketStream.writeLine(running, "still here")
      assert.deepStrictEqual(yield* SocketStream.readLine(running), Option.some("still here"))
    })
  )

  live(
    "is not taken if it cannot be used: that is reported, and the one before stays until a good one comes",
    Effect.gen(function* () {
      const { errors, queue, source } = yield* followed
      const { seen } = yield* serving({ identity: source })
      yield* Queue.offerAll(queue, [broken, mixed])
      yield* until(() => errors.length === 2)
      assert.deepStrictEqual(
        errors.map(({ reason }) => reason._tag),
        ["Tls", "Tls"]
      )
      assert.strictEqual(yield* seen(), "CN=socket.test")
      yield* Queue.offer(queue, other)
      yield* until(() => source.current() === other)
      assert.strictEqual(yield* seen(), "CN=other.test")
    })
  )

  live(
    "stays when the stream ends, and its failure is reported",
    Effect.gen(function* () {
      const errors: Array<string> = []
      const source = yield* IdentitySource.fromStream(Stream.concat(Stream.make(server), Stream.fail("gone")), {
        onError: (error) => Effect.sync(() => void errors.push(String(error)))
      })
      yield* until(() => errors.length === 1)
      assert.deepStrictEqual(errors, ["gone"])
      assert.strictEqual(source.current(), server)
      assert.strictEqual((yield* IdentitySource.fromStream(Stream.make(server, other))).current().cert.length > 0, true)
    })
  )

  live(
    "fails at once without a first one that can be used",
    Effect.gen(function* () {
      for (const [stream, text] of [
        [Stream.empty, "tls identity: TLS: the stream has no identity (NO_IDENTITY)"],
        [Stream.make(mixed), "tls identity: TLS: "],
        [Stream.fail({ message: "no answer" }), "no answer"]
      ] as ReadonlyArray<readonly [Stream.Stream<Tls.Identity, { readonly message: string }>, string]>) {
        const error = yield* Effect.flip(IdentitySource.fromStream(stream))
        assert.isTrue(error.message.startsWith(text), error.message)
      }
    })
  )
})

describe("an identity that is asked for", () => {
  live(
    "is asked for again and again; a failure leaves it as it was",
    Effect.gen(function* () {
      const answers: Array<Effect.Effect<Tls.Identity, string>> = [
        Effect.succeed(server),
        Effect.fail("no answer"),
        Effect.succeed(mixed),
        Effect.succeed(client)
      ]
      const errors: Array<string> = []
      const source = yield* IdentitySource.fromEffect(
        Effect.suspend(() => answers.shift() ?? Effect.succeed(client)),
        { every: 5, onError: (error) => Effect.sync(() => void errors.push(String(error))) }
      )
      assert.strictEqual(source.current(), server)
      yield* until(() => source.current() === client)
      assert.strictEqual(errors.length, 2)
      assert.strictEqual(errors[0], "no answer")
    })
  )

  live(
    "fails at once with what cannot be meant, or cannot be had",
    Effect.gen(function* () {
      const late = yield* Effect.flip(IdentitySource.fromEffect(Effect.succeed(server), { every: NaN }))
      assert.strictEqual(
        late.message,
        "tls identity: every is NaN, and must be a duration of more than 0, or Infinity for none"
      )
      assert.strictEqual(yield* Effect.flip(IdentitySource.fromEffect(Effect.fail("no answer"))), "no answer")
    })
  )
})

describe("a source of one's own", () => {
  live(
    "that throws, or gives what cannot be used, leaves the identity before in place",
    Effect.gen(function* () {
      let answer: () => Tls.Identity = () => server
      const { seen } = yield* serving({ identity: { current: () => answer() } })
      const { error } = console
      console.error = () => {}
      yield* Effect.addFinalizer(() => Effect.sync(() => (console.error = error)))
      for (const next of [
        () => mixed,
        () => {
          throw new Error("slip")
        }
      ]) {
        answer = next
        assert.strictEqual(yield* seen(), "CN=socket.test")
      }
      answer = () => other
      assert.strictEqual(yield* seen(), "CN=other.test")
      assert.isDefined((yield* Network).checkTls)
    })
  )
})
