/** The ways in which peers are measured. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as path from "node:path"
import { freePort, untilAnswered } from "./ports.ts"
import { BenchError, cpuSeconds, family, memoryBytes, type Process, start } from "./processes.ts"

/** A program that is compared with others: its name in the table, its file in `peers`, and its arguments. */
export interface Peer {
  readonly name: string
  readonly file: string
  readonly args: ReadonlyArray<string>
}

/** What one peer did in one round. */
export interface Sample {
  readonly figure: number
  /** Processor time of the peer for each unit, in microseconds. */
  readonly cpu?: number
  /** Microseconds. */
  readonly p50?: number
  readonly p99?: number
  /** Bytes. */
  readonly memory?: number
  readonly errors?: number
  /** The share of a core that the driver used. */
  readonly busy?: number
}

/** A peer that is ready to be measured, once in each round. */
export interface Contestant {
  readonly name: string
  readonly once: Effect.Effect<Sample, BenchError>
}

export interface Setting {
  /** The compiled driver. */
  readonly driver: string
  /** Of one measurement. */
  readonly seconds: number
  /** Connections that are held idle. */
  readonly idle: number
}

export type Contest = (
  setting: Setting,
  peers: ReadonlyArray<Peer>
) => Effect.Effect<Array<Contestant>, BenchError, Scope.Scope>

const inPeers = (file: string): string => path.resolve(import.meta.dirname, "peers", file)

const parse = <A>(process: Process): Effect.Effect<A, BenchError> =>
  Effect.map(process.line, (line) => JSON.parse(line) as A)

interface Ready {
  readonly port: number
  readonly pid: number
}

const startPeer = Effect.fnUntraced(function* (peer: Peer, ...flags: ReadonlyArray<string>) {
  const child = yield* start(process.execPath, [...flags, inPeers(peer.file), ...peer.args])
  const { port, pid } = yield* parse<Ready>(child)
  const sum = (of: (pid: number) => number): Effect.Effect<number, BenchError> =>
    Effect.try({
      try: () => family(pid).reduce((all, pid) => all + of(pid), 0),
      catch: () => BenchError.make({ message: `${peer.name} (${peer.file} ${peer.args.join(" ")}) ended by itself` })
    })
  return { process: child, port, pid, cpu: sum(cpuSeconds), memory: sum(memoryBytes) }
})

interface Driven {
  readonly perSecond: number
  readonly total: number
  readonly p50: number
  readonly p99: number
  readonly errors: number
  readonly busy: number
}

const sampleOf = ({ perSecond, total, ...rest }: Driven, cpu: number, memory: number): Sample => ({
  ...rest,
  figure: perSecond,
  cpu: (cpu / total) * 1e6,
  memory
})

/** Servers under load: the driver's mode, connections and its own arguments. */
export const underLoad =
  (mode: string, connections: number, ...args: ReadonlyArray<string | number>): Contest =>
  ({ driver, seconds }, peers) =>
    Effect.forEach(
      peers,
      Effect.fnUntraced(function* (peer) {
        const { port, cpu, memory } = yield* startPeer(peer)
        const once = Effect.gen(function* () {
          const before = yield* cpu
          const running = yield* start(driver, [mode, port, connections, seconds, ...args].map(String))
          const driven = yield* parse<Driven>(running)
          return sampleOf(driven, (yield* cpu) - before, yield* memory)
        })
        return { name: peer.name, once: Effect.scoped(once) }
      })
    )

/** Clients that connect to the driver, over and over. */
export const asClients: Contest = ({ driver, seconds }, peers) =>
  Effect.forEach(
    peers,
    Effect.fnUntraced(function* (peer) {
      const { process, cpu, memory } = yield* startPeer(peer)
      const once = Effect.gen(function* () {
        const sink = yield* start(driver, ["accept", "64", String(seconds)])
        const { port } = yield* parse<Ready>(sink)
        const before = yield* cpu
        yield* process.send(String(port))
        const { p50: _, p99: __, ...driven } = yield* parse<Driven>(sink)
        const used = (yield* cpu) - before
        yield* process.line
        return sampleOf(driven as Driven, used, yield* memory)
      })
      return { name: peer.name, once: Effect.scoped(once) }
    })
  )

/** What idle connections add to the memory of a fresh server, for each of them, in bytes. */
export const holdingIdle: Contest = ({ driver, idle }, peers) => {
  const held = (port: number, count: number) =>
    Effect.tap(start(driver, ["idle", String(port), String(count)]), (holder) => holder.line)
  return Effect.succeed(
    peers.map((peer) => {
      const once = Effect.gen(function* () {
        const { port, pid, memory } = yield* startPeer(peer, "--expose-gc")
        const settled = Effect.gen(function* () {
          for (const _ of [1, 2]) {
            yield* Effect.sync(() => process.kill(pid, "SIGUSR2"))
            yield* Effect.sleep(150)
          }
          return yield* memory
        })
        // The first ones make V8 commit memory for what is short-lived, once.
        yield* held(port, Math.floor(idle / 2))
        const before = yield* settled
        yield* held(port, idle)
        const after = yield* settled
        return { figure: (after - before) / idle, memory: after }
      })
      return { name: peer.name, once: Effect.scoped(once) }
    })
  )
}

/** From the start of a program to its first answer, in seconds. Its last argument is the port. */
export const starting =
  (request: string): Contest =>
  (_, peers) =>
    Effect.succeed(
      peers.map((peer) => {
        const once = Effect.gen(function* () {
          const port = yield* Effect.promise(freePort)
          const since = performance.now()
          const args = [inPeers(peer.file), ...peer.args, String(port)]
          const { pid } = yield* start(process.execPath, args, { endBySignal: true })
          yield* Effect.promise(() => untilAnswered(port, request))
          const seconds = (performance.now() - since) / 1000
          return { figure: seconds, cpu: cpuSeconds(pid) * 1e6, memory: memoryBytes(pid) }
        })
        return { name: peer.name, once: Effect.scoped(once) }
      })
    )
