/**
 * Whose a stream is. A stream has one owner at a time, as a value: the queue of a port, the server that handles it, or a
 * scope. Until somebody takes it, it is nobody's.
 */
export interface Owner<in Stream> {
  /** Whether it wants to hear of the moments between two messages: a server that stops does. */
  readonly awaitsIdle: boolean
  /** The stream is between two messages. Called only while `awaitsIdle`. */
  onIdle(stream: Stream): void
  /** FIN has followed everything that was written. */
  onFinSent(stream: Stream): void
  /** The connection broke, and nobody waits on the stream who would hear of it. */
  onBroken(stream: Stream): void
  /** The descriptor is gone: the last that the owner hears. */
  onGone(stream: Stream): void
}

/** The owner of a stream that nobody has taken yet. */
export const nobody: Owner<unknown> = { awaitsIdle: false, onIdle() {}, onFinSent() {}, onBroken() {}, onGone() {} }
