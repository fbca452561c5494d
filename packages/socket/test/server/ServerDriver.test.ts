import { assert, describe } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Codec from "../../src/Codec.ts"
import type * as Server from "../../src/Server.ts"
import * as SocketStream from "../../src/SocketStream.ts"
import { live } from "../utils/live.ts"
import { type PlainPeer, until } from "../utils/plain.ts"
import { endOf, handling, ping, serving } from "../utils/serving.ts"

type Answer = (line: string, stream: SocketStream.SocketStream) => Effect.Effect<unknown, unknown, Scope.Scope>

const driver =
  (answer: Answer): Server.Handler<Scope.Scope> =>
  (stream) =>
    SocketStream.forEachLine(stream, (line) => answer(line, stream))

/** The peer says something, is reset for it, and `onError` hears why, once. */
const isReset = (handler: Server.Handler<Scope.Scope>, told: string | RegExp, says: (peer: PlainPeer) => unknown) =>
  Effect.gen(function* () {
    const heard: Array<string> = []
    const { connect, server } = yield* serving(handler, {
      onError: (cause) =>
        Effect.sync(() =>
          heard.push(
            Cause.prettyErrors(cause)
              .map(({ message }) => message)
              .join(" ")
          )
        )
    })
    const peer = yield* connect()
    says(peer)
    assert.strictEqual(yield* endOf(peer), "RST")
    yield* handling(server, 0)
    assert.strictEqual(heard.length, 1)
    if (typeof told === "string") assert.strictEqual(heard[0], told)
    else assert.match(heard[0], told)
  })

/** The connection breaks while the effect of the first line runs: it hears of it, releases what it has, and nobody is told. */
const isInterrupted = (
  handler: (answer: () => Effect.Effect<unknown, never, Scope.Scope>) => Server.Handler<Scope.Scope>
) =>
  Effect.gen(function* () {
    const heard: Array<string> = []
    const note = (text: string) => Effect.sync(() => heard.push(text))
    const { connect, server } = yield* serving(
      handler(() =>
        Effect.andThen(
          Effect.addFinalizer((exit) => note(`released after ${exit._tag}`)),
          Effect.onInterrupt(Effect.andThen(note("runs"), Effect.never), () => note("interrupted"))
        )
      ),
      { onError: () => note("reported") }
    )
    const peer = yield* connect()
    peer.socket.write("hello\n")
    yield* until(() => heard.length === 1)
    peer.socket.resetAndDestroy()
    yield* handling(server, 0)
    assert.deepStrictEqual(heard, ["runs", "interrupted", "released after Failure"])
  })

/** The driver alone needs no fiber; as a part of something else it has one. Nobody can tell. */
const ways: ReadonlyArray<readonly [string, (answer: Answer) => Server.Handler<Scope.Scope>]> = [
  ["is a driver", driver],
  ["runs a driver", (answer) => (stream) => Effect.suspend(() => driver(answer)(stream))]
]

for (const [way, handler] of ways) {
  describe(`a handler that ${way}`, () => {
    live(
      "keeps what its effects acquired until the connection ends, and releases it before its place is free",
      Effect.gen(function* () {
        const heard: Array<string> = []
        let connections: Effect.Effect<number> = Effect.succeed(0)
        const release = (line: string) => (exit: Exit.Exit<unknown, unknown>) =>
          Effect.flatMap(
            Effect.suspend(() => connections),
            (count) => Effect.sync(() => heard.push(`${line} ${exit._tag} ${count}`))
          )
        const { connect, server } = yield* serving(
          handler((line, stream) =>
            Effect.andThen(Effect.addFinalizer(release(line)), SocketStream.writeLine(stream, line))
          )
        )
        connections = server.connections
        const peer = yield* connect()
        yield* ping(peer, "one")
        yield* ping(peer, "two")
        assert.deepStrictEqual(heard, [])
        peer.socket.end()
        assert.strictEqual(yield* endOf(peer), "FIN")
        yield* handling(server, 0)
        assert.deepStrictEqual(heard, ["two Success 1", "one Success 1"])
      })
    )

    live(
      "ends the fibers that its effects forked into its scope",
      Effect.gen(function* () {
        const forked: Array<Fiber.Fiber<unknown>> = []
        const { connect, server } = yield* serving(
          handler((line, stream) =>
            Effect.andThen(
              Effect.tap(Effect.forkScoped(Effect.never), (fiber) => Effect.sync(() => forked.push(fiber))),
              SocketStream.writeLine(stream, line)
            )
          )
        )
        const peer = yield* connect()
        yield* ping(peer, "one")
        assert.strictEqual(forked[0].pollUnsafe(), undefined)
        peer.socket.end()
        yield* handling(server, 0)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(forked[0])))
      })
    )

    const faults: ReadonlyArray<readonly [string, Answer, string]> = [
      ["an effect fails", () => Effect.fail("no"), "no"],
      ["an effect dies", () => Effect.die("no"), "no"],
      ["what makes the effect throws", () => assert.fail("slip"), "slip"],
      ["a finalizer dies", () => Effect.addFinalizer(() => Effect.die("late")), "late"],
      [
        "an effect fails and a finalizer dies",
        () =>
          Effect.andThen(
            Effect.addFinalizer(() => Effect.die("late")),
            Effect.fail("no")
          ),
        "no late"
      ]
    ]
    for (const [what, answer, told] of faults) {
      live(
        `is reset and reported when ${what}, once`,
        isReset(handler(answer), told, (peer) => {
          peer.socket.write("hello\n")
          if (what === "a finalizer dies") peer.socket.end()
        })
      )
    }

    live("is interrupted, with the effect that runs, when its connection breaks", isInterrupted(handler))

    live(
      "gets the time of a finalizer that waits before its place is free",
      Effect.gen(function* () {
        let isReleased = false
        const { connect, server } = yield* serving(
          handler(() =>
            Effect.addFinalizer(() =>
              Effect.andThen(
                Effect.sleep(30),
                Effect.sync(() => (isReleased = true))
              )
            )
          )
        )
        const peer = yield* connect()
        peer.socket.end("hello\n")
        yield* handling(server, 1)
        yield* handling(server, 0)
        assert.isTrue(isReleased)
        assert.strictEqual(yield* endOf(peer), "FIN")
      })
    )

    live(
      "ends with FIN between two messages when the server stops, and is cut in the middle of an effect",
      Effect.gen(function* () {
        let isBusy = false
        const wait = Effect.andThen(
          Effect.sync(() => (isBusy = true)),
          Effect.never
        )
        const { connect, server } = yield* serving(
          handler((line, stream) => (line === "wait" ? wait : SocketStream.writeLine(stream, line))),
          { drainTimeout: 50 }
        )
        const idle = yield* connect()
        const busy = yield* connect()
        yield* ping(idle, "one")
        yield* ping(busy, "one")
        busy.socket.write("wait\n")
        yield* until(() => isBusy)
        assert.deepStrictEqual(yield* server.stop, { drained: 1, aborted: 1 })
        assert.strictEqual(yield* endOf(idle), "FIN")
        assert.strictEqual(yield* endOf(busy), "RST")
      })
    )

    live(
      "gives its place back when it throws instead of giving an effect, also after it was stopped by that very call",
      Effect.gen(function* () {
        let abort: Effect.Effect<unknown> = Effect.void
        const runFork = Effect.runForkWith(yield* Effect.context())
        const { connect, server } = yield* serving(
          handler((line) => {
            if (line === "abort") runFork(abort)
            throw new Error("slip")
          }),
          { onError: () => Effect.void }
        )
        abort = server.abort
        const [first, second] = [yield* connect(), yield* connect()]
        first.socket.write("throw\n")
        assert.strictEqual(yield* endOf(first), "RST")
        yield* handling(server, 1)
        second.socket.write("abort\n")
        assert.strictEqual(yield* endOf(second), "RST")
        yield* server.abort
        yield* Effect.timeoutOption(handling(server, 0), 500)
        assert.strictEqual(yield* server.connections, 0)
      })
    )

    live(
      "may end itself from within its effect",
      Effect.gen(function* () {
        const { connect, server } = yield* serving(handler((_, stream) => SocketStream.reset(stream)))
        const peer = yield* connect()
        peer.socket.write("hello\n")
        assert.strictEqual(yield* endOf(peer), "RST")
        yield* handling(server, 0)
      })
    )
  })
}

type AnswerOne = (
  frame: Option.Option<string>,
  stream: SocketStream.SocketStream
) => Effect.Effect<unknown, unknown, Scope.Scope>

const one =
  (answer: AnswerOne): Server.Handler<Scope.Scope> =>
  (stream) =>
    SocketStream.withFrame(stream, Codec.line({ maxBytes: 8 }), (frame) => answer(frame, stream))

const onesWays: ReadonlyArray<readonly [string, (answer: AnswerOne) => Server.Handler<Scope.Scope>]> = [
  ["is withFrame", one],
  ["runs withFrame", (answer) => (stream) => Effect.suspend(() => one(answer)(stream))]
]

const said = Option.getOrElse(() => "nothing")

for (const [way, handler] of onesWays) {
  describe(`a handler that ${way}`, () => {
    live(
      "answers the first frame, or the end of input, and ends with FIN",
      Effect.gen(function* () {
        const { connect, server } = yield* serving(handler((frame, stream) => SocketStream.write(stream, said(frame))))
        const [talks, ends, slow] = [yield* connect(), yield* connect(), yield* connect()]
        talks.socket.write("one\ntwo\n")
        ends.socket.end()
        slow.socket.write("o")
        assert.deepStrictEqual([yield* endOf(talks), yield* endOf(ends)], ["FIN", "FIN"])
        slow.socket.write("ne\n")
        assert.strictEqual(yield* endOf(slow), "FIN")
        assert.deepStrictEqual([talks.size, ends.size, slow.size], [3, 7, 3])
        yield* handling(server, 0)
      })
    )

    const faults: ReadonlyArray<readonly [string, string, AnswerOne, string | RegExp]> = [
      ["its effect fails", "hello\n", () => Effect.fail("no"), "no"],
      ["its effect fails later", "hello\n", () => Effect.andThen(Effect.sleep(5), Effect.fail("no")), "no"],
      ["its effect dies", "hello\n", () => Effect.die("no"), "no"],
      ["what makes the effect throws", "hello\n", () => assert.fail("slip"), "slip"],
      ["the frame is too long", "hello, hello\n", () => Effect.void, /no end of line/]
    ]
    for (const [what, sent, answer, told] of faults) {
      live(
        `is reset and reported when ${what}, once`,
        isReset(handler(answer), told, (peer) => peer.socket.write(sent))
      )
    }

    live(
      "is stopped with FIN while it waits for its frame, and has the time of the drain for its answer",
      Effect.gen(function* () {
        let isBusy = false
        const { connect, server } = yield* serving(
          handler((frame, stream) =>
            Effect.gen(function* () {
              isBusy = true
              yield* Effect.sleep(50)
              yield* SocketStream.write(stream, said(frame))
            })
          )
        )
        const [waits, asks] = [yield* connect(), yield* connect()]
        asks.socket.write("hello\n")
        yield* until(() => isBusy)
        const stopping = yield* Effect.forkChild(server.stop)
        assert.deepStrictEqual([yield* endOf(waits), yield* endOf(asks)], ["FIN", "FIN"])
        assert.deepStrictEqual([waits.size, asks.size], [0, 5])
        assert.deepStrictEqual(yield* Fiber.join(stopping), { drained: 2, aborted: 0 })
      })
    )

    live(
      "is interrupted with its effect when the connection breaks, and releases what that acquired",
      isInterrupted(handler)
    )
  })
}

describe("a handler that throws instead of giving an effect", () => {
  live(
    "costs its own connection, and is reported",
    Effect.gen(function* () {
      const heard: Array<unknown> = []
      const { connect, server } = yield* serving(() => assert.fail("slip"), {
        onError: (cause) => Effect.sync(() => heard.push(Cause.prettyErrors(cause)[0].message))
      })
      assert.strictEqual(yield* Effect.orElseSucceed(Effect.flatMap(connect(), endOf), () => "RST" as const), "RST")
      yield* handling(server, 0)
      yield* until(() => heard.length === 1)
      assert.deepStrictEqual(heard, ["slip"])
    })
  )
})
