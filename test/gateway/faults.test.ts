import { connect as connectTcp } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from 'bothways';
import { FAULTS, faultyConfig, startFaultyServer } from './faults.js';
import { GatewayProcess } from './gateway-process.js';

/** `npm run soak:gateway` is the full form. */
const IS_FULL = process.env['BOTHWAYS_SOAK'] !== undefined;
const CONNECTIONS = IS_FULL ? 10_000 : 1_000;
const CLIENTS = IS_FULL ? 5_000 : 500;

let gateway: GatewayProcess;
let visits = 0;
let faulty: Awaited<ReturnType<typeof startFaultyServer>>;

beforeAll(async () => {
  faulty = await startFaultyServer();
  const nobody = await startFaultyServer();
  nobody.server.close();
  gateway = await GatewayProcess.start(faultyConfig(faulty.port, nobody.port));
});

afterAll(async () => {
  faulty.server.close();
  await gateway[Symbol.asyncDispose]();
});

describe('When', () => {
  it.each(FAULTS)('$name, each side is told, and the log says why', async (fault) => {
    const { code, by, why } = fault;
    const query = `?${visits++}`;
    const seen = await fault.run(gateway.host, query);
    const line = await gateway.logs(({ event, url }) => event === 'closed' && String(url).endsWith(query));
    expect([seen, line['by']]).toEqual([code, by]);
    expect(`${JSON.stringify(line['told'])} ${String(line['upstreamError'])}`).toMatch(why);
  });

  it('a handshake comes byte by byte, it is cut after handshake_timeout', async () => {
    const [hostname, port] = gateway.host.split(':');
    const socket = connectTcp(Number(port), hostname);
    socket.on('error', () => {});
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    const text = 'GET /stomp HTTP/1.1\r\nHost: a\r\nX: ';
    let sent = 0;
    const timer = setInterval(() => socket.write(text[sent++] ?? 'x'), 20);
    await once(socket, 'close');
    clearInterval(timer);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(sent).toBeLessThan(100);
  });
});

/** Many connections that end in all the ways, a few at a time. */
async function churn(count: number): Promise<void> {
  const quick = FAULTS.filter(({ name }) => !/never|hangs/.test(name));
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const fault = quick[next++ % quick.length]!;
      await fault.run(gateway.host, '');
    }
  };
  await Promise.all(Array.from({ length: 20 }, work));
}

describe('Connections that have ended', { timeout: 300_000 }, () => {
  it('leave nothing behind: no file, no socket, no timer, no memory', async () => {
    // What is loaded and pooled at first use is there before it counts.
    await churn(CONNECTIONS / 10);
    await settled();
    const before = await gateway.held();
    await churn(CONNECTIONS);
    await settled();
    let after = await gateway.held();
    // The last ones may still be closing, and what asked for the metrics is one as well.
    while (after.files > before.files || after.sockets > before.sockets) after = await gateway.held();
    expect(after.timers).toBeLessThanOrEqual(before.timers + 1);
    if (IS_FULL) console.log(`${CONNECTIONS} connections that ended:`, before, after);
    expect(after.memory - before.memory).toBeLessThan(24);
    expect(await gateway.metric('bothways_gateway_connections{route="/stomp"}')).toBe(0);
  });
});

/** Waits until the gateway has seen the end of all connections. */
async function settled(): Promise<void> {
  for (const route of ['/stomp', '/nobody', '/mute']) {
    const name = `bothways_gateway_connections{route="${route}"}`;
    while ((await gateway.metric(name)) > 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('A reload and a drain', { timeout: 300_000 }, () => {
  it('drop nobody, and tell all', async () => {
    const config = `[[routes]]\npath = "/stomp"\nprotocol = "stomp"\nupstream = "tcp://127.0.0.1:${faulty.port}"\n`;
    await using busy = await GatewayProcess.start(config);
    const count = CLIENTS;
    const clients = [];
    for (let index = 0; index < count; index += 50) {
      const some = Array.from({ length: 50 }, () =>
        connect(`ws://${busy.host}/stomp`, { protocols: ['v12.stomp'] }),
      );
      clients.push(...(await Promise.all(some)));
    }
    const closings = clients.map(({ closed }) => closed);
    const isClosed = clients.map(() => false);
    closings.forEach((closed, index) => void closed.then(() => (isClosed[index] = true)));
    const { memory } = await busy.held();
    const line = await busy.reload(`${config}\n[drain]\nwindow = "500ms"\n`);
    expect(line).toMatchObject({ event: 'reloaded', settings: ['drain'] });
    // Everybody goes on: each gets an answer of its server.
    const answers = clients.map(async (socket) => {
      socket.send('ECHO\n\n\0');
      for await (const message of socket) return message;
      return undefined;
    });
    const first = await Promise.all(answers);
    expect(first.filter((message) => message !== 'MESSAGE\n\nhello\0')).toEqual([]);
    expect(isClosed.filter(Boolean)).toEqual([]);
    if (IS_FULL) console.log(`${count} connections: ${memory.toFixed(0)} MiB resident`);
    busy.command.stop();
    const codes = (await Promise.all(closings)).map(({ code }) => code);
    expect(codes.filter((code) => code !== 1001)).toEqual([]);
    expect(await busy.command.ended()).toBe(0);
  });
});
