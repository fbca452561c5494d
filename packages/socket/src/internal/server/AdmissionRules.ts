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
import { type AcceptRate, AcceptRateRule, PeerRates, problem as rateProblem } from "./AcceptRate.ts"

/** Which connections a server lets in. */
export interface Rules {
  /**
   * How many connections may come in a time, all peers together; more are refused (`"AcceptRate"`). Who may not come in
   * by another rule does not count. Default: no limit.
   */
  readonly acceptRate?: AcceptRate | undefined
  /**
   * The same for each peer (`"AcceptRatePerPeer"`). Of 10,000 peers it is remembered how many they had; of more, those are
   * forgotten that were not seen for longest. Default: no limit.
   */
  readonly acceptRatePerPeer?: AcceptRate | undefined
  /** Peers in `deny` are refused; with `allow`, so are those that are not in it. Default: everybody may come. */
  readonly access?: Access.Access | undefined
  /** Connections of one peer at once, at least 1. Default: as many as there are. */
  readonly maxPerPeer?: number | undefined
  /**
   * How much of an IPv6 address makes a peer, for `maxPerPeer` and `acceptRatePerPeer`: a prefix of 1 to 128 bits. Default
   * 64, since one customer commonly has that many addresses to choose from (RFC 6177). IPv4 addresses count whole, also in
   * their mapped form.
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
  const invalid =
    InvalidOption.find(rules, checks) ??
    rateProblem(rules.acceptRate, "acceptRate") ??
    rateProblem(rules.acceptRatePerPeer, "acceptRatePerPeer") ??
    Access.problem(access)
  if (invalid !== undefined || proxyProtocol === undefined) return invalid
  // Whom to believe has no default.
  const given = { ...proxyProtocol, trust: proxyProtocol?.trust ?? null }
  return InvalidOption.find(given, proxyChecks, "proxyProtocol.")
}

const defaultPrefixLength = 64

export class AdmissionRules {
  private readonly rules: Rules
  /** How many connections each peer has now, by its key; a peer without any is not here. */
  private readonly perPeer = new Map<string, number>()

  private readonly rate: AcceptRateRule | undefined
  private readonly perPeerRate: PeerRates | undefined
  /** When there is room again for as many as may come at once. */
  private fullAt = -Infinity
  /** Whether no rule asks who comes. */
  private readonly isOpen: boolean

  constructor(rules: Rules) {
    const { acceptRate, acceptRatePerPeer, access, maxPerPeer } = rules
    this.rules = rules
    this.rate = acceptRate && new AcceptRateRule(acceptRate)
    this.perPeerRate = acceptRatePerPeer && new PeerRates(acceptRatePerPeer)
    this.isOpen = access === undefined && maxPerPeer === undefined && acceptRatePerPeer === undefined
  }

  /**
   * The reason to refuse, or nothing: then the connection is counted until it ends. Of proxies, only how many come in a
   * time is asked.
   */
  enter(stream: StreamState): Refusal | undefined {
    // An address is not made where nobody asks for it.
    return this.isOpen || this.isProxied(stream.connection)
      ? this.comes(stream)
      : this.admit(stream, stream.remoteAddress, true)
  }

  /** The reason to refuse the client behind a connection, or nothing: then it is counted until the connection ends. */
  enterAs(stream: StreamState, client: NetAddress.SocketAddress): Refusal | undefined {
    return this.admit(stream, client, false)
  }

  private admit(stream: StreamState, client: NetAddress.SocketAddress, isNew: boolean): Refusal | undefined {
    const { access, maxPerPeer } = this.rules
    // A Unix-domain peer has no address of its own.
    if (!NetAddress.isInetAddress(client)) return isNew ? this.comes(stream) : undefined
    const { address } = client
    if (!Access.isAllowed(access, address)) return "Access"
    const { perPeerRate } = this
    const peer = maxPerPeer === undefined && perPeerRate === undefined ? "" : this.peerOf(address)
    const count = this.perPeer.get(peer) ?? 0
    if (maxPerPeer !== undefined && count >= maxPerPeer) return "MaxPerPeer"
    if (perPeerRate?.take(peer, stream.connection.timers.now()) === false) return "AcceptRatePerPeer"
    const refusal = isNew ? this.comes(stream) : undefined
    if (refusal !== undefined) perPeerRate?.giveBack(peer)
    // What is gone already has no place to give back.
    if (refusal !== undefined || maxPerPeer === undefined || stream.gone) return refusal
    this.perPeer.set(peer, count + 1)
    // V8 puts a function that is assigned to a property as it is made among the old objects, as if it were a method, and
    // keeps for long what it leads to.
    const leave = (): void => this.leave(peer)
    stream.onLeave = leave
    return undefined
  }

  /** One more has come: it counts, if there is room for it in the rate of all. */
  private comes({ connection }: StreamState): Refusal | undefined {
    if (this.rate === undefined) return undefined
    const after = this.rate.next(this.fullAt, connection.timers.now())
    if (after === undefined) return "AcceptRate"
    this.fullAt = after
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
