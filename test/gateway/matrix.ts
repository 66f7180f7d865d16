import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { WebSocket } from 'bothways';
import { type Carrier, socketClassOf } from './carriers.js';
import type { ChromiumClients } from './chromium.js';
import { CLIENTS } from './clients/index.js';
import { type Account, type Outcome, shown } from './clients/talk.js';
import type { Target } from './servers.js';

/** How a client is connected with a server. */
export interface Way {
  readonly platform: 'Node' | 'Chromium';
  readonly carrier: Carrier;
  /** Whether by the gateway, and not by the server's own listener. */
  readonly isByGateway: boolean;
}

const WEBSOCKET = { carrier: 'websocket', isByGateway: true } as const;
const SESSION = { carrier: 'session', isByGateway: true } as const;
const LONG_POLLING = { carrier: 'long-polling', isByGateway: true } as const;
const OWN = { carrier: 'websocket', isByGateway: false } as const;

/** All ways, those that are compared beside each other. */
export const WAYS: readonly Way[] = [
  { platform: 'Node', ...OWN },
  { platform: 'Node', ...WEBSOCKET },
  { platform: 'Node', ...SESSION },
  { platform: 'Node', ...LONG_POLLING },
  { platform: 'Chromium', ...OWN },
  { platform: 'Chromium', ...WEBSOCKET },
  { platform: 'Chromium', ...SESSION },
  { platform: 'Chromium', ...LONG_POLLING },
];

/** A client that was at a server by one of the ways. */
export interface Cell {
  readonly target: Target;
  readonly way: Way;
  /** What the client saw, unless it has failed. */
  readonly outcome?: Outcome;
  /** What is not as it should be; none, and the cell is green. */
  readonly problems: readonly string[];
}

/** How long a talk may take, milliseconds. */
const PATIENCE = 30_000;

/** @returns `undefined` where the server has no such listener. */
export async function runCell(
  target: Target,
  way: Way,
  chromium: ChromiumClients,
): Promise<Cell | undefined> {
  const url = way.isByGateway ? target.gatewayUrl : target.ownUrl;
  if (url === undefined) return undefined;
  const { user, password, client } = target;
  const account = { url, user, password, address: `a${randomUUID()}` };
  try {
    const talk =
      way.platform === 'Node'
        ? talkInNode(target, way.carrier, account)
        : chromium.talk(client, way.carrier, account);
    const outcome = await within(PATIENCE, talk);
    return { target, way, outcome, problems: judge(target, way, outcome) };
  } catch (error) {
    return { target, way, problems: [String(error).split('\n', 1)[0]!] };
  }
}

function talkInNode({ client }: Target, carrier: Carrier, account: Account): Promise<Outcome> {
  const { talk, contents } = CLIENTS[client];
  return talk({ ...account, WebSocket: socketClassOf(carrier, WebSocket) }, contents);
}

/** What of an outcome is not as it should be. */
export function judge(
  { client, protocol }: Pick<Target, 'client' | 'protocol'>,
  { isByGateway }: Pick<Way, 'isByGateway'>,
  outcome: Outcome,
): string[] {
  const problems: string[] = [];
  const expected = CLIENTS[client].contents.map(shown);
  if (!isDeepStrictEqual(outcome.received, expected)) problems.push('messages are not what was published');
  if (outcome.protocol !== protocol) problems.push(`the subprotocol is '${outcome.protocol}'`);
  // Of the servers some say no goodbye (Mosquitto); the gateway does.
  const isGoodbye = outcome.wasClean && [1000, 1005].includes(outcome.closeCode);
  if (isByGateway && !isGoodbye) problems.push(`the close code is ${outcome.closeCode}`);
  return problems;
}

async function within<Value>(milliseconds: number, promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`It took longer than ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
