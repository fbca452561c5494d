/**
 * The states of a stream, and what changes them: the one table, which `StreamState` follows and the contributors' guide
 * shows.
 *
 * A stream has a state as a whole and one for each direction. An event that is not in the table for the state it meets is
 * a fault of the transport or of this package: `next` throws, and names both.
 */

/**
 * The stream as a whole.
 *
 * - `open`: its owner reads and writes
 * - `upgrading`: a TLS handshake takes the connection over; reads wait
 * - `closing`: its owner has closed it, and output is still leaving
 * - `lingering`: FIN is sent, the peer's is waited for
 * - `gone`: the connection went while its owner had it open; what came before can still be read
 * - `closed`: the connection is gone, and so is its owner's interest
 */
export type Whole = "open" | "upgrading" | "closing" | "lingering" | "gone" | "closed"

/**
 * One direction.
 *
 * - `open`: bytes pass
 * - `ending`: input that comes is dropped, output that is buffered still leaves, and no more is taken
 * - `ended`: by FIN, after the last byte
 * - `cut`: by anything else
 */
export type Direction = "open" | "ending" | "ended" | "cut"

/** Where a stream is. */
export interface States {
  readonly whole: Whole
  readonly input: Direction
  readonly output: Direction
}

interface Row {
  /** What has happened. */
  readonly when: string
  /** What the stream does then. */
  readonly does: string
  readonly whole: { readonly [K in Whole]?: Whole }
  readonly input: { readonly [K in Direction]?: Direction }
  readonly output: { readonly [K in Direction]?: Direction }
}

const anyWhole = {
  open: "open",
  upgrading: "upgrading",
  closing: "closing",
  lingering: "lingering",
  gone: "gone",
  closed: "closed"
} as const
const anyDirection = { open: "open", ending: "ending", ended: "ended", cut: "cut" } as const
const connected = { open: "open", upgrading: "upgrading", closing: "closing", lingering: "lingering" } as const

/** What changes a stream's states. */
export type Event = "fin" | "endWrite" | "finSent" | "close" | "linger" | "upgrade" | "upgraded" | "cut" | "gone"

/** The table: an event, and for each state that it may meet the one that follows. */
export const table: { readonly [K in Event]: Row } = {
  fin: {
    when: "the peer ended its output",
    does: "readers get what is left, then the end of input",
    whole: connected,
    input: { open: "ended", ending: "ended", cut: "cut" },
    output: anyDirection
  },
  endWrite: {
    when: "the owner has no more output",
    does: "writes fail; what is buffered is sent",
    whole: anyWhole,
    input: anyDirection,
    output: { open: "ending", ending: "ending", ended: "ended", cut: "cut" }
  },
  finSent: {
    when: "the kernel has the last byte of an output that ends",
    does: "FIN is sent",
    whole: connected,
    input: anyDirection,
    output: { ending: "ended" }
  },
  close: {
    when: "the owner closes",
    does: "reads fail; unread input is dropped, and so is what comes; output ends",
    whole: { ...anyWhole, open: "closing", upgrading: "closing", gone: "closed" },
    input: { open: "ending", ending: "ending", ended: "ended", cut: "cut" },
    output: anyDirection
  },
  linger: {
    when: "the owner has closed, and FIN is sent",
    does: "the wait for the peer's FIN begins, bounded in time and bytes",
    whole: { closing: "lingering" },
    input: anyDirection,
    output: { ended: "ended" }
  },
  upgrade: {
    when: "the owner asks for TLS",
    does: "input is held back; what was written leaves in clear",
    whole: { open: "upgrading" },
    input: anyDirection,
    output: anyDirection
  },
  upgraded: {
    when: "the TLS transport is in place",
    does: "readers and writers go on, over it",
    whole: { upgrading: "open" },
    input: { open: "open", ended: "ended", cut: "cut" },
    output: anyDirection
  },
  cut: {
    when: "a deadline or a limit passed, or the owner resets",
    does: "the transport is told to reset; unsent output is lost",
    whole: anyWhole,
    input: { open: "cut", ending: "cut", ended: "ended", cut: "cut" },
    output: { open: "cut", ending: "cut", ended: "ended", cut: "cut" }
  },
  gone: {
    when: "the descriptor was given back",
    does: "whoever waits is resumed, timers are cancelled, the owner and the counts hear of it",
    whole: { open: "gone", upgrading: "gone", closing: "closed", lingering: "closed" },
    input: { open: "cut", ending: "cut", ended: "ended", cut: "cut" },
    output: { open: "cut", ending: "cut", ended: "ended", cut: "cut" }
  }
}

/** An event met a state in which it cannot happen. */
export class IllegalTransition extends Error {
  override readonly name = "IllegalTransition"
  constructor(event: Event, { input, output, whole }: States) {
    super(`"${event}" cannot happen to a stream that is ${whole}, its input ${input} and its output ${output}`)
  }
}

/** What follows a state, by event, as far as it was asked for. */
const after = Symbol("@effect-sockets/socket/StateTable/after")
type After = { [K in Event]: States | undefined }
interface Known extends States {
  readonly [after]?: After
}

const known = new Map<string, Known>()

/** Each state once, with what follows it: a connection goes from one to the next and makes nothing. */
const intern = (whole: Whole, input: Direction, output: Direction): States => {
  const key = `${whole} ${input} ${output}`
  const found = known.get(key)
  if (found !== undefined) return found
  const states: Known = { whole, input, output }
  const value = Object.fromEntries(Object.keys(table).map((event) => [event, undefined])) as unknown as After
  Object.defineProperty(states, after, { value })
  known.set(key, states)
  return states
}

/** The states after an event. */
export const next = (states: Known, event: Event): States => {
  const following = states[after]
  return following?.[event] ?? follow(states, event, following)
}

const follow = (states: States, event: Event, following: After | undefined): States => {
  const row = table[event]
  const whole = row.whole[states.whole]
  const input = row.input[states.input]
  const output = row.output[states.output]
  if (whole === undefined || input === undefined || output === undefined) throw new IllegalTransition(event, states)
  const then = intern(whole, input, output)
  if (following !== undefined) following[event] = then
  return then
}

/** A stream's states at its start. */
export const initial: States = intern("open", "open", "open")
