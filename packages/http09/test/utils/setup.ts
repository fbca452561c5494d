import { rolldown } from "rolldown"
import config from "../../rolldown.config.ts"
import { cli, packageFolder } from "./processes.ts"

/** Before any test of this project: the command is in one file, as it is published, and starts in a third of the time. */
export const setup = async (): Promise<void> => {
  const bundle = await rolldown({ ...config, cwd: packageFolder })
  await bundle.write({ ...config.output, file: cli })
}
