import { describe, expect, it } from 'vitest';
import { configWith } from './test-config.js';
import { findWarnings } from './warnings.js';

const EVERYWHERE = { listen: { address: '0.0.0.0:80' } };
const SECURED = { listen: { address: ':443', tls: { cert: 'c', key: 'k', client_ca: 'ca' } } };
const AUTH = {
  cookie: { type: 'jwt', secret_file: 's', token: ['header', 'cookie:id'] },
  token: { type: 'jwt', secret_file: 's' },
  password: { type: 'basic', users_file: 'u' },
  device: { type: 'certificate' },
  shop: { type: 'callback', url: 'https://shop.example.com/' },
  key: { type: 'callback', url: 'http://[::1]/', forward: ['x-key'] },
};

describe('a warning', () => {
  it.each<[what: string, route: object, others: object, warning: RegExp]>([
    [
      'anybody is served',
      {},
      EVERYWHERE,
      /^Whoever reaches "0\.0\.0\.0:80" may use the route "\/mqtt": it has no "auth"\.$/,
    ],
    [
      'passwords come without TLS',
      { auth: 'password' },
      { ...EVERYWHERE, auth: AUTH },
      /^The passwords or tokens for the route "\/mqtt" come to "0\.0\.0\.0:80" without TLS: give it "tls"/,
    ],
    ['tokens come without TLS', { auth: 'token' }, { ...EVERYWHERE, auth: AUTH }, /^The passwords or tokens/],
    [
      'any page has the cookies of its visitor',
      { auth: ['token', 'cookie'], origins: '*' },
      { auth: AUTH },
      /^Any web page may open the route "\/mqtt" \(origins = "\*"\), and browsers show for it what "cookie" asks for/,
    ],
    [
      'any page has the password of its visitor',
      { auth: 'password', origins: '*' },
      { auth: AUTH },
      /"password" asks for/,
    ],
    [
      'any page has the certificate of its visitor',
      { auth: 'device', origins: '*' },
      { auth: AUTH },
      /"device" asks for/,
    ],
    [
      'any page has what a callback is shown',
      { auth: 'shop', origins: '*' },
      { auth: AUTH },
      /"shop" asks for/,
    ],
    [
      'limits of users have no users',
      { limits: { connections_per_user: 1, connections: 2 } },
      {},
      /^The route "\/mqtt" has no "auth", so nobody is a user there: connections_per_user limits nothing\.$/,
    ],
    [
      'options of TLS have no TLS',
      { upstream_tls: { ca: 'ca' } },
      {},
      /^The route "\/mqtt" has "upstream_tls", but speaks TLS to no server/,
    ],
    [
      'options of TLS have no STARTTLS',
      { protocol: 'xmpp', starttls: 'never', upstream_tls: { ca: 'ca' } },
      {},
      /^The route "\/mqtt" has "upstream_tls"/,
    ],
    [
      'metrics are for all',
      {},
      { admin: { address: ':9090' } },
      /^Whoever reaches ":9090" \(admin\) sees the metrics/,
    ],
    [
      'everybody is a proxy',
      {},
      { listen: { address: '127.0.0.1:80', trusted_proxies: ['10.0.0.0/8', '0.0.0.0/0'] } },
      /^At "127\.0\.0\.1:80" 0\.0\.0\.0\/0 trusts everybody as a proxy/,
    ],
    [
      'keys come without TLS',
      {},
      { auth: { a: { type: 'jwt', jwks: 'http://h/' } } },
      /^"a" asks by http: and not by https:: whoever is on the way can exchange the keys\.$/,
    ],
    [
      'a callback is asked without TLS',
      {},
      { auth: { a: { type: 'callback', url: 'http://h/' } } },
      /can let anybody in\.$/,
    ],
  ])('says that %s', (_what, route, others, warning) => {
    const warnings = findWarnings(configWith({ ...route }, { ...others }));
    expect(warnings).toEqual([expect.stringMatching(warning)]);
  });

  it.each<[what: string, route: object, others: object]>([
    [
      'this machine alone',
      {},
      { listen: [{ address: '127.9.9.9:1' }, { address: '[::1]:1' }, { address: 'localhost:1' }] },
    ],
    ['tokens that come by TLS', { auth: ['token', 'password'] }, { ...SECURED, auth: AUTH }],
    ['certificates', { auth: 'device' }, { ...SECURED, auth: AUTH }],
    [
      'pages that are named',
      { auth: ['cookie', 'password'], origins: ['https://a.example'] },
      { auth: AUTH },
    ],
    ['what no browser adds by itself', { auth: ['token', 'key'], origins: '*' }, { auth: AUTH }],
    ['TLS and STARTTLS', { protocol: 'xmpp', upstream_tls: { ca: 'ca' } }, {}],
    ['TLS to one of several', { upstream: ['tcp://h:1', 'tls://h:2'], upstream_tls: { ca: 'ca' } }, {}],
  ])('is not for %s', (_what, route, others) => {
    expect(findWarnings(configWith({ ...route }, { ...others }))).toEqual([]);
  });
});
