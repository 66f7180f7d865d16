import {
  acceptDeflate,
  checkDeflate,
  offerDeflate,
  PERMESSAGE_DEFLATE,
  type DeflateAgreement,
  type DeflateWish,
} from '../protocol/deflate.js';
import { formatExtensions, type ExtensionOffer } from '../protocol/extension.js';
import type { Role } from '../protocol/connection.js';
import type { DeflateSettings } from './message-deflater.js';
import { canDriveZlib } from './zlib.js';

/** How messages are compressed by permessage-deflate (RFC 7692), if the peer agrees. */
export interface CompressionOptions {
  /** Messages below this size are sent as they are, bytes. 1024: what fits into one packet anyway. */
  threshold?: number | undefined;
  /** zlib's level: 1 is fastest, 9 is smallest. 6. */
  level?: number | undefined;
  /** zlib's memory level: 1 takes least, 9 is fastest. 8. */
  memLevel?: number | undefined;
  /** The largest window either way, as the base-2 logarithm of bytes: 8 to 15. 15, 32 KiB. */
  windowBits?: number | undefined;
  /**
   * Whether messages may refer back to earlier ones: similar messages become much smaller, and every connection
   * takes some 300 KiB with the other settings as they are. `false`: all connections share one compressor.
   */
  contextTakeover?: boolean | undefined;
}

export interface ServerCompressionOptions extends CompressionOptions {
  /**
   * How much memory all connections with context takeover may take together, bytes. Once it is spent, further
   * ones are accepted without context takeover. 64 MiB.
   */
  memoryBudget?: number | undefined;
}

/** The options with their defaults. */
export type CompressionSettings = Required<{
  readonly [Name in keyof ServerCompressionOptions]: NonNullable<ServerCompressionOptions[Name]>;
}>;

/** @returns `undefined` when nothing is to be compressed. */
export function compressionSettingsOf(
  options: boolean | ServerCompressionOptions | undefined,
): CompressionSettings | undefined {
  if (options === undefined || options === false || !canDriveZlib()) return undefined;
  const given = options === true ? {} : options;
  return {
    threshold: given.threshold ?? 1024,
    level: given.level ?? 6,
    memLevel: given.memLevel ?? 8,
    windowBits: given.windowBits ?? 15,
    contextTakeover: given.contextTakeover ?? false,
    memoryBudget: given.memoryBudget ?? 64 * 1024 * 1024,
  };
}

/** What was agreed on for one direction of a connection. */
export interface DirectionOfCompression {
  readonly contextTakeover: boolean;
  readonly windowBits: number;
}

/** What was agreed on, as this end sees it. Connections that agreed on the same share it. */
export interface AgreedCompression {
  readonly threshold: number;
  readonly outgoing: DeflateSettings & DirectionOfCompression;
  readonly incoming: DirectionOfCompression;
  /** What a connection may take for it at most, bytes. */
  readonly memory: number;
}

/** A server's answer to an offer. */
export interface CompressionAnswer {
  readonly compression: AgreedCompression;
  readonly extension: ExtensionOffer;
  /** The extension as the header field has it. */
  readonly text: string;
}

/** A server's side of the negotiation: what it agrees to, and how much memory that may take. */
export class ServerCompression {
  readonly #settings: CompressionSettings;
  /** By its text: there are no more than a few hundred. */
  readonly #answers = new Map<string, CompressionAnswer>();
  #memory = 0;
  #degraded = 0;

  constructor(settings: CompressionSettings) {
    this.#settings = settings;
  }

  /** What all connections may take at the moment, bytes. */
  get memory(): number {
    return this.#memory;
  }

  /** How many connections had to do without context takeover, because the budget was spent. */
  get degraded(): number {
    return this.#degraded;
  }

  /** The answer to what a client offers, or `undefined` when it offers nothing that can be had. */
  agree(offers: readonly ExtensionOffer[]): CompressionAnswer | undefined {
    const answer = this.#answer(offers, this.#settings);
    if (answer === undefined || this.#memory + answer.compression.memory <= this.#settings.memoryBudget) {
      return answer;
    }
    this.#degraded++;
    return this.#answer(offers, { ...this.#settings, contextTakeover: false });
  }

  reserve({ memory }: AgreedCompression): void {
    this.#memory += memory;
  }

  release({ memory }: AgreedCompression): void {
    this.#memory -= memory;
  }

  #answer(offers: readonly ExtensionOffer[], wish: DeflateWish): CompressionAnswer | undefined {
    const accepted = acceptDeflate(offers, wish);
    if (accepted === undefined) return undefined;
    const { agreement, response: extension } = accepted;
    const text = formatExtensions([extension]);
    let answer = this.#answers.get(text);
    if (answer === undefined) {
      answer = { compression: agreedCompression('server', agreement, this.#settings), extension, text };
      this.#answers.set(text, answer);
    }
    return answer;
  }
}

/** What a client offers. */
export function offerCompression(settings: CompressionSettings | undefined): ExtensionOffer[] {
  return settings === undefined ? [] : offerDeflate(settings);
}

/**
 * What a client is left with by the server's answer: compression, or `undefined` for none.
 *
 * @returns `'wrong'` when the answer fits nothing that was offered.
 */
export function readAgreedCompression(
  accepted: readonly ExtensionOffer[],
  settings: CompressionSettings | undefined,
): AgreedCompression | undefined | 'wrong' {
  const answer = accepted.find(({ name }) => name === PERMESSAGE_DEFLATE);
  if (answer === undefined || settings === undefined) return undefined;
  const agreement = checkDeflate(answer, settings);
  return agreement === undefined ? 'wrong' : agreedCompression('client', agreement, settings);
}

function agreedCompression(
  role: Role,
  agreement: DeflateAgreement,
  { threshold, level, memLevel }: CompressionSettings,
): AgreedCompression {
  const server = {
    contextTakeover: !agreement.serverNoContextTakeover,
    windowBits: agreement.serverMaxWindowBits,
  };
  const client = {
    contextTakeover: !agreement.clientNoContextTakeover,
    windowBits: agreement.clientMaxWindowBits,
  };
  const [own, incoming] = role === 'server' ? [server, client] : [client, server];
  const outgoing = { ...own, level, memLevel };
  return { threshold, outgoing, incoming, memory: deflateMemory(outgoing) + inflateMemory(incoming) };
}

/** What zlib takes to compress with context takeover, bytes: window, chains, hash table and what is pending. */
function deflateMemory({ contextTakeover, windowBits, memLevel }: AgreedCompression['outgoing']): number {
  if (!contextTakeover) return 0;
  return (
    (1 << (Math.max(9, windowBits) + 2)) +
    (1 << (Math.max(8, memLevel) + 8)) +
    (1 << (memLevel + 8)) +
    16 * 1024
  );
}

/** What it takes to inflate, bytes: the window and the code tables. */
function inflateMemory({ contextTakeover, windowBits }: DirectionOfCompression): number {
  return contextTakeover ? (1 << windowBits) + 16 * 1024 : 0;
}
