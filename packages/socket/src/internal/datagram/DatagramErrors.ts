/** Effect's failures of datagram sockets in the words of this package. */
import type { DatagramSocketError } from "effect/socket/DatagramSocket"
import { type Reason, reasonFromCause } from "../../NetworkError.ts"

const byKind = {
  AddressInUse: { _tag: "AddressInUse" },
  AddressNotAvailable: { _tag: "AddressNotAvailable" },
  PermissionDenied: { _tag: "PermissionDenied" },
  MessageTooLarge: { _tag: "MessageTooLong" },
  ConnectionRefused: { _tag: "ConnectionRefused" }
} as const satisfies { readonly [kind: string]: Reason }

/** The reason of a failure. Where effect knows none, the system's own code says it. */
export const toReason = ({ reason }: DatagramSocketError): Reason => {
  switch (reason._tag) {
    case "DatagramSocketClosedError":
      return { _tag: "Closed" }
    case "DatagramSocketUnsupportedError":
      return { _tag: "Unsupported", detail: reason.message }
    case "DatagramSocketOpenError":
    case "DatagramSocketReadError":
    case "DatagramSocketWriteError": {
      const { cause, kind } = reason
      if (kind === "Unknown") return reasonFromCause(cause)
      if (kind !== "Unreachable") return byKind[kind]
      const known = reasonFromCause(cause)
      return known._tag === "NetworkUnreachable" ? known : { _tag: "HostUnreachable" }
    }
  }
}
