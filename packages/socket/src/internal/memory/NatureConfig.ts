/** What a memory network is like, as effect's `Config`. */
import * as Config from "effect/Config"
import type { FaultRates, Options } from "./NatureOptions.ts"

/** Rates are there as soon as one of them is; they go before what the program has, a function too. */
const faults = (given: Options["faults"]): Config.Config<Options["faults"]> => {
  const rates: FaultRates = typeof given === "object" && given !== null ? given : {}
  return Config.map(
    Config.all({
      refuse: Config.withDefault(Config.Number("FAULTS_REFUSE"), rates.refuse),
      reset: Config.withDefault(Config.Number("FAULTS_RESET"), rates.reset),
      vanish: Config.withDefault(Config.Number("FAULTS_VANISH"), rates.vanish),
      within: Config.withDefault(Config.Int("FAULTS_WITHIN"), rates.within)
    }),
    (configured) => (Object.values(configured).some((rate) => rate !== undefined) ? configured : given)
  )
}

export const config = (given: Options): Config.Config<Options> =>
  Config.map(
    Config.all({
      seed: Config.withDefault(Config.String("SEED"), given.seed),
      latency: Config.withDefault(Config.Duration("LATENCY"), given.latency),
      jitter: Config.withDefault(Config.Duration("JITTER"), given.jitter),
      bandwidth: Config.withDefault(Config.Number("BANDWIDTH"), given.bandwidth),
      sendBuffer: Config.withDefault(Config.Int("SEND_BUFFER"), given.sendBuffer),
      receiveBuffer: Config.withDefault(Config.Int("RECEIVE_BUFFER"), given.receiveBuffer),
      maxChunk: Config.withDefault(Config.Int("MAX_CHUNK"), given.maxChunk),
      loss: Config.withDefault(Config.Number("LOSS"), given.loss),
      duplication: Config.withDefault(Config.Number("DUPLICATION"), given.duplication),
      mtu: Config.withDefault(Config.Int("MTU"), given.mtu),
      acceptDelay: Config.withDefault(Config.Duration("ACCEPT_DELAY"), given.acceptDelay),
      retransmitTimeout: Config.withDefault(Config.Duration("RETRANSMIT_TIMEOUT"), given.retransmitTimeout),
      faults: faults(given.faults)
    }),
    (configured) => ({ ...given, ...configured })
  )
