/** The servers that share sessions with this one, however they reach each other. */
export interface Peers {
  /** This server, to the others. */
  readonly id: string;
  /** Where it is known which server was the first to claim something. */
  readonly claims?: Claims | undefined;
  /** `unsure` while it cannot be told: this server has just begun, or cannot hear the others. */
  stateOf(node: string): 'here' | 'gone' | 'unsure';
  /**
   * Sends something to one of them, by JSON. Things come in order; where one is missing, its number is.
   *
   * @returns false when it cannot be sent.
   */
  send(node: string, number: number, content: readonly unknown[]): boolean;
  /** Whom it is told what is heard. */
  set listener(listener: PeersListener);
}

/** What is heard of the other servers. */
export interface PeersListener {
  receive(from: string, number: number, content: readonly unknown[]): void;
  /** A server is gone, or does not answer. */
  onGone(node: string): void;
  /** What others have sent may be lost. */
  onMissed(): void;
}

/** Something that all servers can reach, and that says who was first. */
export interface Claims {
  /**
   * @param key at most 100 characters.
   * @param milliseconds how long the claim is kept if it is the first one.
   * @param onClaimed is told who has the key, or `undefined` when nobody can tell.
   */
  claim(key: string, milliseconds: number, onClaimed: (holder: string | undefined) => void): void;
  /** Gives up a claim of this server, as far as that can be done. */
  release(key: string): void;
}
