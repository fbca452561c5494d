/* An echo over Bun's own sockets: what the kernel does not take at once waits for `drain`. */
const send = (socket, bytes) => {
  const taken = Math.max(0, socket.write(bytes))
  socket.data = taken < bytes.length ? Buffer.from(bytes.subarray(taken)) : undefined
}

const { port } = globalThis.Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    data: (socket, bytes) => send(socket, socket.data === undefined ? bytes : Buffer.concat([socket.data, bytes])),
    drain: (socket) => {
      if (socket.data !== undefined) send(socket, socket.data)
    },
    error() {}
  }
})
console.log(JSON.stringify({ port, pid: process.pid }))
process.stdin.on("end", () => process.exit(0)).resume()
