import type {
  Expectation,
  Message,
  OpeningCase,
  OpeningExpectation,
  OpeningSeen,
  Outcome,
  Script,
  Seen,
} from './case.js';
import { quote, wordsOfMessage } from './wire/words.js';

export interface Judgement {
  readonly outcome: Outcome;
  readonly choice: number;
  /** What was seen, in words. */
  readonly seen: string;
}

export function judgeTalk(script: Script, seen: Seen): Judgement {
  const said = describe(seen);
  const isSound = seen.faults.length === 0 && seen.missing === undefined;
  return judge(isSound, script, (expectation: Expectation) => isMet(expectation, seen), said);
}

export function judgeOpening(each: OpeningCase, seen: OpeningSeen): Judgement {
  const said = describeOpening(seen);
  const isSound = seen.faults.length === 0 && seen.missing === undefined;
  return judge(isSound, each, (expectation: OpeningExpectation) => isOpeningMet(expectation, seen), said);
}

function judge<Each>(
  isSound: boolean,
  { strict, lenient = [] }: { strict: readonly Each[]; lenient?: readonly Each[] | undefined },
  isMatch: (expectation: Each) => boolean,
  seen: string,
): Judgement {
  const choice = isSound ? strict.findIndex(isMatch) : -1;
  if (choice !== -1) return { outcome: 'strict', choice, seen };
  const isLenient = isSound && lenient.some(isMatch);
  return { outcome: isLenient ? 'lenient' : 'failed', choice: strict.length, seen };
}

function isMet(expected: Expectation, seen: Seen): boolean {
  return (
    (expected.messages === 'any' || areSame(expected.messages ?? [], seen.messages)) &&
    arePongs(expected, seen) &&
    areTexts(expected.pings ?? [], seen.pings) &&
    isClose(expected, seen) &&
    seen.ended !== 'not' &&
    (expected.told === undefined || isTold(expected.told, seen)) &&
    (expected.compressed === undefined ||
      seen.messages.some((each) => each.compressed) === expected.compressed) &&
    (expected.also === undefined || expected.also(seen))
  );
}

function isOpeningMet(expected: OpeningExpectation, seen: OpeningSeen): boolean {
  return (
    expected.opens === seen.opens &&
    (expected.status === undefined || (seen.status !== undefined && expected.status.includes(seen.status))) &&
    (expected.also === undefined || expected.also(seen))
  );
}

function areSame(expected: readonly Message[], seen: readonly Message[]): boolean {
  return (
    expected.length === seen.length &&
    expected.every(({ type, data }, at) => seen[at]!.type === type && seen[at]!.data.equals(data))
  );
}

function arePongs({ pongs = [], onlyLastPong = false }: Expectation, seen: Seen): boolean {
  if (!onlyLastPong) return areTexts(pongs, seen.pongs);
  let at = 0;
  for (const pong of seen.pongs) {
    at = pongs.indexOf(pong.toString('latin1'), at) + 1;
    if (at === 0) return false;
  }
  return at === pongs.length;
}

function areTexts(expected: readonly string[], seen: readonly Buffer[]): boolean {
  return (
    expected.length === seen.length && expected.every((text, at) => seen[at]!.toString('latin1') === text)
  );
}

function isClose({ close, reason }: Expectation, seen: Seen): boolean {
  if (close === 'none') return seen.close === undefined;
  if (seen.close === undefined) return false;
  const codes = typeof close === 'number' ? [close] : close;
  return (
    (codes === 'any' || codes.includes(seen.close.code)) &&
    (reason === undefined || reason === seen.close.reason)
  );
}

function isTold(expected: NonNullable<Expectation['told']>, { told }: Seen): boolean {
  return (
    told !== undefined &&
    told.code === expected.code &&
    (expected.reason === undefined || told.reason === expected.reason)
  );
}

function describe(seen: Seen): string {
  const parts: string[] = [];
  parts.push(...summary(seen.messages.map(wordsOfMessage)));
  parts.push(...summary(seen.pongs.map((payload) => `Pong ${quote(payload.toString('latin1'))}`)));
  parts.push(...summary(seen.pings.map((payload) => `Ping ${quote(payload.toString('latin1'))}`)));
  if (seen.close !== undefined) {
    const { code, reason } = seen.close;
    parts.push(`Close ${code === 1005 ? 'without a code' : code}${reason === '' ? '' : ` ${quote(reason)}`}`);
  }
  parts.push(
    seen.ended === 'not' ? 'TCP stays open' : seen.close === undefined ? `TCP ended ${seen.ended}` : '',
  );
  if (seen.told !== undefined) parts.push(`the application is told ${seen.told.code}`);
  return complete(parts, seen);
}

function describeOpening(seen: OpeningSeen): string {
  const parts: string[] = [];
  if (seen.status !== undefined) parts.push(`status ${seen.status}`);
  parts.push(seen.opens ? 'the connection opens' : 'the connection does not open');
  for (const name of ['sec-websocket-protocol', 'sec-websocket-extensions', 'sec-websocket-version']) {
    const values = seen.headers.get(name);
    if (values !== undefined) parts.push(`${name}: ${values.join(' / ')}`);
  }
  return complete(parts, seen);
}

function complete(
  parts: readonly string[],
  { faults, missing }: { faults: readonly string[]; missing: string | undefined },
): string {
  const all = parts.filter((part) => part !== '');
  for (const fault of faults) all.push(`it sends ${fault}`);
  if (missing !== undefined) all.push(`waited in vain for ${missing}`);
  return all.join('; ');
}

/** The first few, and how many there are. */
function summary(all: readonly string[]): string[] {
  return all.length <= 4 ? [...all] : [...all.slice(0, 2), `… ${all.length.toLocaleString('en-US')} in all`];
}
