/**
 * Several processes that serve one port.
 *
 * Each has a socket of its own (SO_REUSEPORT): the kernel spreads connections over them, and no connection passes
 * through this process. It opens these sockets and keeps them without accepting, so that a worker that is replaced leaves
 * its queue to the next. It starts workers, replaces those that die, writes their logs as one, and stops them.
 */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as NodeOutput from "../output.ts"
import * as Metrics from "./metrics.ts"
import type { Settings } from "./settings.ts"
import type { Place, Site } from "./site.ts"
import { canHold, Sockets } from "./sockets.ts"
import { addressOf } from "./workerMessages.ts"
import { grace, spawn, type Worker, WorkerError } from "./workerProcess.ts"

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

/** How long a worker may take until it listens, in milliseconds. */
const startTime = 30_000

/** A worker that listens, and the scope that ends it. */
interface Running {
  readonly process: Worker
  readonly scope: Scope.Closeable
  readonly since: number
}

/** What ends a worker's turn. */
type Turn =
  | { readonly _tag: "Ended"; readonly how: string }
  | { readonly _tag: "Leaving" }
  /** Told how it went. */
  | { readonly _tag: "Renew"; readonly done: Deferred.Deferred<void, WorkerError> }

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

/**
 * Several processes for the settings. They share the descriptors that were passed, if any were. With each `renewal` they
 * are replaced, one after the other.
 */
export const make = (
  settings: Settings,
  {
    passed,
    renewal,
    started,
    stop,
    targets
  }: Omit<Place, "handOver"> & { readonly passed: ReadonlyArray<number>; readonly renewal: Effect.Effect<void> }
): Workers => {
  const numbers = Array.from({ length: settings.workers }, (_, index) => index + 1)
  const listening = numbers.map(() => Deferred.makeUnsafe<ReadonlyArray<string>>())
  const renewals = numbers.map(() => Effect.runSync(Queue.unbounded<Turn>()))
  const current = new Map<number, Worker>()
  /** With those that another has replaced, and that drain. */
  const alive = new Set<Worker>()
  let cutAtStop = 0

  /** Starts a worker, and waits until it listens. */
  const begin = Effect.fnUntraced(function* (worker: number, sockets: Sockets, all: Scope.Scope) {
    const scope = yield* Scope.fork(all)
    const process = yield* spawn({
      start: { _tag: "Start", worker, settings },
      descriptors: () => sockets.descriptorsFor(worker),
      drain: settings.drainTimeout,
      onCut: (connections) => {
        cutAtStop += connections
      }
    }).pipe(
      Scope.provide(scope),
      Effect.tap((process) =>
        Effect.map(Effect.timeout(process.listening, startTime), (addresses) => {
          Deferred.doneUnsafe(listening[worker - 1], Exit.succeed(addresses))
        })
      ),
      Effect.catchTag("TimeoutError", () => {
        const how = "did not listen in time"
        return Effect.fail(new WorkerError({ how, message: `worker ${worker} ${how}` }))
      }),
      Effect.onError(() => Scope.close(scope, Exit.void))
    )
    current.set(worker, process)
    alive.add(process)
    yield* Effect.forkIn(
      Effect.andThen(
        process.ended,
        Effect.sync(() => alive.delete(process))
      ),
      all
    )
    return { process, scope, since: yield* Clock.currentTimeMillis }
  })

  /** Keeps one worker alive. Only its first start may fail. */
  const keep = Effect.fnUntraced(function* (
    worker: number,
    sockets: Sockets,
    all: Scope.Scope
  ): Effect.fn.Return<never, WorkerError> {
    const start = begin(worker, sockets, all)
    let running: Running | undefined = yield* start
    let how = ""
    let deaths = 0
    let mayLeave = true
    while (true) {
      if (running === undefined) {
        // Once it may be chance. From then on clients go to the others meanwhile.
        if (deaths > 0) sockets.shut(worker)
        yield* Effect.sleep(waitAfter(deaths))
        deaths++
        yield* NodeOutput.tell(`http09: worker ${worker} ${how}; another takes its place`)
        yield* Metric.update(replaced, 1)
        const next: Result.Result<Running, WorkerError> = yield* Effect.result(start)
        if (Result.isFailure(next)) how = next.failure.how
        else running = next.success
        mayLeave = true
        continue
      }
      const { process, scope, since }: Running = running
      const turn: Turn = yield* Effect.raceAllFirst([
        Effect.map(process.ended, (how): Turn => ({ _tag: "Ended", how })),
        Queue.take(renewals[worker - 1]),
        mayLeave ? Effect.as(process.leaving, { _tag: "Leaving" } as const) : Effect.never
      ])
      if (turn._tag === "Ended") {
        current.delete(worker)
        yield* Scope.close(scope, Exit.void)
        if ((yield* Clock.currentTimeMillis) - since >= soundAfter) deaths = 0
        how = turn.how
        running = undefined
        continue
      }
      const next: Result.Result<Running, WorkerError> = yield* Effect.result(start)
      if (Result.isSuccess(next)) running = next.success
      mayLeave = Result.isSuccess(next)
      if (turn._tag === "Renew") yield* Deferred.complete(turn.done, Effect.asVoid(Effect.fromResult(next)))
      else if (Result.isSuccess(next)) {
        yield* NodeOutput.tell(`http09: worker ${worker} leaves; another has taken its place`)
      }
      if (turn._tag === "Leaving" || Result.isSuccess(next)) {
        yield* process.handOver
        const gone = Effect.timeoutOption(process.ended, settings.drainTimeout + grace)
        if (Result.isSuccess(next)) yield* Effect.forkIn(Effect.andThen(gone, Scope.close(scope, Exit.void)), all)
      }
    }
  })

  /** One after the other, so that no more than one is new to its work. The first that cannot be leaves the rest alone. */
  const renew = Effect.forEach(
    numbers,
    (worker) => {
      const done = Deferred.makeUnsafe<void, WorkerError>()
      return Effect.andThen(Queue.offer(renewals[worker - 1], { _tag: "Renew", done }), Deferred.await(done))
    },
    { discard: true }
  ).pipe(
    Effect.matchEffect({
      onSuccess: () => NodeOutput.tell(`http09: workers replaced: ${settings.workers}`),
      onFailure: ({ message }) => NodeOutput.tell(`http09: ${message}; the old workers serve on`)
    })
  )

  const metrics = Effect.suspend(() =>
    Effect.all([Metrics.format, ...numbers.map((worker) => current.get(worker)?.metrics ?? Effect.succeed(""))], {
      concurrency: "unbounded"
    })
  ).pipe(Effect.map(Metrics.merge))

  const serve = Effect.gen(function* () {
    if (passed.length === 0 && !canHold) {
      const how = `need net.BoundSocket, which Node ${process.versions.node} has not`
      return yield* new WorkerError({ how, message: `workers ${how}` })
    }
    const taken = passed.length > 0 ? { addresses: [], release: Effect.void } : yield* take(targets, settings.port)
    const sockets = yield* Effect.acquireRelease(
      Effect.sync(() => new Sockets(taken.addresses.filter(NetAddress.isInetAddress), passed)),
      (sockets) => Effect.sync(() => sockets.close())
    )
    const all = yield* Scope.make("parallel")
    yield* Metric.update(replaced, 0)
    const kept = yield* Effect.forkChild(
      Effect.forEach(numbers, (worker) => keep(worker, sockets, all), { concurrency: "unbounded", discard: true })
    )
    const begun = Effect.forEach(listening, Deferred.await).pipe(
      Effect.tap(taken.release),
      Effect.tap(([addresses]) => started(addresses.map(addressOf), [])),
      Effect.andThen(Effect.forever(Effect.andThen(renewal, renew)))
    )
    yield* Effect.raceAllFirst([Fiber.join(kept), stop, begun]).pipe(
      // Nobody waits for an answer that does not come: what is left of the ports is the workers'.
      Effect.ensuring(Effect.sync(() => sockets.close())),
      // Waits until every worker has drained and ended.
      Effect.ensuring(Effect.andThen(Fiber.interrupt(kept), Scope.close(all, Exit.void)))
    )
    return cutAtStop
  }).pipe(Effect.scoped)

  const cut = Effect.suspend(() =>
    Effect.forEach(alive, (worker) => worker.cut, { concurrency: "unbounded", discard: true })
  )

  const connections = Effect.suspend(() =>
    Effect.all(
      Array.from(alive, (worker) => worker.connections),
      { concurrency: "unbounded" }
    )
  ).pipe(Effect.map((all) => all.flat()))

  return { metrics, serve, cut, connections }
}
