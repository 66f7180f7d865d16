// Topics as subjects of NATS: a level between slashes is a token between dots, `+` is `*`, and `#` is `>`. What a token
// may not have, and NATS' own wildcards, are escaped: `%` and two digits of base 64. A level that is empty is `%` alone.
// No code unit of a topic takes more than three bytes, so 1,024 of them fit into the 4,096 that NATS has for a line.

/**
 * White space, control characters, and what means something to NATS or to us. `"` and `\` are quoted in NATS' error
 * messages, by which its client finds the subscription. Surrogates that stand alone are no UTF-8.
 */
const UNSAFE = /[^!#-$&-)+-\-/-=?-[\]-~\u00a1-\ud7ff\ue000-\u{10ffff}]/gu;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const ESCAPE = /%([\w-])([\w-])/g;
const SURROGATES = 0xd000;

/** The subject of a topic, or of a filter but for what `#` has besides. */
export function subjectOf(prefix: string, topic: string): string {
  return `${prefix}.${topic.split('/').map(tokenOf).join('.')}`;
}

/** What to subscribe to for a filter: `a/#` has `a` as well, which `a.>` has not. */
export function subjectsOf(prefix: string, filter: string): readonly string[] {
  const subject = subjectOf(prefix, filter);
  return filter.endsWith('/#') ? [subject, subject.slice(0, -'.>'.length)] : [subject];
}

/** The topic whose subject it is. */
export function topicOf(prefix: string, subject: string): string {
  return subject
    .slice(prefix.length + 1)
    .split('.')
    .map(levelOf)
    .join('/');
}

function tokenOf(level: string): string {
  if (level === '') return '%';
  if (level === '+') return '*';
  if (level === '#') return '>';
  return level.replaceAll(UNSAFE, escape);
}

function levelOf(token: string): string {
  if (token === '%') return '';
  return token.includes('%') ? token.replaceAll(ESCAPE, unescape) : token;
}

/** Twelve bits are enough: only the 2,048 surrogates are above 0xFF. */
function escape(unit: string): string {
  const code = unit.charCodeAt(0);
  const number = code < 0x800 ? code : code - SURROGATES;
  return `%${DIGITS[number >> 6]}${DIGITS[number & 63]}`;
}

function unescape(_: string, high: string, low: string): string {
  const number = DIGITS.indexOf(high) * 64 + DIGITS.indexOf(low);
  return String.fromCharCode(number < 0x800 ? number : number + SURROGATES);
}
