export type { CarrierName } from '../protocol/contract.js';
export type { SessionEnd, SessionState } from './client.js';
export type { SessionOptions } from './options.js';
export type {
  SessionCloseEvent,
  SessionErrorEvent,
  SessionEventMap,
  SessionMessageEvent,
  SessionResumeEvent,
} from './events.js';
