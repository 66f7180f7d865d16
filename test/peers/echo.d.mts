import type { Transcript } from './transcript.mjs';

export interface EchoSocket {
  send(message: string | Uint8Array): void;
  close(code: number, reason: string): void;
  ping?(payload: string): void;
  sendFragments?(text: string, count: number): void;
}

export interface Echo {
  open(path: string): void;
  message(message: string | Uint8Array): void;
  pong(payload: string): void;
  transcript(path: string, protocol: string, close: { code: number; reason: string }): Promise<Transcript>;
}

export const subprotocol: string;
export function chooseProtocol(offered: readonly string[]): string;
export function createEcho(socket: EchoSocket): Echo;
export function print(transcript: Promise<Transcript>): Promise<void>;
