/**
 * Connections whose peer has ended its output and to which nothing is written now. The system no longer watches their
 * input, so a reset that follows FIN would go unseen until the next write: they are asked from time to time.
 */

import { guard } from "../guard.ts"
import { type Linked, LinkedList } from "../LinkedList.ts"

/** A connection that can be asked. */
export interface Probed extends Linked<Probed> {
  probe(): void
}

/** How long a reset may go unseen, in milliseconds, for each thousand of connections: asking one takes microseconds. */
const interval = 250
const share = 1000

export class HalfOpen {
  private readonly connections = new LinkedList<Probed>()
  private timer: NodeJS.Timeout | undefined

  watch(connection: Probed): void {
    if (!this.connections.has(connection)) this.connections.add(connection)
    this.timer ??= this.arm()
  }

  forget(connection: Probed): void {
    // The timer stays: to set it anew for each of many short connections would cost more.
    this.connections.remove(connection)
  }

  private arm(): NodeJS.Timeout {
    // Its connections keep the process alive, if anything does.
    return setTimeout(() => this.ask(), interval * Math.ceil(this.connections.size / share)).unref()
  }

  private ask(): void {
    for (const connection of this.connections) guard(() => connection.probe())
    this.timer = this.connections.size === 0 ? undefined : this.arm()
  }
}
