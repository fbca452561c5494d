#!/usr/bin/env node
/**
 * The command `http09`, in `cli/main.ts`; and each of the processes that `http09 serve --workers` starts, which are this
 * file again.
 */
import { withoutDebugger } from "./cli/signal.ts"
import { isWorker } from "./cli/serve/workerMessages.ts"

withoutDebugger()
await (isWorker ? import("./cli/serve/worker.ts") : import("./cli/main.ts"))
