import { writeFileSync } from 'node:fs';
import { hashSync } from 'bcryptjs';
import { SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Session } from 'bothways/session';
import { listen, temporaryFile } from './auth/test-auth.js';
import { gatewayConfig } from './config/schema.js';
import { join, startGateway, startUpstream } from './test-gateway.js';

const SECRET = 'a secret of thirty-two characters, at least';

function sign(user: string): Promise<string> {
  return new SignJWT({ sub: user })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('10m')
    .sign(Buffer.from(SECRET));
}

function basic(user: string, password: string): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

/** A gateway with one route that is for those whom `auth` lets in. */
async function start(auth: Record<string, unknown>, route: Record<string, unknown> = {}) {
  const { url: upstream } = await startUpstream();
  const config = {
    auth: { main: auth },
    routes: [{ path: '/', protocol: 'stomp', upstream, auth: 'main', ...route }],
  };
  return { ...(await startGateway(config)), config };
}

function tokens(): Record<string, unknown> {
  return { type: 'jwt', secret_file: temporaryFile(SECRET), token: ['protocol:bearer', 'cookie:id'] };
}

describe('a route with authentication', () => {
  it('agrees on the real subprotocol, and never on a token', async () => {
    const { socketUrl } = await start(tokens());
    const bearer = `bearer.${await sign('ada')}`;
    const { socket } = await join(socketUrl, { protocols: [bearer, 'v12.stomp'] });
    expect(socket.protocol).toBe('v12.stomp');
    // Nothing is left to agree on, and then a client takes no answer.
    await expect(join(socketUrl, { protocols: [bearer] })).rejects.toThrow(/Sec-WebSocket-Protocol/);
    await expect(join(socketUrl, { protocols: ['v12.stomp'] })).rejects.toMatchObject({ status: 401 });
  });

  it('lets sessions in by a cookie', async () => {
    const { url } = await start(tokens(), { sessions: true });
    const headers = { Cookie: `id=${await sign('ada')}` };
    const session = new Session(url, { carriers: ['long-polling'], protocols: ['v12.stomp'], headers });
    onTestFinished(() => session.close());
    await new Promise((resolve) => {
      session.addEventListener('open', resolve);
      session.addEventListener('close', resolve);
    });
    expect(session.protocol).toBe('v12.stomp');
  });

  it('knows other passwords when the file was loaded again, and those who are there stay', async () => {
    const users = temporaryFile(`ada:${hashSync('old', 4)}\n`);
    const { gateway, socketUrl, config } = await start({ type: 'basic', users_file: users });
    const options = { protocols: ['v12.stomp'] };
    const { socket } = await join(socketUrl, { ...options, headers: basic('ada', 'old') });
    writeFileSync(users, `ada:${hashSync('new', 4)}\n`);
    const silent = { log: { level: 'silent' }, listen: [{ address: '127.0.0.1:0' }] };
    await gateway.reload(gatewayConfig.parse({ ...silent, ...config }));
    await expect(join(socketUrl, { ...options, headers: basic('ada', 'old') })).rejects.toMatchObject({
      status: 401,
    });
    await join(socketUrl, { ...options, headers: basic('ada', 'new') });
    expect(socket.readyState).toBe(1);
  });

  it('counts the connections of a user whom a callback names', async () => {
    const asked: string[] = [];
    const url = await listen((request, response) => {
      asked.push(`${String(request.headers['x-original-uri'])} ${request.headers.cookie}`);
      response.setHeader('X-User', 'ada').end();
    });
    const { socketUrl } = await start({ type: 'callback', url }, { limits: { connections_per_user: 1 } });
    const options = { protocols: ['v12.stomp'], headers: { Cookie: 'id=1' } };
    await join(`${socketUrl}/?a=1`, options);
    await expect(join(socketUrl, options)).rejects.toMatchObject({ status: 429 });
    expect(asked).toEqual(['/?a=1 id=1', '/ id=1']);
  });
});
