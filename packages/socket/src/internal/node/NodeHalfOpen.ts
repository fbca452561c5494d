/**
 * Connections whose peer has ended its output and to which nothing is written now. The system no longer watches their
 * input, so a reset that follows FIN would go unseen until the next write: they are asked from time to time.
 */

/** A connection that can be asked. */
export interface Probed {
  probe(): void
}

/** How long a reset may go unseen, in milliseconds, for each thousand of connections: asking one takes microseconds. */
const interval = 250
const share = 1000

export class HalfOpen {
  private readonly connections = new Set<Probed>()
  private timer: NodeJS.Timeout | undefined

  watch(connection: Probed): void {
    this.connections.add(connection)
    this.timer ??= this.arm()
  }

  forget(connection: Probed): void {
    if (!this.connections.delete(connection) || this.connections.size > 0) return
    clearTimeout(this.timer)
    this.timer = undefined
  }

  private arm(): NodeJS.Timeout {
    // Its connections keep the process alive, if anything does.
    return setTimeout(() => this.ask(), interval * Math.ceil(this.connections.size / share)).unref()
  }

  private ask(): void {
    for (const connection of this.connections) connection.probe()
    this.timer = this.connections.size === 0 ? undefined : this.arm()
  }
}
