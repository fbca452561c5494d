/** Plain `node:net` as a client. */
import * as Net from "node:net"
import { connectInLoops } from "./loops.ts"

const once = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = Net.connect({ port, host: "127.0.0.1", noDelay: true })
    socket.on("error", reject)
    socket.on("close", () => resolve())
    socket.resume()
  })

await connectInLoops(async (port) => {
  while (true) await once(port)
})
