/** Who may come in: the rules that are decided when a connection arrives, before anybody waits for it. */
import { contains, type IpSet } from "@effect-sockets/ipaddr/IpSet"
import type * as Duration from "effect/Duration"
import * as NetAddress from "effect/net/NetAddress"
import type { StreamCore } from "../stream/StreamState.ts"

/** Why a connection was refused. */
export type Refusal = "Access" | "MaxPerPeer" | "ProxyHeader" | "QueueFull" | "QueueTimeout" | "Stopped"

export interface Rules {
  /** Peers in `deny` are refused; with `allow`, so are those that are not in it. */
  readonly access?: { readonly allow?: IpSet | undefined; readonly deny?: IpSet | undefined } | undefined
  /** Connections of one address at once. */
  readonly maxPerPeer?: number | undefined
  /**
   * Peers in `trust` are proxies that say with a PROXY header who their client is. Theirs are the connections that must
   * begin with one, within `timeout` (default 5 seconds; HAProxy's specification asks for at least 3); the rules above
   * then hold for the client. What others send is data. Not together with `tls`, whose handshake comes first here.
   */
  readonly proxyProtocol?: { readonly trust: IpSet; readonly timeout?: Duration.Input | undefined } | undefined
}

export class AdmissionRules {
  private readonly rules: Rules
  /** Only addresses with a connection are here. */
  private readonly perPeer = new Map<string, number>()

  constructor(rules: Rules) {
    this.rules = rules
  }

  private get isOpen(): boolean {
    const { access, maxPerPeer } = this.rules
    return access === undefined && maxPerPeer === undefined
  }

  /** The reason to refuse, or nothing: then the connection is counted until it ends. Proxies are let in as they are. */
  enter(core: StreamCore): Refusal | undefined {
    // An address is not made where nobody asks for it.
    return this.isOpen || this.isProxied(core) ? undefined : this.enterAs(core, core.remoteAddress)
  }

  /** As `enter`, for the client behind the connection. */
  enterAs(core: StreamCore, client: NetAddress.SocketAddress): Refusal | undefined {
    const { access, maxPerPeer } = this.rules
    // A Unix-domain peer has no address of its own.
    if (!NetAddress.isInetAddress(client)) return undefined
    const { address } = client
    if (access?.deny !== undefined && contains(access.deny, address)) return "Access"
    if (access?.allow !== undefined && !contains(access.allow, address)) return "Access"
    if (maxPerPeer === undefined) return undefined
    const peer = NetAddress.formatIp(address)
    const count = this.perPeer.get(peer) ?? 0
    if (count >= maxPerPeer) return "MaxPerPeer"
    this.perPeer.set(peer, count + 1)
    core.onLeave = () => this.leave(peer)
    return undefined
  }

  /** Whether the connection comes from a proxy that is believed. An address that is not known never is. */
  isProxied(core: StreamCore): boolean {
    const { proxyProtocol } = this.rules
    if (proxyProtocol === undefined) return false
    const { remoteAddress } = core.connection
    return (
      NetAddress.isInetAddress(remoteAddress) &&
      !NetAddress.isUnspecified(remoteAddress.address) &&
      contains(proxyProtocol.trust, remoteAddress.address)
    )
  }

  private leave(peer: string): void {
    const count = this.perPeer.get(peer) ?? 0
    if (count > 1) this.perPeer.set(peer, count - 1)
    else this.perPeer.delete(peer)
  }
}
