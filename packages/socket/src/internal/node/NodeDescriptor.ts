/** Descriptors that another process opened and that this one has inherited. */
import * as NetAddress from "effect/net/NetAddress"
import { fstatSync, readFileSync } from "node:fs"
import * as Net from "node:net"
import { type Reason, reasonFromCause } from "../../NetworkError.ts"

const invalid = (detail: string): Reason => ({ _tag: "InvalidAddress", detail })

const words: { readonly [code: string]: string } = {
  EBADF: "it is not open",
  EEXIST: "this process uses it already",
  EINVAL: "it is a socket that cannot listen",
  ERR_INVALID_FD_TYPE: "it is a socket that cannot listen"
}

/** Why the system does not listen on a descriptor. */
export const reasonOf = (cause: unknown): Reason => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  return Object.hasOwn(words, code) ? invalid(words[code]) : reasonFromCause(cause)
}

/** The socket behind a descriptor, for a server to take. It throws what `reasonOf` knows, or fails with the reason. */
export const adopt = (descriptor: number): Net.Socket | Reason => {
  if (!fstatSync(descriptor).isSocket()) return invalid("it is not a socket")
  const socket = new Net.Socket({ fd: descriptor, readable: false, writable: false })
  const address = socket.address()
  // The system would bind it to any port of all addresses.
  if (!("port" in address) || address.port !== 0) return socket
  socket.destroy()
  return invalid("it is a socket that is bound to no port")
}

/**
 * The path of a Unix-domain socket, as far as the system tells: Node does not, and a process that is shut in may not see
 * `/proc`.
 */
export const pathOf = (descriptor: number): NetAddress.UnixPathAddress | undefined => {
  try {
    const inode = String(fstatSync(descriptor).ino)
    for (const line of readFileSync("/proc/net/unix", "utf8").split("\n")) {
      // Number, references, protocol, flags, type, state, inode, path: proc(5).
      const [, found, path] = /^(?:\S+ +){6}(\d+) (.+)$/.exec(line.trimStart()) ?? []
      if (found === inode) return NetAddress.unixPathAddress(path.replace(/^@/, "\0"))
    }
  } catch {
    // No such file on other systems.
  }
  return undefined
}
