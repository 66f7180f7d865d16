/** What the close codes of RFC 6455 section 7.4.1 mean, in words for whoever sits before the page. */
const meanings: Readonly<Record<number, string>> = {
  1000: 'Normal closure',
  1001: 'The server is going away',
  1002: 'Protocol error',
  1003: 'Kind of data not accepted',
  1005: 'Closed without a code',
  1006: 'Connection lost, without a closing handshake',
  1007: 'A message was malformed',
  1008: 'A message was against the rules',
  1009: 'A message was too big',
  1010: 'An extension was missing',
  1011: 'Internal error of the server',
  1012: 'The server is restarting',
  1013: 'The server is overloaded; try later',
  1014: 'A gateway got a bad answer',
  1015: 'The TLS handshake failed',
  4000: 'The server did not answer in time',
  4001: 'Replaced by a newer connection of this window',
};

/** For a close that came without a reason of its own. */
export function closeMeaning(code: number): string {
  return meanings[code] ?? (code >= 4000 ? 'A code of the application' : 'A code without a known meaning');
}
