import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileSources, removeSources, runProgram } from './test-child.js';

let directory: string;

beforeAll(() => {
  directory = compileSources();
});

afterAll(() => {
  removeSources(directory);
});

const PRELUDE = `
  import { once } from 'node:events';
  import { createServer } from 'node:http';
  import { openAsBlob, rmSync, writeFileSync } from 'node:fs';
  import { connect as connectTcp } from 'node:net';
  import { serve } from './node/server.js';
  import { connect } from './node/connect.js';
  import { WebSocket } from './node/websocket.js';
  const host = '127.0.0.1';
  const request = 'GET / HTTP/1.1\\r\\nHost: a\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n';
`;

async function run(program: string): Promise<string> {
  const { code, stdout, stderr } = await runProgram(directory, PRELUDE + program);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

describe('A process', () => {
  it('ends by itself when its server and its clients are closed', async () => {
    const output = await run(`
      const options = { pingInterval: 60_000, pingTimeout: 60_000, idleTimeout: 60_000 };
      const server = await serve({ port: 0, host, ...options }, { message: (socket, data) => socket.send(data) });
      const socket = await connect(server.url, options);
      const standard = new WebSocket(server.url);
      await new Promise((resolve) => (standard.onopen = resolve));
      socket.send('hello');
      for await (const message of socket) { console.log(message); break; }
      socket.close();
      standard.close();
      await Promise.all([socket.closed, new Promise((resolve) => (standard.onclose = resolve))]);
      await server.close();
      console.log(performance.now() < 15_000);
    `);
    expect(output).toBe('hello\ntrue\n');
  });

  it('ends by itself when all were cut, or never came to be', async () => {
    const output = await run(`
      const server = await serve({ port: 0, host, accept: ({ url }) => url === '/' ? 1 : new Promise(() => {}) }, {});
      const socket = await connect(server.url);
      socket.terminate();
      const controller = new AbortController();
      const attempt = connect(server.url + 'never', { signal: controller.signal }).catch(() => console.log('given up'));
      setTimeout(() => controller.abort(), 50);
      await attempt;
      await connect('ws://127.0.0.1:1').catch(() => console.log('refused'));
      await server.close({ timeout: 50 });
    `);
    expect(output).toBe('given up\nrefused\n');
  });

  it('lives on when a client resets while its late refusal is on its way', async () => {
    const output = await run(`
      let decide;
      const http = createServer();
      http.listen(0, host);
      await once(http, 'listening');
      const server = await serve({ server: http, accept: () => new Promise((resolve) => (decide = resolve)) }, {});
      const client = connectTcp(http.address().port, host);
      client.on('error', () => {});
      client.write(request);
      while (decide === undefined) await new Promise(setImmediate);
      await server.close();
      decide(true);
      client.once('data', () => client.resetAndDestroy());
      await once(client, 'close');
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log('alive');
      http.close();
    `);
    expect(output).toBe('alive\n');
  });

  it('lives on when a client resets that is refused because accept closed the server', async () => {
    const output = await run(`
      const http = createServer();
      http.listen(0, host);
      await once(http, 'listening');
      const server = await serve({ server: http, accept: () => { void server.close(); return 1; } }, {});
      const client = connectTcp(http.address().port, host);
      client.on('error', () => {});
      client.write(request);
      const [answer] = await once(client, 'data');
      client.resetAndDestroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log(answer.toString().slice(0, 12), server.metrics().pendingHandshakes);
      http.close();
    `);
    expect(output).toBe('HTTP/1.1 503 0\n');
  });

  it('lives on when a Blob cannot be read that is to be sent', async () => {
    const output = await run(`
      const server = await serve({ port: 0, host }, {});
      writeFileSync('file', 'as it is');
      const blob = await openAsBlob('file');
      rmSync('file');
      const socket = new WebSocket(server.url);
      await new Promise((resolve) => (socket.onopen = resolve));
      socket.onclose = ({ wasClean }) => console.log('closed', wasClean);
      socket.onerror = () => console.log('error');
      socket.send(blob);
      await new Promise((resolve) => setTimeout(resolve, 100));
      console.log('alive');
      await server.close({ timeout: 100 });
    `);
    expect(output).toBe('error\nclosed false\nalive\n');
  });

  it('lives on when listeners of a WebSocket throw, and is warned', async () => {
    const output = await run(`
      process.removeAllListeners('warning');
      process.on('warning', ({ message }) => console.log(message));
      const server = await serve({ port: 0, host }, { message: (socket, data) => socket.send(data) });
      const socket = new WebSocket(server.url);
      await new Promise((resolve) => (socket.onopen = resolve));
      socket.addEventListener('message', () => { throw new Error('thrown'); });
      socket.onmessage = async () => { throw new Error('rejected'); };
      socket.onclose = () => { throw new Error('at the end'); };
      socket.send('hello');
      await new Promise((resolve) => socket.addEventListener('message', resolve));
      socket.close();
      await new Promise((resolve) => socket.addEventListener('close', resolve));
      await server.close();
    `);
    expect(output).toBe('thrown\nrejected\nat the end\n');
  });

  it('keeps nothing of connections that are gone', async () => {
    const output = await run(`
      const server = await serve({ port: 0, host, maxConnectionsPerAddress: 20, accept: () => ({}) }, {
        open(socket) { socket.subscribe(socket.request.url); refs.push(new WeakRef(socket), new WeakRef(socket.state)); },
      });
      const refs = [];
      const handles = () => process.getActiveResourcesInfo().filter((name) => /^(TCPSocketWrap|Timeout)$/.test(name)).length;
      const cycle = async (worker) => {
        for (let round = 0; round < 100; round++) {
          const socket = await connect(server.url + worker + '/' + round, {}, {});
          if (round % 3 === 0) socket.terminate();
          else socket.close();
          await socket.closed;
        }
      };
      await Promise.all(Array.from({ length: 20 }, (_, worker) => cycle(worker)));
      while (server.connections.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      console.log(refs.length, server.connections.size, JSON.stringify(server.metrics()));
      for (let round = 0; round < 50 && handles() > 0; round++) await new Promise((resolve) => setTimeout(resolve, 20));
      console.log(handles());
      const alive = () => refs.filter((ref) => ref.deref() !== undefined).length;
      for (let round = 0; round < 20 && alive() > 0; round++) {
        // In a task of its own: what was looked at in this one is kept until its end.
        await new Promise((resolve) => setTimeout(resolve, 20));
        gc();
      }
      console.log(alive() < 10 ? 'forgotten' : alive() + ' are kept');
      for (let index = 0; index < 100; index++) server.publish('/' + index, 'to nobody');
      const again = await Promise.all(Array.from({ length: 20 }, () => connect(server.url, {}, {})));
      console.log(again.length, await connect(server.url).catch(({ status }) => status));
      await server.close();
    `);
    const metrics = {
      connections: 0,
      pendingHandshakes: 0,
      acceptedHandshakes: 2_000,
      closedConnections: 2_000,
      compressionMemory: 0,
      degradedCompressions: 0,
    };
    expect(output.split('\n')).toEqual([`4000 0 ${JSON.stringify(metrics)}`, '0', 'forgotten', '20 429', '']);
  });
});
