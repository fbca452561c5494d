/**
 * Several processes that serve one port.
 *
 * Each listens on it for itself (SO_REUSEPORT): the kernel spreads connections over them, and no connection passes
 * through this process. It starts them, replaces those that die, writes their logs as one, and stops them.
 */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import type * as Scope from "effect/Scope"
import * as NodeOutput from "../output.ts"
import * as Metrics from "./metrics.ts"
import type { Settings } from "./settings.ts"
import type { Place, Site } from "./site.ts"
import { spawn, type Worker, type WorkerError } from "./workerProcess.ts"

/** Workers that were started in the place of one that died. */
const replaced = Metric.counter("http09_workers_replaced", {
  description: "Workers that were started in the place of one that died",
  incremental: true
})

/** The first wait before a worker is replaced, and the longest: each death soon after the start doubles it. */
const shortestWait = 100
const longestWait = 10_000

/** A worker that has served so long was sound: its successor is started as if it were the first to die. */
const soundAfter = 10_000

/** How long to wait after so many early deaths in a row. */
export const waitAfter = (deaths: number): number => Math.min(longestWait, shortestWait * 2 ** deaths)

/** Several processes. `connections` and `cut` are those of all. */
export interface Workers extends Pick<Site, "connections" | "cut"> {
  /** The metrics of all, each sample labelled with its worker. */
  readonly metrics: Effect.Effect<string>
  /** Serves until it is told to stop, and drains all: how many connections they had to cut. */
  readonly serve: Effect.Effect<number, NetworkError | WorkerError>
}

/**
 * Finds out whether the port is free, which it is, and on which addresses.
 *
 * A port that was asked for is opened alone, so that one that others serve already is an error, and closed again: until
 * the workers listen, clients are refused. One that the system chose is kept until then, lest it goes to somebody else;
 * nobody knows of it yet.
 */
const take = (
  targets: ReadonlyArray<ServerSocket.Target>,
  port: number
): Effect.Effect<
  { readonly addresses: ReadonlyArray<NetAddress.SocketAddress>; readonly release: Effect.Effect<void> },
  NetworkError,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const kept = port === 0
    const socket = yield* ServerSocket.listenAll(targets, { reusePort: kept, ipv6Only: false })
    const release = ServerSocket.close(socket)
    if (!kept) yield* release
    return { addresses: socket.addresses, release }
  }).pipe(Effect.provide([NodeNetwork.layer, NodeResolver.layer]))

/** Several processes for the settings. */
export const make = (settings: Settings, { started, stop, targets }: Place): Workers => {
  const numbers = Array.from({ length: settings.workers }, (_, index) => index + 1)
  const listening = numbers.map(() => Deferred.makeUnsafe<void>())
  const current = new Map<number, Worker>()
  let cutAtStop = 0

  /** One worker's life: how it ended, after how many milliseconds. */
  const life = (worker: number, addresses: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const process = yield* spawn({
        start: { _tag: "Start", worker, settings, addresses },
        drain: settings.drainTimeout,
        onCut: (connections) => {
          cutAtStop += connections
        }
      })
      yield* process.listening
      const began = yield* Clock.currentTimeMillis
      current.set(worker, process)
      yield* Deferred.succeed(listening[worker - 1], undefined)
      const how = yield* process.ended
      return { how, lived: (yield* Clock.currentTimeMillis) - began }
    }).pipe(Effect.scoped, Effect.ensuring(Effect.sync(() => current.delete(worker))))

  /** Keeps one worker alive. Only its first start may fail. */
  const keep = Effect.fnUntraced(function* (
    worker: number,
    addresses: ReadonlyArray<string>
  ): Effect.fn.Return<never, WorkerError> {
    let { how, lived } = yield* life(worker, addresses)
    let deaths = 0
    while (true) {
      deaths = lived >= soundAfter ? 0 : deaths
      yield* Effect.sleep(waitAfter(deaths))
      deaths++
      yield* NodeOutput.tell(`http09: worker ${worker} ${how}; another takes its place`)
      yield* Metric.update(replaced, 1)
      const next = life(worker, addresses)
      ;({ how, lived } = yield* Effect.catch(next, ({ how }) => Effect.succeed({ how, lived: 0 })))
    }
  })

  const metrics = Effect.suspend(() =>
    Effect.all([Metrics.format, ...numbers.map((worker) => current.get(worker)?.metrics ?? Effect.succeed(""))], {
      concurrency: "unbounded"
    })
  ).pipe(Effect.map(Metrics.merge))

  const serve = Effect.gen(function* () {
    const { addresses, release } = yield* take(targets, settings.port)
    const texts = addresses.map(NetAddress.formatSocketAddress)
    yield* Metric.update(replaced, 0)
    const kept = yield* Effect.forkChild(
      Effect.forEach(numbers, (worker) => keep(worker, texts), { concurrency: "unbounded", discard: true })
    )
    const all = Effect.forEach(listening, Deferred.await, { discard: true }).pipe(
      Effect.andThen(release),
      Effect.andThen(started(addresses))
    )
    yield* Effect.raceAllFirst([Fiber.join(kept), stop, Effect.andThen(all, Effect.never)]).pipe(
      // Waits until every worker has drained and ended.
      Effect.ensuring(Fiber.interrupt(kept))
    )
    return cutAtStop
  }).pipe(Effect.scoped)

  const cut = Effect.suspend(() =>
    Effect.forEach(current.values(), (worker) => worker.cut, { concurrency: "unbounded", discard: true })
  )

  const connections = Effect.suspend(() =>
    Effect.all(
      Array.from(current.values(), (worker) => worker.connections),
      { concurrency: "unbounded" }
    )
  ).pipe(Effect.map((all) => all.flat()))

  return { metrics, serve, cut, connections }
}
