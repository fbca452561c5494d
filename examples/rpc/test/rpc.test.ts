import { assert, it } from "vitest"
import * as path from "node:path"
import { example, Process } from "../../test/process.ts"

it("a stop under load loses no call: what the server has counted, its clients have heard", async () => {
  await using server = await example("rpc", "0")
  const client = () => new Process(process.execPath, [path.join(import.meta.dirname, "../client.ts"), server.port])
  await using one = client()
  await using other = client()
  await Promise.all([one.sees(/100 answered/), other.sees(/100 answered/)])
  assert.strictEqual(await server.end("SIGTERM"), 130)
  const counts = await Promise.all([one, other].map(async (client) => Number((await client.sees(/(\d+) were/))[1])))
  const [, total] = await server.sees(/The total is (\d+)/)
  assert.strictEqual(counts[0] + counts[1], Number(total))
})
