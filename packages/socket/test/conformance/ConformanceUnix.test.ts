import * as Effect from "effect/Effect"
import * as NetAddress from "effect/net/NetAddress"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { conforms } from "../utils/conforms.ts"

let paths = 0

conforms("Unix-domain sockets", {
  address: Effect.sync(() =>
    NetAddress.unixPathAddress(join(tmpdir(), `effect-sockets-${process.pid}-${paths++}.sock`))
  ),
  // A peer that cuts such a connection is seen as one that ended it.
  signalsReset: false
})
