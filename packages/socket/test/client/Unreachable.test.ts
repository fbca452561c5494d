import { assert, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as path from "node:path"

/** A network of its own, with no route but one that says that its hosts cannot be reached. Linux, as root. */
const isolated = (command: string) =>
  spawnSync("unshare", ["-n", "sh", "-c", `ip route add unreachable 10.9.0.0/16 && ${command}`], { encoding: "utf8" })

const can = isolated("true").status === 0

it.skipIf(!can)("a host and a network without a route are told apart (needs root, unshare and ip)", () => {
  const fixture = path.join(import.meta.dirname, "../fixtures/unreachable.ts")
  const { stderr, stdout } = isolated(`${process.execPath} ${fixture} 10.9.0.1 10.8.0.1`)
  assert.strictEqual(stderr, "")
  assert.deepStrictEqual(stdout.trim().split("\n"), [
    "open 10.9.0.1:80: no route to host",
    "open 10.8.0.1:80: network unreachable"
  ])
})
