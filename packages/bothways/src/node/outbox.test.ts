import { describe, expect, it } from 'vitest';
import type { NodeConnection } from './connection.js';
import { Outbox } from './outbox.js';
import { turns, until } from './test-arrivals.js';

/** A connection that keeps what it is given. */
class Sink {
  readonly sent: unknown[] = [];
  bufferedAmount = 0;
  isConnected = true;
  abandoned: unknown;

  abandon(reason: Error): void {
    this.abandoned = reason;
  }

  sendTaken(message: string | Uint8Array): boolean {
    this.sent.push(typeof message === 'string' ? message : Buffer.from(message).toString());
    this.bufferedAmount += message.length + 6;
    return true;
  }

  closeWith(code: number | undefined, reason: string): void {
    this.sent.push([code, reason]);
  }
}

function open() {
  const sink = new Sink();
  const outbox = new Outbox();
  outbox.open(sink as unknown as NodeConnection<undefined>);
  return { sink, outbox };
}

describe('An outbox', () => {
  it('sends at once what can be sent', () => {
    const { sink, outbox } = open();
    outbox.send('a', true);
    outbox.send(Buffer.from('b'), true);
    outbox.close(1000, 'done');
    expect(sink.sent).toEqual(['a', 'b', [1000, 'done']]);
  });

  it('lets everything wait for a Blob, close as well', async () => {
    const { sink, outbox } = open();
    outbox.send('a', true);
    outbox.send(new Blob(['b']), true);
    outbox.send('c', true);
    outbox.send(new Blob(['d']), true);
    outbox.close(undefined, '');
    expect(sink.sent).toEqual(['a']);
    await until(() => sink.sent.length === 5);
    expect(sink.sent).toEqual(['a', 'b', 'c', 'd', [undefined, '']]);
  });

  it('goes on at once after the last Blob was sent', async () => {
    const { sink, outbox } = open();
    outbox.send(new Blob(['a']), true);
    await until(() => sink.sent.length === 1);
    await turns();
    outbox.send('b', true);
    expect(sink.sent).toEqual(['a', 'b']);
  });

  it('counts payload, in bytes of UTF-8, and keeps the count within the task', async () => {
    const { sink, outbox } = open();
    outbox.send('é', true);
    outbox.send(new Uint8Array(10), true);
    sink.bufferedAmount = 0;
    expect(outbox.bufferedAmount).toBe(12);
    await turns(1);
    expect(outbox.bufferedAmount).toBe(0);
  });

  it('never counts more than the connection still has, in a later task', async () => {
    const { sink, outbox } = open();
    outbox.send(new Uint8Array(100), true);
    await turns(1);
    expect(outbox.bufferedAmount).toBe(100);
    sink.bufferedAmount = 40;
    expect(outbox.bufferedAmount).toBe(40);
    outbox.send(new Uint8Array(5), true);
    expect(outbox.bufferedAmount).toBe(45);
  });

  it('counts a Blob and what waits behind it', async () => {
    const { sink, outbox } = open();
    outbox.send(new Blob(['abc']), true);
    outbox.send('de', true);
    expect(outbox.bufferedAmount).toBe(5);
    await until(() => sink.sent.length === 2);
    await turns();
    sink.bufferedAmount = 0;
    expect(outbox.bufferedAmount).toBe(0);
  });

  it('abandons the connection when a Blob cannot be read, and sends nothing behind it', async () => {
    const { sink, outbox } = open();
    const broken = new Blob(['a']);
    broken.arrayBuffer = async () => Promise.reject(new Error('The file is gone'));
    outbox.send(broken, true);
    outbox.send('b', true);
    outbox.close(1000, '');
    await until(() => sink.abandoned !== undefined);
    await turns();
    expect(sink.abandoned).toEqual(new Error('The file is gone'));
    expect(sink.sent).toEqual([]);
  });

  it('keeps its count when the connection is gone', async () => {
    const { sink, outbox } = open();
    outbox.send(new Uint8Array(100), true);
    await turns(1);
    sink.isConnected = false;
    sink.bufferedAmount = 0;
    outbox.end();
    expect(outbox.bufferedAmount).toBe(100);
  });

  it('counts what comes too late, for good', async () => {
    const { sink, outbox } = open();
    outbox.send('abc', false);
    outbox.send(new Blob(['de']), false);
    await turns();
    outbox.end();
    outbox.send(new Uint8Array(4), false);
    expect(outbox.bufferedAmount).toBe(9);
    expect(sink.sent).toEqual([]);
  });
});
