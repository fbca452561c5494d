/**
 * Parsing and printing beside effect's `NetAddress`, ipaddr.js and ip-address.
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"
import { Address4, Address6 } from "ip-address"
import ipaddrJs from "ipaddr.js"
import * as Ipaddr from "@effect-sockets/ipaddr/Ipaddr"
import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
import { count, text4, text6, v4, v6 } from "./inputs.ts"
import { type Candidate, compare, print } from "./rounds.ts"

// Printed text is read, or an engine may put off making it.
const read = (text: string): number => text.charCodeAt(text.length - 1)

const over = <A>(name: string, inputs: ReadonlyArray<A>, f: (input: A) => number): Candidate => ({
  name,
  // One loop for each candidate, or the first would be compiled for all the others, too.
  run: new Function("inputs", "f", "return () => { let n = 0; for (const x of inputs) n += f(x); return n }")(inputs, f)
})

const parsed = (result: Result.Result<unknown, unknown>): number => (Result.isSuccess(result) ? 1 : 0)

const address4 = v4.map(Ipaddr.toAddress)
const address6 = v6.map(Ipaddr6.toAddress)
const js4 = text4.map((text) => ipaddrJs.IPv4.parse(text))
const js6 = text6.map((text) => ipaddrJs.IPv6.parse(text))
const class4 = text4.map((text) => new Address4(text))
const class6 = text6.map((text) => new Address6(text))

/** Runs the comparisons. */
export const run = (): void => {
  print(
    "IPv4: parse",
    compare(count, [
      over("effect NetAddress", text4, (text) => parsed(NetAddress.ipv4FromString(text))),
      over("ipaddr Ipaddr.fromDotted", text4, (text) => parsed(Ipaddr.fromDotted(text))),
      over("ipaddr Ipaddr.fromDottedUnsafe", text4, (text) => Ipaddr.fromDottedUnsafe(text)),
      over("ipaddr.js", text4, (text) => ipaddrJs.IPv4.parse(text).octets[0]),
      over("ip-address", text4, (text) => new Address4(text).parsedAddress.length)
    ])
  )
  print(
    "IPv4: print",
    compare(count, [
      over("effect NetAddress", address4, (address) => read(NetAddress.formatIp(address))),
      over("ipaddr Ipaddr.toDotted", v4, (address) => read(Ipaddr.toDotted(address))),
      over("ipaddr.js", js4, (address) => read(address.toString())),
      over("ip-address", class4, (address) => read(address.correctForm()))
    ])
  )
  print(
    "IPv4: parse and print",
    compare(count, [
      over("effect NetAddress", text4, (text) =>
        read(NetAddress.formatIp(Result.getOrThrow(NetAddress.ipv4FromString(text))))
      ),
      over("ipaddr Ipaddr", text4, (text) => read(Ipaddr.toDotted(Result.getOrThrow(Ipaddr.fromDotted(text))))),
      over("ipaddr.js", text4, (text) => read(ipaddrJs.IPv4.parse(text).toString())),
      over("ip-address", text4, (text) => read(new Address4(text).correctForm()))
    ])
  )
  print(
    "IPv6: parse",
    compare(count, [
      over("effect NetAddress", text6, (text) => parsed(NetAddress.ipv6FromString(text))),
      over("ipaddr Ipaddr6.fromString", text6, (text) => parsed(Ipaddr6.fromString(text))),
      over("ipaddr.js", text6, (text) => ipaddrJs.IPv6.parse(text).parts[0]),
      over("ip-address", text6, (text) => new Address6(text).parsedAddress.length)
    ])
  )
  print(
    "IPv6: print",
    compare(count, [
      over("effect NetAddress", address6, (address) => read(NetAddress.formatIp(address))),
      over("ipaddr Ipaddr6.format", v6, (address) => read(Ipaddr6.format(address))),
      over("ipaddr.js", js6, (address) => read(address.toRFC5952String())),
      over("ip-address", class6, (address) => read(address.correctForm()))
    ])
  )
  print(
    "IPv6: parse and print",
    compare(count, [
      over("effect NetAddress", text6, (text) =>
        read(NetAddress.formatIp(Result.getOrThrow(NetAddress.ipv6FromString(text))))
      ),
      over("ipaddr Ipaddr6", text6, (text) => read(Ipaddr6.format(Result.getOrThrow(Ipaddr6.fromString(text))))),
      over("ipaddr.js", text6, (text) => read(ipaddrJs.IPv6.parse(text).toRFC5952String())),
      over("ip-address", text6, (text) => read(new Address6(text).correctForm()))
    ])
  )
}
