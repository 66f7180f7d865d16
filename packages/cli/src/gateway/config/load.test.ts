import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Failure } from '../../failure.js';
import { ConfigError, loadConfig, parseConfig } from './load.js';
import { linesOf, problemsOf } from './test-config.js';

const LISTEN = `listen = { address = "127.0.0.1:8080" }\n`;
const ROUTE = `[[routes]]\npath = "/mqtt"\nprotocol = "mqtt"\nupstream = "tcp://127.0.0.1:1883"\n`;
const LISTEN_YAML = 'listen: { address: "127.0.0.1:8080" }\n';
const ROUTE_YAML = 'routes:\n  - path: /mqtt\n    protocol: mqtt\n    upstream: tcp://127.0.0.1:1883\n';

describe('a configuration', () => {
  it('is the same in TOML and in YAML, and has its defaults', () => {
    const config = parseConfig(LISTEN + ROUTE, 'toml', 'gateway.toml');
    expect(parseConfig(LISTEN_YAML + ROUTE_YAML, 'yaml', 'gateway.yaml')).toEqual(config);
    expect(config).toMatchObject({
      listen: [{ address: { host: '127.0.0.1', port: 8080 }, proxy_protocol: false, trusted_proxies: [] }],
      drain: { window: 5_000, timeout: 10_000 },
      handshake_timeout: 10_000,
      routes: [
        {
          path: '/mqtt',
          protocol: 'mqtt',
          upstream: ['tcp://127.0.0.1:1883'],
          auth: [],
          max_message_size: 1_048_576,
          high_water_mark: 65_536,
          ping_interval: 20_000,
          idle_timeout: 0,
          limits: {},
        },
      ],
    });
  });

  it('of YAML may have aliases', () => {
    const text = `${LISTEN_YAML}routes:
  - { path: /a, protocol: raw, upstream: "tcp://h:1", limits: &small { connections: 5 } }
  - { path: /b, protocol: raw, upstream: "tcp://h:1", limits: *small }
`;
    const { routes } = parseConfig(text, 'yaml', 'gateway.yaml');
    expect(routes.map(({ limits }) => limits)).toEqual([{ connections: 5 }, { connections: 5 }]);
  });

  it('of TOML may have keys with dots, tables in one line and tables below the last of a list', () => {
    const text = `${LISTEN}drain.window = "1s"\n${ROUTE}limits.connections = 5\n[routes.upstream_tls]\nserver_name = "b"\n`;
    const { drain, routes } = parseConfig(text, 'toml', 'gateway.toml');
    expect(drain).toEqual({ window: 1_000, timeout: 10_000 });
    expect(routes[0]).toMatchObject({ limits: { connections: 5 }, upstream_tls: { server_name: 'b' } });
  });

  it('names files beside it', () => {
    const text = `${LISTEN}[auth.a]\ntype = "jwt"\nsecret_file = "s.txt"\n[auth.b]\ntype = "jwt"\njwks = "https://h/jwks"\n${ROUTE}recording = { directory = "../r" }\n[protocols.own]\nmodule = "/m.js"\n`;
    const { auth, routes, protocols } = parseConfig(text, 'toml', '/etc/gateway/gateway.toml');
    expect(auth).toMatchObject({ a: { secret_file: '/etc/gateway/s.txt' }, b: { jwks: 'https://h/jwks' } });
    expect(routes[0]?.recording?.directory).toBe('/etc/r');
    expect(protocols['own']).toEqual({ module: '/m.js' });
  });
});

describe('what is wrong is said with its line and column', () => {
  it.each<[what: string, toml: string, problems: string[]]>([
    ['a syntax error', 'listen = \n', ['gateway.toml:2:1: is no TOML: Unspecified values are invalid']],
    [
      'a key that is there twice',
      `${LISTEN}max_connections = 1\nmax_connections = 2\n${ROUTE}`,
      ['gateway.toml:3:1: sets a key that is set before: leave one of the two'],
    ],
    [
      'an unknown key at the top',
      `${LISTEN}max_conections = 5\n${ROUTE}`,
      ['gateway.toml:2:1: max_conections is no option: did you mean "max_connections"?'],
    ],
    [
      'an unknown key that is like no other',
      `${LISTEN}${ROUTE}[drain]\nspeed = 1\n`,
      ['gateway.toml:7:1: drain.speed is no option: those here are window, timeout'],
    ],
    [
      'an unknown key in another spelling',
      `${LISTEN}${ROUTE}maxMessageSize = 5\nping-timeout = 0\n`,
      [
        'gateway.toml:6:1: routes[0].maxMessageSize is no option: did you mean "max_message_size"?',
        'gateway.toml:7:1: routes[0].ping-timeout is no option: did you mean "ping_timeout"?',
      ],
    ],
    [
      'an unknown key of one way to authenticate',
      `${LISTEN}${ROUTE}[auth.a]\ntype = "basic"\nuser_file = "x"\nusers_file = "y"\njwks = "z"\n`,
      [
        'gateway.toml:8:1: auth.a.user_file is no option: did you mean "users_file"?',
        'gateway.toml:10:1: auth.a.jwks is no option: those here are type, realm, users_file',
      ],
    ],
    [
      'a prototype',
      `${LISTEN}${ROUTE}[__proto__]\nfoo = 1\n`,
      [
        'gateway.toml:6:2: __proto__ is no option: those here are listen, admin, log, drain, handshake_timeout, max_connections, auth, protocols, routes',
      ],
    ],
    [
      'missing keys',
      'max_connections = 5\n[[routes]]\n[auth.a]\ntype = "basic"\n[auth.b]\n',
      [
        'gateway.toml:1:1: listen is missing: say where clients come in, such as address = "127.0.0.1:8080"',
        'gateway.toml:2:1: routes[0].path is missing: it must be a path such as "/mqtt", or "/mqtt/*" for all below it',
        'gateway.toml:2:1: routes[0].protocol is missing: it must be text in quotes',
        'gateway.toml:3:7: auth.a.users_file is missing: it must be text in quotes',
        'gateway.toml:5:7: auth.b.type is missing: it must be "jwt", "basic", "certificate" or "callback"',
      ],
    ],
    [
      'wrong types',
      `listen = 8080\nmax_connections = "5"\nroutes = "x"\nauth = 5\n[log]\naccess = 1\nlevel = "loud"\n`,
      [
        'gateway.toml:1:10: listen must be a table, or a list of such, not 8080',
        'gateway.toml:2:19: max_connections must be a whole number from 1, not "5"',
        'gateway.toml:3:10: routes must be a list, not "x"',
        'gateway.toml:4:8: auth must be a table, not 5',
        'gateway.toml:6:10: log.access must be true or false, not 1',
        'gateway.toml:7:9: log.level must be "trace" or "debug" or "info" or "warn" or "error" or "silent", not "loud"',
      ],
    ],
    [
      'wrong values',
      `${LISTEN}handshake_timeout = 10\n[drain]\nwindow = "1 week"\ntimeout = "600h"\n${ROUTE}high_water_mark = "64 apples"\nmax_message_size = "2 GiB"\nping_interval = 2024-01-01\nproxy_protocol = 3\norigins = "https://example.com"\nauth = ["a", 5]\nlimits = { connections = 0, bytes_per_second = "0 B" }\nrecording = { directory = "r", sample = 1.5 }\n`,
      [
        'gateway.toml:2:21: handshake_timeout must be a time such as "200ms", "10s" or "5m", or 0 for none, not 10',
        'gateway.toml:4:10: drain.window must be a time such as "200ms", "10s" or "5m", or 0 for none, not "1 week"',
        'gateway.toml:5:11: drain.timeout must be at most "576h", not "600h"',
        'gateway.toml:10:19: routes[0].high_water_mark must be a number of bytes from 1, or a size such as "64 KiB", not "64 apples"',
        'gateway.toml:11:20: routes[0].max_message_size must be at most 536870888 bytes, which a text may have in this Node, not "2 GiB"',
        'gateway.toml:12:17: routes[0].ping_interval must be a time such as "200ms", "10s" or "5m", or 0 for none, not a date',
        'gateway.toml:13:18: routes[0].proxy_protocol must be 1 or 2, not 3',
        'gateway.toml:14:11: routes[0].origins must be "*", or a list of origins such as "https://example.com", not "https://example.com"',
        'gateway.toml:15:14: routes[0].auth[1] must be text in quotes, not 5',
        'gateway.toml:16:26: routes[0].limits.connections must be a whole number from 1, not 0',
        'gateway.toml:16:48: routes[0].limits.bytes_per_second must be a number of bytes from 1, or a size such as "64 KiB", not "0 B"',
        'gateway.toml:17:41: routes[0].recording.sample must be at most 1, not 1.5',
      ],
    ],
    [
      'a name that is none',
      `${LISTEN}${ROUTE}[auth."a b"]\ntype = "basic"\nusers_file = "x"\n`,
      ['gateway.toml:6:7: auth."a b" must be a name made of letters, digits, "-" and "_"'],
    ],
    ['brackets without an end', `a = ${'['.repeat(20_000)}`, ['gateway.toml:1:37: is nested too deeply']],
    ['dots without an end', `a${'.a'.repeat(5_000)} = 1`, ['gateway.toml:1:1: is nested too deeply']],
  ])('in TOML: %s', (_what, toml, problems) => {
    expect(problemsOf(toml)).toEqual(problems);
  });

  it.each<[what: string, yaml: string, problems: string[]]>([
    [
      'syntax errors, all of them',
      'a: [1, 2\nb: "x\n',
      [
        'gateway.yaml:2:1: is no YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
        'gateway.yaml:3:1: is no YAML: Missing closing "quote',
      ],
    ],
    [
      'keys that are there twice, and all else',
      `${LISTEN_YAML}${ROUTE_YAML}    path: /b\n    protocl: x\nlisten: 5\n`,
      [
        'gateway.yaml:6:5: routes[0].path is set before, in line 3: leave one of the two',
        'gateway.yaml:7:5: routes[0].protocl is no option: did you mean "protocol"?',
        'gateway.yaml:8:1: listen is set before, in line 1: leave one of the two',
      ],
    ],
    [
      'missing keys and values',
      'listen:\nroutes:\n  -\n  - path: /a\n    upstream:\nauth:\n  a:\n    type: basic\n',
      [
        'gateway.yaml:1:8: listen has no value: it must be a table, or a list of such',
        'gateway.yaml:3:4: routes[0] has no value: it must be a table',
        'gateway.yaml:4:5: routes[1].protocol is missing: it must be text in quotes',
        'gateway.yaml:5:14: routes[1].upstream has no value: it must be "tcp://HOST:PORT", "tls://HOST:PORT" or "unix:/PATH", or a list of such',
        'gateway.yaml:7:3: auth.a.users_file is missing: it must be text in quotes',
      ],
    ],
    [
      'wrong types and values',
      `listen:\n  - address: 8080\n  - address: "127.0.0.1:99999"\n  - address: "[127.0.0.1]:80"\n    trusted_proxies: [10.0.0.0/33]\n${ROUTE_YAML}    hosts: [example.com:80]\n    subprotocols: ["a b"]\n    compression: yes\n`,
      [
        'gateway.yaml:2:14: listen[0].address must be an address and a port such as "127.0.0.1:8080", or ":8080" for all addresses, not 8080',
        'gateway.yaml:3:14: listen[1].address must have a port from 0 to 65535, not "127.0.0.1:99999"',
        'gateway.yaml:4:14: listen[2].address must be an address and a port such as "127.0.0.1:8080", or ":8080" for all addresses, not "[127.0.0.1]:80"',
        'gateway.yaml:5:23: listen[2].trusted_proxies[0] must be an address or a network such as "10.0.0.0/8", not "10.0.0.0/33"',
        'gateway.yaml:10:13: routes[0].hosts[0] must be a host in ASCII and without a port, such as "example.com" or "*.example.com", not "example.com:80"',
        'gateway.yaml:11:20: routes[0].subprotocols[0] must be a token such as "v12.stomp", not "a b"',
        'gateway.yaml:12:18: routes[0].compression must be true or false, not "yes"',
      ],
    ],
    [
      'a mistake within an alias, where it stands',
      `${LISTEN_YAML}routes:\n  - { path: /a, protocol: raw, upstream: "tcp://h:1", limits: &l { conections: 5 } }\n  - { path: /b, protocol: raw, upstream: "tcp://h:1", limits: *l }\n`,
      [
        'gateway.yaml:3:68: routes[0].limits.conections is no option: did you mean "connections"?',
        'gateway.yaml:3:68: routes[1].limits.conections is no option: did you mean "connections"?',
      ],
    ],
    [
      'merge keys',
      `${LISTEN_YAML}${ROUTE_YAML}    <<: { path: /b }\n`,
      [
        'gateway.yaml:6:5: routes[0]."<<" is a merge key, which YAML 1.2 does not have: repeat the keys, or use an alias for a whole table',
      ],
    ],
    [
      'an alias of nothing',
      `${LISTEN_YAML}${ROUTE_YAML}  - *nobody\n`,
      ['gateway.yaml:6:5: routes[1] is an alias of "nobody", but no "&nobody" stands before it'],
    ],
    ['an alias of itself', `a: &a [*a]\n`, ['gateway.yaml:1:8: a is nested too deeply']],
    [
      'millions of values in six lines',
      ['a: &a [x,x,x,x,x,x,x,x,x,x]', ...['b', 'c', 'd', 'e', 'f'].map(tenTimes)].join('\n'),
      ['gateway.yaml:1:24: has more than 100000 values, counted for each alias that stands for them'],
    ],
    ['brackets without an end', `a: ${'['.repeat(20_000)}`, ['gateway.yaml:1:35: is nested too deeply']],
    ['dashes without an end', '- '.repeat(20_000), ['gateway.yaml:1:65: is nested too deeply']],
    ['keys in keys without an end', '"a": '.repeat(10_000), ['gateway.yaml:1:156: is nested too deeply']],
    ['tags', 'a: !secret x\n', ['gateway.yaml:1:4: is no YAML: Unresolved tag: !secret']],
    ['another YAML', '%YAML 1.1\n---\na: b\n', ['gateway.yaml:1:1: must be YAML 1.2: leave "%YAML" out']],
    [
      'a second document',
      `${LISTEN_YAML}${ROUTE_YAML}---\na: b\n`,
      ['gateway.yaml:6:1: begins a second document: leave one of the two'],
    ],
    ['a list', '- a\n', ['gateway.yaml:1:1: must be a table of keys and values']],
    [
      'a prototype',
      `${LISTEN_YAML}${ROUTE_YAML}__proto__: { foo: 1 }\n`,
      [
        'gateway.yaml:6:1: __proto__ is no option: those here are listen, admin, log, drain, handshake_timeout, max_connections, auth, protocols, routes',
      ],
    ],
  ])('in YAML: %s', (_what, yaml, problems) => {
    expect(problemsOf(yaml, 'yaml')).toEqual(problems);
  });

  it.each(['toml', 'yaml'] as const)('in an empty file of %s', (format) => {
    expect(problemsOf('# nothing\n', format)).toEqual([
      `gateway.${format}:1:1: routes is missing: it must be a list`,
      `gateway.${format}:1:1: listen is missing: say where clients come in, such as address = "127.0.0.1:8080"`,
    ]);
  });

  it('and a hundred of them are enough', () => {
    const lines = problemsOf(
      `${LISTEN}${ROUTE}${Array.from({ length: 150 }, (_, index) => `x${index} = 1\n`).join('')}`,
    );
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toBe('and 50 more problems');
  });

  it('as values, for programs', () => {
    expect(() => parseConfig(`${LISTEN}x = 1\n${ROUTE}`, 'toml', 'gateway.toml')).toThrow(
      expect.objectContaining({
        name: 'ConfigError',
        problems: [
          {
            position: { line: 2, column: 1 },
            path: ['x'],
            message: expect.stringContaining('is no option') as string,
          },
        ],
      }),
    );
    expect(new ConfigError('x', [])).toBeInstanceOf(Failure);
  });

  it('and nothing is left behind in the prototype of objects', () => {
    expect(problemsOf('[__proto__]\npolluted = 1\n')).not.toEqual([]);
    expect(problemsOf('a.constructor.prototype.polluted = 1\n')).not.toEqual([]);
    expect('polluted' in {}).toBe(false);
  });
});

describe('a file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bothways-config-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['gateway.toml', LISTEN + ROUTE],
    ['gateway.yaml', LISTEN_YAML + ROUTE_YAML],
    ['gateway.YML', `\uFEFF${LISTEN_YAML}${ROUTE_YAML}`],
    ['bom.toml', `\uFEFF${LISTEN}${ROUTE}`],
  ])('%s is read', (name, text) => {
    writeFileSync(join(folder, name), text);
    expect(loadConfig(join(folder, name)).routes).toHaveLength(1);
  });

  it.each<[name: string, content: string | Buffer | undefined, message: string]>([
    ['missing.toml', undefined, 'cannot be read: there is no such file or folder'],
    ['gateway.json', '{}', 'must be a file of TOML or YAML, whose name ends with .toml, .yaml or .yml'],
    ['latin.toml', Buffer.from([0x23, 0xe9]), 'is not encoded in UTF-8: save it so'],
    ['large.yaml', '#'.repeat(2 ** 20 + 1), 'cannot be read: it has 1048577 bytes, and may have 1048576'],
  ])('%s is refused', (name, content, message) => {
    if (content !== undefined) writeFileSync(join(folder, name), content);
    expect(linesOf(() => loadConfig(join(folder, name)))).toEqual([`${join(folder, name)}: ${message}`]);
  });

  it('is no folder and no device', () => {
    mkdirSync(join(folder, 'folder.toml'));
    expect(() => loadConfig(join(folder, 'folder.toml'))).toThrow(
      'folder.toml: cannot be read: it is a folder',
    );
  });
});

/** `b: &b [*a,*a,...]` after `a`. */
function tenTimes(name: string): string {
  const before = String.fromCodePoint(name.codePointAt(0)! - 1);
  return `${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(',')}]`;
}
