/** A listener that never accepts: its process sleeps with its backlog full. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import * as Net from "node:net"

const script = `
  const server = require("node:net").createServer().listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
    require("node:fs").writeSync(1, server.address().port + "\\n")
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })
`

/** Connects until an attempt hangs: then the kernel drops what comes. */
const fill = async (port: number): Promise<ReadonlyArray<Net.Socket>> => {
  const sockets: Array<Net.Socket> = []
  for (let hangs = false; !hangs;) {
    const socket = Net.connect({ host: "127.0.0.1", port })
    sockets.push(socket)
    hangs = await Promise.race([
      new Promise<boolean>((resolve) => socket.once("connect", () => resolve(false))),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 200))
    ])
  }
  return sockets
}

/** The port of a listener to which connecting takes for ever. */
export const deafListener = Effect.acquireRelease(
  Effect.promise(async () => {
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] })
    const port = await new Promise<number>((resolve) =>
      child.stdout.once("data", (data: Uint8Array) => resolve(Number(new TextDecoder().decode(data))))
    )
    return { child, port, sockets: await fill(port) }
  }),
  ({ child, sockets }) =>
    Effect.callback<void>((resume) => {
      for (const socket of sockets) socket.destroy()
      child.once("close", () => resume(Effect.void))
      child.kill("SIGKILL")
    })
).pipe(Effect.map(({ port }) => port))
