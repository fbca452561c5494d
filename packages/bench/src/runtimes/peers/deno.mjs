/* An echo over Deno's own sockets. */
const { Deno } = globalThis
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 })
console.log(JSON.stringify({ port: listener.addr.port, pid: Deno.pid }))

const echo = async (socket) => {
  socket.setNoDelay()
  const buffer = new Uint8Array(65_536)
  for (let count = await socket.read(buffer); count !== null; count = await socket.read(buffer)) {
    for (let sent = 0; sent < count;) sent += await socket.write(buffer.subarray(sent, count))
  }
  socket.close()
}

const serve = async () => {
  // A peer that resets ends its own connection only.
  for await (const socket of listener) echo(socket).catch(() => {})
}
serve()
for await (const _ of Deno.stdin.readable);
Deno.exit(0)
