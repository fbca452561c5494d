/** What operators decide about a server, as effect's `Config`. */
import * as Config from "effect/Config"
import type { AcceptRate } from "./AcceptRate.ts"
import type { HostTarget } from "./ListenTargets.ts"
import type { Options as ServerSocketOptions } from "./OpenPort.ts"
import type { Options } from "./ServerOptions.ts"

/**
 * How a layer opens its port and serves the connections.
 *
 * ```ts
 * import type * as Server from "@effect-sockets/socket/Server"
 * const options: Server.LayerOptions = { queue: 100, maxConnections: 1000, drainTimeout: "5 seconds" }
 * options.queue // => 100
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface LayerOptions<R = never> extends ServerSocketOptions, Options<R> {}

/**
 * What was configured: where to listen, and how.
 *
 * ```ts
 * import type * as Server from "@effect-sockets/socket/Server"
 * const configured: Server.Configured = { targets: [{ host: "localhost", port: 80 }], options: { maxConnections: 100 } }
 * configured.targets.length // => 1
 * ```
 *
 * @category config
 * @since 0.1.0
 */
export interface Configured<R = never> {
  readonly targets: ReadonlyArray<HostTarget>
  readonly options: LayerOptions<R>
}

const hostsOf = (text: string): ReadonlyArray<string> => text.split(",").map((host) => host.trim())

/** A rate is there as soon as one of its parts is. */
const rate = (limit: string, burst: string, given: AcceptRate | undefined): Config.Config<AcceptRate | undefined> =>
  Config.map(
    Config.all({
      limit: Config.withDefault(Config.Number(limit), given?.limit),
      burst: Config.withDefault(Config.Int(burst), given?.burst)
    }),
    // A burst alone is an option that cannot be meant.
    ({ burst, limit }) =>
      limit === undefined && burst === undefined ? undefined : { ...given, limit: limit as number, burst }
  )

export const config = <R>({
  port,
  ...given
}: LayerOptions<R> & { readonly port?: number | undefined }): Config.Config<Configured<R>> =>
  Config.map(
    Config.all({
      hosts: Config.map(Config.withDefault(Config.String("HOST"), "127.0.0.1"), hostsOf),
      port: port === undefined ? Config.Int("PORT") : Config.withDefault(Config.Int("PORT"), port),
      decided: Config.all({
        acceptRate: rate("ACCEPT_RATE", "ACCEPT_BURST", given.acceptRate),
        acceptRatePerPeer: rate("ACCEPT_RATE_PER_PEER", "ACCEPT_BURST_PER_PEER", given.acceptRatePerPeer),
        alarmAt: Config.withDefault(Config.Number("ALARM_AT"), given.alarmAt),
        alarmCooldown: Config.withDefault(Config.Duration("ALARM_COOLDOWN"), given.alarmCooldown),
        queue: Config.withDefault(Config.Int("QUEUE"), given.queue),
        queueTimeout: Config.withDefault(Config.Duration("QUEUE_TIMEOUT"), given.queueTimeout),
        maxConnections: Config.withDefault(Config.Int("MAX_CONNECTIONS"), given.maxConnections),
        maxPerPeer: Config.withDefault(Config.Int("MAX_PER_PEER"), given.maxPerPeer),
        readTimeout: Config.withDefault(Config.Duration("READ_TIMEOUT"), given.readTimeout),
        writeTimeout: Config.withDefault(Config.Duration("WRITE_TIMEOUT"), given.writeTimeout),
        idleTimeout: Config.withDefault(Config.Duration("IDLE_TIMEOUT"), given.idleTimeout),
        maxAge: Config.withDefault(Config.Duration("MAX_AGE"), given.maxAge),
        drainTimeout: Config.withDefault(Config.Duration("DRAIN_TIMEOUT"), given.drainTimeout)
      })
    }),
    ({ decided, hosts, port }) => ({
      targets: hosts.map((host) => ({ host, port })),
      options: { ...given, ...decided }
    })
  )
