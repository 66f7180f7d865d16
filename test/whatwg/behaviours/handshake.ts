import type { Env, Group } from '../behaviour.js';
import { ask, ending, follow, next, open } from '../watching.js';

interface Request {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function requestOf(env: Env, url = '/request', ...rest: unknown[]): Promise<Request> {
  const { data } = await next(env.make(url, ...rest), 'message');
  return JSON.parse(data as string) as Request;
}

export const HANDSHAKE: Group = {
  subject: 'WebSocket',
  title: 'The opening handshake',
  behaviours: [
    {
      name: 'asks as RFC 6455 says',
      wpt: ['opening-handshake/002.html', 'opening-handshake/005.html'],
      expected: ['websocket', true, '13', true, true],
      async observe(env) {
        const { headers } = await requestOf(env);
        return [
          headers['upgrade']?.toLowerCase(),
          /\bupgrade\b/i.test(headers['connection'] ?? ''),
          headers['sec-websocket-version'],
          /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(headers['sec-websocket-key'] ?? ''),
          `ws://${headers['host']}` === env.server,
        ];
      },
    },
    {
      name: 'asks with another key each time',
      wpt: ['opening-handshake/002.html'],
      expected: 3,
      async observe(env) {
        const keys = new Set<string | undefined>();
        for (let count = 0; count < 3; count++) keys.add((await requestOf(env)).headers['sec-websocket-key']);
        return keys.size;
      },
    },
    {
      name: 'says the origin of the page',
      wpt: ['opening-handshake/003-sets-origin.worker.js', 'security/001.html'],
      expected: 'the origin',
      node: { observed: 'nothing', why: 'there is no page; the option `origin` says one' },
      async observe(env) {
        const { origin } = (await requestOf(env)).headers;
        return origin === env.server.replace('ws:', 'http:') ? 'the origin' : (origin ?? 'nothing');
      },
    },
    {
      name: 'says no referrer',
      wpt: ['referrer.any.js'],
      expected: 'nothing',
      observe: async (env) => (await requestOf(env)).headers['referer'] ?? 'nothing',
    },
    {
      name: 'sends user name and password of the URL to a server that asks for them',
      wpt: ['basic-auth.any.js'],
      expected: 'text',
      async observe(env) {
        const url = env.server.replace('ws://', 'ws://user:pa%20ss@');
        return ask(await open(env, `${url}/secret`), 'text');
      },
    },
    {
      name: 'sends no user name and password of the URL to a server that has not asked for them',
      wpt: [],
      expected: 'nothing',
      node: {
        observed: 'Basic dXNlcjpwYSBzcw==',
        why: 'they are sent at once: whoever writes them into the URL wants them sent',
      },
      async observe(env) {
        const url = env.server.replace('ws://', 'ws://user:pa%20ss@');
        return (await requestOf(env, `${url}/request`)).headers['authorization'] ?? 'nothing';
      },
    },
    {
      name: 'offers compression, and shows in `extensions` what was agreed on',
      wpt: ['interfaces/WebSocket/extensions/001.html', 'Create-Secure-extensions-empty.any.js'],
      expected: ['', 'permessage-deflate', 'a'.repeat(200)],
      node: {
        observed: ['', '', 'a'.repeat(200)],
        why: 'it offers compression with the option `compression`',
      },
      async observe(env) {
        const socket = env.make('/echo');
        const before = socket.extensions;
        await next(socket, 'open');
        return [before, socket.extensions.split(';')[0], await ask(socket, 'a'.repeat(200))];
      },
    },
    {
      name: 'fails where the server chose an extension that was not offered',
      wpt: ['interfaces/WebSocket/extensions/001.html'],
      expected: ['error 3', 'close 3'],
      observe: async (env) => follow(env.make(`${env.crooked}/?field=Sec-WebSocket-Extensions:+x-shout`)),
    },
    {
      name: 'follows no redirect',
      wpt: ['opening-handshake/001.html'],
      expected: ['error 3', 'close 3'],
      async observe(env) {
        const location = `Location: ${env.server}/echo`;
        const answer = ['HTTP/1.1 302 Found', location].map((line) => `answer=${encodeURIComponent(line)}`);
        return follow(env.make(`${env.crooked}/?${answer.join('&')}`));
      },
    },
    {
      name: 'tells nobody what the server answered where it refuses',
      wpt: ['opening-handshake/001.html', 'basic-auth.any.js'],
      expected: [1006, '', false],
      observe: async (env) => ending(env.make(`${env.crooked}/?answer=HTTP/1.1 401 Who&answer=X-Why: no`)),
    },
    {
      name: 'shows nothing of a cookie that the server sets',
      wpt: ['cookies/001.html', 'cookies/002.html', 'cookies/003.html'],
      expected: [],
      async observe(env) {
        const socket = await open(env, `${env.crooked}/?field=Set-Cookie:+secret=1;+HttpOnly`);
        const names: string[] = [];
        for (const name in socket) {
          if (String(socket[name as keyof typeof socket]).includes('secret=1')) names.push(name);
        }
        // The URL has it only because this test asked the server for it there.
        return names.filter((name) => name !== 'url');
      },
    },
    {
      name: 'sends the cookies that the server set before',
      wpt: ['cookies/005.html', 'cookies/006.html', 'cookies/007.html'],
      expected: 'sent',
      node: { observed: 'not sent', why: 'it keeps no cookies; the option `headers` may send some' },
      async observe(env) {
        const cookie = 'kept=1; HttpOnly; SameSite=Strict';
        await open(env, `${env.crooked}/?field=${encodeURIComponent(`Set-Cookie: ${cookie}`)}`);
        const { headers } = await requestOf(env);
        return headers['cookie']?.includes('kept=1') ? 'sent' : 'not sent';
      },
    },
    {
      name: 'takes in place of the subprotocols an object of options',
      wpt: [],
      expected: 'nothing',
      node: { observed: 'told', why: 'header fields, an origin, TLS and the rest are what a program needs' },
      async observe(env) {
        // An object that is no list is refused by a browser for its text: "[object Object]" is no subprotocol.
        try {
          return (await requestOf(env, '/request', { headers: { 'X-Told': 'told' } })).headers['x-told'];
        } catch {
          return 'nothing';
        }
      },
    },
  ],
};
