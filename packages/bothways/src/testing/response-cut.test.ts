import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { expect, test } from 'vitest';
import { Wire, upgradeRequest } from '../node/test-wire.js';
import { HttpTarget, Network, errorCode, readBody, request, startProxy } from './test-network.js';

test('a response is cut after as many bytes as were asked for, once', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  target.write('before');
  await client.take(6);
  network.proxy.cutResponse({ after: 5 });
  target.write('123');
  await client.take(3);
  target.write('4567');
  expect((await client.rest()).toString()).toBe('45');
  await target.ended;
  const next = await network.connect();
  next.target.write('1234567');
  expect((await next.client.take(7)).toString()).toBe('1234567');
});

test('a cut response may reset the client, and be cut before its first byte', async () => {
  const network = await Network.start();
  network.proxy.cutResponse({ reset: true, times: 2 });
  for (let time = 0; time < 2; time++) {
    const { client, target } = await network.connect();
    target.write('nobody reads this');
    await client.gone;
    expect(errorCode(client)).toBe('ECONNRESET');
    expect(client.waiting).toBe(0);
  }
  const { client, target } = await network.connect();
  target.write('read');
  await client.take(4);
});

test('the count of a response begins with its request', async () => {
  const http = await HttpTarget.listen();
  const proxy = await startProxy(http.port);
  const client = await Wire.connect(proxy.port);
  proxy.cutResponse({ after: 300 });
  for (let time = 0; time < 3; time++) {
    client.write(request('/'));
    (await http.next()).response.end('short');
    expect(await readBody(client)).toBe('short');
  }
  client.write(request('/'));
  (await http.next()).response.end('long '.repeat(100));
  expect(await client.rest()).toHaveLength(300);
});

test('only responses to requests that are picked are cut, and a WebSocket by its handshake', async () => {
  const network = await Network.start();
  const other = await network.connect();
  const { client, target } = await network.connect();
  client.write(upgradeRequest({}, 'GET /socket HTTP/1.1'));
  await target.answerHandshake();
  await client.head();
  network.proxy.cutResponse({ after: 3, match: (head) => head.startsWith('GET /socket ') });
  other.client.write(request('/other'));
  await other.target.head();
  other.target.write('1234');
  await other.client.take(4);
  target.write('123');
  expect((await client.rest()).toString()).toBe('123');
});

test('a client of Node sees a response that is cut as an error', async () => {
  const http = await HttpTarget.listen();
  const proxy = await startProxy(http.port);
  proxy.cutResponse({ after: 150 });
  const sent = httpRequest(proxy.url, { agent: false });
  sent.end();
  (await http.next()).response.end('long '.repeat(100));
  const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
  response.resume();
  const [error] = (await once(response, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});
