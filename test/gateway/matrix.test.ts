import { expect, test } from 'vitest';
import { CLIENTS } from './clients/index.js';
import { type Outcome, shown } from './clients/talk.js';
import { judge } from './matrix.js';

const TARGET = { client: 'mqtt-5', protocol: 'mqtt' } as const;
const BY_GATEWAY = { isByGateway: true };
const ALL = CLIENTS['mqtt-5'].contents.map(shown);
const GOOD: Outcome = { received: ALL, protocol: 'mqtt', closeCode: 1000, wasClean: true };
const [FIRST, SECOND, ...OTHERS] = ALL as [string, string, ...string[]];
const WRONG = 'messages are not what was published';

test('what came as it was published, and ended with a goodbye, is good', () => {
  expect(judge(TARGET, BY_GATEWAY, GOOD)).toEqual([]);
  expect(judge(TARGET, BY_GATEWAY, { ...GOOD, closeCode: 1005 })).toEqual([]);
});

test.each<[string, Partial<Outcome>, string]>([
  ['a message is missing', { received: ALL.slice(1) }, WRONG],
  ['a message came twice', { received: [FIRST, ...ALL] }, WRONG],
  ['two messages changed places', { received: [SECOND, FIRST, ...OTHERS] }, WRONG],
  ['the subprotocol is another', { protocol: 'mqttv3.1' }, "the subprotocol is 'mqttv3.1'"],
  ['the connection was cut', { closeCode: 1006, wasClean: false }, 'the close code is 1006'],
  ['the close says that something was wrong', { closeCode: 1002 }, 'the close code is 1002'],
])('it is not good when %s', (_, change, problem) => {
  expect(judge(TARGET, BY_GATEWAY, { ...GOOD, ...change })).toEqual([problem]);
});

test("how a server's own listener ends is its own affair", () => {
  expect(judge(TARGET, { isByGateway: false }, { ...GOOD, closeCode: 1006, wasClean: false })).toEqual([]);
});
