/** What is claimed of Bun and of Deno. The table in docs/runtimes.md is made of it. */

const noWorkers =
  "it says that there is no `net.BoundSocket`, and exits with 1; `reusePort` alone works there, but a worker that is replaced would reset who waits for it"

/**
 * `title`: what the table says. `only`: the tests of the claim, by their names. `project`, `files`: tests of the checkout;
 * without them the tests are those of `programs`, of the packages as they are installed. `starts`: Node runs the tests,
 * and the runtime what they start; otherwise the runtime runs the tests. `lacks`: what does not hold, by runtime: at least
 * one test that `tests` matches fails, for this `reason`, and all others pass. Those that `omits` matches are not run: they
 * hang, or come out now so, now so. `cell`: what the table says of it instead of "no".
 */
export const claims = [
  {
    title: "TCP: the [conformance suite](testing.md)",
    only: /^over TCP/
  },
  {
    title: "Unix-domain sockets: the conformance suite",
    only: /^over Unix/
  },
  {
    title: "TLS: the conformance suite",
    only: /^over TLS/,
    lacks: {
      deno: {
        cell: "in part",
        tests: /backpressure|Timeout|RST|stalled|handler|stop/,
        reason:
          "`node:tls` takes what is written without bound while the peer does not read, so `writeTimeout` does not see it; and it shows a reset as an end of input"
      }
    }
  },
  {
    title: "TLS: a server asks for client certificates",
    only: /^client certificates/,
    lacks: {
      deno: {
        tests: /lets in/,
        reason: "it is `Unsupported`, since Deno calls a certificate that nobody signed as good as any other"
      }
    }
  },
  {
    title: "UDP: the conformance suite of datagrams",
    only: /^over UDP/,
    lacks: {
      deno: {
        cell: "in part",
        tests: /in use|connected socket|ConnectionRefused/,
        reason:
          "`node:dgram` tells no socket that nobody is at its peer's port, says `0.0.0.0` of a connected one, and gives a port back some turns after it was closed"
      }
    }
  },
  {
    title: "The memory network, in simulated time: the conformance suite",
    only: /^over memory/
  },
  {
    title: "The memory network: the trace of a seed, byte for byte that of Node",
    only: /^seeds/
  },
  {
    title: "`http09 serve` and `get`, as npm installs it",
    only: /^command/
  },
  {
    title: "TLS: names, certificates, STARTTLS, ends",
    project: "socket",
    files: "test/node/Tls(Ends|Start)?\\.",
    lacks: {
      bun: {
        cell: "in part",
        tests: /nobody signed/,
        omits: /what came in clear/,
        reason:
          "a client whose certificate is refused sees an end of input; what came in clear before a client's handshake is dropped, not refused"
      },
      deno: {
        cell: "in part",
        tests:
          /client's certificate|without a certificate|nobody signed|certificates are required|must show a|in clear|cannot be used|changed on its way/,
        reason:
          "no client certificates, as above; a certificate or a key that cannot be read fails handshakes, not `listen`; failures have other codes and words than OpenSSL's"
      }
    }
  },
  {
    title: "Ports and addresses: in use, not permitted, not there, without a route",
    project: "socket",
    files: "test/(node/(NodeNetwork|UnixSocket)|client/(SocketStreamOpen|Unreachable))\\.",
    lacks: {
      bun: {
        cell: "in part",
        tests: /queue in the kernel|without a route/,
        reason: "`backlog` is 512, whatever is asked for; what has no route is `ConnectionRefused`"
      },
      deno: {
        cell: "in part",
        tests: /leaves IPv4's port|local address|idle peers/,
        reason:
          "`::` takes IPv4's port as well, whatever `ipv6Only` says; a local address that is not this machine's is `Unknown`, with EINVAL; `keepAlive` of a server does nothing"
      }
    }
  },
  {
    title: "`EffectSocket`, there and back, and RPC over it",
    project: "socket",
    files: "test/effect/EffectSocket(Rpc)?\\."
  },
  {
    title: "`StreamPool`, and the PROXY protocol behind HAProxy",
    project: "socket",
    files: "test/(client/StreamPool|proxy/ProxyHaproxy)\\."
  },
  {
    title: "The resolver of the system: names, addresses, services",
    project: "resolver",
    files: "test/NodeResolver\\.",
    lacks: {
      bun: {
        cell: "in part",
        tests: /without descriptors|is UTF-8|NXDOMAIN/,
        omits: /does not answer says TryAgain/,
        reason:
          "a reverse lookup that fails is `HostNotFound`, whatever the cause, and so is a host without an address; names of a hosts file that are not ASCII have no reverse"
      },
      deno: {
        cell: "in part",
        tests: /without descriptors|is UTF-8/,
        omits: /file that was changed/,
        reason:
          "for want of a descriptor a name is `NoAddress`; names of a hosts file that are not ASCII have no reverse; a file that changes twice in a millisecond may be read once"
      }
    }
  },
  {
    title: "The DNS client, also beside dnsmasq",
    project: "resolver",
    files: "test/(Dnsmasq|NodeResolverDns|ResolverDns)\\.",
    lacks: {
      deno: {
        cell: "in part",
        tests: /addresses are sorted|does not listen/,
        reason:
          "`node:dgram` says `0.0.0.0` of a connected socket, so IPv4 addresses come as the server gave them; a server where nobody listens is a `Timeout`, not `TryAgain`"
      }
    }
  },
  {
    title: "The HTTP/0.9 server and client: endings, faults, hostile peers",
    project: "http09",
    files: "test/server/(Endings|Faults|Hostile|Http09Server\\.)"
  },
  {
    title: "`http09 serve` and `get` with curl and other programs",
    project: "http09",
    files: "test/cli/interop",
    starts: true
  },
  {
    title: "`http09 serve`: configuration, and its end at SIGTERM",
    project: "http09",
    files: "test/cli/serve/serve\\.",
    only: /^(?!.*(workers|limits))/,
    starts: true
  },
  {
    title: "`http09 serve --workers`",
    project: "http09",
    files: "test/cli/serve/serve\\.",
    only: /alone and with workers/,
    starts: true,
    lacks: {
      bun: { tests: /./, reason: noWorkers },
      deno: { tests: /./, reason: noWorkers }
    }
  },
  {
    title: "The [examples](../examples/README.md)",
    project: "examples",
    files: "(echo|daytime|chat|forward|redis|rpc|smtp|socks|http|telemetry)/test",
    starts: true,
    lacks: {
      deno: {
        cell: "all but daytime",
        omits: /the daytime server/,
        reason:
          "where a peer sends its FIN with the connection, Deno closes the socket before it writes, also in a program of `node:net` alone"
      }
    }
  }
]
