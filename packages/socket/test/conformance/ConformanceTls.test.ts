import * as NetAddress from "effect/net/NetAddress"
import { authority, server } from "../utils/certificates.ts"
import { conforms } from "../utils/conforms.ts"

conforms("TLS", {
  address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0"),
  listen: { tls: { identity: server } },
  open: { tls: { ca: authority, servername: "socket.test" } }
})
