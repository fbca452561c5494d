/** Programs of others that tests talk to. A test that needs some says so in its title: `(needs haproxy and openssl)`. */
import { spawnSync } from "node:child_process"

/** The Debian package of each. */
export const packages: Readonly<Record<string, string>> = {
  apache2: "apache2",
  chromium: "chromium",
  curl: "curl",
  danted: "dante-server",
  "systemd-analyze": "systemd",
  "systemd-notify": "systemd",
  "systemd-socket-activate": "systemd",
  dnsmasq: "dnsmasq-base",
  haproxy: "haproxy",
  ip: "iproute2",
  lynx: "lynx",
  microsocks: "microsocks",
  ncat: "ncat",
  nginx: "nginx-light",
  openssl: "openssl",
  prometheus: "prometheus",
  prlimit: "util-linux",
  python3: "python3",
  "redis-benchmark": "redis-tools",
  script: "bsdutils",
  swaks: "swaks",
  tinyproxy: "tinyproxy",
  unshare: "util-linux",
  wget: "wget"
}

/** Whether a program is installed. */
export const has = (program: string): boolean => spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status === 0

/** What a test needs, by its title. */
export const needsOf = (title: string): ReadonlyArray<string> =>
  [...title.matchAll(/\(needs ([^)]+)\)/g)].flatMap(([, needs]) => needs.split(/, | and /))
