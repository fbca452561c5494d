/** The keys and values of one server, and the commands over them. It knows nothing of sockets. */
import { error, ok, type Reply } from "./Resp.ts"

interface Entry {
  readonly value: string
  /** In milliseconds since 1970; `Infinity` for never. */
  readonly expiresAt: number
}

/** A command: how many arguments it has, and what it does. The second number is for those that may have more. */
type Command = readonly [least: number, most: number, run: (store: Store, args: ReadonlyArray<string>) => Reply]

const integer = (text: string): bigint | undefined => {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return undefined
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? value : undefined
}

const notInteger = error("ERR value is not an integer or out of range")

const commands: { readonly [name: string]: Command } = {
  PING: [0, 1, (_, [text]) => text ?? { _tag: "Status", text: "PONG" }],
  ECHO: [1, 1, (_, [text]) => text],
  SET: [
    2,
    2,
    (store, [key, value]) => {
      store.set(key, value)
      return ok
    }
  ],
  GET: [1, 1, (store, [key]) => store.get(key)?.value],
  DEL: [1, Infinity, (store, keys) => BigInt(keys.filter((key) => store.delete(key)).length)],
  INCR: [
    1,
    1,
    (store, [key]) => {
      const entry = store.get(key)
      const value = integer(entry?.value ?? "0")
      const next = value === undefined ? undefined : integer(String(value + 1n))
      if (next === undefined) return notInteger
      store.set(key, String(next), entry?.expiresAt)
      return next
    }
  ],
  EXPIRE: [
    2,
    2,
    (store, [key, seconds]) => {
      const count = integer(seconds)
      if (count === undefined) return notInteger
      const entry = store.get(key)
      if (entry === undefined) return 0n
      store.set(key, entry.value, store.now() + Number(count) * 1000)
      return 1n
    }
  ]
}

export class Store {
  /** Milliseconds since 1970. */
  readonly now: () => number
  private readonly entries = new Map<string, Entry>()

  constructor(now: () => number) {
    this.now = now
  }

  /** A key whose time is over goes when somebody asks for it. */
  get(key: string): Entry | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined || entry.expiresAt > this.now()) return entry
    this.entries.delete(key)
    return undefined
  }

  set(key: string, value: string, expiresAt = Infinity): void {
    this.entries.set(key, { value, expiresAt })
  }

  delete(key: string): boolean {
    return this.get(key) !== undefined && this.entries.delete(key)
  }

  run([name, ...args]: ReadonlyArray<string>): Reply {
    const upper = name.toUpperCase()
    if (!Object.hasOwn(commands, upper)) return error(`ERR unknown command '${name.slice(0, 128)}'`)
    const [least, most, run] = commands[upper]
    return args.length < least || args.length > most
      ? error(`ERR wrong number of arguments for '${name.toLowerCase()}' command`)
      : run(this, args)
  }
}
