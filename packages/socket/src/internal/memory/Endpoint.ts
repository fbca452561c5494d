/**
 * Both ends of a connection inside the process, and what a kernel does for each: it takes what is written while it has
 * room, delivers what has arrived, answers bytes for a closed socket with RST, gives up on a peer that is silent.
 */
import type * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import type { Connection, ConnectionEvents, Timers } from "../../Connection.ts"
import type { Reason } from "../../NetworkError.ts"
import type { ClockTimers } from "../ClockTimers.ts"
import { report } from "../guard.ts"
import type { TraceKind } from "./Trace.ts"
import type { Segment, Wire } from "./Wire.ts"

/** A fault that strikes the connection when enough bytes have arrived at this end. */
export interface Strike {
  readonly kind: "reset" | "vanish"
  /** Bytes that may still arrive before it strikes. The end counts them down. */
  after: number
}

/** What the ends of one connection have in common. */
export interface Between {
  readonly timers: ClockTimers
  /** How long a kernel sends again what nobody acknowledges, in milliseconds. */
  readonly retransmitTimeout: number
  /** Whether nothing passes between the two ends for now. */
  isBlocked(): boolean
  /** Lets nothing pass from now on, for good: a fault does that. */
  cut(): void
  /** Called when the client's SYN has arrived at the server. */
  knock(): void
  /** Called when an end has given its descriptor back. */
  left(): void
  trace(at: Endpoint, kind: TraceKind, bytes?: number): void
}

export class Endpoint implements Connection {
  readonly localAddress: NetAddress.SocketAddress
  readonly remoteAddress: NetAddress.SocketAddress
  readonly timers: Timers
  /** The wire to the peer, which is this end's output. Its input is the `out` of the peer. */
  readonly out: Wire
  /** The other end. Set by the circuit that makes both. */
  declare peer: Endpoint
  /** Whether this end has a descriptor: from its connect or accept to its `closed`. */
  open = false
  /** On the client, until the handshake is over: hears how that ends. */
  opening: ((outcome: Result.Result<Endpoint, Reason>) => void) | undefined
  /** The fault that waits for bytes to arrive here. Set by the circuit at the start. */
  strike: Strike | undefined

  private readonly circuit: Between
  private readonly clock: ClockTimers
  private events: ConnectionEvents | undefined
  /** Why the connection broke, if it did. */
  private failure: Reason | undefined
  /** Whether the program asked for no more input for now. */
  private paused = false
  /** The arrays of the program's last `write`. */
  private waiting: ReadonlyArray<Uint8Array> = []
  /** The index in `waiting` of the first for which the kernel had no room yet. */
  private waitingAt = 0
  /** Bytes of that one which the kernel has taken. */
  private offset = 0
  /** Whether a `write` is under way: `written` is owed to the program. */
  private writing = false
  /** Bytes that the kernel has taken so far. */
  private takenBytes = 0
  /** Whether the program has ended its output. */
  private ended = false
  /** Whether the peer's FIN has arrived, behind input that may not be delivered yet. */
  private finArrived = false
  /** Whether the program was told of it. */
  private finReported = false
  /**
   * When the next segment is looked for, on the network's clock; `Infinity` while none is under way, `-Infinity` when
   * none will be looked for again.
   */
  private armedFor = Infinity
  private disarm: (() => void) | undefined
  /** Cancels the wait of a kernel that sends again in vain, while there is one. */
  private stopGivingUp: (() => void) | undefined

  constructor(
    circuit: Between,
    out: Wire,
    localAddress: NetAddress.SocketAddress,
    remoteAddress: NetAddress.SocketAddress
  ) {
    this.circuit = circuit
    this.clock = circuit.timers
    this.timers = {
      now: () => this.clock.now(),
      set: (millis, f) => this.clock.set(millis, () => this.tell(f))
    }
    this.out = out
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
  }

  // The program's side ---------------------------------------------------------------------------------------------

  attach(events: ConnectionEvents): void {
    this.events = events
    if (this.open) this.later(this.deliver)
    else this.report()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.later(this.deliver)
  }

  write(chunks: ReadonlyArray<Uint8Array>): boolean {
    if (!this.open) return false
    this.waiting = chunks
    this.waitingAt = 0
    this.offset = 0
    this.writing = true
    this.pump()
    return false
  }

  sentBytes(): number {
    return this.takenBytes
  }

  end(): void {
    if (!this.open || this.ended) return
    this.sendFin()
    if (this.finReported) this.leave()
  }

  destroy(): void {
    if (!this.open) return
    // A kernel whose program left input unread says so.
    if (this.opening !== undefined || this.peer.out.arrived.size > 0) return this.reset()
    if (!this.ended) this.sendFin()
    this.leave()
  }

  reset(): void {
    if (!this.open) return
    this.sendReset()
    this.leave()
  }

  // The kernel's side ----------------------------------------------------------------------------------------------

  /** Moves all that can move: from the program to the kernel, from the kernel to the wire. */
  pump(): void {
    const { out, waiting } = this
    while (this.waitingAt < waiting.length && out.room > 0) {
      const chunk = waiting[this.waitingAt]
      // The program may change its array once it was told that it is written.
      const taken = Uint8Array.prototype.slice.call(chunk, this.offset, this.offset + out.room)
      out.take(taken)
      this.offset += taken.length
      this.takenBytes += taken.length
      if (this.offset === chunk.length) {
        this.waitingAt++
        this.offset = 0
      }
    }
    if (this.writing && this.waitingAt === waiting.length) {
      this.writing = false
      this.waiting = nothing
      this.waitingAt = 0
      this.later(this.reportWritten)
    }
    for (const { kind, bytes } of out.transmit(this.clock.now())) {
      this.circuit.trace(this, kind === "data" ? "sent" : "FIN", bytes.length)
    }
    this.arm()
  }

  /** The kernel sends a segment of its own. */
  send(kind: "SYN" | "SYN-ACK" | "RST"): void {
    this.out.send(kind, this.clock.now())
    if (kind === "RST") this.circuit.trace(this, "RST")
    this.arm()
  }

  private arm(): void {
    const at = this.out.nextArrival
    if (at >= this.armedFor) return
    this.disarm?.()
    this.armedFor = at
    this.disarm = this.clock.at(at, this.arrive)
  }

  /** What was sent arrives at the peer. */
  private readonly arrive = (): void => {
    this.disarm = undefined
    this.armedFor = Infinity
    const now = this.clock.now()
    // What is delivered may cut the way, or close either end.
    while (!this.circuit.isBlocked()) {
      const segment = this.out.receive(now)
      if (segment === undefined) return this.pump()
      this.peer.receive(segment)
    }
    if (this.out.nextArrival > now) return this.pump()
    if (this.out.loseResets() > 0) this.circuit.trace(this, "lost RST")
    this.stopGivingUp ??= this.clock.set(this.circuit.retransmitTimeout, () => {
      this.circuit.trace(this, "timed out")
      this.out.drop()
      this.lose({ _tag: "TimedOut" })
    })
  }

  /** Called when the way is open again: what waited for that is sent. */
  retransmit(): void {
    this.stopGivingUp?.()
    this.stopGivingUp = undefined
    this.out.retransmit(this.clock.now())
    this.arm()
  }

  private receive({ bytes, kind }: Segment): void {
    switch (kind) {
      case "SYN":
        return this.circuit.knock()
      case "SYN-ACK":
        return this.opened()
      case "RST":
        if (this.open) this.circuit.trace(this, "got RST")
        return this.lose({ _tag: this.opening === undefined ? "ConnectionReset" : "ConnectionRefused" })
      case "FIN":
        this.finArrived = true
        return this.deliver()
      case "data": {
        if (!this.open) {
          if (!this.out.isResetting) this.sendReset()
          return
        }
        const { strike } = this
        if (strike === undefined) return this.hold(bytes)
        const before = bytes.subarray(0, strike.after)
        strike.after -= before.length
        if (before.length > 0) this.hold(before)
        this.strikeNow()
      }
    }
  }

  private opened(): void {
    const { opening } = this
    if (opening === undefined) return
    this.opening = undefined
    this.circuit.trace(this, "connected")
    opening(Result.succeed(this))
    this.strikeNow()
    this.peer.strikeNow()
  }

  /** The fault strikes if its byte has arrived. */
  private strikeNow(): void {
    const { strike } = this
    if (strike === undefined || strike.after > 0) return
    this.strike = undefined
    if (strike.kind === "vanish") {
      this.circuit.trace(this, "vanished by fault")
      return this.circuit.cut()
    }
    this.circuit.trace(this, "reset by fault")
    this.sendReset()
    this.lose({ _tag: "ConnectionReset" })
  }

  private hold(bytes: Uint8Array): void {
    this.peer.out.arrived.push(bytes)
    this.deliver()
  }

  private readonly deliver = (): void => {
    const { arrived } = this.peer.out
    if (this.events === undefined) return
    let taken = false
    while (this.flows && arrived.size > 0) {
      const chunk = arrived.shift()
      taken = true
      this.circuit.trace(this, "delivered", chunk.length)
      this.tell((events) => events.data(chunk))
    }
    if (this.flows && this.finArrived && !this.finReported && arrived.size === 0) {
      this.finReported = true
      this.circuit.trace(this, "got FIN")
      this.tell((events) => events.end())
      if (this.ended && this.open) this.leave()
    }
    if (taken) this.peer.pump()
  }

  private get flows(): boolean {
    return this.open && !this.paused
  }

  private sendFin(): void {
    this.ended = true
    this.out.end()
    this.pump()
  }

  private sendReset(): void {
    this.out.dropUnsent()
    this.send("RST")
  }

  /** The connection breaks at this end, for `reason`. */
  lose(reason: Reason): void {
    this.out.dropUnsent()
    if (!this.open) return
    this.failure = reason
    this.leave()
    this.opening?.(Result.fail(reason))
    this.opening = undefined
  }

  /** Gives the descriptor back. The kernel still sends what it took. */
  private leave(): void {
    this.open = false
    this.waiting = nothing
    this.waitingAt = 0
    this.writing = false
    this.peer.out.arrived.clear()
    this.circuit.trace(this, "closed")
    this.circuit.left()
    this.report()
  }

  private report(): void {
    if (this.events !== undefined) this.later(() => this.tell((events) => events.closed(this.failure)))
  }

  private readonly reportWritten = (): void => {
    if (this.open) this.tell((events) => events.written())
  }

  /** A call of the program's, which may throw: that ends this connection, and nothing else. */
  private tell(call: (events: ConnectionEvents) => void): void {
    const { events } = this
    if (events === undefined) return
    try {
      call(events)
    } catch (cause) {
      report(cause, (cause) => events.defect(cause))
      this.reset()
    }
  }

  private later(run: () => void): void {
    this.clock.set(0, run)
  }

  /** Both ends have closed: nothing is under way any more. */
  forget(): void {
    this.stopGivingUp?.()
    this.disarm?.()
    this.armedFor = -Infinity
    this.out.drop()
  }
}

const nothing: ReadonlyArray<Uint8Array> = []
