import type { Group } from '../behaviour.js';
import { BINARY_TYPE } from './binary-type.js';
import { BUFFERED_AMOUNT } from './buffered-amount.js';
import { CLOSE } from './close.js';
import { EVENTS_GROUP } from './events.js';
import { HANDLERS_GROUP } from './handlers.js';
import { HANDSHAKE } from './handshake.js';
import { INTERFACE } from './interface.js';
import { SEND } from './send.js';
import { STREAM_CLOSED, STREAM_CLOSING, STREAM_ERROR } from './stream-closing.js';
import { STREAM_MESSAGES, STREAM_OPENING } from './stream-messages.js';
import { SUBPROTOCOLS } from './subprotocols.js';
import { URLS } from './url.js';

/** Every behaviour that needs no page. */
export const GROUPS: readonly Group[] = [
  INTERFACE,
  URLS,
  SUBPROTOCOLS,
  HANDSHAKE,
  EVENTS_GROUP,
  HANDLERS_GROUP,
  SEND,
  BUFFERED_AMOUNT,
  BINARY_TYPE,
  CLOSE,
  STREAM_OPENING,
  STREAM_MESSAGES,
  STREAM_CLOSING,
  STREAM_CLOSED,
  STREAM_ERROR,
];
