export interface Transcript {
  /** The request-target of the connection, such as `/bun/large-text`. */
  path: string;
  protocol: string;
  /** The messages received, as `describe` writes them, in order. */
  messages: string[];
  /** The close code and reason that this end received. */
  close: { code: number; reason: string };
}

export function describe(message: string | Uint8Array): Promise<string>;
export function createTranscript(
  path: string,
  protocol: string,
  messages: readonly (string | Uint8Array)[],
  close: { code: number; reason: string },
): Promise<Transcript>;
export function cut(bytes: Uint8Array, count: number): Uint8Array[];
