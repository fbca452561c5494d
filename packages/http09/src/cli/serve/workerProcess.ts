/**
 * One worker as its parent sees it: a process that is told what to do, and is gone when the scope has closed.
 */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import * as NodeOutput from "../output.ts"
import type { ConnectionInfo } from "./connections.ts"
import { type Answer, type News, type Order, workerArgument } from "./workerMessages.ts"

/** Why a worker did not start. */
export class WorkerError extends Data.TaggedError("WorkerError")<{
  readonly message: string
  /** The same for a sentence that begins with the worker. */
  readonly how: string
}> {}

/** What a worker is given. */
export interface Options {
  readonly start: Omit<Extract<Order, { _tag: "Start" }>, "descriptors">
  /** Those that it inherits, to listen on. */
  readonly descriptors: () => ReadonlyArray<number>
  /** The milliseconds that it may take to drain. */
  readonly drain: number
  /** Hears how many connections it cut when it stopped. */
  readonly onCut: (connections: number) => void
}

/** A running worker. */
export interface Worker {
  /** Where it listens, when it does; fails if it never does. */
  readonly listening: Effect.Effect<ReadonlyArray<string>, WorkerError>
  /** Ends when somebody wants it to end: it waits for `handOver`. */
  readonly leaving: Effect.Effect<void>
  /** Lets it end, now that another has its place, so that no client notices; does not wait for that. */
  readonly handOver: Effect.Effect<void>
  /** How it ended, in words, when all of its output was written. */
  readonly ended: Effect.Effect<string>
  /** Its metrics; nothing if it does not answer within a second. */
  readonly metrics: Effect.Effect<string>
  /** The connections that it has; none if it does not answer within a second. */
  readonly connections: Effect.Effect<ReadonlyArray<ConnectionInfo>>
  /** Has it reset what is open and end, now; waits a second for that. */
  readonly cut: Effect.Effect<void>
}

/** What a worker may take beyond its drain: the last finalizers, and its exit. */
export const grace = 5000

const answerTime = "1 second"
const cutTime = "1 second"

const newline = 10

/** Hands on whole lines only, so that the lines of several writers do not mix. What has no end when it closes is dropped. */
const copyLines = (from: NodeJS.ReadableStream, to: "stdout" | "stderr"): void => {
  let rest: Array<Uint8Array> = []
  from.on("data", (chunk: Uint8Array) => {
    const end = chunk.lastIndexOf(newline) + 1
    if (end > 0) {
      NodeOutput.pass(to, Buffer.concat([...rest, chunk.subarray(0, end)]))
      rest = []
    }
    if (end < chunk.length) rest.push(chunk.subarray(end))
  })
}

class WorkerProcess implements Worker {
  private readonly child: ChildProcess
  private readonly options: Options
  private readonly listens = Deferred.makeUnsafe<ReadonlyArray<string>, WorkerError>()
  private readonly leaves = Deferred.makeUnsafe<void>()
  private readonly ends = Deferred.makeUnsafe<string>()
  private readonly asked = new Map<number, (answer: Answer | undefined) => void>()
  private lastId = 0

  constructor(options: Options) {
    this.options = options
    const descriptors = options.descriptors()
    // Compiled or not, the process is this program again.
    this.child = fork(process.argv[1], [workerArgument], {
      stdio: ["ignore", "pipe", "pipe", ...descriptors, "ipc"]
    })
    const { child } = this
    child.on("error", (error) => this.gone(`could not be started: ${error.message}`, ""))
    // A process that could not be started has no streams, and hears nothing.
    if (child.pid === undefined) return
    if (child.stdout) copyLines(child.stdout, "stdout")
    if (child.stderr) copyLines(child.stderr, "stderr")
    child.on("message", (news: News) => this.heard(news))
    child.on("close", (code, signal) => this.gone(signal === null ? `ended with status ${code}` : `died of ${signal}`))
    this.tell({ ...options.start, descriptors: descriptors.length })
  }

  private tell(order: Order): void {
    // One that died has no channel any more; that it is gone is heard elsewhere.
    if (this.child.connected) this.child.send(order, () => {})
  }

  private heard(news: News): void {
    if (news._tag === "Listening") Deferred.doneUnsafe(this.listens, Exit.succeed(news.addresses))
    else if (news._tag === "Leaving") Deferred.doneUnsafe(this.leaves, Exit.void)
    else if (news._tag === "Failed") this.fail(`did not start: ${news.message}`, news.message)
    else if (news._tag === "Stopped") this.options.onCut(news.cut)
    else this.answer(news.id, news.answer)
  }

  private answer(id: number, answer: Answer | undefined): void {
    this.asked.get(id)?.(answer)
    this.asked.delete(id)
  }

  private fail(how: string, message: string): void {
    Deferred.doneUnsafe(this.listens, Exit.fail(new WorkerError({ how, message })))
  }

  private gone(how: string, early = " before it listened"): void {
    this.fail(`${how}${early}`, `worker ${this.options.start.worker} ${how}${early}`)
    Deferred.doneUnsafe(this.ends, Exit.succeed(how))
    for (const id of this.asked.keys()) this.answer(id, undefined)
  }

  get listening(): Effect.Effect<ReadonlyArray<string>, WorkerError> {
    return Deferred.await(this.listens)
  }

  get leaving(): Effect.Effect<void> {
    return Deferred.await(this.leaves)
  }

  get handOver(): Effect.Effect<void> {
    return Effect.sync(() => this.tell({ _tag: "HandOver" }))
  }

  get ended(): Effect.Effect<string> {
    return Deferred.await(this.ends)
  }

  private ask(question: Answer["_tag"]): Effect.Effect<Answer | undefined> {
    const answer = Effect.callback<Answer | undefined>((resume) => {
      const id = ++this.lastId
      this.asked.set(id, (answer) => resume(Effect.succeed(answer)))
      this.tell({ _tag: "Ask", id, question })
      return Effect.sync(() => this.asked.delete(id))
    })
    return Effect.raceFirst(
      Effect.timeoutOrElse(answer, { duration: answerTime, orElse: () => Effect.undefined }),
      Effect.as(this.ended, undefined)
    )
  }

  get metrics(): Effect.Effect<string> {
    return Effect.map(this.ask("Metrics"), (answer) => (answer?._tag === "Metrics" ? answer.text : ""))
  }

  get connections(): Effect.Effect<ReadonlyArray<ConnectionInfo>> {
    const { worker } = this.options.start
    return Effect.map(this.ask("Connections"), (answer) =>
      answer?._tag === "Connections" ? answer.connections.map((info) => ({ worker, ...info })) : []
    )
  }

  /** Has it reset what is open and end, now. */
  get cut(): Effect.Effect<void> {
    return Effect.andThen(
      Effect.sync(() => this.tell({ _tag: "Cut" })),
      Effect.asVoid(Effect.timeoutOption(this.ended, cutTime))
    )
  }

  /** In order if it listens, at once if it does not yet. No wait in it is longer than its bound. */
  get stop(): Effect.Effect<void> {
    const within = (millis: number) => Effect.timeoutOption(Effect.interruptible(this.ended), millis)
    return Effect.gen({ self: this }, function* () {
      if (Deferred.isDoneUnsafe(this.listens)) {
        this.tell({ _tag: "Stop" })
        yield* within(this.options.drain + grace)
      }
      this.child.kill("SIGKILL")
      yield* within(grace)
    })
  }
}

/**
 * Starts a worker. When the scope closes it drains, and is gone.
 *
 * **Errors**: `WorkerError` where the system starts no more processes.
 */
export const spawn = (options: Options): Effect.Effect<Worker, WorkerError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => new WorkerProcess(options),
      catch: (error) => {
        const how = `could not be started: ${error instanceof Error ? error.message : String(error)}`
        return new WorkerError({ how, message: `worker ${options.start.worker} ${how}` })
      }
    }),
    (worker) => worker.stop
  )
