import { type Node, parseSync, Visitor } from "oxc-parser"
import { lineAt } from "./sources.ts"

/** The name of the assertion in generated code. */
const helper = "$equal"

interface Candidate {
  readonly start: number
  readonly end: number
  /** The name that a declaration gives to its value. */
  readonly name: string | undefined
}

/** Statements that have a value to compare: an expression, and the declaration of one name. */
const candidates = (program: Node): Array<Candidate> => {
  const found: Array<Candidate> = []
  const visitor = new Visitor({
    ExpressionStatement: ({ end, start }) => {
      found.push({ start, end, name: undefined })
    },
    VariableDeclaration: ({ declarations, end, start }) => {
      const [first] = declarations
      if (declarations.length === 1 && first.id.type === "Identifier" && first.init !== null) {
        found.push({ start, end, name: first.id.name })
      }
    }
  })
  if (program.type === "Program") visitor.visit(program)
  return found
}

const isExpression = (text: string): boolean =>
  text.trim() !== "" && parseSync("expected.ts", `(${text}\n)`).errors.length === 0

/** The code of a line up to an assertion in it, texts that look like one left alone. */
const assertion = /^((?:[^"'`/\n]|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\\n])*`|\/(?!\/))*)(\/\/ =>)/gm

/**
 * Code whose comments `// => value` are assertions: the value of the statement before equals the one in the comment.
 * Every line stays where it is.
 */
export const withAssertions = (source: string, helperFile: string): string => {
  // An assertion ends its statement, whatever the next line begins with.
  const code = source.replaceAll(assertion, "$1;$2")
  const { comments, errors, program } = parseSync("example.ts", code)
  // What does not parse is the compiler's to report.
  if (errors.length > 0) return source
  const statements = candidates(program)
  const edits: Array<{ readonly start: number; readonly end: number; readonly text: string }> = []
  comments.forEach((comment, index) => {
    const sign = /^\s*=>(.*)$/.exec(comment.value)
    if (comment.type !== "Line" || sign === null) return
    // A long value goes on in the comments of the next lines.
    let expected = sign[1].trim()
    for (let next = index + 1; !isExpression(expected) && comments[next]?.type === "Line"; next++) {
      expected += ` ${comments[next].value.trim()}`
    }
    const line = lineAt(code, comment.start)
    if (!isExpression(expected)) throw new Error(`line ${line}: no expression: ${expected}`)
    const statement = statements
      .filter(({ end }) => end <= comment.start && code.slice(end, comment.start).trim() === "")
      .toSorted((a, b) => b.start - a.start)
      .at(0)
    if (statement === undefined) throw new Error(`line ${line}: no statement ends before "=> ${expected}"`)
    const { name, start } = statement
    const text = code.slice(start, statement.end).replace(/\s*;$/, "")
    edits.push({
      start,
      end: start + text.length,
      text:
        name === undefined
          ? `${helper}(${text}, ${expected}, ${line})`
          : `${text}; ${helper}(${name}, ${expected}, ${line})`
    })
  })
  let out = code
  for (const { end, start, text } of edits.toReversed()) out = out.slice(0, start) + text + out.slice(end)
  return edits.length === 0 ? out : `${out}\nimport { equal as ${helper} } from ${JSON.stringify(helperFile)}\n`
}
