/** Who may come in: the rules that are decided when a connection arrives, before anybody waits for it. */
import { contains, type IpSet } from "@effect-sockets/ipaddr/IpSet"
import * as NetAddress from "effect/net/NetAddress"
import type { StreamCore } from "./StreamCore.ts"

/** Why a connection was refused. */
export type Refusal = "Access" | "MaxPerPeer" | "QueueFull" | "QueueTimeout" | "Stopped"

export interface Rules {
  /** Peers in `deny` are refused; with `allow`, so are those that are not in it. */
  readonly access?: { readonly allow?: IpSet | undefined; readonly deny?: IpSet | undefined } | undefined
  /** Connections of one address at once. */
  readonly maxPerPeer?: number | undefined
}

export class Admission {
  private readonly rules: Rules
  /** Only addresses with a connection are here. */
  private readonly perPeer = new Map<string, number>()

  constructor(rules: Rules) {
    this.rules = rules
  }

  /** The reason to refuse, or nothing: then the connection is counted until `leave`. */
  enter(core: StreamCore): Refusal | undefined {
    const { access, maxPerPeer } = this.rules
    if (access === undefined && maxPerPeer === undefined) return undefined
    const { remoteAddress } = core
    // A Unix-domain peer has no address of its own.
    if (!NetAddress.isInetAddress(remoteAddress)) return undefined
    const { address } = remoteAddress
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

  private leave(peer: string): void {
    const count = this.perPeer.get(peer) ?? 0
    if (count > 1) this.perPeer.set(peer, count - 1)
    else this.perPeer.delete(peer)
  }
}
