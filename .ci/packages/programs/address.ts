/** One function of one module: what of the rest stays in a bundle should be nothing. */
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"

console.log(Ipaddr.toDotted(Ipaddr.loopback))
