import { describe, expect, it } from 'vitest';
import { problemsOf } from './test-config.js';

const LISTEN = '[[listen]]\naddress = "127.0.0.1:8080"\n';

/** A route in lines 3 and 4, with lines of its own after them. */
function withRoute(lines: string): string {
  return `${LISTEN}[[routes]]\npath = "/a"\n${lines}\n`;
}

describe('options that do not go together are refused:', () => {
  it.each<[what: string, lines: string, problems: string[]]>([
    [
      'no server',
      'protocol = "raw"',
      [
        '3:1: routes[0] has neither "upstream" nor "choose_upstream": give one, the server or those that a client may choose',
      ],
    ],
    [
      'a server, and a choice',
      'protocol = "raw"\nupstream = "tcp://h:1"\nchoose_upstream = { allow = ["tcp://h:1"] }',
      [
        '3:1: routes[0] has both "upstream" and "choose_upstream": give one, the server or those that a client may choose',
      ],
    ],
    [
      'a protocol that nobody knows',
      'protocol = "mqt"\nupstream = "tcp://h:1"\n[protocols.own]\nmodule = "m.js"',
      ['5:12: routes[0].protocol names no protocol that is known, "mqt": did you mean "mqtt"?'],
    ],
    [
      'a protocol that is like no other',
      'protocol = "irc"\nupstream = "tcp://h:1"\n[protocols.own]\nmodule = "m.js"',
      [
        '5:12: routes[0].protocol names no protocol that is known, "irc": there are stomp, xmpp, amqp, mqtt, raw, own',
      ],
    ],
    [
      'an own protocol that has the name of another',
      'protocol = "raw"\nupstream = "tcp://h:1"\n[protocols.raw]\nmodule = "m.js"',
      ['7:12: protocols.raw is a protocol that is there already: choose another name'],
    ],
    [
      'authentication that is not there',
      'protocol = "raw"\nupstream = "tcp://h:1"\nauth = "staf"\n[auth.staff]\ntype = "basic"\nusers_file = "u"',
      ['7:8: routes[0].auth names no "auth" that is known, "staf": did you mean "staff"?'],
    ],
    [
      'authentication where there is none',
      'protocol = "raw"\nupstream = "tcp://h:1"\nauth = ["staff"]',
      ['7:8: routes[0].auth names no "auth" that is known, "staff": there is none'],
    ],
    [
      'STARTTLS and kinds of messages of other protocols',
      'protocol = "mqtt"\nupstream = "tcp://h:1"\nstarttls = "optional"\nmessages = "binary"',
      [
        '7:12: routes[0].starttls is for the protocol "xmpp" only, not for "mqtt"',
        '8:12: routes[0].messages is for the protocol "raw" only, not for "mqtt"',
      ],
    ],
    [
      'STARTTLS within TLS',
      'protocol = "xmpp"\nupstream = "tls://h:1"\nstarttls = "required"',
      [
        '7:12: routes[0].starttls cannot be "required" with a "tls://" server, which is secured before the stream begins',
      ],
    ],
    [
      'a certificate without its key',
      'protocol = "raw"\nupstream = "tls://h:1"\nupstream_tls = { cert = "c" }',
      ['7:16: routes[0].upstream_tls has only one of "cert" and "key": give both, or none'],
    ],
    [
      'origins that no browser sends',
      'protocol = "raw"\nupstream = "tcp://h:1"\norigins = ["https://example.com/", "https://example.com", "example.com"]',
      [
        '7:12: routes[0].origins[0] must be an origin as browsers send it, such as "https://example.com", "https://*.example.com" or "http://localhost:*", not "https://example.com/"',
        '7:59: routes[0].origins[2] must be an origin as browsers send it, such as "https://example.com", "https://*.example.com" or "http://localhost:*", not "example.com"',
      ],
    ],
    [
      'servers to choose from that are none',
      'protocol = "raw"\nchoose_upstream = { allow = ["tcp://*.example.com:1", "tcp://*.1.2.3.4:1", "tcp://a*.example.com:1", "tcp://h:*", "*"] }',
      [54, 75, 101, 114].map(
        (column, index) =>
          `6:${column + 1}: routes[0].choose_upstream.allow[${index + 1}] must be a server such as "tcp://10.0.0.1:61613", or "tls://*.example.com:8883" for every name below, not ${
            ['"tcp://*.1.2.3.4:1"', '"tcp://a*.example.com:1"', '"tcp://h:*"', '"*"'][index]
          }`,
      ),
    ],
    [
      'more that waits for a client than may',
      'protocol = "raw"\nupstream = "tcp://h:1"\nhigh_water_mark = "17 MiB"',
      [
        '7:19: routes[0].high_water_mark must be at most "16 MiB": a client for whom more waits is closed, not "17 MiB"',
      ],
    ],
    [
      'client certificates that nobody asks for',
      'protocol = "raw"\nupstream = "tcp://h:1"\nauth = ["d"]\n[auth.d]\ntype = "certificate"',
      [
        '7:8: routes[0].auth asks by "d" for client certificates, but no listener has "tls.client_ca": add it, or no client gets in',
      ],
    ],
    [
      'tokens with two kinds of keys, and with none',
      'protocol = "raw"\nupstream = "tcp://h:1"\n[auth.a]\ntype = "jwt"\njwks = "k"\nsecret_file = "s"\n[auth.b]\ntype = "jwt"',
      [
        '7:7: auth.a has both "jwks" and "secret_file": give one, the keys of the issuer or a shared secret',
        '11:7: auth.b has neither "jwks" nor "secret_file": give one, the keys of the issuer or a shared secret',
      ],
    ],
    [
      'signatures that do not fit the keys',
      'protocol = "raw"\nupstream = "tcp://h:1"\n[auth.a]\ntype = "jwt"\njwks = "k"\nalgorithms = ["RS256", "HS256"]\n[auth.b]\ntype = "jwt"\nsecret_file = "s"\nalgorithms = ["RS256", "HS256"]\n[auth.c]\ntype = "jwt"\njwks = "k"\nalgorithms = ["none"]',
      [
        '10:14: auth.a.algorithms cannot have HS256 together with "jwks": it has RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519',
        '14:14: auth.b.algorithms cannot have RS256 together with "secret_file": it has HS256, HS384, HS512',
        '18:15: auth.c.algorithms[0] must be "HS256" or "HS384" or "HS512" or "RS256" or "RS384" or "RS512" or "PS256" or "PS384" or "PS512" or "ES256" or "ES384" or "ES512" or "EdDSA" or "Ed25519", not "none"',
      ],
    ],
    [
      'keys at a URL of another kind',
      'protocol = "raw"\nupstream = "tcp://h:1"\n[auth.a]\ntype = "jwt"\njwks = "ftp://h/jwks"',
      ['9:8: auth.a.jwks must be an http: or https: URL, or a file'],
    ],
    [
      'a callback that gets what is not for it, or is none',
      'protocol = "raw"\nupstream = "tcp://h:1"\n[auth.a]\ntype = "callback"\nurl = "http://h/"\nforward = ["Cookie", "Host"]\n[auth.b]\ntype = "callback"\nurl = "h"',
      [
        '10:11: auth.a.forward cannot have "host", which is not for others',
        '13:7: auth.b.url must be an http: or https: URL, not "h"',
      ],
    ],
  ])('%s', (_what, lines, problems) => {
    expect(problemsOf(withRoute(lines))).toEqual(problems.map((line) => `gateway.toml:${line}`));
  });

  it('routes of the same name', () => {
    const routes = ['/a', '/b'].map((path) => {
      return `[[routes]]\nname = "x"\npath = "${path}"\nprotocol = "raw"\nupstream = "tcp://h:1"\n`;
    });
    expect(problemsOf(LISTEN + routes.join(''))).toEqual([
      'gateway.toml:9:8: routes[1].name is the name of another route, "x": choose another',
    ]);
  });

  it.each([
    ['', '', true],
    ['hosts = ["a.example"]', 'hosts = ["b.example"]', false],
    ['hosts = ["a.example"]', '', false],
    ['hosts = ["a.example", "b.example"]', 'hosts = ["c.example", "B.Example"]', true],
    ['hosts = ["*.example"]', 'hosts = ["a.example"]', false],
  ])('routes at the same path, one %j and one %j: %s', (first, second, isRefused) => {
    const routes = [first, second].map((hosts, index) => {
      return `[[routes]]\nname = "r${index}"\npath = "/a"\nprotocol = "raw"\nupstream = "tcp://h:1"\n${hosts}\n`;
    });
    const problem =
      'gateway.toml:11:8: routes[1].path is the path of the route "r0" too, for the same host: choose another, or other "hosts"';
    expect(problemsOf(LISTEN + routes.join(''))).toEqual(isRefused ? [problem] : []);
  });
});

describe('addresses', () => {
  const rest = '[[routes]]\npath = "/a"\nprotocol = "raw"\nupstream = "tcp://h:1"\n';

  it.each([
    ['127.0.0.1:8080', true],
    [':8080', true],
    ['0.0.0.0:8080', true],
    ['[::]:8080', true],
    ['127.0.0.2:8080', false],
    ['127.0.0.1:8081', false],
  ])('at which clients come in twice, 127.0.0.1:8080 and %s: %s', (address, isRefused) => {
    const problem =
      'gateway.toml:4:11: listen[1].address is an address that listens already: choose another port';
    const text = `${LISTEN}[[listen]]\naddress = "${address}"\n${rest}`;
    expect(problemsOf(text)).toEqual(isRefused ? [problem] : []);
  });

  it('of the metrics are not those of clients', () => {
    expect(problemsOf(`admin.address = "localhost:8080"\nlisten.address = ":8080"\n${rest}`)).toEqual([
      'gateway.toml:1:17: admin.address is an address that listens already: choose another port',
    ]);
  });

  it('with port 0 are all different', () => {
    expect(problemsOf(`admin.address = "127.0.0.1:0"\nlisten.address = "127.0.0.1:0"\n${rest}`)).toEqual([]);
  });
});

describe('one mistake is reported once:', () => {
  it('what a wrong part means for others is not looked at, and what is right is', () => {
    const text = `${LISTEN}tls = { cert = 5, key = "k" }
[auth.devices]
type = "certificate"
name = "x"
[auth.staff]
type = "jwtt"
[protocols.own]
modul = "m.js"
[[routes]]
path = "/a"
protocol = "own"
auth = ["staff", "devices"]
upsteam = "tcp://h:1"
[[routes]]
path = "/a"
protocol = "own"
upstream = "tcp://h:1"
auth = ["staff", "devices"]
starttls = "required"
`;
    expect(problemsOf(text)).toEqual([
      'gateway.toml:3:16: listen[0].tls.cert must be text in quotes, not 5',
      'gateway.toml:6:1: auth.devices.name is no option: did you mean "names"?',
      'gateway.toml:8:8: auth.staff.type must be "jwt", "basic", "certificate" or "callback", not "jwtt"',
      'gateway.toml:9:12: protocols.own.module is missing: it must be text in quotes',
      'gateway.toml:10:1: protocols.own.modul is no option: did you mean "module"?',
      'gateway.toml:15:1: routes[0].upsteam is no option: did you mean "upstream"?',
      'gateway.toml:21:12: routes[1].starttls is for the protocol "xmpp" only, not for "own"',
    ]);
  });
});
