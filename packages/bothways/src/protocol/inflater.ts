/** Why a message could not be inflated: it is no deflate data, or larger than allowed. */
export type InflateFailure = 'corrupt' | 'too-big';

/** What became of a compressed message; with `later`, the rest is told to `ProtocolConnection.inflated`. */
export type Inflated<Bytes extends Uint8Array> = Bytes | InflateFailure;

/** Inflates the messages of one connection, in the order in which they came (RFC 7692 section 7.2.2). */
export interface Inflater<Bytes extends Uint8Array = Uint8Array> {
  /**
   * Inflates one message.
   *
   * @param payload all of it, as it came; it may be changed, and must not be kept when this has returned.
   * @param limit how large the message may be, bytes: MUST not allocate more for it.
   * @param isText whether it is decoded at once, so that its memory may be used for the next one.
   * @returns `later` when it takes a while; MUST call `ProtocolConnection.inflated` then, and not before this
   * call has returned.
   */
  inflate(payload: Bytes, limit: number, isText: boolean): Inflated<Bytes> | 'later';

  /** Begins a message that is inflated as it arrives; the next one comes after it has been closed. */
  openStream(): InflateStream<Bytes>;
}

/** One message that is inflated as it arrives: each `push` is followed by as many `pull`s as it takes. */
export interface InflateStream<Bytes extends Uint8Array = Uint8Array> {
  push(payload: Bytes): void;
  /** All of the message was pushed. */
  end(): void;
  /** The next bytes, not many at a time; `undefined` when everything that was pushed is inflated. */
  pull(): Bytes | 'corrupt' | undefined;
  close(): void;
}
