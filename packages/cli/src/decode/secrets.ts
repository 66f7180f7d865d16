/** How the secrets of a protocol are found, whose messages need not be those of the WebSocket. */
export interface SecretRule {
  /**
   * @param head the first bytes of a message: HEAD_LENGTH, or all that have come.
   * @returns whether no secret is in any message that begins so.
   */
  isHarmless(head: Uint8Array): boolean;
  /** @returns the message itself, a copy without its secrets, or `undefined` when that cannot be made. */
  redact(message: Uint8Array): Uint8Array | undefined;
}

/** What is known of a message that has not ended, bytes. */
export const HEAD_LENGTH = 16;

/** What a secret is replaced by. */
export const STARS = '***';
