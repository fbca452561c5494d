/** The command line on a terminal, which somebody may stop with Ctrl-S: by way of Python, since Node opens none. */
import * as Effect from "effect/Effect"
import { cli, start } from "./processes.ts"

/** Runs a command on a terminal, and hands on what it prints. `s` on standard input stops the reading, `g` goes on. */
const script = `
import ctypes, os, pty, select, signal, subprocess, sys, tty
master, slave = pty.openpty()
tty.setraw(slave)
die = lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL)
child = subprocess.Popen(sys.argv[1:], stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=die)
os.close(slave)
os.write(1, b"pid %d\\n" % child.pid)
reads = True
while True:
    ready = select.select([0, master] if reads else [0], [], [])[0]
    if 0 in ready:
        reads = os.read(0, 1) == b"g"
    if master in ready:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        while data:
            data = data[os.write(1, data):]
sys.exit(child.wait() & 255)
`

/** `http09 serve` on a terminal that can be frozen, when it listens. */
export const onTerminal = (args: ReadonlyArray<string>, env: Readonly<Record<string, string | undefined>> = {}) =>
  Effect.gen(function* () {
    const command = ["-c", script, process.execPath, cli, "serve", "--port", "0", ...args]
    // Node shows no colours where CI is set.
    const plain = { FORCE_COLOR: undefined, NO_COLOR: undefined, CI: undefined }
    const running = yield* start("python3", command, { env: { ...plain, ...env } })
    const text = yield* running.until(/server on port \d+\n/)
    const order = (letter: string) => Effect.sync(() => void running.child.stdin?.write(letter))
    return {
      ...running,
      pid: Number(/pid (\d+)/.exec(text)?.[1]),
      port: Number(/port (\d+)/.exec(text)?.[1]),
      freeze: order("s"),
      thaw: order("g")
    }
  })
