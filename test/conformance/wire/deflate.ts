import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { farthestReference } from './farthest-reference.js';
import type { Role } from './frame.js';

/** What permessage-deflate was agreed on (RFC 7692 section 7.1). */
export interface Agreement {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  readonly serverMaxWindowBits: number;
  readonly clientMaxWindowBits: number;
}

const TAIL = Buffer.from('0000ffff', 'hex');
const MAX_WINDOW = 32_768;
const NOTHING = Buffer.alloc(0);

/** How a message of the harness is compressed; the window and the context are the agreement's. */
export interface DeflateOptions {
  readonly level?: number;
  readonly strategy?: number;
}

/** The harness's end of permessage-deflate: compresses what it sends, inflates and checks what comes back. */
export class DeflateEnd {
  readonly #own: Direction;
  readonly #other: Direction;
  #sent: Buffer = NOTHING;
  #received: Buffer = NOTHING;

  /** @param subject which end the other side is. */
  constructor(agreement: Agreement, subject: Role) {
    const server = {
      keepsContext: !agreement.serverNoContextTakeover,
      windowBits: agreement.serverMaxWindowBits,
    };
    const client = {
      keepsContext: !agreement.clientNoContextTakeover,
      windowBits: agreement.clientMaxWindowBits,
    };
    [this.#own, this.#other] = subject === 'server' ? [client, server] : [server, client];
  }

  /** RFC 7692 section 7.2.1: compressed, flushed to a byte boundary, without the tail. */
  deflate(message: Buffer, options: DeflateOptions = {}): Buffer {
    // zlib does not compress with a window of 256 bytes; with one of 512 it refers back 250 bytes at most.
    const windowBits = Math.max(9, this.#own.windowBits);
    const deflated = deflateBlocks(message, { ...options, windowBits, history: this.#sent });
    if (this.#own.keepsContext) this.#sent = lastOf(this.#sent, message, MAX_WINDOW);
    return deflated;
  }

  /** Notes what was sent compressed by other means, so that later messages can refer to it. */
  noteSent(message: Buffer): void {
    if (this.#own.keepsContext) this.#sent = lastOf(this.#sent, message, MAX_WINDOW);
  }

  /**
   * Section 7.2.2.
   *
   * @returns what is wrong with it, in words, in place of the message.
   */
  inflate(payload: Buffer): Buffer | string {
    const { windowBits, keepsContext } = this.#other;
    const data = Buffer.concat([payload, TAIL]);
    let message: Buffer;
    let references;
    try {
      message = inflateRawSync(data, {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: 64 * 1024 * 1024,
        ...(this.#received.length === 0 ? {} : { dictionary: this.#received }),
      });
      references = farthestReference(data);
    } catch (error) {
      return `compressed data that cannot be inflated (${(error as Error).message})`;
    }
    const window = 1 << windowBits;
    if (references.farthest > window) {
      return `a reference ${references.farthest} bytes back, beyond the window of ${window} that was agreed on`;
    }
    if (!keepsContext && references.beyond > 0) return 'a reference to an earlier message';
    if (keepsContext) this.#received = lastOf(this.#received, message, MAX_WINDOW);
    return message;
  }
}

interface Direction {
  readonly keepsContext: boolean;
  readonly windowBits: number;
}

interface BlockOptions extends DeflateOptions {
  readonly windowBits?: number;
  readonly history?: Buffer;
  /** Whether the last block says that it is the last one (BFINAL), as no flush makes it. */
  readonly isFinal?: boolean;
}

/** Deflate blocks that end at a byte boundary, less the four bytes of an empty one. */
export function deflateBlocks(message: Buffer, options: BlockOptions = {}): Buffer {
  const { history = NOTHING, isFinal = false, windowBits = 15, level = 6, strategy } = options;
  const deflated = deflateRawSync(message, {
    level,
    windowBits,
    finishFlush: isFinal ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    ...(strategy === undefined ? {} : { strategy }),
    ...(history.length === 0 ? {} : { dictionary: history }),
  });
  // zlib has nothing to flush for nothing: then it is the block of section 7.2.3.6.
  if (message.length === 0 && !isFinal) return Buffer.from('00', 'hex');
  return isFinal ? deflated : deflated.subarray(0, -TAIL.length);
}

function lastOf(before: Buffer, message: Buffer, window: number): Buffer {
  return Buffer.from(Buffer.concat([before, message]).subarray(-window));
}

/** Reads an answer such as `permessage-deflate; server_max_window_bits=10`; throws for what is none. */
export function parseAgreement(value: string): Agreement {
  const [name, ...parameters] = value.split(';').map((part) => part.trim());
  if (name !== 'permessage-deflate') throw new Error(`Not an answer of permessage-deflate: ${value}`);
  const read = new Map(
    parameters.map((each): [string, string | undefined] => {
      const [key = '', bits] = each.split('=');
      return [key, bits];
    }),
  );
  return {
    serverNoContextTakeover: read.has('server_no_context_takeover'),
    clientNoContextTakeover: read.has('client_no_context_takeover'),
    serverMaxWindowBits: Number(read.get('server_max_window_bits') ?? 15),
    clientMaxWindowBits: Number(read.get('client_max_window_bits') ?? 15),
  };
}
