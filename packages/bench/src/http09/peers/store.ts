/** What the mini Redis of every peer answers: the same commands over the same map. */
const values = new Map<string, string>()

const bulk = (value: string | undefined): string =>
  value === undefined ? "$-1\r\n" : `$${Buffer.byteLength(value)}\r\n${value}\r\n`

/** The reply to a command, in RESP2. */
export const answer = ([name = "", key = "", value = ""]: ReadonlyArray<string>): string => {
  switch (name.toUpperCase()) {
    case "PING":
      return "+PONG\r\n"
    case "SET":
      values.set(key, value)
      return "+OK\r\n"
    case "GET":
      return bulk(values.get(key))
    // redis-benchmark asks for it, and takes an empty list.
    case "CONFIG":
      return "*0\r\n"
    default:
      return `-ERR unknown command '${name}'\r\n`
  }
}
