/** Ports: accepting, serving and stopping. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Server from "../../Server.ts"
import * as ServerSocket from "../../ServerSocket.ts"
import * as SocketStream from "../../SocketStream.ts"
import {
  blocked,
  type Checks,
  ensure,
  eventually,
  type Factory,
  failsWith,
  interrupted,
  isCut,
  pattern,
  receive,
  same,
  smallMark,
  soon,
  start
} from "./Kit.ts"
import * as Ways from "./Ways.ts"

const ping = Effect.fnUntraced(function* (stream: SocketStream.SocketStream, line: string) {
  yield* SocketStream.writeLine(stream, line)
  yield* same(yield* soon(SocketStream.readLine(stream), "the echo"), Option.some(line), "the echo")
})

/** A check of a transport that has ports. */
const onPort =
  <R>(
    check: (
      server: NonNullable<Factory<R>["server"]>,
      factory: Factory<R>
    ) => Effect.Effect<void, unknown, R | Scope.Scope>
  ) =>
  (factory: Factory<R>): Effect.Effect<void, unknown, R | Scope.Scope> =>
    factory.server === undefined ? Effect.void : check(factory.server, factory)

const quiet: Server.Options = { onError: () => Effect.void }

/** For ends that do not wait for each other. */
const brief = { lingerTimeout: 100 }

export const checks = <R>(): Checks<R> => ({
  "accept gives connections in their order, also those that came before": onPort(({ listen, open }) =>
    Effect.gen(function* () {
      const port = yield* listen(brief)
      for (const name of ["one", "two", "three"]) {
        yield* SocketStream.writeLine(yield* open(port, brief), name)
        yield* Effect.sleep(20)
      }
      for (const name of ["one", "two", "three"]) {
        const stream = yield* soon(ServerSocket.accept(port), "accept")
        yield* same(yield* SocketStream.readLine(stream), Option.some(name), "who came")
        yield* SocketStream.endWrite(stream)
      }
    })
  ),

  "acceptWithin gives none when nobody comes, and somebody who comes in time": onPort(({ listen, open }) =>
    Effect.gen(function* () {
      const port = yield* listen(brief)
      for (const time of [0, 1, 20]) {
        yield* same(yield* soon(ServerSocket.acceptWithin(port, time), "acceptWithin"), Option.none(), "nobody")
      }
      const waiting = yield* blocked(ServerSocket.acceptWithin(port, 5000), "acceptWithin")
      const client = yield* open(port, brief)
      yield* ensure(Option.isSome(yield* Fiber.join(waiting)), "acceptWithin gave none though somebody came")
      yield* SocketStream.reset(client)
    })
  ),

  "an accept that is interrupted around the moment of a connection loses none": onPort(({ listen, open }) =>
    Effect.gen(function* () {
      const port = yield* listen({})
      for (let round = 0; round < 40; round++) {
        const accepting = yield* start(ServerSocket.accept(port))
        const client = yield* open(port, {})
        for (let turn = 0; turn < round % 5; turn++) yield* Effect.yieldNow
        yield* interrupted(accepting, "accept")
        const exit = yield* Fiber.await(accepting)
        const stream = Exit.isSuccess(exit) ? exit.value : yield* soon(ServerSocket.accept(port), "the next accept")
        yield* SocketStream.writeLine(client, String(round))
        yield* same(yield* SocketStream.readLine(stream), Option.some(String(round)), "the round")
        yield* Effect.all([SocketStream.reset(client), SocketStream.reset(stream)])
      }
      yield* same(yield* ServerSocket.acceptWithin(port, 0), Option.none(), "connections left over")
    })
  ),

  "the queue is bounded, and whoever finds it full is refused and counted": onPort(({ listen, open }, factory) =>
    Effect.gen(function* () {
      const port = yield* listen({ ...brief, queue: 2 })
      const clients = yield* Effect.forEach([1, 2, 3, 4], () =>
        Effect.tap(Effect.option(open(port, brief)), () => Effect.sleep(20))
      )
      yield* eventually(
        Effect.sync(() => port.refused),
        2,
        "connections refused"
      )
      for (const client of clients.slice(2)) {
        if (Option.isSome(client)) yield* isCut(factory, SocketStream.readAll(client.value), "a refused connection")
      }
      for (const client of clients.slice(0, 2)) {
        const stream = yield* soon(ServerSocket.accept(port), "accept")
        yield* SocketStream.reset(stream)
        yield* ensure(Option.isSome(client), "a connection that found a place was refused")
      }
    })
  ),

  "a closed port refuses, fails accept with Closed, and leaves accepted connections alone": onPort(({ listen, open }) =>
    Effect.gen(function* () {
      const port = yield* listen(brief)
      const client = yield* open(port, brief)
      const stream = yield* soon(ServerSocket.accept(port), "accept")
      const accepting = yield* blocked(ServerSocket.accept(port), "accept")
      yield* ServerSocket.close(port)
      yield* ServerSocket.close(port)
      yield* soon(failsWith(Fiber.join(accepting), ["Closed"], "a waiting accept"), "accept")
      yield* failsWith(ServerSocket.accept(port), ["Closed"], "a later accept")
      yield* failsWith(open(port, brief), ["ConnectionRefused", "AddressNotAvailable"], "open")
      yield* SocketStream.writeLine(client, "still here")
      yield* same(yield* SocketStream.readLine(stream), Option.some("still here"), "a line")
      yield* SocketStream.endWrite(stream)
    })
  ),

  "a handler's success is the end of input for its peer, after everything that it wrote": onPort(({ listen, open }) =>
    Effect.gen(function* () {
      const reply = pattern(1_000_000)
      const port = yield* listen({})
      yield* Server.start(port, (stream) => SocketStream.write(stream, reply))
      const client = yield* open(port, { highWaterMark: smallMark })
      yield* start(Effect.exit(SocketStream.write(client, new Uint8Array(300_000))))
      yield* receive(client, reply)
    })
  ),

  "a handler's failure, defect or interruption is a reset for its peer, and nobody else's": onPort(
    ({ listen, open }, factory) =>
      Ways.each(Ways.ofLines, (way) =>
        Effect.gen(function* () {
          const outcomes: Record<string, Effect.Effect<void, string>> = {
            failure: Effect.fail("no"),
            defect: Effect.die("no"),
            interruption: Effect.interrupt
          }
          const handler: Server.Handler = (stream) =>
            way(stream, (line) => outcomes[line] ?? SocketStream.writeLine(stream, line))
          // With two permits all but the first of them have to wait for the end of the one before.
          for (const maxConnections of [undefined, 2]) {
            const port = yield* listen({})
            yield* Server.start(port, handler, { ...quiet, maxConnections })
            const neighbour = yield* open(port, {})
            yield* ping(neighbour, "hello")
            const clients = yield* Effect.forEach(Object.keys(outcomes), (name) =>
              Effect.tap(open(port, {}), (client) => SocketStream.writeLine(client, name))
            )
            for (const client of clients) {
              yield* soon(isCut(factory, SocketStream.readAll(client), "the peer"), "the peer")
            }
            yield* ping(neighbour, "still here")
          }
        }).pipe(Effect.scoped)
      )
  ),

  "no more handlers run at once than maxConnections, and the rest wait their turn": onPort(({ listen, open }) =>
    Ways.each(Ways.ofLines, (way) =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const count = { running: 0, most: 0 }
        const handler: Server.Handler = (stream) =>
          Effect.suspend(() => {
            count.most = Math.max(count.most, ++count.running)
            return Effect.ensuring(
              way(stream, (line) => Effect.andThen(Deferred.await(gate), SocketStream.writeLine(stream, line))),
              Effect.sync(() => count.running--)
            )
          })
        const port = yield* listen(brief)
        const server = yield* Server.start(port, handler, { maxConnections: 2 })
        const asking = yield* Effect.forEach(["one", "two", "three", "four", "five"], (name) =>
          Effect.flatMap(open(port, brief), (client) =>
            start(Effect.andThen(ping(client, name), SocketStream.endWrite(client)))
          )
        )
        yield* eventually(server.connections, 2, "handlers")
        yield* Deferred.succeed(gate, undefined)
        for (const fiber of asking) yield* soon(Fiber.join(fiber), "who waited")
        yield* same(count.most, 2, "handlers at once")
        yield* eventually(server.connections, 0, "handlers at the end")
      }).pipe(Effect.scoped)
    )
  ),

  "stop refuses at once, ends who is idle, waits for who is in use, resets the rest, and its report adds up": onPort(
    ({ listen, open }, factory) =>
      Ways.each(Ways.ofLines, (way) =>
        Effect.gen(function* () {
          const handler: Server.Handler = (stream) =>
            way(
              stream,
              Effect.fnUntraced(function* (line) {
                if (line === "busy") {
                  yield* Effect.sleep(200)
                  return yield* SocketStream.writeLine(stream, "done")
                }
                yield* SocketStream.writeLine(stream, "here")
                if (line === "stuck") return yield* Effect.never
              })
            )
          const port = yield* listen(brief)
          const server = yield* Server.start(port, handler, { ...quiet, drainTimeout: 1000 })
          const clients = yield* Effect.forEach(["idle", "busy", "stuck"], (name) =>
            Effect.tap(open(port, brief), (client) => SocketStream.writeLine(client, name))
          )
          const [idle, busy, stuck] = clients
          for (const client of [idle, stuck]) {
            yield* same(yield* SocketStream.readLine(client), Option.some("here"), "the greeting")
          }
          yield* eventually(server.connections, 3, "handlers")
          const stopping = yield* start(server.stop)
          yield* failsWith(open(port, brief), ["ConnectionRefused", "AddressNotAvailable"], "open while it stops")
          yield* same(yield* SocketStream.readLine(idle), Option.none(), "the idle connection")
          yield* same(yield* SocketStream.readLine(busy), Option.some("done"), "the answer of the one in use")
          yield* same(yield* SocketStream.readLine(busy), Option.none(), "the one in use, after its answer")
          yield* isCut(factory, SocketStream.readAll(stuck), "the one that is stuck")
          yield* same(yield* soon(Fiber.join(stopping), "stop"), { drained: 2, aborted: 1 }, "the report")
          yield* same(yield* server.stop, { drained: 2, aborted: 1 }, "the report again")
          yield* failsWith(server.await, ["Closed"], "await")
        }).pipe(Effect.scoped)
      )
  ),

  "a server leaves nothing behind": onPort(({ listen, open }, { openHandles }) =>
    Effect.gen(function* () {
      if (openHandles === undefined) return
      const round = Effect.gen(function* () {
        for (const way of Object.values(Ways.ofLines)) {
          const handler: Server.Handler = (stream) => way(stream, (line) => SocketStream.writeLine(stream, line))
          const port = yield* listen({})
          // Two more wait in the queue until the first two have left.
          yield* Server.start(port, handler, { ...quiet, drainTimeout: 100, maxConnections: 2 })
          const clients = yield* Effect.forEach([1, 2, 3, 4], () => open(port, { lingerTimeout: 100 }))
          for (const [index, client] of clients.entries()) {
            yield* ping(client, "hello")
            if (index === 0) yield* SocketStream.reset(client)
            if (index === 1) yield* SocketStream.endWrite(client)
          }
        }
      })
      // What a transport sets up once is not what a server leaves.
      yield* Effect.scoped(round)
      yield* Effect.sleep(50)
      const before = yield* openHandles
      for (let i = 0; i < 3; i++) yield* Effect.scoped(round)
      yield* eventually(openHandles, before, "what is held")
    })
  )
})
