import { spawnSync } from "node:child_process"
import { has } from "../../../../test/utils/programs.ts"

/** Whether the oracle is there; tests that need it say so and skip otherwise. */
export const hasPython = has("python3")

const program = `
import json, socket, sys
kind = sys.argv[1]
def read(text):
    try:
        if kind == "aton": return socket.inet_aton(text).hex()
        return socket.inet_pton(socket.AF_INET if kind == "pton4" else socket.AF_INET6, text).hex()
    except (OSError, ValueError, UnicodeEncodeError):
        return None
print(json.dumps([read(text) for text in json.load(sys.stdin)]))
`

/** What the C library makes of each text, as the hexadecimal digits of the address, or null where it refuses. */
export const inet = (kind: "aton" | "pton4" | "pton6", texts: ReadonlyArray<string>): ReadonlyArray<string | null> => {
  const result = spawnSync("python3", ["-c", program, kind], {
    input: JSON.stringify(texts),
    encoding: "utf8",
    maxBuffer: 1 << 28
  })
  if (result.status !== 0) throw new Error(result.stderr)
  return JSON.parse(result.stdout)
}

const networkProgram = `
import ipaddress, itertools, json, sys
def texts(values): return [str(value) for value in itertools.islice(values, 8)]
def step(network, count):
    first = int(network.network_address) + count * network.num_addresses
    if first < 0 or first >= 1 << network.max_prefixlen: return None
    return str(type(network)((first, network.prefixlen)))
def ask(text, length):
    network = ipaddress.ip_network(text)
    def maybe(f):
        try: return f()
        except ValueError: return None
    return {
        "subnets": None if length < network.prefixlen else maybe(lambda: texts(network.subnets(new_prefix=length))),
        "supernet": None if length > network.prefixlen else maybe(lambda: str(network.supernet(new_prefix=length))),
        "hosts": texts(network.hosts()),
        "netmask": str(network.netmask), "hostmask": str(network.hostmask),
        "withNetmask": network.with_netmask, "withHostmask": network.with_hostmask,
        "next": step(network, 1), "previous": step(network, -1)
    }
print(json.dumps([ask(*question) for question in json.load(sys.stdin)]))
`

/** What Python's `ipaddress` says of a block; lists are cut after eight, null is an error. */
export interface PythonNetwork {
  readonly subnets: ReadonlyArray<string> | null
  readonly supernet: string | null
  readonly hosts: ReadonlyArray<string>
  readonly netmask: string
  readonly hostmask: string
  readonly withNetmask: string
  readonly withHostmask: string
  readonly next: string | null
  readonly previous: string | null
}

const ask = (program: string, questions: unknown): unknown => {
  const result = spawnSync("python3", ["-c", program], {
    input: JSON.stringify(questions),
    encoding: "utf8",
    maxBuffer: 1 << 28
  })
  if (result.status !== 0) throw new Error(result.stderr)
  return JSON.parse(result.stdout)
}

/** Asks Python about blocks, each with the prefix length of its subnets or its supernet. */
export const networks = (
  questions: ReadonlyArray<readonly [network: string, prefixLength: number]>
): ReadonlyArray<PythonNetwork> => JSON.parse(JSON.stringify(ask(networkProgram, questions)).replaceAll(mapped, dotted))

// Older releases print mapped addresses without dots.
const mapped = /(?<![0-9a-f:])::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})(?![0-9a-f:])/g
const dotted = (_: string, high: string, low: string): string => {
  const [a, b] = [high, low].map((group) => Number.parseInt(group, 16))
  return `::ffff:${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`
}

const kindProgram = `
import ipaddress, json, sys
kinds = ["unspecified", "loopback", "link_local", "multicast", "reserved"]
def ask(text):
    address = ipaddress.ip_address(text)
    return [kind for kind in kinds if getattr(address, "is_" + kind)]
print(json.dumps([ask(text) for text in json.load(sys.stdin)]))
`

/** The kinds that Python finds addresses to be of, of those that are the same in all its releases. */
export const kinds = (texts: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  ask(kindProgram, texts) as ReadonlyArray<ReadonlyArray<string>>
