import { write } from "./examples.ts"

/** Before any test of this project: its examples become files. */
export const setup = (): void => {
  write()
}
