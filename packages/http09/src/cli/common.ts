/**
 * What the commands share: places and ports.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

/** The folder of this package, wherever in it this code lies: as a source, or in the one file of the published command. */
const packageFolder = (from: string): string =>
  fs.existsSync(path.join(from, "package.json")) ? from : packageFolder(path.dirname(from))

const folder = packageFolder(path.dirname(fileURLToPath(import.meta.url)))

/** A file or folder of this package. */
export const inPackage = (name: string): string => path.join(folder, name)

/** A path as the user means it: pnpm runs scripts in the package's folder and says in INIT_CWD where the user is. */
export const fromUser = (file: string): string => path.resolve(process.env.INIT_CWD ?? process.cwd(), file)

/** Whether a number is a port, from `least` on. */
export const isPort = (least: number) => (value: number) => value >= least && value <= 65_535

/** What `isPort` asks for, in words. */
export const portRange = (least: number) => () => `a number from ${least} to 65535`

/** A host without the brackets that an IPv6 address has in a URL. */
export const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, "$1")
