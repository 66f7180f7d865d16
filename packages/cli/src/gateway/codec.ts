/** How a carried connection ends: the close code for the client, and why, for both the client and the log. */
export interface Ending {
  readonly code: number;
  readonly reason: string;
}

/** What a codec writes to, and asks of the gateway. */
export interface CodecEnds {
  /** Sends one message of the WebSocket. Bytes are copied. */
  toClient(data: string | Uint8Array): void;
  /** Writes to the server. Bytes belong to the gateway from then on. */
  toServer(bytes: string | Uint8Array): void;
  /** Ends both sides. Nothing is called any more. */
  end(ending: Ending): void;
  /**
   * Goes on by TLS with the server, from the next byte on. What the codec writes until then waits.
   *
   * @returns when the server has shown a certificate that is trusted. It rejects when it has not: then the gateway
   * ends both sides by itself.
   */
  startTls(): Promise<void>;
}

/**
 * Carries one connection: what the client sends becomes bytes for the server, and the other way round. It MUST bound what
 * it keeps by `maxMessageSize`. What it throws ends both sides: a `BothwaysError` with its close code, all else with 1011.
 */
export interface Codec {
  /** The server is connected; no byte of it has come. What a client sent before has been handed on already. */
  onConnected?(): void;
  /** A message of the client. It is the codec's to keep. */
  fromClient(data: string | Buffer): void;
  /** Bytes of the server, which are there for the time of the call only. */
  fromServer(bytes: Buffer): void;
  /** The server has said all it will, and the TCP connection ends without an error: how does that end the client's? */
  onServerEnd(): Ending;
  /** The client is gone or closing: the last chance to say something to the server. */
  onClientEnd?(): void;
  /** The gateway leaves: what to say to the client before it is closed with 1001. */
  onDrain?(): void;
  /** Messages that have passed, for the metrics and the log. */
  readonly messagesFromClient: number;
  readonly messagesFromServer: number;
}

/** What each codec is made from. */
export interface CodecOptions {
  /** The largest message of either side, bytes. */
  readonly maxMessageSize: number;
}
