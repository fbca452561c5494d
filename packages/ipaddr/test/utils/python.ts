import { spawnSync } from "node:child_process"

/** Whether the oracle is there; tests that need it say so and skip otherwise. */
export const hasPython = spawnSync("python3", ["--version"]).status === 0

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
