import type { Decoded, Side } from '../../../../src/decode/decoded.js';
import { Store } from '../../../store.js';

/** Lines that are kept; the oldest go. */
export const MAX_LINES = 500;

export type LogLine = FrameLine | EventLine;

/** A message of the protocol. */
export interface FrameLine {
  readonly kind: 'frame';
  readonly key: number;
  readonly at: number;
  readonly from: Side;
  readonly frame: Decoded;
  /** Whether it only says that somebody is there. */
  readonly isHeartBeat: boolean;
}

/** Something that happened to the connection. */
export interface EventLine {
  readonly kind: 'event';
  readonly key: number;
  readonly at: number;
  readonly text: string;
}

export interface FrameLogState {
  readonly lines: readonly LogLine[];
  /** Frames since the log was cleared, also of those that are not kept any more. */
  readonly count: Readonly<Record<Side, number>>;
}

const empty: FrameLogState = { lines: [], count: { client: 0, server: 0 } };

const HEART_BEATS = new Set(['heart-beat', 'PINGREQ', 'PINGRESP']);

/** What has gone by, in both directions. */
export class FrameLog {
  readonly state = new Store(empty);
  #key = 0;

  addFrame(from: Side, frame: Decoded): void {
    const { count } = this.state.value;
    this.#add(
      {
        kind: 'frame',
        key: this.#key++,
        at: Date.now(),
        from,
        frame: keepPayload(frame),
        isHeartBeat: HEART_BEATS.has(frame.name),
      },
      { ...count, [from]: count[from] + 1 },
    );
  }

  addEvent(text: string): void {
    this.#add({ kind: 'event', key: this.#key++, at: Date.now(), text }, this.state.value.count);
  }

  clear(): void {
    this.state.set(empty);
  }

  #add(line: LogLine, count: FrameLogState['count']): void {
    this.state.set({ lines: [...this.state.value.lines.slice(1 - MAX_LINES), line], count });
  }
}

/** What is kept of a payload, bytes. */
const MAX_PAYLOAD = 65_536;

/** A payload may be a part of something larger, or of what is used again. */
function keepPayload(frame: Decoded): Decoded {
  if (frame.payload === undefined) return frame;
  return { ...frame, payload: frame.payload.slice(0, MAX_PAYLOAD) };
}
