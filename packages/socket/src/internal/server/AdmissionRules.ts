/** Who may come in: the rules that are decided when a connection arrives, before anybody waits for it. */
import * as Ipaddr6 from "@effect-sockets/ipaddr/Ipaddr6"
import { contains, type IpSet } from "@effect-sockets/ipaddr/IpSet"
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type * as Duration from "effect/Duration"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type { Connection } from "../../Connection.ts"
import type { Refusal } from "../../SocketMetrics.ts"
import * as Access from "../Access.ts"
import type { StreamState } from "../stream/StreamState.ts"

/** Which connections a server lets in. */
export interface Rules {
  /** Peers in `deny` are refused; with `allow`, so are those that are not in it. Default: everybody may come. */
  readonly access?: Access.Access | undefined
  /** Connections of one peer at once, at least 1. Default: as many as there are. */
  readonly maxPerPeer?: number | undefined
  /**
   * How much of an IPv6 address makes a peer, for `maxPerPeer`: a prefix of 1 to 128 bits. Default 64, since one customer
   * commonly has that many addresses to choose from (RFC 6177). IPv4 addresses count whole, also in their mapped form.
   */
  readonly peerPrefixLength?: number | undefined
  /**
   * Peers in `trust` are proxies that say with a PROXY header who their client is. Theirs are the connections that must
   * begin with one, within `timeout` (default 5 seconds; HAProxy's specification asks for at least 3); the rules above
   * then hold for the client. What others send is data. On a port with `tls` the header comes first, in clear.
   */
  readonly proxyProtocol?:
    | {
        readonly trust: IpSet
        /**
         * Whether who connects over a Unix-domain socket is a proxy, too: such peers have no address, and the path's mode
         * says who can. Default `false`.
         */
        readonly unix?: boolean | undefined
        readonly timeout?: Duration.Input | undefined
        /** Bytes that a header may have at most. Default 4096: room for a client's certificate. */
        readonly maxBytes?: number | undefined
      }
    | undefined
}

/** What each rule may be. */
const checks = {
  maxPerPeer: InvalidOption.integer(1),
  peerPrefixLength: InvalidOption.integer(1, 128)
} as const

/** What each option of `proxyProtocol` may be. */
const proxyChecks = {
  trust: Access.ipSet,
  unix: InvalidOption.boolean,
  timeout: InvalidOption.positiveDuration,
  maxBytes: InvalidOption.integer(16, 65_551)
} as const

/** The first rule that cannot be meant. */
export const problem = (rules: Rules): InvalidOption.InvalidOption | undefined => {
  const { access, proxyProtocol } = rules
  const invalid = InvalidOption.find(rules, checks) ?? Access.problem(access)
  if (invalid !== undefined || proxyProtocol === undefined) return invalid
  // Whom to believe has no default.
  const given = { ...proxyProtocol, trust: proxyProtocol.trust ?? null }
  return InvalidOption.find(given, proxyChecks, "proxyProtocol.")
}

const defaultPrefixLength = 64

export class AdmissionRules {
  private readonly rules: Rules
  /** How many connections each peer has now, by its key; a peer without any is not here. */
  private readonly perPeer = new Map<string, number>()

  constructor(rules: Rules) {
    this.rules = rules
  }

  private get isOpen(): boolean {
    const { access, maxPerPeer } = this.rules
    return access === undefined && maxPerPeer === undefined
  }

  /** The reason to refuse, or nothing: then the connection is counted until it ends. Proxies are let in as they are. */
  enter(stream: StreamState): Refusal | undefined {
    // An address is not made where nobody asks for it.
    return this.isOpen || this.isProxied(stream.connection) ? undefined : this.enterAs(stream, stream.remoteAddress)
  }

  /** The reason to refuse the client behind a connection, or nothing: then it is counted until the connection ends. */
  enterAs(stream: StreamState, client: NetAddress.SocketAddress): Refusal | undefined {
    const { access, maxPerPeer } = this.rules
    // A Unix-domain peer has no address of its own.
    if (!NetAddress.isInetAddress(client)) return undefined
    const { address } = client
    if (!Access.isAllowed(access, address)) return "Access"
    // What is gone already has no place to give back.
    if (maxPerPeer === undefined || stream.gone) return undefined
    const peer = this.peerOf(address)
    const count = this.perPeer.get(peer) ?? 0
    if (count >= maxPerPeer) return "MaxPerPeer"
    this.perPeer.set(peer, count + 1)
    stream.onLeave = () => this.leave(peer)
    return undefined
  }

  /** Whom the address belongs to, as a key. */
  private peerOf(address: NetAddress.IpAddress): string {
    if (NetAddress.isIpv4Address(address)) return NetAddress.formatIp(address)
    const mapped = NetAddress.fromIpv4Mapped(address)
    if (Option.isSome(mapped)) return NetAddress.formatIp(mapped.value)
    const { peerPrefixLength = defaultPrefixLength } = this.rules
    return String(Ipaddr6.fromAddress(address) >> BigInt(128 - peerPrefixLength))
  }

  /** Whether the connection comes from a proxy that is believed. An address that is not known never is. */
  isProxied(connection: Connection): boolean {
    const { proxyProtocol } = this.rules
    if (proxyProtocol === undefined) return false
    const { remoteAddress } = connection
    if (!NetAddress.isInetAddress(remoteAddress)) return proxyProtocol.unix === true
    return !NetAddress.isUnspecified(remoteAddress.address) && contains(proxyProtocol.trust, remoteAddress.address)
  }

  private leave(peer: string): void {
    const count = this.perPeer.get(peer) ?? 0
    if (count > 1) this.perPeer.set(peer, count - 1)
    else this.perPeer.delete(peer)
  }
}
