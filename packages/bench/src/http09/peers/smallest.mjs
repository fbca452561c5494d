// The least that answers in HTTP/0.9, for the time from start to first answer: `smallest.mjs FOLDER PORT`.
import { readFile } from "node:fs"
import { createServer } from "node:net"
import { join, normalize } from "node:path"

const [folder, port] = process.argv.slice(2)

createServer((socket) => {
  let line = ""
  socket.on("error", () => {})
  socket.on("data", (data) => {
    line += data.toString("latin1")
    if (!line.includes("\n")) return
    readFile(join(folder, normalize(line.split(" ", 2)[1].trim())), (error, bytes) =>
      error ? socket.destroy() : socket.end(bytes)
    )
  })
}).listen(Number(port), "127.0.0.1")
