import * as Exit from "effect/Exit"

/** What came out of a case, as a line of JSON. */
export const print = (test, exit) => {
  const [status, message] = Exit.isSuccess(exit) ? ["passed", ""] : ["failed", String(exit.cause)]
  console.log(JSON.stringify({ test, status, message }))
}
