/**
 * `http09 get`: documents on standard output, or in files.
 */
import * as NodeResolver from "@effect-sockets/resolver/NodeResolver"
import * as NodeNetwork from "@effect-sockets/socket/NodeNetwork"
import type { NetworkError } from "@effect-sockets/socket/NetworkError"
import * as ByteSize from "effect/ByteSize"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { PlatformError } from "effect/PlatformError"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { statSync } from "node:fs"
import * as path from "node:path"
import { getSystemErrorMessage } from "node:util"
import * as Http09Client from "../../Http09Client.ts"
import type { Http09Error } from "../../Http09Error.ts"
import * as Http09Url from "../../Http09Url.ts"
import * as NodeOutput from "../output.ts"
import { saveAs } from "../../internal/client/saveAs.ts"
import { fromUser } from "../common.ts"
import * as Progress from "./progress.ts"
import { untilSignal } from "../signal.ts"
import * as Targets from "./targets.ts"

/** A failure of a command that was understood. */
class GetError extends Data.TaggedError("GetError")<{ readonly message: string }> {}

const orUsage = <A>(result: Result.Result<A, string>) =>
  Effect.mapError(
    Effect.fromResult(result),
    (userMessage) => new CliError.UserError({ userMessage, cause: new Error(userMessage) })
  )

const seconds = (value: number): Duration.Duration => Duration.millis(value * 1000)

const bytesOf = (text: string): Option.Option<number> =>
  Option.flatMap(ByteSize.fromString(/^\d+$/.test(text) ? `${text} B` : text), ByteSize.toNumber)

const flags = {
  output: Flag.String("output").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("file"),
    Flag.withDescription("Save it in this file, complete or not at all; in a folder under its own name"),
    Flag.filter(
      (file) => file !== "",
      () => "the name of a file or folder"
    ),
    Flag.optional
  ),
  dialect: Flag.Literals("dialect", ["book", "1991"]).pipe(
    Flag.withDescription("Send GET path HTTP/0.9 (book) or GET path (1991)"),
    Flag.withDefault("book")
  ),
  timeout: Flag.Finite("timeout").pipe(
    Flag.withMetavar("seconds"),
    Flag.withDescription(
      "How long a document may take in all; without it as long as it comes (30 s to connect, 60 s of silence)"
    ),
    Flag.filter(
      (value) => value > 0,
      () => "more than 0 seconds"
    ),
    Flag.map(seconds),
    Flag.optional
  ),
  maxSize: Flag.String("max-size").pipe(
    Flag.withMetavar("size"),
    Flag.withDescription("How long a document may be: bytes, or for example 10MB, 1.5GiB"),
    Flag.filterMap(bytesOf, () => "bytes, or a size such as 10MB or 1.5GiB"),
    Flag.optional
  ),
  raw: Flag.Boolean("raw").pipe(
    Flag.withDescription("Take every answer for a document, also a line that says why there is none"),
    Flag.withDefault(false)
  ),
  parallel: Flag.Int("parallel").pipe(
    Flag.withMetavar("n"),
    Flag.withDescription("How many documents to get at once; on standard output they come one after another"),
    Flag.filter(
      (value) => value >= 1,
      () => "a number from 1"
    ),
    Flag.withDefault(4)
  )
}

/** A folder, or a name that can only be one's. */
const isFolder = (file: string): boolean =>
  /[/\\]$/.test(file) || (statSync(fromUser(file), { throwIfNoEntry: false })?.isDirectory() ?? false)

/** Where a document goes: to a file, or to standard output. */
interface Job {
  readonly target: Http09Url.Http09Url
  readonly file?: string
}

const fileError =
  (file: string | undefined) =>
  ({ message, reason }: PlatformError) => {
    const { errno } = (reason.cause ?? {}) as NodeJS.ErrnoException
    return new GetError({ message: `${file}: ${errno === undefined ? message : getSystemErrorMessage(errno)}` })
  }

/** Standard output, one file, or a folder that is made if it is not there. */
const jobsOf = Effect.fnUntraced(function* (
  targets: ReadonlyArray<Http09Url.Http09Url>,
  output: Option.Option<string>
): Effect.fn.Return<ReadonlyArray<Job>, GetError, FileSystem.FileSystem> {
  if (Option.isNone(output) || output.value === "-") return targets.map((target) => ({ target }))
  const place = fromUser(output.value)
  if (targets.length === 1 && !isFolder(output.value)) return [{ target: targets[0], file: place }]
  const names = Targets.fileNames(targets)
  if (Result.isFailure(names)) return yield* new GetError({ message: names.failure })
  yield* FileSystem.FileSystem.use((fs) => fs.makeDirectory(place, { recursive: true })).pipe(
    Effect.mapError(fileError(place))
  )
  return targets.map((target, index) => ({ target, file: path.join(place, names.success[index]) }))
})

type Failure = Http09Error | NetworkError | PlatformError | NodeOutput.OutputError
type Needs = Http09Client.Http09Client | FileSystem.FileSystem

/** A failure that concerns one document, in words that a person knows: the file, not the function that failed. */
const explain =
  ({ target, file }: Job, isOne: boolean) =>
  (error: Failure): GetError | NodeOutput.OutputError => {
    if (error._tag === "OutputError") return error
    const message = error._tag === "PlatformError" ? fileError(file)(error).message : error.message
    const names = isOne || error._tag === "Http09Error" ? "" : `${Http09Url.format(target)}: `
    return new GetError({ message: `${names}${message}` })
  }

const getAll = Effect.fnUntraced(function* (jobs: ReadonlyArray<Job>, parallel: number, options: Http09Client.Options) {
  const isOne = jobs.length === 1
  const isSaving = jobs.some(({ file }) => file !== undefined)
  const progress = yield* Progress.make(jobs.length, isSaving || !process.stdout.isTTY)
  const getOne = (job: Job): Effect.Effect<void, GetError | NodeOutput.OutputError, Needs> => {
    const { target, file } = job
    const bytes = Http09Client.get(target, {
      ...options,
      observe: ({ _tag }) =>
        progress.tell(
          _tag === "Sending" ? `> Sending request to ${Http09Url.authority(target)}...` : "> Received response:"
        )
    }).pipe(Stream.tap((chunk) => Effect.sync(() => progress.add(chunk.length))))
    const taken: Effect.Effect<void, Failure, Needs> =
      file === undefined
        ? Stream.runForEach(bytes, NodeOutput.write)
        : Effect.flatMap(saveAs(file)(bytes), (size) => progress.tell(`> Saved ${size} bytes as ${file}`))
    return Effect.mapError(taken, explain(job, isOne)).pipe(Effect.ensuring(Effect.sync(progress.end)))
  }
  if (isOne) return yield* getOne(jobs[0])
  // What one document failed of leaves the others alone; an output that is closed ends them all.
  const outcomes = yield* Effect.forEach(
    jobs,
    (job) =>
      getOne(job).pipe(
        Effect.as(true),
        Effect.catchTag("GetError", ({ message }) => Effect.as(progress.tell(`http09: ${message}`), false))
      ),
    { concurrency: isSaving ? parallel : 1 }
  )
  const failed = outcomes.filter((came) => !came).length
  if (failed > 0) return yield* new GetError({ message: `${failed} of ${jobs.length} documents did not come` })
}, Effect.scoped)

/** `http09 get`. */
export const get = Command.make(
  "get",
  {
    targets: Argument.String("url").pipe(
      Argument.withDescription("http://host:port/path, one or several; or a host, a port and a path"),
      Argument.variadic({ min: 1 }),
      Argument.mapEffect((words) => orUsage(Targets.fromWords(words)))
    ),
    ...flags
  },
  Effect.fnUntraced(
    function* ({ targets, output, parallel, timeout, maxSize, dialect, raw }) {
      const jobs = yield* jobsOf(targets, output)
      const options = {
        dialect,
        raw,
        timeout: Option.getOrUndefined(timeout),
        maxBytes: Option.getOrUndefined(maxSize)
      }
      yield* untilSignal(getAll(jobs, parallel, options))
    },
    Effect.provide(Layer.provide(Http09Client.layer, [NodeNetwork.layer, NodeResolver.layer]))
  )
).pipe(
  Command.withDescription(
    "Get documents; their bytes go to standard output, all else to standard error.\n\n" +
      "Exit status: 0 if every document came whole, 1 if one did not, 2 if the command line is wrong; " +
      "a signal that ends it leaves no half-written file."
  ),
  Command.withExamples([
    { command: "http09 get 127.0.0.1 8080 /", description: "Print the page at /" },
    { command: "http09 get http://localhost:8080/sockets.png -o .", description: "Save a picture as sockets.png" },
    { command: "http09 get http://[::1]/a http://[::1]/b -o pages --parallel 2", description: "Save two pages at once" }
  ])
)
