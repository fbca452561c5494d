/** What is claimed of Bun and of Deno, as tests of the checkout. The table in docs/runtimes.md is made of it. */

/** Tests that files of claims have besides, by the start of their names. */
export const unclaimed = /over (TCP on IPv6|the memory network, in)|the suite/

/**
 * `title`: what the table says. `project`, `files`: tests. `only`: those whose names it matches. `starts`: Node runs the
 * tests, and the runtime what they start; otherwise the runtime runs the tests. `lacks`: what does not hold, by runtime:
 * at least one test that `tests` matches fails, for this `reason`, and all others pass. Those that `omits` matches are not
 * run: they hang, or come out now so, now so. `cell`: what the table says of it instead of "no".
 */
export const claims = [
  {
    title: "TCP: the [conformance suite](testing.md)",
    project: "socket",
    files: "test/conformance",
    only: /^over TCP on IPv4/
  },
  {
    title: "Unix-domain sockets: the conformance suite",
    project: "socket",
    files: "test/conformance",
    only: /^over Unix-domain/
  },
  {
    title: "TLS: the conformance suite",
    project: "socket",
    files: "test/conformance",
    only: /^over TLS/,
    lacks: {
      bun: {
        omits: /over TLS/,
        reason:
          "what is ordinary works, but a connection whose peer does not read or never ends can stop the whole process: the suite hangs there, so none of it is claimed"
      },
      deno: {
        cell: "in part",
        tests: /backpressure|Timeout|RST|stalled|handler|stop/,
        reason:
          "writes under TLS are taken without bound while the peer does not read, so `writeTimeout` does not see it; a reset arrives as an end of input"
      }
    }
  },
  {
    title: "The memory network, in simulated time: the conformance suite",
    project: "socket",
    files: "test/conformance|test/testing/Simulation",
    only: /^(?!over (TCP|Unix|TLS))/
  },
  {
    title: "`EffectSocket`, there and back",
    project: "socket",
    files: "test/effect/EffectSocket\\.test"
  },
  {
    title: "The resolver beside dnsmasq",
    project: "resolver",
    files: "test/Dnsmasq"
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
      bun: { tests: /./, reason: "no `net.BoundSocket`; it says so and exits with 1" },
      deno: { tests: /./, reason: "no `net.BoundSocket`; it says so and exits with 1" }
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
