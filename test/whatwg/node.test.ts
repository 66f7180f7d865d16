import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { WebSocket, WebSocketError, WebSocketStream } from 'bothways';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GROUPS } from './behaviours/index.js';
import { run } from './run.js';
import { Servers } from './servers.js';
import { later } from './watching.js';

let servers: Servers;

beforeAll(async () => {
  servers = await Servers.start();
});

afterAll(async () => servers.close());

async function collect(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) {
    await later();
    gc();
  }
}

/** What a browser reports to the window is a warning of the process here. */
async function nextReport(): Promise<string> {
  const [warning] = (await once(process, 'warning')) as [Error];
  return warning.message;
}

describe.each(GROUPS)('The $subject of Bothways. $title:', ({ behaviours }) => {
  it.each(behaviours)('$name', async (behaviour) => {
    const { server, crooked } = servers;
    const classes = { WebSocket, WebSocketStream, WebSocketError };
    const observed = await run(behaviour, { ...classes, server, crooked, collect, nextReport });
    expect(observed).toEqual(behaviour.node === undefined ? behaviour.expected : behaviour.node.observed);
  });
});
