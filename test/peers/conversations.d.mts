import type { Transcript } from './transcript.mjs';

/** One open connection, as the driving end of a conversation uses it. */
export interface Talk {
  readonly protocol: string;
  send(message: string | Uint8Array): void;
  /** The next message; rejects when the connection ends before it comes. */
  receive(): Promise<string | Uint8Array>;
  close(code: number, reason: string): void;
  /** What the Close frame of the other end said. */
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Pings and resolves with the payload of the answer. */
  ping?(payload: string): Promise<string>;
  /** Sends one message in that many frames. */
  sendFragments?(message: string | Uint8Array, count: number): void;
}

export type Open = (url: string, protocols: string[]) => Promise<Talk>;

/** As much of the WHATWG interface as `whatwg` needs. */
export type WebSocketClass<Socket> = new (url: string, protocols: string[]) => Socket;

export interface Inbox {
  put(message: string | Uint8Array): void;
  end(error: Error): void;
  take(): Promise<string | Uint8Array>;
}

export const said: {
  text: string;
  binary: Uint8Array;
  unicode: string;
  largeText: string;
  largeBinary: Uint8Array;
  fragmented: string;
  ping: string;
  repeated: string;
  farewell: string;
  count: number;
};
export const conversationNames: string[];
export function whatwg<Socket>(
  WebSocket: WebSocketClass<Socket>,
  extend?: (socket: Socket) => Partial<Talk>,
): Open;
export function createInbox(): Inbox;
export function converse(open: Open, url: string, name: string): Promise<Transcript>;
export function attempt(
  open: Open,
  url: string,
  name: string,
): Promise<Transcript | { path: string; error: string }>;
export function main(open: Open, args: string[]): Promise<void>;
