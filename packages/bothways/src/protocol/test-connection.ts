import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { ProtocolConnection, type ConnectionHost, type ProtocolOptions } from './connection.js';
import { BothwaysError } from './errors.js';
import { Opcode } from './frame.js';
import { hex, plainPlatform, toHex, type TestPlatform } from './test-platform.js';

const { CLOSE } = Opcode;

export const MAX_MESSAGE_SIZE = 1 << 20;

/** One call of the host's that gave bytes out, and what they were at that moment. */
export interface GivenBytes {
  readonly bytes: Uint8Array;
  readonly asGiven: string;
}

/** One end of a connection, and a host that writes down what is called. */
export interface End {
  readonly connection: ProtocolConnection;
  /** The calls, in order: what was called and with what. */
  readonly events: string[];
  readonly writes: { firstByte: number; payload: Uint8Array }[];
  readonly given: GivenBytes[];
  /** Lets `bytes`, or hexadecimal digits, arrive in a chunk of their own. */
  receive(bytes: Uint8Array | string): void;
  receiveChunk(chunk: Uint8Array): void;
  /** Does something inside the call that is written down as `event`. */
  on(event: string, action: () => void): void;
  /** Does something inside every call. */
  onEach(action: () => void): void;
}

export function open(options: Partial<ProtocolOptions>, platform: TestPlatform = plainPlatform): End {
  const events: string[] = [];
  const writes: { firstByte: number; payload: Uint8Array }[] = [];
  const given: GivenBytes[] = [];
  const actions: ((event: string) => void)[] = [];
  const call = (event: string) => {
    events.push(event);
    for (const action of actions) action(event);
  };
  const give = (bytes: Uint8Array) => {
    given.push({ bytes, asGiven: show(bytes) });
    return show(bytes);
  };
  const host: ConnectionHost = {
    onMessage: (message) =>
      call(`message ${typeof message === 'string' ? JSON.stringify(message) : give(message)}`),
    onPiece: (piece) => call(`piece ${typeof piece === 'string' ? JSON.stringify(piece) : give(piece)}`),
    onPiecesEnd: (isText) => call(`end of ${isText ? 'text' : 'binary'}`),
    onPing: (payload) => call(`ping ${give(payload)}`),
    onPong: (payload) => call(`pong ${give(payload)}`),
    onClose: () => call(`close ${connection.closeReceived} ${JSON.stringify(connection.closeReason)}`),
    onFail: (error) => {
      expect(connection.failure).toBe(error);
      call(`fail ${error instanceof BothwaysError ? error.code : error.message}`);
    },
    writeFrame(firstByte, payload) {
      writes.push({ firstByte, payload: Uint8Array.from(payload) });
      expect(firstByte).toBe(0x80 | CLOSE); // nothing else is written by itself
      expect(payload.length === 1 || payload.length > 125).toBe(false);
      call(payload.length === 0 ? 'write Close' : `write Close ${(payload[0]! << 8) | payload[1]!}`);
    },
  };
  const connection = new ProtocolConnection(
    { role: 'server', maxMessageSize: MAX_MESSAGE_SIZE, ...options },
    host,
    platform,
  );
  connection.chunksAreLent = platform.lendsChunks;
  return {
    connection,
    events,
    writes,
    given,
    receive(bytes) {
      const chunk = platform.chunk(typeof bytes === 'string' ? hex(bytes) : bytes);
      connection.receive(chunk);
      if (platform.lendsChunks) chunk.fill(0xa5);
    },
    receiveChunk: (chunk) => connection.receive(chunk),
    on: (event, action) => actions.push((happened) => (happened === event ? action() : undefined)),
    onEach: (action) => actions.push(action),
  };
}

/** What an end that has seen something wrong does: one Close frame, then the news. */
export function failed(code: string, closeCode: number): string[] {
  return [`write Close ${closeCode}`, `fail ${code}`];
}

/** Bytes cut into pieces of the sizes given, over and over. */
export function inPieces(bytes: Uint8Array, ...sizes: number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let from = 0;
  while (from < bytes.length) {
    const size = sizes[pieces.length % sizes.length]!;
    pieces.push(bytes.subarray(from, from + size));
    from += size;
  }
  return pieces;
}

/** Bytes for reading, or, where they are many, for telling apart. */
export function show(bytes: Uint8Array): string {
  if (bytes.length <= 64) return `<${toHex(bytes)}>`;
  return `<${bytes.length} bytes, SHA-1 ${createHash('sha1').update(bytes).digest('hex')}>`;
}
