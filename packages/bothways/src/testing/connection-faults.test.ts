import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { settled, until } from '../node/test-arrivals.js';
import { noise } from '../node/test-wire.js';
import { Network, errorCode } from './test-network.js';

const MEBIBYTE = 1024 * 1024;
/** A delay that no test lives to see, milliseconds. */
const FOREVER = 3_600_000;

test('a delay is for both directions, and keeps the order when it changes', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  const delays = [80, 0];
  network.proxy.delay(() => delays.shift() ?? 40);
  const begin = performance.now();
  client.write('first ');
  await until(() => delays.length === 1);
  client.write('second');
  expect((await target.take(12)).toString()).toBe('first second');
  expect(performance.now() - begin).toBeGreaterThanOrEqual(80);
  const back = performance.now();
  target.write('back');
  await client.take(4);
  expect(performance.now() - back).toBeGreaterThanOrEqual(40);
});

test('an end is delayed like what came before it', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  network.proxy.delay(30);
  client.write('last words');
  client.end();
  expect((await target.rest()).toString()).toBe('last words');
});

test('what is delayed is bounded, and healing passes it on in order', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  const bytes = noise(64 * MEBIBYTE);
  network.proxy.delay(FOREVER);
  for (let at = 0; at < bytes.length; at += MEBIBYTE) client.write(bytes.subarray(at, at + MEBIBYTE));
  const { stream } = client;
  await settled(() => stream.writableLength);
  expect(stream.writableLength).toBeGreaterThan(0);
  expect(network.proxy.bytesUp).toBe(0);
  network.proxy.heal();
  expect((await target.take(bytes.length)).equals(bytes)).toBe(true);
});

test('what comes after healing is not delayed by what came before', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  let asked = 0;
  network.proxy.delay(() => {
    asked++;
    return FOREVER;
  });
  client.write('a');
  await until(() => asked === 1);
  network.proxy.heal();
  await target.take(1);
  network.proxy.delay(1);
  client.write('b');
  expect((await target.take(1)).toString()).toBe('b');
});

test('a cut resets both ends of all connections', async () => {
  const network = await Network.start();
  const ends = [await network.connect(), await network.connect()];
  expect(network.proxy.connections).toBe(2);
  network.proxy.cut();
  for (const { client, target } of ends) {
    await Promise.all([client.gone, target.gone]);
    expect([errorCode(client), errorCode(target)]).toEqual(['ECONNRESET', 'ECONNRESET']);
  }
  await until(() => network.proxy.connections === 0);
  await network.connect();
});

test('a cut without a reset is a FIN', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  network.proxy.cut({ reset: false });
  await Promise.all([client.ended, target.ended]);
  expect([errorCode(client), errorCode(target)]).toEqual([undefined, undefined]);
  await until(() => network.proxy.connections === 0);
});

test('new connections are refused until it is healed, and present ones go on', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  network.proxy.refuse();
  const refused = connect({ port: network.proxy.port, host: '127.0.0.1' });
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
  client.write('on');
  await target.take(2);
  network.proxy.heal();
  await network.connect();
  expect(network.proxy.connections).toBe(2);
});

test.each(['up', 'down', 'both'] as const)('a stall (%s) lasts until it is healed', async (direction) => {
  const network = await Network.start();
  const present = await network.connect();
  network.proxy.stall({ direction });
  const ends = [present, await network.connect()];
  for (const { client, target } of ends) {
    client.write('up');
    target.write('down');
    if (direction === 'up') await client.take(4);
    if (direction === 'down') await target.take(2);
  }
  await settled(() => network.proxy.bytesUp + network.proxy.bytesDown, 50);
  expect(network.proxy.bytesUp).toBe(direction === 'down' ? 4 : 0);
  expect(network.proxy.bytesDown).toBe(direction === 'up' ? 8 : 0);
  network.proxy.heal();
  for (const { client, target } of ends) {
    if (direction !== 'up') await client.take(4);
    if (direction !== 'down') await target.take(2);
  }
});

test('a stalled connection hides that its client is gone, and keeps what it said before', async () => {
  const network = await Network.start();
  const ends = [await network.connect(), await network.connect(), await network.connect()];
  const [talkative, silent, broken] = ends;
  const gone: string[] = [];
  for (const { target } of ends) void target.ended.then(() => gone.push('ended'));
  network.proxy.stall();
  talkative!.client.write('last words');
  talkative!.client.end();
  silent!.client.end();
  broken!.client.reset();
  await settled(() => gone.length, 50);
  expect(gone).toEqual([]);
  expect(network.proxy.connections).toBe(3);
  network.proxy.heal();
  expect((await talkative!.target.rest()).toString()).toBe('last words');
  await Promise.all([silent!.target.ended, broken!.target.gone]);
});

test('a direction is closed behind what was sent, and the other goes on', async () => {
  const network = await Network.start();
  const { client, target } = await network.connect();
  client.write('before');
  await until(() => network.proxy.bytesUp === 6);
  network.proxy.halfClose('up');
  expect((await target.rest()).toString()).toBe('before');
  client.write('lost');
  target.write('other way');
  expect((await client.take(9)).toString()).toBe('other way');
  network.proxy.halfClose('down');
  await client.ended;
  expect(network.proxy.bytesUp).toBe(6);
});
