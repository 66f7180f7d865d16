import { expect, it } from 'vitest';
import { findSimilar } from './spelling.js';

const KNOWN = [
  'upstream',
  'upstream_tls',
  'max_message_size',
  'ping_interval',
  'ping_timeout',
  'path',
  'auth',
];

it.each([
  ['upsteam', 'upstream'],
  ['upstraem', 'upstream'],
  ['upstreams', 'upstream'],
  ['upstreamTls', 'upstream_tls'],
  ['maxMessageSize', 'max_message_size'],
  ['max-mesage-sizes', 'max_message_size'],
  ['ping_intervall', 'ping_interval'],
  ['paht', 'path'],
  ['atuh', 'auth'],
])('%s probably means %s', (word, meant) => {
  expect(findSimilar(word, KNOWN)).toBe(meant);
});

it.each(['', 'x', 'host', 'certificate', 'ping_interval_maxi', 'a'.repeat(100_000)])(
  '%.20s means nothing that is known',
  (word) => {
    expect(findSimilar(word, KNOWN)).toBeUndefined();
  },
);
