import * as NetAddress from "effect/net/NetAddress"
import { conforms } from "../utils/conforms.ts"

conforms("TCP on IPv4", { address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:0") })
conforms("TCP on IPv6", { address: NetAddress.inetAddressFromStringUnsafe("[::1]:0") })
