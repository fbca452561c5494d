/**
 * One request and its answer, under the client's deadlines and limits.
 */
import * as InvalidOption from "@effect-sockets/resolver/InvalidOption"
import type { Resolver } from "@effect-sockets/resolver/Resolver"
import type { Network } from "@effect-sockets/socket/Network"
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import * as SocketStream from "@effect-sockets/socket/SocketStream"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Options, Target } from "./ClientOptions.ts"
import { type Deadline, Http09Error, type Reason } from "../../Http09Error.ts"
import * as Http09Url from "../../Http09Url.ts"
import * as RequestLine from "../../RequestLine.ts"
import * as StatusLine from "../../StatusLine.ts"

type Failure = Http09Error | NetworkError
type Read = Effect.Effect<Option.Option<Uint8Array>, Failure>
type Next = Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, Failure>

/** What was asked for, as errors name it. */
const label = (target: Target): string => {
  if (typeof target === "string") return target
  const { host, port, path } = target
  const name = typeof host === "object" ? NetAddress.formatIp(host) : String(host)
  return `${path} from ${Http09Url.authority({ host: name, port })}`
}

const checks = {
  dialect: InvalidOption.oneOf("book", "1991"),
  raw: InvalidOption.boolean,
  connectTimeout: InvalidOption.positiveDuration,
  firstByteTimeout: InvalidOption.positiveDuration,
  idleTimeout: InvalidOption.positiveDuration,
  timeout: InvalidOption.positiveDuration,
  maxBytes: InvalidOption.integerOrInfinity(0),
  observe: InvalidOption.callback
}

/** A deadline of ours, not the kernel's own. */
const isOurTimeout = ({ reason }: NetworkError): boolean => reason._tag === "TimedOut" && reason.millis !== undefined

/** Connects, sends the line, and reads on until it is clear whether a document comes: then its bytes. */
export const exchange = Effect.fnUntraced(function* (
  target: Target,
  options: Options
): Effect.fn.Return<Stream.Stream<Uint8Array, Failure>, Failure, Network | Resolver | Scope.Scope> {
  const { dialect = "book", raw = false, maxBytes = Infinity, observe = () => Effect.void } = options
  const invalid = InvalidOption.find<Options>(options, checks)
  if (invalid !== undefined) return yield* new Http09Error({ target: label(target), reason: invalid })
  const within = {
    connect: InvalidOption.toMillis(options.connectTimeout, 30_000),
    firstByte: InvalidOption.toMillis(options.firstByteTimeout, 60_000),
    idle: InvalidOption.toMillis(options.idleTimeout, 60_000),
    total: InvalidOption.toMillis(options.timeout, Infinity)
  }
  const fail = (reason: Reason, cause?: NetworkError) =>
    new Http09Error({ target: label(target), reason, ...(cause === undefined ? {} : { cause }) })
  const timedOut = (deadline: Deadline, cause?: NetworkError) =>
    fail({ _tag: "TimedOut", deadline, millis: within[deadline] }, cause)

  const { host, port, path } =
    typeof target === "string"
      ? yield* Effect.fromResult(
          Result.mapError(Http09Url.fromString(target), (refusal) => fail({ _tag: "InvalidUrl", refusal }))
        )
      : target
  const line = yield* Effect.fromResult(
    Result.mapError(RequestLine.encode(path, dialect), (refusal) => fail({ _tag: "InvalidPath", refusal }))
  )

  const end = (yield* Clock.currentTimeMillis) + within.total
  const stream = yield* SocketStream.open(host, port, {
    connectTimeout: Math.min(within.connect, within.total),
    readTimeout: within.idle,
    // The answer's end is the last that can come; after less than that nobody wants the rest.
    lingerTimeout: 0
  }).pipe(
    Effect.mapError((error) =>
      isOurTimeout(error) ? timedOut(within.connect <= within.total ? "connect" : "total", error) : error
    )
  )

  // One timer for the whole, none for each read: when it rings, the reset ends the read that waits or comes next.
  let isLate = false
  if (end !== Infinity) {
    yield* Effect.sleep(end - (yield* Clock.currentTimeMillis)).pipe(
      Effect.andThen(Effect.suspend(() => ((isLate = true), SocketStream.reset(stream)))),
      Effect.forkScoped
    )
  }
  const explain = (deadline: Deadline) => (error: NetworkError) =>
    isLate ? timedOut("total") : isOurTimeout(error) ? timedOut(deadline) : error

  yield* observe({ _tag: "Sending", stream })
  yield* Effect.mapError(SocketStream.write(stream, line), explain("firstByte"))

  const bytes = SocketStream.read(stream)
  const read: Read = Effect.mapError(bytes, explain("idle"))
  const first: Read =
    within.firstByte === within.idle
      ? Effect.mapError(bytes, explain("firstByte"))
      : // The stream's own deadline is the idle one: it may ring before this one, and loses nothing.
        Effect.retry(bytes, { while: (error) => !isLate && isOurTimeout(error) }).pipe(
          Effect.mapError(explain("firstByte")),
          Effect.timeoutOrElse({ duration: within.firstByte, orElse: () => Effect.fail(timedOut("firstByte")) })
        )

  let start: Uint8Array = new Uint8Array(0)
  for (let next = first; ; next = read) {
    const chunk = yield* next
    if (Option.isSome(chunk)) start = start.length === 0 ? chunk.value : concat(start, chunk.value)
    const answer = raw ? "document" : StatusLine.decode(start, Option.isNone(chunk))
    if (answer === undefined) continue
    if (answer !== "document") return yield* fail({ _tag: "StatusLine", ...answer })
    yield* observe({ _tag: "Receiving", stream })
    return limited(start, read, maxBytes, () => fail({ _tag: "InputTooLong", limit: maxBytes }))
  }
})

const concat = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

/** What has come and what is read, up to its end: at most `limit` bytes, and then a failure if there are more. */
const limited = (
  start: Uint8Array,
  read: Read,
  limit: number,
  tooLong: () => Http09Error
): Stream.Stream<Uint8Array, Failure> => {
  let waiting: Uint8Array = start
  let room = limit
  const deliver = (chunk: Uint8Array): Effect.Effect<Arr.NonEmptyReadonlyArray<Uint8Array>, Http09Error> => {
    if (room === 0) return Effect.fail(tooLong())
    const taken = chunk.length <= room ? chunk : chunk.subarray(0, room)
    room -= taken.length
    waiting = chunk.subarray(taken.length)
    return Effect.succeed(Arr.of(taken))
  }
  const next: Next = Effect.flatMap(read, (chunk): Next => (Option.isSome(chunk) ? deliver(chunk.value) : Cause.done()))
  return Stream.fromPull(Effect.succeed(Effect.suspend((): Next => (waiting.length > 0 ? deliver(waiting) : next))))
}
