/** Programs on a memory network with two hosts, and connections watched from outside. */
import * as Resolver from "@effect-sockets/resolver/Resolver"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import type { Connection, ConnectionEvents } from "../../src/Connection.ts"
import * as MemoryNetwork from "../../src/MemoryNetwork.ts"
import { type ConnectOptions, type ListenOptions, Network } from "../../src/Network.ts"

export const hosts = { client: ["10.0.0.1", "2001:db8::1"], server: ["10.0.0.2", "2001:db8::2"] }

/** Where the server of most tests listens. */
export const port80 = NetAddress.inetAddressFromStringUnsafe("10.0.0.2:80")

export const layer = (options: MemoryNetwork.Options = {}) =>
  Layer.mergeAll(MemoryNetwork.layer({ hosts, ...options }), Layer.orDie(Resolver.layerStatic({ hosts })))

/** Bytes without a short period, so that lost, doubled and swapped ones show. */
export const bytes = (length: number): Uint8Array => {
  const data = new Uint8Array(length)
  for (let i = 0; i < length; i++) data[i] = (i * 7) ^ (i >> 5) ^ (i >> 11)
  return data
}

/** Lets all that needs no time come to rest. */
export const settle = Effect.repeat(Effect.yieldNow, { times: 3 })

/** An end of a connection: it keeps all that is reported. */
export class Probe implements ConnectionEvents {
  readonly connection: Connection
  readonly chunks: Array<Uint8Array> = []
  written_ = 0
  /** What was reported besides data: `end`, `closed`, or `closed` with the reason. */
  readonly log: Array<string> = []

  constructor(connection: Connection) {
    this.connection = connection
    connection.attach(this)
  }

  get received(): Uint8Array {
    return Buffer.concat(this.chunks)
  }

  borrow(chunk: Uint8Array): void {
    this.data(chunk.slice())
  }

  data(chunk: Uint8Array): void {
    this.chunks.push(chunk)
  }

  end(): void {
    this.log.push("end")
  }

  written(): void {
    this.written_++
  }

  defect(cause: unknown): void {
    this.log.push(`defect ${String(cause)}`)
  }

  closed(reason: { readonly _tag: string } | undefined): void {
    this.log.push(reason === undefined ? "closed" : `closed ${reason._tag}`)
  }
}

/** Listens, and watches every connection that comes. */
export const listening = Effect.fnUntraced(function* (
  address: NetAddress.SocketAddress = port80,
  options: ListenOptions = {}
) {
  const network = yield* Network
  const accepted: Array<Probe> = []
  const listener = yield* network.listen(
    address,
    { connection: (connection) => accepted.push(new Probe(connection)), error: () => {} },
    options
  )
  return { accepted, listener }
})

/** A raw attempt from the host where the effect runs. */
export const dial = (address: NetAddress.SocketAddress = port80, options: ConnectOptions = {}) =>
  Network.use((network) => Effect.map(network.connect(address, options), (connection) => new Probe(connection)))

/** One connection from the client to the server, on a network without latency. */
export const pair = Effect.gen(function* () {
  const { accepted } = yield* MemoryNetwork.runOn(listening(), "server")
  const client = yield* MemoryNetwork.runOn(dial(), "client")
  return { client, server: accepted[0] }
})
