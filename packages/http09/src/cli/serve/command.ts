/**
 * `http09 serve`: a folder, until it is interrupted.
 */
import type * as ServerSocket from "@effect-sockets/socket/ServerSocket"
import * as Command from "effect/cli/Command"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as NodeOutput from "../output.ts"
import * as Signal from "../signal.ts"
import { complain } from "../complaints.ts"
import * as Announcement from "./announcement.ts"
import { format } from "./connections.ts"
import * as Metrics from "./metrics.ts"
import { parameters, type Settings } from "./settings.ts"
import * as Site from "./site.ts"
import * as Workers from "./supervisor.ts"

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
    say(Announcement.linesOf(addresses, stream).join("\n"))
  const expose = (metrics: Effect.Effect<string>, connections: Site.Site["connections"]) =>
    settings.metrics === undefined
      ? Effect.void
      : Effect.flatMap(
          Metrics.expose(settings.metrics, { metrics, connections: Effect.map(connections, format) }, warn),
          (port) => (port === undefined ? Effect.void : say(`> Metrics on http://127.0.0.1:${port}/metrics`))
        )
  const targets = yield* targetsOf(settings)
  yield* NodeOutput.keepLogging
  const { stop, urgent, isUrgent } = yield* Signal.requests
  const place = { targets, started, stop: Effect.asVoid(stop) }
  /** Whoever will not wait gets an end at once; but no client shall take a part for a whole document. */
  const orCut = <A, E, R>(self: Effect.Effect<A, E, R>, cut: Effect.Effect<void>) =>
    Effect.raceFirst(
      // What was cut ends it as well, and is not its own end.
      Effect.tap(self, () => (isUrgent() ? Effect.never : Effect.void)),
      Effect.flatMap(urgent, (name) => Effect.andThen(cut, Signal.dieOf(name)))
    )
  if (settings.workers > 1) {
    const workers = Workers.make(settings, place)
    yield* expose(workers.metrics, workers.connections)
    return yield* orCut(workers.serve, workers.cut)
  }
  const site = Site.make(settings, place)
  yield* expose(Metrics.format, site.connections)
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
    "Serve a folder until SIGINT, SIGTERM or SIGHUP: then downloads get --drain-timeout to end, and the exit status is 0. One more SIGINT or SIGTERM, or SIGQUIT, ends it at once. Other failures exit with 1, a wrong command line with 2. Every flag can also be a variable of the environment, named in brackets; the flag wins."
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
