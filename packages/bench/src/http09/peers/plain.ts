/**
 * Plain `node:net`, as it is usually written, with `noDelay`: `plain.ts WORK [FOLDER]`.
 */
import * as fs from "node:fs"
import * as Net from "node:net"
import * as path from "node:path"
import * as readline from "node:readline"
import { ready } from "./ready.ts"
import { answer } from "./store.ts"

const [work, folder = "."] = process.argv.slice(2)

/** Backpressure: "drain" resumes. */
const reply = (socket: Net.Socket, data: Uint8Array | string): void => {
  if (!socket.write(data)) socket.pause()
}

/** The usual splitter: what is left of the last chunk, and `indexOf`. */
const split = (socket: Net.Socket, onLine: (line: string) => void, onChunk = (): void => {}): void => {
  let rest = ""
  socket.setEncoding("utf8")
  socket.on("data", (text: string) => {
    rest += text
    let from = 0
    for (let at = rest.indexOf("\n"); at !== -1; at = rest.indexOf("\n", from)) {
      onLine(rest.slice(from, rest[at - 1] === "\r" ? at - 1 : at))
      from = at + 1
    }
    rest = rest.slice(from)
    onChunk()
  })
}

const request = (socket: Net.Socket, onPath: (name: string) => void): void => {
  let line = ""
  socket.setEncoding("latin1")
  socket.on("data", (text: string) => {
    line += text
    if (line.includes("\n")) onPath(path.join(folder, path.normalize(line.split(" ", 2)[1].trim())))
  })
}

/** A command of RESP2, or none if it is not whole yet: its arguments and where it ends. */
const command = (bytes: Buffer, from: number): { readonly args: Array<string>; readonly end: number } | undefined => {
  let at = from
  const number = (): number => {
    const end = bytes.indexOf("\r\n", at)
    if (end === -1) return -1
    const value = Number(bytes.toString("latin1", at + 1, end))
    at = end + 2
    return value
  }
  const count = number()
  if (count === -1) return undefined
  const args: Array<string> = []
  for (let i = 0; i < count; i++) {
    const length = number()
    if (length === -1 || bytes.length < at + length + 2) return undefined
    args.push(bytes.toString("utf8", at, at + length))
    at += length + 2
  }
  return { args, end: at }
}

const chunk = new Uint8Array(65_536)
const memory = new Map<string, Uint8Array>()

const works: Record<string, (socket: Net.Socket) => void> = {
  echo: (socket) => socket.on("data", (data) => reply(socket, data)),
  lines: (socket) => split(socket, (line) => reply(socket, `${line}\r\n`)),
  corked: (socket) => {
    let out = ""
    const onLine = (line: string): void => {
      out += `${line}\r\n`
    }
    split(socket, onLine, () => {
      if (out !== "") reply(socket, out)
      out = ""
    })
  },
  readline: (socket) => {
    const lines = readline.createInterface({ input: socket })
    // It throws its input's errors anew.
    lines.on("error", () => {})
    lines.on("line", (line) => reply(socket, `${line}\r\n`))
  },
  redis: (socket) => {
    let rest: Buffer = Buffer.alloc(0)
    socket.on("data", (data: Buffer) => {
      rest = rest.length === 0 ? data : Buffer.concat([rest, data])
      let at = 0
      let out = ""
      for (let next = command(rest, 0); next !== undefined; next = command(rest, at)) {
        at = next.end
        out += answer(next.args)
      }
      rest = rest.subarray(at)
      if (out !== "") reply(socket, out)
    })
  },
  up: (socket) => socket.on("data", () => {}),
  down: (socket) => {
    const fill = (): void => {
      while (!socket.destroyed && socket.write(chunk)) continue
    }
    socket.on("drain", fill)
    fill()
  },
  file: (socket) =>
    request(socket, (name) => fs.readFile(name, (error, bytes) => (error ? socket.destroy() : socket.end(bytes)))),
  memory: (socket) =>
    request(socket, (name) => {
      let bytes = memory.get(name)
      if (bytes === undefined) memory.set(name, (bytes = fs.readFileSync(name)))
      socket.end(bytes)
    }),
  pipe: (socket) =>
    request(socket, (name) => {
      const file = fs.createReadStream(name)
      file.on("error", () => socket.destroy())
      socket.on("close", () => file.destroy())
      file.pipe(socket)
    })
}

const server = Net.createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => {})
  socket.on("drain", () => socket.resume())
  works[work](socket)
})
server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => ready((server.address() as Net.AddressInfo).port))
