/** Clients that ask for the same page without a pause. */
import * as assert from "node:assert/strict"
import * as net from "node:net"

export const page = `<p>${"Hello ".repeat(2000)}`

export interface Asked {
  /** The whole page, or what else the client saw. */
  readonly outcome: string
  /** Its own address and port. */
  readonly client: string
}

export const ask = (port: number, localAddress = "127.0.0.1", host = "127.0.0.1"): Promise<Asked> =>
  new Promise((resolve) => {
    let text = ""
    let client = ""
    const socket = net.connect({ port, host, localAddress }, () => {
      client = `${socket.localAddress}:${socket.localPort}`
      socket.write("GET /\r\n")
    })
    socket.setEncoding("utf8")
    socket.on("data", (chunk) => (text += chunk))
    socket.on("end", () => resolve({ outcome: text === page ? "whole" : `${text.length} bytes`, client }))
    socket.on("error", (error) => resolve({ outcome: error.message, client }))
  })

/** Clients at these addresses that ask until it is over; then, what each of them asked. */
export const asking = async (
  over: AbortSignal,
  port: number,
  addresses: ReadonlyArray<string>,
  host?: string
): Promise<ReadonlyArray<Asked>> => {
  const all: Array<Asked> = []
  const client = async (address: string): Promise<void> => {
    while (!over.aborted) all.push(await ask(port, address, host))
  }
  await Promise.all(addresses.map(client))
  return all
}

/** That nobody of many saw anything but the page. */
export const assertWhole = (asked: ReadonlyArray<Asked>): void => {
  assert.deepEqual([...new Set(asked.map(({ outcome }) => outcome))], ["whole"])
  assert.ok(asked.length > 100, `only ${asked.length} were asked`)
}
