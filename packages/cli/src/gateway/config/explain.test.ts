import { describe, expect, it } from 'vitest';
import { explainConfig, formatSize, formatTime } from './explain.js';
import { parseConfig } from './load.js';
import { configWith } from './test-config.js';

describe('a configuration is explained', () => {
  it('in a few lines where it is small', () => {
    expect(explainConfig(configWith())).toBe(`Listens at 127.0.0.1:8080 for ws: and http:, without TLS
No health, readiness and metrics: there is no "admin".
At most any number of connections. Told to leave, it tells the clients over 5s and waits 10s.

Route /mqtt: /mqtt carries mqtt
  who       anyone
  pages     of the same host and port
  to        tcp://127.0.0.1:1883, within 10s
  sizes     messages to 1 MiB; the server waits while 64 KiB wait for a client
  silence   a Ping every 20s, cut after 20s without an answer, ended when the server takes nothing for 1m
  limits    none

No warnings.
`);
  });

  it('with all that it has', () => {
    const file = `max_connections = 5
listen = [{ address = ":8443", proxy_protocol = true, trusted_proxies = ["10.0.0.0/8"], tls = { cert = "c.pem", key = "k.pem", client_ca = "ca.pem", require_client_cert = true } }]
admin.address = "[::1]:9090"
[auth]
staff = { type = "jwt", jwks = "https://user:pass@login.example.com/jwks", token = ["header", "cookie:id"] }
partners = { type = "jwt", secret_file = "secret.txt" }
people = { type = "basic", users_file = "users.txt" }
devices = { type = "certificate", names = ["a", "b"] }
shop = { type = "callback", url = "https://user:pass@shop.example.com/may" }
[[routes]]
name = "chat"
path = "/xmpp/*"
hosts = ["chat.example.com"]
protocol = "xmpp"
upstream = ["tcp://a:5222", "tcp://b:5222"]
upstream_tls = { ca = "ca.pem" }
proxy_protocol = 2
auth = ["staff", "partners", "people", "devices", "shop"]
origins = ["https://example.com"]
ping_interval = 0
idle_timeout = "90s"
stall_timeout = 0
sessions = true
compression = true
subprotocols = ["xmpp2"]
limits = { connections = 10, bytes_per_second_per_user = "1.5 KiB" }
recording = { directory = "r", sample = 0.1, redact = false }
[[routes]]
path = "/any"
protocol = "raw"
messages = "text"
origins = []
auth = "devices"
choose_upstream = { allow = ["tls://*.example.com:1"], allow_addresses = ["10.0.0.0/8"] }
`;
    expect(explainConfig(parseConfig(file, 'toml', '/g/gateway.toml')))
      .toBe(`Listens at :8443 (all addresses) for wss: and https:, certificate /g/c.pem
  requires client certificates signed by /g/ca.pem
  takes the address of the client from a PROXY header, which every connection must have
  takes the address of the client from X-Forwarded-For of 10.0.0.0/8
Health, readiness and metrics at [::1]:9090
At most 5 connections. Told to leave, it tells the clients over 5s and waits 10s.

Route chat: /xmpp/* of chat.example.com carries xmpp
  who       staff (a token signed by https://login.example.com/jwks, in header or cookie:id), or partners (a token signed by the secret in /g/secret.txt, in header), or people (name and password in /g/users.txt), or devices (a client certificate of a, b), or shop (whom https://shop.example.com/may lets in)
  pages     https://example.com
  to        tcp://a:5222, tcp://b:5222, in turns, within 10s; STARTTLS optional; trusts /g/ca.pem; with a PROXY header of version 2
  sizes     messages to 1 MiB; the server waits while 64 KiB wait for a client
  silence   no Pings, closed after 90s without a message
  limits    connections 10, bytes per second per user 1536 B
  also      sessions, compression, the subprotocols xmpp2
  recorded  10 % of connections in /g/r, to 10 MiB each and 1 GiB in all, with passwords and tokens

Route /any: /any carries raw
  who       devices (a client certificate of a, b)
  pages     none
  to        what the parameter "upstream" names of tls://*.example.com:1, within 10s; also where names lead to 10.0.0.0/8
  sizes     messages to 1 MiB; the server waits while 64 KiB wait for a client
  silence   a Ping every 20s, cut after 20s without an answer, ended when the server takes nothing for 1m
  limits    none
  also      messages to the client are text

No warnings.
`);
  });

  it('with its warnings at the end', () => {
    const text = explainConfig(configWith({}, { listen: { address: ':8080' } }));
    expect(text).toMatch(
      /\n\nWarning: Whoever reaches ":8080" may use the route "\/mqtt": it has no "auth"\.\n$/,
    );
  });
});

it.each([
  [1, '1 B'],
  [1024, '1 KiB'],
  [1536, '1536 B'],
  [10 * 2 ** 20, '10 MiB'],
  [2 ** 40, '1 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

it.each([
  [0, '0s'],
  [250, '250ms'],
  [90_000, '90s'],
  [60_000, '1m'],
  [7_200_000, '2h'],
])('%d milliseconds are %s', (milliseconds, text) => {
  expect(formatTime(milliseconds)).toBe(text);
});
