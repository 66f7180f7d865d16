import { expect, test } from 'vitest';
import { deferred, settled, until } from '../node/test-arrivals.js';
import { Wire, upgradeRequest } from '../node/test-wire.js';
import type { FaultProxy } from './fault-proxy.js';
import { HttpTarget, Network, errorCode, readBody, request, startEcho, startProxy } from './test-network.js';

const FOREVER = 3_600_000;

async function start(): Promise<{ http: HttpTarget; proxy: FaultProxy }> {
  const http = await HttpTarget.listen();
  return { http, proxy: await startProxy(http.port) };
}

/** Has a connection's request answered, to see that nothing has happened to it. */
async function expectAnswer(http: HttpTarget, wire: Wire, path: string): Promise<void> {
  wire.write(request(path));
  const { url, response } = await http.next();
  response.end('answer');
  expect([url, await readBody(wire)]).toEqual([path, 'answer']);
}

test('a request is sent twice, and only the first of the responses is seen', async () => {
  const { http, proxy } = await start();
  const client = await Wire.connect(proxy.port);
  proxy.duplicateRequest();
  client.write(request('/twice', 'body'));
  const received = [await http.next(), await http.next()];
  expect(received.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['POST', '/twice', 'body'],
    ['POST', '/twice', 'body'],
  ]);
  const copy = received.findIndex(({ headers }) => headers.connection === 'close');
  const unseen = received[copy]!.response;
  unseen.write('to ');
  received[1 - copy]!.response.end('to the client');
  expect(await readBody(client)).toBe('to the client');
  await expectAnswer(http, client, '/after');
  // The target is not disturbed in what it says to nobody.
  expect(unseen.destroyed).toBe(false);
  unseen.end('nobody');
  await new Promise((resolve) => unseen.once('close', resolve));
  expect(unseen.writableFinished).toBe(true);
  expect(http.waiting).toBe(0);
  expect(client.waiting).toBe(0);
});

test('requests are picked by their heads, and as many as were asked for', async () => {
  const { http, proxy } = await start();
  const client = await Wire.connect(proxy.port);
  proxy.duplicateRequest({
    times: 2,
    match: (head) => head.startsWith('POST /live HTTP/1.1\r\nHost: test\r\n'),
  });
  await expectAnswer(http, client, '/other');
  for (let time = 0; time < 2; time++) {
    client.write(request('/live', 'body'));
    for (const { response } of [await http.next(), await http.next()]) response.end('answer');
    expect(await readBody(client)).toBe('answer');
  }
  client.write(request('/live', 'body'));
  (await http.next()).response.end('answer');
  await readBody(client);
  await expectAnswer(http, client, '/last');
  expect(http.waiting).toBe(0);
});

test('a head and a body in many pieces are sent twice as a whole', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  network.proxy.duplicateRequest();
  const text = request('/pieces', 'body in pieces');
  client.write(text.slice(0, 20));
  client.write(text.slice(20, -6));
  const copy = await network.accept();
  client.write(text.slice(-6));
  const head = await target.head();
  expect(head + (await target.take(14)).toString()).toBe(text);
  expect(await copy.head()).toBe(`${head.slice(0, -2)}Connection: close\r\n\r\n`);
  expect((await copy.take(14)).toString()).toBe('body in pieces');
  client.write(request('/once', 'another body'));
  await target.head();
  await target.take(12);
  expect(await settled(() => copy.waiting, 50)).toBe(0);
});

test('a body is sent no faster than both can take it', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  network.proxy.duplicateRequest();
  const length = 64 * 1024 * 1024;
  client.write(`POST / HTTP/1.1\r\nContent-Length: ${length}\r\n\r\n`);
  const copy = await network.accept();
  copy.pause();
  client.write(Buffer.alloc(length));
  expect(await settled(() => network.proxy.bytesUp)).toBeLessThan(length / 2);
  copy.reset();
  await target.head();
  await target.take(length);
});

test('the connection of a second handshake is closed when it has been answered', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  network.proxy.duplicateRequest();
  client.write(upgradeRequest());
  const copy = await network.accept();
  expect(await target.answerHandshake()).toBe(await copy.answerHandshake());
  await Promise.all([copy.ended, client.head()]);
  client.write('frames');
  expect((await target.take(6)).toString()).toBe('frames');
});

test('a dropped request reaches the target, and its client gets no response', async () => {
  const { http, proxy } = await start();
  const client = await Wire.connect(proxy.port);
  proxy.dropRequest({ match: (head) => head.startsWith('POST') });
  await expectAnswer(http, client, '/before');
  client.write(request('/dropped', 'body'));
  await client.gone;
  expect(errorCode(client)).toBe('ECONNRESET');
  expect(client.waiting).toBe(0);
  const { url, body, headers, response } = await http.next();
  expect([url, body, headers.connection]).toEqual(['/dropped', 'body', 'close']);
  await until(() => proxy.connections === 0);
  // The target has an open connection, and closes it itself.
  const closed = deferred();
  response.once('finish', () => closed.resolve());
  response.end('to nobody');
  await closed.promise;
  expect(response.errored).toBeNull();
  await expectAnswer(http, await Wire.connect(proxy.port), '/next');
});

test('a target that answers before it has the whole request gets it, and its client sees nothing of that', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  network.proxy.dropRequest();
  const text = request('/', 'body');
  client.write(text.slice(0, -1));
  await target.head();
  target.write('HTTP/1.1 413 Content Too Large\r\n\r\n');
  await settled(() => client.waiting, 50);
  client.write(text.slice(-1));
  expect((await target.take(4)).toString()).toBe('body');
  await client.gone;
  expect(client.waiting).toBe(0);
  target.end();
  await target.gone;
});

test('a request is held until another has been answered', async () => {
  const { http, proxy } = await start();
  const [first, second] = [await Wire.connect(proxy.port), await Wire.connect(proxy.port)];
  const held = deferred();
  proxy.reorderRequests({
    timeout: FOREVER,
    times: 2,
    match: (head) => {
      held.resolve();
      return head.startsWith('POST /first');
    },
  });
  first.write(request('/first', 'one'));
  await held.promise;
  second.write(request('/second', 'two'));
  const { url, response } = await http.next();
  expect(url).toBe('/second');
  // Nothing has been answered yet, so nothing has been overtaken.
  await settled(() => proxy.bytesUp, 50);
  expect(http.waiting).toBe(0);
  response.end('to the second');
  const late = await http.next();
  expect([late.url, late.body]).toEqual(['/first', 'one']);
  late.response.end('to the first');
  expect([await readBody(second), await readBody(first)]).toEqual(['to the second', 'to the first']);
});

test('a response that was under way before does not count as overtaking', async () => {
  const { http, proxy } = await start();
  const [first, second, third] = [
    await Wire.connect(proxy.port),
    await Wire.connect(proxy.port),
    await Wire.connect(proxy.port),
  ];
  first.write(request('/stream'));
  const stream = (await http.next()).response;
  const held = deferred();
  proxy.reorderRequests({ timeout: FOREVER, match: () => (held.resolve(), true) });
  second.write(request('/held'));
  await held.promise;
  stream.write('more');
  await first.head();
  await settled(() => proxy.bytesUp, 50);
  expect(http.waiting).toBe(0);
  third.write(request('/third'));
  (await http.next()).response.end('answer');
  expect((await http.next()).url).toBe('/held');
});

test('a request that none overtakes is held for a time only', async () => {
  const { http, proxy } = await start();
  const client = await Wire.connect(proxy.port);
  proxy.reorderRequests({ timeout: 60 });
  const begin = performance.now();
  client.write(request('/alone', 'body'));
  const { body, response } = await http.next();
  expect(performance.now() - begin).toBeGreaterThanOrEqual(58);
  expect(body).toBe('body');
  response.end('answer');
  expect(await readBody(client)).toBe('answer');
});

test('a request that is held goes on when it is healed, and another can be held when it is cut', async () => {
  const { http, proxy } = await start();
  for (const path of ['/cut', '/healed']) {
    const client = await Wire.connect(proxy.port);
    const held = deferred();
    proxy.reorderRequests({ timeout: FOREVER, match: () => (held.resolve(), true) });
    client.write(request(path));
    await held.promise;
    if (path === '/cut') proxy.cut();
    else proxy.heal();
    if (path === '/cut') await client.gone;
  }
  expect((await http.next()).url).toBe('/healed');
  expect(http.waiting).toBe(0);
});

test('a request may be held, sent twice and dropped', async () => {
  const { http, proxy } = await start();
  const client = await Wire.connect(proxy.port);
  proxy.reorderRequests({ timeout: 20 });
  proxy.duplicateRequest();
  proxy.dropRequest();
  client.write(request('/all', 'body'));
  await client.gone;
  const bodies = [(await http.next()).body, (await http.next()).body];
  expect(bodies).toEqual(['body', 'body']);
});

test('a body with a transfer coding passes as it is, and no fault is for it', async () => {
  const { http, proxy } = await start();
  const client = await Wire.connect(proxy.port);
  proxy.dropRequest();
  client.write('POST /chunked HTTP/1.1\r\nHost: test\r\n');
  // The beginning of a head is kept, and so is not in one piece with what follows.
  await settled(() => proxy.bytesUp, 50);
  client.write('Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n');
  const { body, response } = await http.next();
  response.end('answer');
  expect([body, await readBody(client)]).toEqual(['body', 'answer']);
});

test('what may be a head passes at once while nothing is armed', async () => {
  const { client, target } = await (await Network.start()).connect();
  client.write('HELLO');
  expect((await target.take(5)).toString()).toBe('HELLO');
});

test('another protocol passes while a fault is armed', async () => {
  const proxy = await startProxy(await startEcho());
  const client = await Wire.connect(proxy.port);
  proxy.dropRequest();
  client.write('hello');
  expect((await client.take(5)).toString()).toBe('hello');
});

test('what may be a head is kept until it is known, healed or ended', async () => {
  const network = await Network.start();
  for (const how of ['known', 'healed', 'ended']) {
    network.proxy.dropRequest();
    const { client, target } = await network.connect();
    const before = network.proxy.bytesUp;
    client.write('HELLO');
    expect(await settled(() => network.proxy.bytesUp - before, 50)).toBe(0);
    if (how === 'known') client.write(' world!\r\n');
    else if (how === 'healed') network.proxy.heal();
    else client.end();
    expect((await target.take(5)).toString()).toBe('HELLO');
  }
});
