import { describePackage } from "./utils/run.ts"

describePackage("resolver")
