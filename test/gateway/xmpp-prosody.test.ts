import { writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { WebSocket } from 'bothways';
import { SaxesParser } from 'saxes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { join, startGateway } from '../../packages/cli/src/gateway/test-gateway.js';
import { createCertificate } from '../peers/certificate.js';
import { startProsody, type Prosody } from '../peers/prosody.js';
import { temporaryDirectory } from '../peers/start.js';
import { shown } from './clients/talk.js';
import { talkXmpp } from './clients/xmpp.js';

const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const OPEN = `<open xmlns='${FRAMING}' to='localhost' version='1.0' xml:lang='en'/>`;
const CLOSE = `<close xmlns='${FRAMING}'/>`;

let plain: Prosody;
let secured: Prosody;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeAll(async () => {
  const certificate = await createCertificate();
  directory = await temporaryDirectory();
  await writeFile(joinPath(directory.path, 'ca.pem'), certificate.cert);
  plain = await startProsody();
  secured = await startProsody(certificate);
});

afterAll(async () => {
  await secured[Symbol.asyncDispose]();
  await plain[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** A gateway before both: `starttls` is how it goes to each. */
async function startRoutes(): Promise<(path: string) => string> {
  const [withoutTls, withTls] = [`tcp://127.0.0.1:${plain.port}`, `tcp://127.0.0.1:${secured.port}`];
  const trusted = { ca: joinPath(directory.path, 'ca.pem'), server_name: 'localhost' };
  const routes = [
    { path: '/plain', upstream: withoutTls },
    { path: '/starttls', upstream: withTls, starttls: 'required', upstream_tls: trusted },
    { path: '/not-offered', upstream: withoutTls, starttls: 'required' },
    { path: '/not-trusted', upstream: withTls, upstream_tls: { server_name: 'localhost' } },
    { path: '/never', upstream: withTls, starttls: 'never' },
  ];
  const { socketUrl } = await startGateway({
    routes: routes.map((route) => ({ ...route, protocol: 'xmpp' })),
  });
  return (path) => (path === 'own' ? plain.webSocketUrl : `${socketUrl}/${path}`);
}

describe('Prosody', () => {
  test.each(['own', 'plain', 'starttls'])('and @xmpp/client understand each other: %s', async (way) => {
    const url = (await startRoutes())(way);
    const contents = ['', 'Grüße aus 東京 😀', `<a b="c">&amp;</a> 'd' ]]>`, 'ä'.repeat(10_000)];
    const account = { url, user: 'alice', password: 'secret', address: 'talk' };
    const outcome = await talkXmpp({ ...account, WebSocket }, contents);
    const received = contents.map(shown);
    expect(outcome).toEqual({ received, protocol: 'xmpp', closeCode: 1000, wasClean: true });
  });

  test('says the same through the gateway as by its own WebSockets', async () => {
    const urlOf = await startRoutes();
    const own = await converse(urlOf('own'));
    expect(own).toHaveLength(12);
    expect(await converse(urlOf('plain'))).toEqual(own);
    expect(await converse(urlOf('starttls'))).toEqual(own);
  });

  test('lets two users chat, one by its own WebSockets and one through the gateway', async () => {
    const urlOf = await startRoutes();
    const alice = await enter(urlOf('own'), 'alice');
    const bob = await enter(urlOf('plain'), 'bob');
    bob.say(
      `<message xmlns='jabber:client' to='${alice.address}' type='chat'><body>é &lt;1</body></message>`,
    );
    expect(shapeOf(await alice.hears())).toContain('é <1');
    alice.say(`<message xmlns='jabber:client' to='${bob.address}' type='chat'><body>2</body></message>`);
    expect(await bob.hears()).toMatch(/<message [^>]*xmlns='jabber:client'[^>]*><body>2<\/body><\/message>/);
  });

  test.each([
    [
      'is wanted and not offered',
      'not-offered',
      1014,
      'The server: It does not offer STARTTLS, which is required',
    ],
    [
      'shows a certificate that nobody knows',
      'not-trusted',
      1014,
      'The server behind the gateway cannot be trusted',
    ],
  ])('is left where TLS %s', async (_, path, code, reason) => {
    const client = await visit((await startRoutes())(path));
    client.say(OPEN);
    expect(await client.closed).toMatchObject({ code, reason });
    expect(client.messages.length).toBe(0);
  });

  test('lets nobody log in where its TLS is not taken', async () => {
    const client = await visit((await startRoutes())('never'));
    client.say(OPEN);
    expect(shapeOf(await client.hears())).toMatch(/^open /);
    expect(shapeOf(await client.hears())).toBe('features {http://etherx.jabber.org/streams}');
    client.say(
      `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFsaWNlAHNlY3JldA==</auth>`,
    );
    expect(shapeOf(await client.hears())).toMatch(/^failure /);
  });

  test('throws out who comes a second time, and the gateway closes with a code for that', async () => {
    const url = (await startRoutes())('plain');
    const first = await enter(url, 'alice');
    await enter(url, 'alice');
    expect(shapeOf(await first.hears())).toMatch(/^error \{http:\/\/etherx.* conflict \{/);
    expect(await first.hears()).toBe(CLOSE);
    expect(await first.closed).toMatchObject({ code: 1008, reason: 'Stream error of the server: conflict' });
  });

  test.each(['own', 'plain'])('tells of a host that it does not serve: %s', async (way) => {
    const client = await visit((await startRoutes())(way));
    client.say(OPEN.replace('localhost', 'example.com'));
    expect(shapeOf(await client.hears())).toMatch(/^open /);
    expect(shapeOf(await client.hears())).toMatch(/host-unknown/);
    expect(shapeOf(await client.hears())).toBe('close {urn:ietf:params:xml:ns:xmpp-framing}');
  });
});

/** A client without a library. */
async function visit(url: string) {
  const { socket, messages, closed } = await join(url, { protocols: ['xmpp'] });
  const hears = async () => String(await messages.next());
  return { say: (xml: string) => void socket.send(xml), hears, closed, messages };
}

type Visitor = Awaited<ReturnType<typeof visit>>;

/** Logs in, and tells of all that has come until then. */
async function enter(url: string, user: string) {
  const visitor: Visitor = await visit(url);
  const heard: string[] = [];
  const ask = async (xml: string, answers: number): Promise<string> => {
    visitor.say(xml);
    for (let count = 0; count < answers; count++) heard.push(await visitor.hears());
    return heard.at(-1)!;
  };
  await ask(OPEN, 2);
  const password = Buffer.from(`\0${user}\0secret`).toString('base64');
  await ask(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${password}</auth>`, 1);
  await ask(OPEN, 2);
  const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${user}</resource></bind>`;
  await ask(`<iq xmlns='jabber:client' type='set' id='1'>${bind}</iq>`, 1);
  return { ...visitor, ask, heard, address: `${user}@localhost/${user}` };
}

/** What Prosody says in the course of a visit. */
async function converse(url: string): Promise<string[]> {
  const { ask, heard, closed, address } = await enter(url, 'alice');
  await ask(`<iq xmlns='jabber:client' type='get' id='2'><query xmlns='jabber:iq:roster'/></iq>`, 1);
  await ask(
    `<iq xmlns='jabber:client' type='get' id='3' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>`,
    1,
  );
  await ask(`<iq xmlns='jabber:client' type='get' id='4'><nothing xmlns='urn:nothing'/></iq>`, 1);
  await ask(`<message xmlns='jabber:client' to='${address}'><body>é &amp; &#x1F600;</body></message>`, 1);
  await ask(CLOSE, 1);
  const { code } = await closed;
  // Prosody offers what it has in any order.
  const shapes = heard
    .map(shapeOf)
    .map((shape) => (shape.startsWith('features ') ? sortWords(shape) : shape));
  return [...shapes, String(code)];
}

/** Elements, namespaces, attributes in the order of their names, and texts; but for what is another each time. */
function shapeOf(xml: string): string {
  const shape: string[] = [];
  const parser = new SaxesParser({ xmlns: true });
  parser.on('opentag', ({ local, uri, attributes }) => {
    const others = Object.values(attributes)
      .filter(({ name, prefix }) => !['id', 'xmlns', 'xml:lang'].includes(name) && prefix !== 'xmlns')
      .map(({ name, value }) => `${name}=${value}`);
    shape.push(`${local} {${uri}}`, ...others.toSorted(compare));
  });
  parser.on('text', (text) => shape.push(text));
  parser.write(xml).close();
  return shape.join(' ');
}

function compare(one: string, other: string): number {
  return one < other ? -1 : 1;
}

function sortWords(text: string): string {
  return text.split(' ').toSorted(compare).join(' ');
}
