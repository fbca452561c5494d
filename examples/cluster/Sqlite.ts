/**
 * Effect's `SqlClient` over one SQLite file that several processes use at once. `@effect/sql-sqlite-node` is more of this,
 * where there is one for your version of effect.
 */
import { Effect, Layer, Semaphore, Stream } from "effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import { DatabaseSync, type SQLInputValue } from "node:sqlite"

const open = Effect.fnUntraced(function* (file: string) {
  const database = yield* Effect.acquireRelease(
    // A process waits for another's transaction, which takes milliseconds.
    Effect.sync(() => new DatabaseSync(file, { timeout: 5000 })),
    (database) => Effect.sync(() => database.close())
  )
  // A process that is killed loses nothing that it committed. A machine without power may, for less waiting on the disk.
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
  return database
})

const connectionOf = (database: DatabaseSync): Connection => {
  const run = <A>(sql: string, params: ReadonlyArray<unknown>, isArrays = false) =>
    Effect.try({
      try: () => {
        const statement = database.prepare(sql)
        statement.setReturnArrays(isArrays)
        return statement.all(...(params as ReadonlyArray<SQLInputValue>)) as ReadonlyArray<unknown> as ReadonlyArray<A>
      },
      catch: (cause) => new SqlError({ reason: classifySqliteError(cause, { message: sql, operation: "execute" }) })
    })
  const execute: Connection["execute"] = (sql, params, transform) => {
    const rows = run<object>(sql, params)
    return transform === undefined ? rows : Effect.map(rows, transform)
  }
  const executeValues: Connection["executeValues"] = (sql, params) => run(sql, params, true)
  return {
    execute,
    executeUnprepared: execute,
    executeRaw: (sql, params) => run(sql, params),
    executeValues,
    executeValuesUnprepared: executeValues,
    executeStream: () => Stream.die("SQLite answers at once")
  }
}

export const layer = (file: string): Layer.Layer<SqlClient.SqlClient> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const connection = Effect.succeed(connectionOf(yield* open(file)))
      return yield* SqlClient.make({
        ...SqlClient.makeSqliteAcquirers({ connection, semaphore: Semaphore.makeUnsafe(1) }),
        compiler: Statement.makeCompilerSqlite(),
        // Who reads first and writes then would find that another process wrote between.
        beginTransaction: "BEGIN IMMEDIATE",
        spanAttributes: [],
        driver: "sqlite-node"
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
