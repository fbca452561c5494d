/** Tells the benchmark that a peer listens, and which process it is; ends the peer when the benchmark is gone. */
export const ready = (port: number, pid = process.pid): void => {
  // With --expose-gc: what is left in memory then is what is in use.
  if (globalThis.gc !== undefined) process.on("SIGUSR2", globalThis.gc)
  console.log(JSON.stringify({ port, pid }))
  process.stdin.on("end", () => process.exit(0)).resume()
}
