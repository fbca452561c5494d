/**
 * A peer that connects: for each port that comes as a line, 64 loops that open a connection, read it to its end and close
 * it, until nobody listens there any more.
 */
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"

/** `loop` fails when a connection is refused. */
export const connectInLoops = async (loop: (port: number) => Promise<unknown>): Promise<void> => {
  console.log(JSON.stringify({ port: 0, pid: process.pid }))
  for await (const line of createInterface(process.stdin)) {
    const loops = Array.from({ length: 64 }, () => loop(Number(line)))
    const all = Promise.allSettled(loops)
    await Promise.race(loops).catch(() => {})
    // A connection that the kernel lost together with the listener would be waited for in vain.
    await Promise.race([all, setTimeout(1000)])
    console.log("done")
  }
  process.exit(0)
}
