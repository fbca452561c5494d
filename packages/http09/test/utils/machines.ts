/** Machines of one process tree: network namespaces, each with a wire to the one in the middle. */
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { start } from "./processes.ts"

/**
 * The one in the middle is 10.9.1.1, 10.9.2.1 and so on, the others 10.9.1.2, 10.9.2.2 and so on. A namespace lives as
 * long as a process in it: `cat`, which ends with this script's input, and so with the test.
 */
const script = (machines: number) => `
set -e
exec 3<&0
ip link set lo up
for machine in $(seq ${machines}); do
  unshare -n cat <&3 >/dev/null &
  until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
  ip link add wire$machine type veth peer name wire netns $!
  ip addr add 10.9.$machine.1/24 dev wire$machine; ip link set wire$machine up
  nsenter -t $! -n sh -ec "ip addr add 10.9.$machine.2/24 dev wire; ip addr add 10.9.$machine.3/24 dev wire
    ip link set lo up; ip link set wire up; ip route add default via 10.9.$machine.1"
  echo "machine $machine is $!"
done
echo "middle is $$"
cat <&3`

const probe = "ip link add wire0 type veth peer name wire1 && unshare -n true && command -v nsenter"

/** Whether namespaces can be made here. */
export const can = process.platform === "linux" && spawnSync("unshare", ["-rn", "sh", "-c", probe]).status === 0

/** How `start` is called to start something on one of them: the middle, the first, and so on. */
export const machines = (count: number) =>
  Effect.gen(function* () {
    const running = yield* start("unshare", ["-rn", "sh", "-c", script(count)])
    const said = yield* running.until(/middle is \d+\n/)
    const pids = [...said.matchAll(/ is (\d+)\n/g)].map(([, pid]) => pid)
    return [pids[count], ...pids.slice(0, count)].map(
      (pid) => (command: string, args: ReadonlyArray<string>) =>
        start("nsenter", ["-t", pid, "-U", "--preserve-credentials", "-n", command, ...args])
    )
  })
