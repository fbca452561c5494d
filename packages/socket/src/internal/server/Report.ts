/** What a stop tells. */

/**
 * How the connections ended that were open when a server was stopped.
 *
 * ```ts
 * import * as Server from "@effect-sockets/socket/Server"
 * const text = ({ aborted, drained }: Server.Report) => `${drained} ended in order, ${aborted} were cut`
 * text({ drained: 2, aborted: 0 }) // => "2 ended in order, 0 were cut"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /**
   * In order: FIN followed everything that was written, by themselves within `drainTimeout` or between two messages, and no
   * reset of this side's came after it.
   */
  readonly drained: number
  /** Otherwise: reset when `drainTimeout` had passed, by a handler that failed, or by their peer. */
  readonly aborted: number
}
