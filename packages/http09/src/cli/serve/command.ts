/**
 * `http09 serve`: a folder, until it is interrupted.
 */
import type * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as SocketActivation from "@effect-sockets/socket/SocketActivation"
import * as Command from "effect/cli/Command"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeOutput from "../output.ts"
import * as Signal from "../signal.ts"
import { complain } from "../complaints.ts"
import * as Announcement from "./announcement.ts"
import { format } from "./connections.ts"
import * as Notify from "./notify.ts"
import * as Metrics from "./metrics.ts"
import { parameters, type Settings } from "./settings.ts"
import * as Successor from "./successor.ts"
import * as Site from "./site.ts"
import * as Workers from "./supervisor.ts"

/** What a descriptor is called that is passed for the metrics. */
const metricsName = "metrics"

/** Settings that do not go together. */
class SettingsError extends Data.TaggedError("SettingsError")<{ readonly message: string }> {}

const targetsOf = ({
  hosts,
  port,
  unix,
  workers
}: Settings): Effect.Effect<ReadonlyArray<ServerSocket.Target>, SettingsError> => {
  if (unix === undefined) return Effect.succeed(hosts.map((host) => ({ host, port })))
  return workers > 1
    ? new SettingsError({ message: "workers share a port: a Unix-domain socket has one process" })
    : Effect.succeed([NetAddress.unixPathAddress(unix)])
}

const run = Effect.fnUntraced(function* (settings: Settings) {
  // Told in the log as the book does; a log that programs read has only requests in it.
  const isHuman = settings.logFormat === "human"
  const say = isHuman ? NodeOutput.log : NodeOutput.tell
  const stream = isHuman ? process.stdout : process.stderr
  const warn = ({ message }: Error): Effect.Effect<void> => complain(message)
  const started = (addresses: ReadonlyArray<NetAddress.SocketAddress>) =>
    Effect.andThen(
      say(Announcement.linesOf(addresses, stream).join("\n")),
      Notify.notify("READY=1", `MAINPID=${process.pid}`)
    )
  const all = yield* SocketActivation.passedTo(process.pid)
  const passed = all.flatMap(({ descriptor, name }) => (name === metricsName ? [] : [descriptor]))
  const targets = passed.length > 0 ? passed.map((descriptor) => ({ descriptor })) : yield* targetsOf(settings)
  const passedMetrics = all.find(({ name }) => name === metricsName)?.descriptor
  const expose = (metrics: Effect.Effect<string>, connections: Site.Site["connections"]) =>
    settings.metrics === undefined
      ? Effect.undefined
      : Effect.tap(
          Metrics.expose(
            settings.metrics,
            { metrics, connections: Effect.map(connections, format) },
            warn,
            passedMetrics
          ),
          (at) => (at === undefined ? Effect.void : say(`> Metrics on http://127.0.0.1:${at.port}/metrics`))
        )
  yield* NodeOutput.keepLogging
  const { stop, urgent, isUrgent } = yield* Signal.requests
  const renewal = yield* Signal.renewals
  yield* Notify.watchdog
  // The end waits until it was heard.
  yield* Effect.forkScoped(Effect.andThen(stop, Effect.uninterruptible(Notify.notify("STOPPING=1"))))
  const place = { targets, started, stop: Effect.asVoid(stop) }
  /** Whoever will not wait gets an end at once; but no client shall take a part for a whole document. */
  const orCut = <A, E, R>(self: Effect.Effect<A, E, R>, cut: Effect.Effect<void>) =>
    Effect.raceFirst(
      // What was cut ends it as well, and is not its own end.
      Effect.tap(self, () => (isUrgent() ? Effect.never : Effect.void)),
      Effect.flatMap(urgent, (name) => Effect.andThen(cut, Signal.dieOf(name)))
    )
  if (settings.workers > 1) {
    const workers = Workers.make(settings, { ...place, passed, renewal })
    yield* expose(workers.metrics, workers.connections)
    return yield* orCut(workers.serve, workers.cut)
  }
  const handsOver = Deferred.makeUnsafe<void>()
  const metricsScope = yield* Scope.fork(yield* Effect.scope)
  let exposed: Metrics.Exposed | undefined
  /** Is replaced by another process; serves on where that fails. */
  const replace = Effect.fnUntraced(
    function* (descriptors: ReadonlyArray<number | undefined>) {
      const passed: Array<SocketActivation.Passed> = []
      for (const descriptor of descriptors) {
        if (descriptor === undefined) return yield* new SettingsError({ message: "Node does not tell its descriptor" })
        passed.push({ descriptor, name: "http09" })
      }
      if (exposed?.descriptor !== undefined) passed.push({ descriptor: exposed.descriptor, name: metricsName })
      const successor = yield* Successor.start(passed)
      yield* NodeOutput.tell(`http09: process ${successor.pid} serves on`)
      if (exposed !== undefined) yield* exposed.drain
      yield* Scope.close(metricsScope, Exit.void)
      yield* Deferred.succeed(handsOver, undefined)
      // What was asked for meanwhile, or is asked of this process until it has ended.
      return yield* Effect.forever(Effect.andThen(renewal, successor.replace))
    },
    Effect.catch(({ message }) => NodeOutput.tell(`http09: not replaced: ${message}; the old process serves on`))
  )
  const site = Site.make(settings, {
    ...place,
    started: (addresses, descriptors) =>
      Effect.all([
        started(addresses),
        Successor.announce,
        // Whoever stops the server stops this too: a successor that is not ready yet is killed.
        Effect.forkDetach(Effect.raceFirst(Effect.forever(Effect.andThen(renewal, replace(descriptors))), stop))
      ]),
    handOver: Deferred.await(handsOver)
  })
  exposed = yield* Scope.provide(expose(Metrics.format, site.connections), metricsScope)
  return yield* orCut(site.serve, site.cut)
})

/** `http09 serve`. */
export const serve = Command.make("serve", parameters, (settings) =>
  run(settings).pipe(
    Effect.flatMap((cut) => (cut > 0 ? NodeOutput.tell(`http09: connections cut: ${cut}`) : Effect.void)),
    Effect.scoped
  )
).pipe(
  Command.withDescription(
    "Serve a folder until SIGINT, SIGTERM or SIGHUP: then downloads get --drain-timeout to end, and the exit status is 0. One more SIGINT or SIGTERM, or SIGQUIT, ends it at once. SIGUSR2 has the program, as it is on the disk now, take its place, which no client notices. Ports that a service manager passes (LISTEN_FDS) are taken instead of host and port. Other failures exit with 1, a wrong command line with 2. Every flag can also be a variable of the environment, named in brackets; the flag wins."
  ),
  Command.withShortDescription("Serve a folder until interrupted"),
  Command.withExamples([
    { command: "http09 serve", description: "Serve the site that explains this server on 127.0.0.1:8080" },
    { command: "http09 serve public --port 9000", description: "Serve the folder public on 127.0.0.1:9000" },
    {
      command: "http09 serve public --host localhost --host 192.0.2.1",
      description: "Serve both loopbacks and one address of the network"
    },
    {
      command: "http09 serve public --host :: --workers 4 --log-format common --metrics 9100",
      description: "Serve the network from four processes, with figures on 127.0.0.1:9100/metrics"
    }
  ])
)
