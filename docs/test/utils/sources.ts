import { type Comment, type Directive, parseSync, type Statement } from "oxc-parser"
import * as fs from "node:fs"
import * as path from "node:path"

export const root = path.resolve(import.meta.dirname, "../../..")

/** The packages that are published, in the order in which they build on each other. */
export const packages = ["ipaddr", "resolver", "socket", "http09"]

/** A file that was parsed. */
export interface Source {
  /** From the root of the repository. */
  readonly file: string
  readonly text: string
  readonly body: ReadonlyArray<Statement | Directive>
  readonly comments: ReadonlyArray<Comment>
}

/** What a package or a module hands out under one name; declarations of the same name are one symbol. */
export interface Symbol {
  /** `Ipaddr.fromDotted`, `Tls.Client.Options`. */
  readonly name: string
  readonly file: string
  /** Where it is declared first, from 1. */
  readonly line: number
  /** The doc comments of its declarations. */
  readonly docs: ReadonlyArray<string>
  /** Its declarations as they stand there. */
  readonly declarations: ReadonlyArray<string>
}

/** Files below a folder, from the root of the repository, sorted. */
export const filesBelow = (folder: string, pattern: RegExp): Array<string> =>
  fs
    .readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name) && !entry.parentPath.includes("node_modules"))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .toSorted()

const parsed = new Map<string, Source>()

export const parse = (file: string): Source => {
  const known = parsed.get(file)
  if (known !== undefined) return known
  const text = fs.readFileSync(path.join(root, file), "utf8")
  const { comments, errors, program } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`)
  const source = { file, text, body: program.body, comments }
  parsed.set(file, source)
  return source
}

export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length

/** The doc comment that stands directly before an offset. */
export const docBefore = (source: Source, offset: number): string | undefined =>
  source.comments.findLast(
    ({ end, type, value }) =>
      type === "Block" && value.startsWith("*") && end <= offset && source.text.slice(end, offset).trim() === ""
  )?.value

interface Extent {
  readonly start: number
  readonly end: number
}

interface Declared {
  readonly name: string
  readonly start: number
  readonly end: number
  readonly members: ReadonlyArray<Statement | Directive>
}

/** The names that a statement declares. */
const declared = (statement: Statement | Directive, { end, start }: Extent = statement): Array<Declared> => {
  switch (statement.type) {
    case "VariableDeclaration":
      return statement.declarations.flatMap(({ id }) =>
        id.type === "Identifier" ? [{ name: id.name, start, end, members: [] }] : []
      )
    case "FunctionDeclaration":
    case "TSDeclareFunction":
    case "ClassDeclaration":
      return statement.id === null ? [] : [{ name: statement.id.name, start, end, members: [] }]
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSEnumDeclaration":
      return [{ name: statement.id.name, start, end, members: [] }]
    case "TSModuleDeclaration": {
      const { body, id } = statement
      return id.type === "Identifier" && body?.type === "TSModuleBlock"
        ? [{ name: id.name, start, end, members: body.body }]
        : []
    }
    default:
      return []
  }
}

type Found = Map<string, Symbol>

/** A part of a source without comments and the lines that had nothing else. */
export const withoutComments = (source: Source, start: number, end: number): string => {
  let text = source.text.slice(start, end)
  for (const comment of source.comments.toReversed()) {
    if (comment.start < start || comment.end > end) continue
    text = text.slice(0, comment.start - start) + text.slice(comment.end - start)
  }
  return text.replaceAll(/^\s*\n/gm, "")
}

const add = (found: Found, name: string, symbol: Symbol): void => {
  const before = found.get(name)
  found.set(name, {
    ...(before ?? symbol),
    name,
    docs: [...(before?.docs ?? []), ...symbol.docs],
    declarations: [...(before?.declarations ?? []), ...symbol.declarations]
  })
}

const addDeclared = (found: Found, source: Source, prefix: string, { end, members, name, start }: Declared): void => {
  const doc = docBefore(source, start)
  // A namespace only groups: what it holds is what counts.
  if (members.length === 0) {
    add(found, prefix + name, {
      name,
      file: source.file,
      line: lineAt(source.text, start),
      docs: doc === undefined ? [] : [doc],
      declarations: [withoutComments(source, start, end)]
    })
  }
  for (const member of members) {
    const exported = member.type === "ExportNamedDeclaration" ? member.declaration : member
    if (exported === null) continue
    for (const below of declared(exported, member)) addDeclared(found, source, `${prefix}${name}.`, below)
  }
}

const nameOf = (node: { readonly type: string; readonly name?: string; readonly value?: unknown }): string =>
  node.type === "Literal" ? String(node.value) : String(node.name)

/** The file that a specifier leads to: of declarations, declarations. */
const resolveFrom = (file: string, specifier: string): string =>
  path.join(path.dirname(file), file.endsWith(".d.ts") ? specifier.replace(/\.ts$/, ".d.ts") : specifier)

const exported = new Map<string, Found>()

/** What a module exports, with the names under which it does; what another file declares is looked up there. */
export const exportsOf = (file: string): Found => {
  const known = exported.get(file)
  if (known !== undefined) return known
  const source = parse(file)
  const found: Found = new Map()
  exported.set(file, found)
  const from = (specifier: string, name: string, exported: string): void => {
    if (!specifier.startsWith(".")) return
    for (const [key, symbol] of exportsOf(resolveFrom(file, specifier))) {
      if (key === name || key.startsWith(`${name}.`)) add(found, exported + key.slice(name.length), symbol)
    }
  }
  const local = (name: string, exported: string, doc: string | undefined, start: number): void => {
    for (const statement of source.body) {
      for (const one of declared(statement)) {
        if (one.name === name) addDeclared(found, source, "", { ...one, name: exported })
      }
      if (statement.type !== "ImportDeclaration") continue
      for (const specifier of statement.specifiers) {
        if (specifier.local.name !== name || specifier.type !== "ImportSpecifier") continue
        from(statement.source.value, nameOf(specifier.imported), exported)
      }
    }
    if (doc !== undefined)
      add(found, exported, { name, file, line: lineAt(source.text, start), docs: [doc], declarations: [] })
  }
  for (const statement of source.body) {
    if (statement.type === "ExportAllDeclaration" && statement.exported === null) {
      for (const [name] of exportsOf(resolveFrom(file, statement.source.value))) {
        if (!name.includes(".")) from(statement.source.value, name, name)
      }
    }
    if (statement.type !== "ExportNamedDeclaration") continue
    if (statement.declaration !== null) {
      for (const one of declared(statement.declaration, statement)) addDeclared(found, source, "", one)
    }
    for (const specifier of statement.specifiers) {
      const [name, exported] = [nameOf(specifier.local), nameOf(specifier.exported)]
      const doc = docBefore(source, specifier.start)
      if (statement.source === null) local(name, exported, doc, specifier.start)
      else from(statement.source.value, name, exported)
    }
  }
  return found
}

/** The modules that others may import: those that the package's `exports` do not keep back. */
export const publicModules = (name: string): Array<string> =>
  filesBelow(`packages/${name}/src`, /\.ts$/).filter(
    (file) => !/\/src\/(internal|cli)\/|\/src\/(cli|index)\.ts$/.test(file)
  )

/** Everything that a package hands out, each once, but what its documentation keeps for the package itself. */
export const publicSymbols = (name: string): Array<Symbol> =>
  publicModules(name).flatMap((file) => {
    const module = path.basename(file, ".ts")
    return [...exportsOf(file).values()]
      .filter(({ docs }) => !docs.some((doc) => doc.includes("@internal")))
      .map((symbol) => ({ ...symbol, name: `${module}.${symbol.name}` }))
  })
