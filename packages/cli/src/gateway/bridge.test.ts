import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { closing, connectionsAre, join, resetSocket, startGateway, startUpstream } from './test-gateway.js';

const STOMP = { protocols: ['v12.stomp'] };

/** A gateway with one route, to a server of the test. */
async function bridged(route: Record<string, unknown> = {}) {
  const upstream = await startUpstream();
  const { gateway, socketUrl } = await startGateway({
    routes: [{ path: '/', protocol: 'raw', upstream: upstream.url, ...route }],
  });
  const connect = async (options = {}) => {
    const client = await join(`${socketUrl}/`, options);
    return { ...client, peer: await upstream.peers.next() };
  };
  return { gateway, upstream, connect, url: `${socketUrl}/` };
}

describe('A raw route', () => {
  it('carries bytes both ways, and ends both sides when the client closes', async () => {
    const { connect } = await bridged();
    const { socket, messages, peer } = await connect();
    socket.send(Buffer.from([0, 255, 10]));
    await peer.receives('\0\xff\n');
    peer.socket.write(Buffer.from([1, 2, 3]));
    expect(await messages.next()).toEqual(Buffer.from([1, 2, 3]));
    socket.close();
    await peer.ended;
  });

  it('takes no text, and says so by 1003', async () => {
    const { connect } = await bridged();
    const { socket, closed, peer } = await connect();
    socket.send('text');
    expect(await closing(closed)).toEqual([1003, 'raw is binary']);
    await peer.ended;
    expect(peer.text).toBe('');
  });

  it('carries text both ways where the route says so, whole characters at a time', async () => {
    const { connect } = await bridged({ messages: 'text' });
    const { socket, messages, peer } = await connect();
    socket.send('Grüße');
    await peer.receives(Buffer.from('Grüße').toString('latin1'));
    const bytes = Buffer.from('ü👋');
    peer.socket.write(bytes.subarray(0, 4));
    expect(await messages.next()).toBe('ü');
    peer.socket.write(bytes.subarray(4));
    expect(await messages.next()).toBe('👋');
  });
});

describe('A STOMP route', () => {
  it('makes one message of each frame, however the server cuts them, and a text where it is one', async () => {
    const { connect } = await bridged({ protocol: 'stomp' });
    const { socket, messages, peer } = await connect(STOMP);
    expect(socket.protocol).toBe('v12.stomp');
    socket.send('SEND\ndestination:/a\n\nhel');
    socket.send(Buffer.from('lo\0'));
    await peer.receives('SEND\ndestination:/a\n\nhello\0');
    const binary = Buffer.concat([Buffer.from('MESSAGE\ncontent-length:2\n\n'), Buffer.from([0, 255, 0])]);
    const all = Buffer.concat([Buffer.from('CONNECTED\nversion:1.2\n\n\0'), binary]);
    for (const byte of all) peer.socket.write(Buffer.from([byte]));
    expect(await messages.next()).toBe('CONNECTED\nversion:1.2\n\n\0');
    expect(await messages.next()).toEqual(binary);
    peer.socket.write('\n');
    expect(await messages.next()).toBe('\n');
  });

  it('sends an end of line with the frame that it follows at once, and a heart-beat by itself', async () => {
    const { connect } = await bridged({ protocol: 'stomp' });
    const { messages, peer } = await connect(STOMP);
    peer.socket.write('MESSAGE\n\none\0\nMESSAGE\n\ntwo\0\n');
    expect(await messages.next()).toBe('MESSAGE\n\none\0\n');
    expect(await messages.next()).toBe('MESSAGE\n\ntwo\0\n');
    peer.socket.write('\n');
    expect(await messages.next()).toBe('\n');
  });

  it('sends what is whole before it ends with 1014 for what is no STOMP', async () => {
    const { connect } = await bridged({ protocol: 'stomp' });
    const { messages, peer, closed } = await connect(STOMP);
    peer.socket.write('MESSAGE\n\none\0\n\0');
    expect(await messages.next()).toBe('MESSAGE\n\none\0\n');
    expect((await closed).code).toBe(1014);
  });

  it('refuses a handshake whose tokens do not fit, with 400 and the reason', async () => {
    const { url } = await bridged({ protocol: 'stomp' });
    await expect(join(url, { protocols: ['mqtt'] })).rejects.toMatchObject({
      status: 400,
      body: expect.stringContaining('v12.stomp') as string,
    });
  });

  it('ends with 1002 what is no STOMP, and nothing of it gets to the server', async () => {
    const { connect } = await bridged({ protocol: 'stomp' });
    const { socket, closed, peer } = await connect(STOMP);
    socket.send('SEND\ncontent-length:1e9\n\n\0');
    expect((await closed).code).toBe(1002);
    await peer.ended;
    expect(peer.text).toBe('');
  });

  it('ends with 1014 when the server leaves in the middle of a message, with 1000 between two', async () => {
    const { connect } = await bridged({ protocol: 'stomp' });
    const one = await connect(STOMP);
    one.peer.socket.end('MESSAGE\n\nhalf');
    expect(await closing(one.closed)).toEqual([1014, 'The server left in the middle of a message']);
    const two = await connect(STOMP);
    two.peer.socket.end('MESSAGE\n\nwhole\0');
    expect(await two.messages.next()).toBe('MESSAGE\n\nwhole\0');
    expect(await closing(two.closed)).toEqual([1000, 'The server closed the connection']);
  });
});

describe('The limit of messages', () => {
  it('ends with 1009 a client whose message is split over many, and with 1014 a server', async () => {
    const { connect } = await bridged({ protocol: 'stomp', max_message_size: 1_000 });
    const one = await connect(STOMP);
    for (let index = 0; index < 5; index++) one.socket.send('x'.repeat(300));
    expect((await one.closed).code).toBe(1009);
    const two = await connect(STOMP);
    two.peer.socket.write(`MESSAGE\n\n${'x'.repeat(2_000)}`);
    expect(await closing(two.closed)).toEqual([
      1014,
      'The server: A message is larger than maxMessageSize, 1000 bytes',
    ]);
    await two.peer.ended;
  });
});

describe('A server that cannot be had', () => {
  it('is said by 1014: refused', async () => {
    const { port } = await startUpstream();
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const address = free.address() as { port: number };
    free.close();
    await once(free, 'close');
    expect(address.port).not.toBe(port);
    const { socketUrl } = await startGateway({
      routes: [{ path: '/', protocol: 'raw', upstream: `tcp://127.0.0.1:${address.port}` }],
    });
    const { socket, closed } = await join(`${socketUrl}/`);
    socket.send(Buffer.from('early'));
    expect(await closing(closed)).toEqual([1014, 'The server behind the gateway cannot be reached']);
  });

  it('is said by 1014: it does not answer TLS within connect_timeout', async () => {
    const { port } = await startUpstream();
    const { socketUrl } = await startGateway({
      routes: [{ path: '/', protocol: 'raw', upstream: `tls://127.0.0.1:${port}`, connect_timeout: '100ms' }],
    });
    const { closed } = await join(`${socketUrl}/`);
    expect(await closing(closed)).toEqual([1014, 'The server behind the gateway does not answer']);
  });

  it('leaves its turn to the next one', async () => {
    const upstream = await startUpstream();
    const { socketUrl } = await startGateway({
      routes: [{ path: '/', protocol: 'raw', upstream: ['tcp://127.0.0.1:1', upstream.url] }],
    });
    for (const text of ['one', 'two']) {
      const { socket } = await join(`${socketUrl}/`);
      socket.send(Buffer.from(text));
      const peer = await upstream.peers.next();
      await peer.receives(text);
      expect(peer.text).toBe(text);
    }
  });

  it('is said by 1014 when it resets, in the middle of anything', async () => {
    const { connect } = await bridged();
    const { socket, peer, closed } = await connect();
    socket.send(Buffer.from('a'));
    await peer.receives('a');
    resetSocket(peer.socket);
    expect(await closing(closed)).toEqual([1014, 'The server behind the gateway broke off']);
  });
});

describe('A client that vanishes', () => {
  it('ends the connection to the server', async () => {
    const { gateway, connect } = await bridged();
    const { socket, peer } = await connect();
    socket.terminate();
    await peer.ended;
    await connectionsAre(gateway, 0);
    expect(peer.hasEnded).toBe(true);
  });
});

describe('Backpressure', () => {
  it('stops a client whose server does not read, loses nothing, and goes on when it does', async () => {
    const upstream = await startUpstream(createServer({ pauseOnConnect: true }));
    const { socketUrl } = await startGateway({
      routes: [{ path: '/', protocol: 'raw', upstream: upstream.url }],
    });
    const { socket } = await join(`${socketUrl}/`, { maxBufferedBytes: 1 << 30 });
    const peer = await upstream.peers.next();
    peer.socket.pause();
    const block = Buffer.alloc(64 * 1024, 'x');
    for (let index = 0; index < 512; index++) socket.send(block);
    // More than the systems between take stays with the client.
    expect(socket.bufferedAmount).toBeGreaterThan(8 * 1024 * 1024);
    peer.socket.resume();
    await socket.ready;
    socket.send(Buffer.from('the end'));
    await peer.receives('the end');
    expect(peer.length).toBe(512 * block.length + 7);
  });

  it('stops a server whose client does not read', async () => {
    const { connect } = await bridged({ ping_interval: 0 });
    const { socket, peer, messages } = await connect();
    socket.pause();
    const block = Buffer.alloc(64 * 1024, 'x');
    let sent = 0;
    for (; sent < 1_024 && peer.socket.writableLength < 16 * 1024 * 1024; sent++) peer.socket.write(block);
    expect(peer.socket.writableLength).toBeGreaterThan(8 * 1024 * 1024);
    const drained = once(peer.socket, 'drain');
    socket.resume();
    await drained;
    peer.socket.end();
    let received = 0;
    while (received < sent * block.length) received += (await messages.next()).length;
    expect(received).toBe(sent * block.length);
  });

  it('ends with 1014 when the server takes nothing for stall_timeout', async () => {
    const upstream = await startUpstream(createServer({ pauseOnConnect: true }));
    const { socketUrl } = await startGateway({
      routes: [{ path: '/', protocol: 'raw', upstream: upstream.url, stall_timeout: '200ms' }],
    });
    const { socket, closed } = await join(`${socketUrl}/`, { maxBufferedBytes: 1 << 30 });
    const peer = await upstream.peers.next();
    peer.socket.pause();
    const block = Buffer.alloc(64 * 1024, 'x');
    for (let index = 0; index < 256; index++) socket.send(block);
    expect(await closing(closed)).toEqual([1014, 'The server behind the gateway takes nothing']);
  });
});
