import * as fs from "node:fs"
import * as path from "node:path"
import { withAssertions } from "./assertions.ts"
import { exportsOf, filesBelow, lineAt, packages, parse, root } from "./sources.ts"

/** Where the examples are written as files, for the compiler and for the tests: not under version control. */
export const folder = "docs/.examples"

/** A program of the documentation. Its lines stand in the generated file where they stand in the source. */
export interface Example {
  /** The page, or the source file with the doc comment; from the root of the repository. */
  readonly source: string
  /** The first line of code in the source, from 1. */
  readonly line: number
  /** What the doc comment is about, or the name in a page's fence, or empty: the whole page. */
  readonly about: string
  /** The generated file, from the root of the repository. */
  readonly file: string
  readonly code: string
  /** How it is run: by importing it, by importing it where tests are collected, or as a process. */
  readonly kind: "Module" | "Tests" | "Process"
}

export const titleOf = ({ about, line, source }: Example): string =>
  about === "" ? source : `${source}:${line} ${about}`

const kindOf = (code: string): Example["kind"] =>
  /^import .*\bit\b.* from "(@effect\/)?vitest"/m.test(code) ? "Tests" : /\brunMain\b/.test(code) ? "Process" : "Module"

const make = (source: string, line: number, about: string, name: string, code: string): Example => ({
  source,
  line,
  about,
  file: path.join(folder, source.replace(/\.\w+$/, ""), `${name}.ts`),
  // As many empty lines as stand before it in the source: a message's line is the source's.
  code: "\n".repeat(line - 1) + code,
  kind: kindOf(code)
})

/** What a comment is about: the declaration that follows it, or the last one that begins before it. */
const aboutOf = (file: string, value: string, line: number): string => {
  const module = path.basename(file, ".ts")
  const symbols = [...exportsOf(file).values()].filter((symbol) => symbol.file === file)
  const own = symbols.find(({ docs }) => docs.includes(value)) ?? symbols.findLast((symbol) => symbol.line <= line)
  return own === undefined ? module : `${module}.${own.name}`
}

/** The examples in the doc comments of one file. */
export const examplesOfSource = (file: string): Array<Example> => {
  const source = parse(file)
  return source.comments.flatMap(({ start, type, value }) => {
    if (type !== "Block" || !value.startsWith("*")) return []
    const first = lineAt(source.text, start)
    return blocks(textOf(value)).map(({ code, line }) => {
      const about = aboutOf(file, value, first)
      return make(file, first + line - 1, about, `${about.replace(/^\w+\./, "")}-${first + line - 1}`, code)
    })
  })
}

/** The lines of a doc comment without its asterisks. */
const textOf = (doc: string): Array<string> => doc.split("\n").map((line) => line.replace(/^\s*\* ?/, ""))

interface Block {
  readonly code: string
  /** From 1. */
  readonly line: number
  /** What stands after `ts` in the fence. */
  readonly info: string
}

const opening = /^(?:```|<!-- )ts\b(.*)$/
const closing = /^(?:```|-->)\s*$/

const blocks = (lines: ReadonlyArray<string>): Array<Block> => {
  const found: Array<Block> = []
  for (let i = 0; i < lines.length; i++) {
    const info = opening.exec(lines[i])?.[1]
    if (info === undefined) continue
    const end = lines.findIndex((line, index) => index > i && closing.test(line))
    const code = lines.slice(i + 1, end === -1 ? lines.length : end)
    found.push({ code: code.join("\n"), line: i + 2, info: info.trim() })
    i += code.length
  }
  return found
}

/**
 * The examples of one page. Its blocks make one program, in their order, so that a later one builds on the earlier
 * ones; `<!-- ts` opens a block that only the program sees. A block with a name, `ts [server.ts]`, is a program of
 * its own.
 */
export const examplesOfPage = (file: string): Array<Example> => {
  const found = blocks(fs.readFileSync(path.join(root, file), "utf8").split("\n"))
  const named = found.flatMap(({ code, info, line }) => {
    const name = /^\[(.+)\.ts\]$/.exec(info)?.[1]
    return name === undefined ? [] : [make(file, line, `${name}.ts`, name, code)]
  })
  const rest = found.filter(({ info }) => !info.startsWith("["))
  if (rest.length === 0) return named
  const lines: Array<string> = []
  for (const { code, line } of rest) {
    while (lines.length < line - 1) lines.push("")
    lines.push(...code.split("\n"))
  }
  return [make(file, 1, "", "page", lines.join("\n")), ...named]
}

/** What each package shows where it is published. */
const readmes = ["ipaddr", "resolver", "socket", "http09"].map((name) => `packages/${name}/README.md`)

export const pages = (): Array<string> => ["README.md", ...readmes, ...filesBelow("docs", /\.md$/)]

export const allExamples = (): Array<Example> => [
  ...packages.flatMap((name) => filesBelow(`packages/${name}/src`, /\.ts$/)).flatMap(examplesOfSource),
  ...pages().flatMap(examplesOfPage)
]

export const hasExample = (doc: string): boolean => blocks(textOf(doc)).length > 0

/** The code of an example's file; a comment that asserts nothing fails when the example runs. */
const generated = ({ code, file }: Example): string => {
  try {
    return withAssertions(code, path.relative(path.dirname(file), "docs/test/utils/equal.ts"))
  } catch (error) {
    return `throw new Error(${JSON.stringify(String(error))})\n`
  }
}

/** Writes the examples, with a project for the compiler, and returns them. */
export const write = (): Array<Example> => {
  const examples = allExamples()
  const target = path.join(root, folder)
  fs.rmSync(target, { recursive: true, force: true })
  fs.mkdirSync(target, { recursive: true })
  for (const example of examples) {
    const file = path.join(root, example.file)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, generated(example))
  }
  fs.writeFileSync(
    path.join(target, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.base.json",
      // An example may name what it does not use.
      compilerOptions: { noEmit: true, noUnusedLocals: false, noUnusedParameters: false },
      include: ["**/*.ts"]
    })
  )
  fs.writeFileSync(path.join(target, "examples.json"), JSON.stringify(examples))
  return examples
}

/** The examples that `write` wrote before the tests began. */
export const written = (): Array<Example> =>
  JSON.parse(fs.readFileSync(path.join(root, folder, "examples.json"), "utf8"))
