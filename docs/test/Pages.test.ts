import { describePages } from "./utils/run.ts"

describePages()
