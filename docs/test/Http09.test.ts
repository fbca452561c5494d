import { describePackage } from "./utils/run.ts"

describePackage("http09")
