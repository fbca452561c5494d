/**
 * The ports as the first process holds them for its workers. It accepts nothing there: each worker inherits descriptors,
 * and what waits in them outlives it.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Net from "node:net"

/** Whether this version of Node can hold a port without accepting: 26.4 can. */
export const canHold = typeof Net.BoundSocket === "function"

/** A socket of its own for each worker and address (SO_REUSEPORT), or those that a service manager passed, for all. */
export class Sockets {
  private readonly addresses: ReadonlyArray<NetAddress.InetAddress>
  private readonly passed: ReadonlyArray<number>
  private readonly own = new Map<number, ReadonlyArray<Net.BoundSocket>>()

  constructor(addresses: ReadonlyArray<NetAddress.InetAddress>, passed: ReadonlyArray<number>) {
    this.addresses = addresses
    this.passed = passed
  }

  /** Those that a worker shall inherit. It throws where the system opens no more. */
  descriptorsFor(worker: number): ReadonlyArray<number> {
    if (this.passed.length > 0) return this.passed
    let sockets = this.own.get(worker)
    if (sockets === undefined) {
      sockets = this.addresses.map(
        ({ address, port }) => new Net.BoundSocket({ host: NetAddress.formatIp(address), port, reusePort: true })
      )
      this.own.set(worker, sockets)
    }
    return sockets.map((socket) => socket.fd())
  }

  /** Leaves a worker's share to the others. What waits there is reset. */
  shut(worker: number): void {
    for (const socket of this.own.get(worker) ?? []) socket.close()
    this.own.delete(worker)
  }

  close(): void {
    for (const worker of Array.from(this.own.keys())) this.shut(worker)
  }
}
