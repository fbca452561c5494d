import { assert, it } from "vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { isLong } from "../../../test/utils/rounds.ts"
import { example, Process } from "../../test/process.ts"

const kills = isLong ? 10 : 3

const names = ["ada", "alan", "barbara", "edsger", "grace", "tony"]

/** What the client has printed of its answers: `ada 17 17 127.0.0.1:4141`. */
const answersOf = ({ output }: Process) =>
  [...output.matchAll(/^(\w+) (\d+) (\d+) (\S+)$/gm)].map(([, name, turn, balance, runner]) => ({
    name,
    turn: Number(turn),
    balance: Number(balance),
    runner
  }))

const runnersOf = (answers: ReturnType<typeof answersOf>) => new Map(answers.map(({ name, runner }) => [name, runner]))

it(`a client keeps getting answers through ${kills} kills of runners, and no deposit is lost or made twice`, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "cluster-"))
  const file = path.join(folder, "accounts.sqlite")
  await using stack = new AsyncDisposableStack()
  stack.defer(() => fs.rmSync(folder, { recursive: true }))
  const runner = async () => stack.use(await example("cluster", "0", file))
  const runners = await Promise.all([runner(), runner(), runner()])
  const client = stack.use(
    new Process(process.execPath, [path.join(import.meta.dirname, "../client.ts"), file, ...names])
  )
  /** Waits until there are answers enough after those that there were. */
  const more = async (isEnough: (answers: ReturnType<typeof answersOf>) => boolean) => {
    const before = answersOf(client).length
    while (!isEnough(answersOf(client).slice(before)))
      await client.sees(new RegExp(`^.{${client.output.length}}.`, "s"))
  }
  const everybody = () => more((answers) => runnersOf(answers).size === names.length)
  await everybody()
  for (let kill = 0; kill < kills; kill++) {
    // One that has accounts, whichever.
    const busy = new Set(runnersOf(answersOf(client)).values())
    const victims = runners.filter(({ port }) => busy.has(`127.0.0.1:${port}`))
    const victim = victims[Math.floor(Math.random() * victims.length)] ?? runners[0]
    await victim[Symbol.asyncDispose]()
    const answered = more((answers) => answers.length >= 50)
    runners[runners.indexOf(victim)] = await runner()
    await answered
  }
  await everybody()
  await client.end("SIGTERM")

  const answers = answersOf(client)
  for (const name of names) {
    const own = answers.filter((answer) => answer.name === name)
    // Each deposit was made once, and so was each before it.
    assert.deepStrictEqual(
      own.map(({ balance }) => balance),
      own.map((_, index) => index + 1)
    )
  }
  const moves = names.flatMap((name) =>
    answers
      .filter((answer) => answer.name === name)
      .filter(({ runner }, i, own) => i > 0 && own[i - 1].runner !== runner)
  ).length
  assert.isAtLeast(moves, kills)
  using database = new DatabaseSync(file)
  const total = Number(database.prepare("SELECT sum(balance) AS total FROM accounts").get()?.total)
  // The last of each may have been made, and not heard of.
  assert.isAtLeast(total, answers.length)
  assert.isAtMost(total, answers.length + names.length)
}, 120_000)
