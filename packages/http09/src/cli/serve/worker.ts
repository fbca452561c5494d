/**
 * One of several processes that serve a port: started by `http09 serve --workers`, told by messages what to do.
 *
 * It drains and ends when it is told to stop, on SIGTERM, and when the process that started it is gone.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as NetAddress from "effect/net/NetAddress"
import * as Runtime from "effect/Runtime"
import * as NodeOutput from "../output.ts"
import { report } from "../complaints.ts"
import { type Answer, type News, type Order } from "./workerMessages.ts"
import * as Metrics from "./metrics.ts"
import { share } from "./settings.ts"
import * as Site from "./site.ts"

const starts = Deferred.makeUnsafe<Extract<Order, { _tag: "Start" }>>()
const stops = Deferred.makeUnsafe<void>()
const handsOver = Deferred.makeUnsafe<void>()

let site: Site.Site | undefined
let isListening = false

const stop = (): void => {
  Deferred.doneUnsafe(stops, Exit.void)
}

/** Resets what is open, so that nobody takes a part for a whole document, and ends. */
const cut = (): void => {
  Effect.runFork(
    Effect.andThen(
      site === undefined ? Effect.void : site.cut,
      Effect.sync(() => process.exit(1))
    )
  )
}

/** Ends when the message has left, or nobody is there to hear it. */
const tell = (news: News): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (process.send === undefined || !process.connected) return resume(Effect.void)
    process.send(news, () => resume(Effect.void))
  })

const answers: Readonly<Record<Answer["_tag"], Effect.Effect<Answer>>> = {
  Metrics: Effect.map(Metrics.format, (text) => ({ _tag: "Metrics", text })),
  Connections: Effect.suspend(() =>
    Effect.map(site === undefined ? Effect.succeed([]) : site.connections, (connections) => ({
      _tag: "Connections",
      connections
    }))
  )
}

process.on("message", (order: Order) => {
  if (order._tag === "Start") Deferred.doneUnsafe(starts, Exit.succeed(order))
  else if (order._tag === "Stop") stop()
  else if (order._tag === "HandOver") Deferred.doneUnsafe(handsOver, Exit.void)
  else if (order._tag === "Cut") cut()
  else
    Effect.runFork(Effect.flatMap(answers[order.question], (answer) => tell({ _tag: "Answer", id: order.id, answer })))
})
// What comes from a terminal reaches all processes; the first one tells the others. A service manager may send SIGTERM to all.
process.on("SIGINT", () => {})
process.on("SIGHUP", () => {})
process.on("SIGUSR2", () => {})
let isLeaving = false
process.on("SIGTERM", () => {
  // The first process has another take its place before this one goes. Who is impatient says so again.
  if (isLeaving || !isListening || !process.connected) return stop()
  isLeaving = true
  Effect.runFork(tell({ _tag: "Leaving" }))
})
process.on("SIGQUIT", cut)
process.on("disconnect", () => {
  // The one that started it did not wait for the end of its downloads.
  if (Deferred.isDoneUnsafe(stops)) cut()
  stop()
})

const messageOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}

const main = Effect.gen(function* () {
  yield* NodeOutput.keepLogging
  const start = yield* Deferred.await(starts)
  const { settings, worker } = start
  const mineOf = <A extends number | undefined>(limit: A): A | number => share(limit, worker, settings.workers)
  process.title = `http09 worker ${worker}`
  const mine = Site.make(
    {
      ...settings,
      maxConnections: mineOf(settings.maxConnections),
      maxPerPeer: mineOf(settings.maxPerPeer),
      acceptRate: mineOf(settings.acceptRate),
      acceptRatePerPeer: mineOf(settings.acceptRatePerPeer)
    },
    {
      worker,
      targets: Array.from({ length: start.descriptors }, (_, index) => ({ descriptor: 3 + index })),
      started: (addresses) =>
        Effect.suspend(() => {
          isListening = true
          return tell({ _tag: "Listening", addresses: addresses.map(NetAddress.formatSocketAddress) })
        }),
      stop: Deferred.await(stops),
      handOver: Deferred.await(handsOver)
    }
  )
  site = mine
  const cut = yield* mine.serve.pipe(Effect.provideService(Metric.CurrentMetricAttributes, { worker: String(worker) }))
  yield* tell({ _tag: "Stopped", cut })
}).pipe(
  Effect.scoped,
  Effect.tapCause((cause) => (isListening ? report(cause) : tell({ _tag: "Failed", message: messageOf(cause) })))
)

Runtime.makeRunMain(({ fiber }) => {
  fiber.addObserver((exit) => process.exit(Exit.isSuccess(exit) ? 0 : 1))
})(main, { disableErrorReporting: true })
