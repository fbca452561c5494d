/**
 * Reading into one buffer that all sockets share. Node reads into a fresh buffer of 64 KiB each time, which costs more
 * than the read itself: to make, to shrink, and to collect. Sockets that are made with `onread` are read into a buffer of
 * their owner's, and tell of it in the same turn; but Node makes the accepted ones itself. So what `onread` would have
 * set is looked up on a socket that was made with it, and set. Where that is not possible, `'data'` does.
 */
import * as Net from "node:net"

/** As much as Node reads at once. */
const shared = new Uint8Array(64 * 1024)

const none = new Uint8Array(0)

/** Where Node keeps the two parts of `onread`. */
interface Slots {
  readonly buffer: symbol
  readonly callback: symbol
}

type Fields = Record<symbol, unknown>

const find = (): Slots | undefined => {
  const onread = { buffer: new Uint8Array(1), callback: () => true }
  const socket = new Net.Socket({ onread })
  const holds = (value: unknown) =>
    Object.getOwnPropertySymbols(socket).find((key) => (socket as unknown as Fields)[key] === value)
  const [buffer, callback] = [holds(onread.buffer), holds(onread.callback)]
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback }
}

// On Windows the system may fill a buffer before the turn in which it says so.
const slots = process.platform === "win32" ? undefined : find()

const assign = (socket: Net.Socket, { buffer, callback }: Slots, to: Uint8Array | null, call: unknown): void => {
  const fields = socket as unknown as Fields
  fields[buffer] = to
  fields[callback] = call
}

interface Handle {
  useUserBuffer?(buffer: Uint8Array): void
}

/** Whether it is possible. */
const readInto = (socket: Net.Socket, buffer: Uint8Array): boolean => {
  const { _handle: handle } = socket as unknown as { readonly _handle: Handle | null }
  if (typeof handle?.useUserBuffer !== "function") return false
  handle.useUserBuffer(buffer)
  return true
}

interface Receiver {
  /** A chunk to keep. */
  data(chunk: Uint8Array): void
  /** A chunk of the shared buffer. */
  borrow(chunk: Uint8Array): void
}

/** How sockets are read whose receivers `of` knows. A socket costs no closure. */
export const reading = <S extends Net.Socket>(of: (socket: S) => Receiver | undefined) => {
  function onRead(this: S, count: number): boolean {
    of(this)?.borrow(count === shared.length ? shared : shared.subarray(0, count))
    return true
  }
  function onData(this: S, chunk: Uint8Array): void {
    of(this)?.data(chunk)
  }
  return {
    start(socket: S): void {
      if (slots !== undefined && readInto(socket, shared)) {
        assign(socket, slots, shared, onRead)
      }
      // Also where it never comes: it lets the stream flow, up to its end.
      socket.on("data", onData)
    },
    stop(socket: S): void {
      socket.off("data", onData)
      // Deno would go on to read into the shared one, past a TLS socket that was put on this socket.
      if (slots !== undefined && readInto(socket, none)) assign(socket, slots, null, null)
    }
  }
}
