/** Networks that break one promise each, to show that the conformance suite notices. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Connection, ConnectionEvents } from "../../src/Connection.ts"
import { make, Network } from "../../src/Network.ts"
import type { Reason } from "../../src/NetworkError.ts"

/** Passes everything on, until a subclass does not. */
export class Wrapped implements Connection, ConnectionEvents {
  protected readonly inner: Connection
  protected events!: ConnectionEvents

  constructor(inner: Connection) {
    this.inner = inner
  }

  get localAddress() {
    return this.inner.localAddress
  }
  get remoteAddress() {
    return this.inner.remoteAddress
  }
  get timers() {
    return this.inner.timers
  }

  attach(events: ConnectionEvents): void {
    this.events = events
    this.inner.attach(this)
  }
  pause(): void {
    this.inner.pause()
  }
  resume(): void {
    this.inner.resume()
  }
  write(chunks: ReadonlyArray<Uint8Array>): boolean {
    return this.inner.write(chunks)
  }
  end(): void {
    this.inner.end()
  }
  destroy(): void {
    this.inner.destroy()
  }
  reset(): void {
    this.inner.reset()
  }

  data(chunk: Uint8Array): void {
    this.events.data(chunk)
  }
  borrow(chunk: Uint8Array): void {
    this.events.borrow(chunk)
  }
  ended(): void {
    this.events.end()
  }
  written(): void {
    this.events.written()
  }
  defect(cause: unknown): void {
    this.events.defect(cause)
  }
  closed(reason: Reason | undefined): void {
    this.events.closed(reason)
  }
}

/** The two directions of `end` apart: a connection's call, and its peer's. */
const split = (wrapped: Wrapped): Connection => {
  const { inner } = wrapped as unknown as { readonly inner: Connection }
  const attach = inner.attach.bind(inner)
  inner.attach = (events) =>
    attach({
      data: (chunk) => events.data(chunk),
      borrow: (chunk) => events.borrow(chunk),
      end: () => wrapped.ended(),
      written: () => events.written(),
      defect: (cause) => events.defect(cause),
      closed: (reason) => events.closed(reason)
    })
  return wrapped
}

/** The network of the environment, with every connection wrapped. */
export const layer = (wrap: (connection: Connection) => Wrapped) =>
  Layer.effect(
    Network,
    Effect.map(Network, (network) =>
      make({
        ...network,
        dial: (address, options, events) =>
          network.dial(address, options, {
            connected: (connection) => events.connected(split(wrap(connection))),
            failed: (error) => events.failed(error),
            defect: (cause) => events.defect(cause)
          }),
        listen: (address, events, options) =>
          network.listen(
            address,
            { ...events, connection: (connection) => events.connection(split(wrap(connection))) },
            options
          )
      })
    )
  )

class LosesAByte extends Wrapped {
  private count = 0
  override data(chunk: Uint8Array): void {
    const lost = this.count <= 20 && this.count + chunk.length > 20
    this.count += chunk.length
    if (!lost || chunk.length > 1) super.data(lost ? chunk.subarray(0, -1) : chunk)
  }
}

class SendsTwice extends Wrapped {
  override write(chunks: ReadonlyArray<Uint8Array>): boolean {
    return super.write([...chunks, chunks[chunks.length - 1]])
  }
}

class EndsWhereItShouldReset extends Wrapped {
  override reset(): void {
    this.inner.end()
    this.inner.destroy()
  }
}

class ResetsWhereItShouldEnd extends Wrapped {
  override end(): void {
    this.inner.reset()
  }
}

class TakesResetsForEnds extends Wrapped {
  override closed(): void {
    this.events.end()
    this.events.closed(undefined)
  }
}

class NeverHoldsBack extends Wrapped {
  override pause(): void {}
}

/** Says that everything is written as soon as it is given, and queues it. */
class TakesEverything extends Wrapped {
  private readonly queue: Array<ReadonlyArray<Uint8Array>> = []
  private busy = false
  private ending = false
  override write(chunks: ReadonlyArray<Uint8Array>): boolean {
    this.queue.push(chunks.map((chunk) => Uint8Array.from(chunk)))
    this.next()
    return true
  }
  override written(): void {
    this.busy = false
    this.next()
  }
  override end(): void {
    this.ending = true
    this.next()
  }
  private next(): void {
    if (this.busy) return
    for (let chunks = this.queue.shift(); chunks !== undefined; chunks = this.queue.shift()) {
      if (!this.inner.write(chunks)) {
        this.busy = true
        return
      }
    }
    if (this.ending) this.inner.end()
  }
}

class EndsWithItsPeer extends Wrapped {
  override ended(): void {
    super.ended()
    this.inner.end()
  }
}

class DoesNotLinger extends Wrapped {
  override end(): void {
    this.inner.end()
    this.inner.destroy()
  }
}

class KeepsItsDescriptor extends Wrapped {
  private isReset = false
  override reset(): void {
    if (this.isReset) return
    this.isReset = true
    this.inner.pause()
    queueMicrotask(() => this.events.closed(undefined))
  }
}

class ForgetsToReportWrites extends Wrapped {
  private count = 0
  override write(chunks: ReadonlyArray<Uint8Array>): boolean {
    super.write(chunks)
    if (++this.count < 3) queueMicrotask(() => this.events.written())
    return false
  }
  override written(): void {}
}

/** What is broken, and some of the cases that must notice, by the beginnings of their names. */
export const broken: ReadonlyArray<readonly [new (inner: Connection) => Wrapped, ReadonlyArray<string>]> = [
  [LosesAByte, ["BasicIO", "PingPong", "RacyRead", "RacyWrite", "lines, counts", "FIN"]],
  [SendsTwice, ["BasicIO", "RacyWrite", "one write larger"]],
  [EndsWhereItShouldReset, ["RST: a stream", "a handler's failure"]],
  [ResetsWhereItShouldEnd, ["BasicIO", "half-close: a peer", "FIN", "a handler's success"]],
  [TakesResetsForEnds, ["RST: a stream", "a handler's failure"]],
  [
    NeverHoldsBack,
    [
      "backpressure: without a reader",
      "backpressure: an effect",
      "backpressure: answers",
      "WriteTimeout: a write that gives up"
    ]
  ],
  [TakesEverything, ["backpressure: without a reader", "backpressure: answers", "WriteTimeout: writeTimeout"]],
  [EndsWithItsPeer, ["half-close: a peer"]],
  [DoesNotLinger, ["half-close: the end", "linger: of a megabyte", "a handler's success"]],
  [KeepsItsDescriptor, ["nothing stays behind", "a server leaves nothing behind"]],
  [ForgetsToReportWrites, ["BasicIO", "PingPong"]]
]
