import { describePackage } from "./utils/run.ts"

describePackage("ipaddr")
