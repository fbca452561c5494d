/** Ports of the loopback. */
import * as Net from "node:net"

/** A port that nobody has now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = Net.createServer().on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as Net.AddressInfo
      server.close(() => resolve(port))
    })
  })

/** Asks a port, and gives whether anything came back; without a request, whether somebody listens. */
const answers = (port: number, request?: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = Net.connect(port, "127.0.0.1")
    const end = (answer: boolean) => (): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.on("error", end(false)).on("end", end(false))
    if (request === undefined) socket.on("connect", end(true))
    else socket.on("data", end(true)).write(request)
  })

/** Asks every few milliseconds until there is an answer. */
export const untilAnswered = async (port: number, request?: string): Promise<void> => {
  while (!(await answers(port, request))) await new Promise((resolve) => setTimeout(resolve, 3))
}
