export type { CarrierName } from './server-carriers.js';
export type { SessionEnd, SessionState } from './client.js';
export type { SessionOptions } from './options.js';
export type {
  SessionCloseEvent,
  SessionErrorEvent,
  SessionEventMap,
  SessionMessageEvent,
  SessionResumeEvent,
} from './events.js';
