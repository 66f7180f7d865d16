import type { Env, Group } from '../behaviour.js';
import { ask, follow, next, open, outcome } from '../watching.js';

/** What `url` shows for each, or how the constructor refuses it. */
function urlsOf(env: Env, inputs: readonly string[]): unknown[] {
  return inputs.map((input) =>
    outcome(() => {
      // Not by `env.make`, which completes what begins with a slash.
      const socket = new env.WebSocket(input);
      socket.close();
      return socket.url;
    }),
  );
}

/** What the server got: the request-target. */
async function targetOf(env: Env, path: string): Promise<string> {
  const message = await next(env.make(`/request${path}`), 'message');
  return (JSON.parse(message.data as string) as { url: string }).url;
}

const refused = (inputs: readonly string[]): string[] => inputs.map(() => 'throws SyntaxError');

const INVALID = ['ws://127.0.0.1:65536/', 'ws://[::1', 'ws://', 'ws://a^b/'];
const SPACES = ['ws://foo bar.com/', 'wss://foo bar.com/'];
const SCHEMES = ['ftp://127.0.0.1/', 'mailto:example@example.org', 'about:blank', 'file:///a', 'blob:a'];
const FRAGMENTS = [
  'ws://127.0.0.1/#',
  'ws://127.0.0.1/#test',
  'http://127.0.0.1/a?b#',
  'wss://127.0.0.1/#%23',
];
const RELATIVE = ['/echo', 'echo?a', '?b', ''];

export const URLS: Group = {
  subject: 'WebSocket',
  title: 'The URL',
  behaviours: [
    {
      name: 'throws a SyntaxError for what is no URL',
      wpt: ['Create-invalid-urls.any.js', 'constructor/002.html'],
      expected: refused(INVALID),
      observe: (env) => urlsOf(env, INVALID),
    },
    {
      name: 'throws a SyntaxError for a space in the name of the host',
      wpt: ['Create-invalid-urls.any.js'],
      expected: refused(SPACES),
      chromium: {
        observed: ['ws://foo%20bar.com/', 'wss://foo%20bar.com/'],
        why: 'it writes the space as %20',
      },
      observe: (env) => urlsOf(env, SPACES),
    },
    {
      name: 'throws a SyntaxError for another scheme',
      wpt: ['Create-wrong-scheme.any.js', 'Create-invalid-urls.any.js'],
      expected: refused(SCHEMES),
      observe: (env) => urlsOf(env, SCHEMES),
    },
    {
      name: 'throws a SyntaxError for a fragment, even an empty one',
      wpt: ['Create-invalid-urls.any.js'],
      expected: refused(FRAGMENTS),
      observe: (env) => urlsOf(env, FRAGMENTS),
    },
    {
      name: 'throws a DOMException with the code 12 for them',
      wpt: ['Create-invalid-urls.any.js'],
      expected: [true, 12],
      observe({ WebSocket }) {
        try {
          return [new WebSocket('ws://127.0.0.1/#').url];
        } catch (thrown) {
          return [thrown instanceof DOMException, (thrown as DOMException).code];
        }
      },
    },
    {
      name: 'resolves a relative URL by the address of the page',
      wpt: ['Create-valid-url-relative.any.js', 'Create-non-absolute-url.any.js', 'constructor/017.html'],
      expected: ['/echo', '/echo?a', '/?b', '/'],
      node: { observed: refused(RELATIVE), why: 'there is no page: a relative URL is a SyntaxError' },
      observe: (env) =>
        urlsOf(env, RELATIVE).map((url) => (url as string).replace(/^ws:\/\/127\.0\.0\.1:\d+/, '')),
    },
    {
      name: 'takes http for ws and https for wss',
      wpt: ['Create-http-urls.any.js', 'Create-valid-url-http.any.js'],
      expected: ['ws://127.0.0.1:1/a?b', 'wss://127.0.0.1:1/', 'ws://127.0.0.1/', 'wss://127.0.0.1/'],
      observe: (env) =>
        urlsOf(env, [
          'http://127.0.0.1:1/a?b',
          'https://127.0.0.1:1',
          'http://127.0.0.1:80',
          'HTTPS://127.0.0.1:443',
        ]),
    },
    {
      name: 'connects by an http URL',
      wpt: ['Create-http-urls.any.js'],
      expected: 'text',
      observe: async (env) => ask(await open(env, `${env.server.replace('ws:', 'http:')}/echo`), 'text'),
    },
    {
      name: 'leaves out the port that is the default of the scheme, and no other',
      wpt: [
        'Create-verify-url-set-non-default-port.any.js',
        'Create-Secure-verify-url-set-non-default-port.any.js',
        'Create-verify-url-set-default-port.any.js',
        'constructor/008.html',
      ],
      expected: [
        'ws://127.0.0.1/',
        'ws://127.0.0.1:443/',
        'ws://127.0.0.1:8/',
        'ws://127.0.0.1/',
        'wss://127.0.0.1/',
        'wss://127.0.0.1:80/',
      ],
      observe: (env) =>
        urlsOf(env, [
          'ws://127.0.0.1:80',
          'ws://127.0.0.1:443',
          'ws://127.0.0.1:8',
          'ws://127.0.0.1:',
          'wss://127.0.0.1:443',
          'wss://127.0.0.1:80',
        ]),
    },
    {
      name: 'writes scheme and host in small letters, and adds the path',
      wpt: ['constructor/019.html', 'constructor/020.html', 'interfaces/WebSocket/url/001.html'],
      expected: ['ws://localhost/Path', 'ws://127.0.0.1/', 'ws://127.0.0.1/?a'],
      observe: (env) => urlsOf(env, ['WS://LOCALHOST/Path', 'Ws://127.0.0.1', 'ws://127.0.0.1?a']),
    },
    {
      name: 'normalises as the URL standard does: dots, slashes, white space, numbers as addresses',
      wpt: ['interfaces/WebSocket/url/resolve.any.js', 'constructor/017.html'],
      expected: [
        'ws://127.0.0.1/c',
        'ws://127.0.0.1/a',
        'ws://127.0.0.1/a',
        'ws://127.0.0.1/',
        'ws://127.0.0.1/a',
        'ws://127.0.0.1/ab',
      ],
      observe: (env) =>
        urlsOf(env, [
          'ws://127.0.0.1/a/../b/./../c',
          'ws://127.0.0.1\\a',
          'ws:127.0.0.1/a',
          'ws://0x7f.1',
          '  ws://127.0.0.1/a\t ',
          'ws://127.0.0.1/a\nb',
        ]),
    },
    {
      name: 'writes names that are not ASCII in Punycode, and IPv6 addresses short',
      wpt: ['Create-invalid-urls.any.js'],
      expected: ['ws://xn--bcher-kva.invalid/', 'ws://[::1]:8/', 'ws://[2001:db8::1]/'],
      observe: (env) =>
        urlsOf(env, ['ws://Bücher.invalid', 'ws://[0:0::1]:8', 'ws://[2001:DB8:0:0:0:0:0:1]']),
    },
    {
      name: 'keeps user name and password in the URL',
      wpt: ['basic-auth.any.js'],
      expected: ['ws://user:pa%20ss@127.0.0.1/', 'ws://user@127.0.0.1/'],
      observe: (env) => urlsOf(env, ['ws://user:pa ss@127.0.0.1', 'ws://user:@127.0.0.1']),
    },
    {
      name: 'encodes what is not ASCII in path and query, always as UTF-8',
      wpt: [
        'constructor/016.html',
        'Create-url-with-windows-1252-encoding.html',
        'Create-Secure-url-with-space.any.js',
      ],
      expected: ['/request/%C3%A5%20b?%C3%A4%20%C3%B6', '/request?%E2%82%AC=%3E'],
      observe: async (env) => [await targetOf(env, '/å b?ä ö'), await targetOf(env, '?€=>')],
    },
    {
      name: 'leaves alone what is encoded, and encodes the character NULL',
      wpt: ['constructor/018.html'],
      expected: ['/request?x%00y', '/request?%e4%zz%23'],
      observe: async (env) => [await targetOf(env, '?x\u0000y'), await targetOf(env, '?%e4%zz%23')],
    },
    {
      name: 'takes any object that has a text for a URL',
      wpt: ['constructor/006.html', 'url-parsing/001.html'],
      expected: ['text', 'text', 'throws TypeError'],
      async observe(env) {
        const url = `${env.server}/echo`;
        const answers = [];
        for (const object of [new URL(url), { toString: () => url }]) {
          const socket = new env.WebSocket(object as URL);
          await next(socket, 'open');
          answers.push(await ask(socket, 'text'));
          socket.close();
        }
        return [...answers, outcome(() => new env.WebSocket(Symbol('url') as never))];
      },
    },
    {
      name: 'does not change its URL by connecting',
      wpt: ['interfaces/WebSocket/url/003.html', 'interfaces/WebSocket/url/005.html'],
      expected: [true, true, true],
      async observe(env) {
        const url = `${env.server}/close-after?a=%20b`;
        const socket = await open(env, url);
        const whileOpen = socket.url === url;
        const closed = next(socket, 'close');
        socket.send('close');
        await closed;
        return [whileOpen, socket.url === url, socket.readyState === 3];
      },
    },
    {
      name: 'fails where nobody listens, or the name does not exist, by events only',
      wpt: ['interfaces/WebSocket/events/020.html', 'Create-on-worker-shutdown.any.js'],
      expected: [
        ['error 3', 'close 3'],
        ['error 3', 'close 3'],
      ],
      observe: async (env) => [
        await follow(env.make('ws://127.0.0.1:9/')),
        await follow(env.make('ws://example.invalid/')),
      ],
    },
  ],
};
