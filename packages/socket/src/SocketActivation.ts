/**
 * Which descriptors a service manager passed to this process: systemd's socket activation, as sd_listen_fds(3) has it.
 * Pure but for effect's `Config`. `ServerSocket.fromDescriptor` takes what is found here.
 *
 * The manager opens the ports and keeps them: a service that is restarted refuses nobody, and one that runs without
 * rights, or in a network of its own, has a port of the machine all the same.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * A descriptor that was passed, and what its unit calls it (`FileDescriptorName=`): `unknown`, where nobody says.
 *
 * ```ts
 * import type * as SocketActivation from "@effect-sockets/socket/SocketActivation"
 * const web: SocketActivation.Passed = { descriptor: 3, name: "web" }
 * web.descriptor // => 3
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Passed {
  readonly descriptor: number
  readonly name: string
}

/**
 * The three variables of the protocol, as texts.
 *
 * ```ts
 * import type * as SocketActivation from "@effect-sockets/socket/SocketActivation"
 * const variables: SocketActivation.Variables = { LISTEN_PID: "4711", LISTEN_FDS: "2", LISTEN_FDNAMES: "web:metrics" }
 * variables.LISTEN_FDS // => "2"
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export interface Variables {
  /** The process that the descriptors are for. */
  readonly LISTEN_PID?: string | undefined
  /** How many they are; the first is 3. */
  readonly LISTEN_FDS?: string | undefined
  /** Their names, with colons between them. */
  readonly LISTEN_FDNAMES?: string | undefined
}

/**
 * A variable that cannot be meant.
 *
 * ```ts
 * import * as SocketActivation from "@effect-sockets/socket/SocketActivation"
 * const error = new SocketActivation.SocketActivationError({ variable: "LISTEN_FDS", value: "two", mustBe: "a number" })
 * error.message // => "LISTEN_FDS is \"two\" and must be a number"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class SocketActivationError extends Schema.TaggedError<SocketActivationError>()("SocketActivationError", {
  variable: Schema.Literals(["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]),
  value: Schema.String,
  mustBe: Schema.String
}) {
  override get message(): string {
    return `${this.variable} is ${JSON.stringify(this.value)} and must be ${this.mustBe}`
  }
}

/** SD_LISTEN_FDS_START. */
const first = 3

/** More than any process can have: Linux's `nr_open` is at most this. */
const most = 1_048_576

const positive = (
  variable: "LISTEN_PID" | "LISTEN_FDS",
  value: string,
  largest: number
): Result.Result<number, SocketActivationError> =>
  /^\d{1,10}$/.test(value) && Number(value) >= 1 && Number(value) <= largest
    ? Result.succeed(Number(value))
    : Result.fail(new SocketActivationError({ variable, value, mustBe: `a number from 1 to ${largest}` }))

/**
 * The descriptors that are for the process with this number, in the order of the units. None, if the variables are
 * missing, or for another process: a child gets its parent's environment, but not its descriptors.
 *
 * **Errors**: `SocketActivationError` for a number that is none, and names that are not as many as the descriptors.
 *
 * ```ts
 * import * as SocketActivation from "@effect-sockets/socket/SocketActivation"
 * import { Result } from "effect"
 * const variables = { LISTEN_PID: "4711", LISTEN_FDS: "2", LISTEN_FDNAMES: "web:metrics" }
 * SocketActivation.fromVariables(variables, 4711)
 * // => Result.succeed([{ descriptor: 3, name: "web" }, { descriptor: 4, name: "metrics" }])
 * SocketActivation.fromVariables(variables, 4712) // => Result.succeed([])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromVariables = (
  { LISTEN_FDNAMES, LISTEN_FDS, LISTEN_PID }: Variables,
  pid: number
): Result.Result<ReadonlyArray<Passed>, SocketActivationError> =>
  Result.gen(function* () {
    if (LISTEN_PID === undefined || LISTEN_FDS === undefined) return []
    if ((yield* positive("LISTEN_PID", LISTEN_PID, 2 ** 31 - 1)) !== pid) return []
    const count = yield* positive("LISTEN_FDS", LISTEN_FDS, most)
    const names = LISTEN_FDNAMES === undefined ? undefined : LISTEN_FDNAMES.split(":")
    if (names !== undefined && names.length !== count) {
      const mustBe = `${count} name${count === 1 ? "" : "s"} with colons between them`
      return yield* Result.fail(
        new SocketActivationError({ variable: "LISTEN_FDNAMES", value: LISTEN_FDNAMES ?? "", mustBe })
      )
    }
    return Array.from({ length: count }, (_, index) => ({
      descriptor: first + index,
      name: names === undefined ? "unknown" : names[index]
    }))
  })

/**
 * As `fromVariables`, with the variables from effect's `Config`: those of the environment, unless the program has another
 * provider. `pid` is the number of this process, Node's `process.pid`. Asked again it gives the same.
 *
 * **Errors** as `fromVariables`. **Interruption**: it is done at once.
 *
 * ```ts
 * import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
 * import * as ServerSocket from "@effect-sockets/socket/ServerSocket"
 * import * as SocketActivation from "@effect-sockets/socket/SocketActivation"
 * import { Effect } from "effect"
 * const listen = Effect.gen(function* () {
 *   const [passed] = yield* SocketActivation.passedTo(process.pid)
 *   return yield* passed === undefined ? ServerSocket.listen(0) : ServerSocket.fromDescriptor(passed.descriptor)
 * })
 * const socket = await Effect.runPromise(listen.pipe(Effect.scoped, Effect.provide(NodeNetwork.layer)))
 * socket.address._tag // => "InetAddressV4"
 * ```
 *
 * @category getters
 * @since 0.1.0
 */
export const passedTo = (pid: number): Effect.Effect<ReadonlyArray<Passed>, SocketActivationError> => {
  const variable = (name: keyof Variables) =>
    Effect.map(Effect.orDie(Config.option(Config.String(name))), Option.getOrUndefined)
  return Effect.gen(function* () {
    const variables = {
      LISTEN_PID: yield* variable("LISTEN_PID"),
      LISTEN_FDS: yield* variable("LISTEN_FDS"),
      LISTEN_FDNAMES: yield* variable("LISTEN_FDNAMES")
    }
    return yield* Effect.fromResult(fromVariables(variables, pid))
  })
}
