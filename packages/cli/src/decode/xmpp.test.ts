import { expect, it } from 'vitest';
import { decodeXmpp } from './xmpp.js';

function summaryOf(text: string): string {
  return decodeXmpp(text, new TextEncoder().encode(text)).summary;
}

it.each([
  [
    '<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="example.com" version="1.0"/>',
    'open to=example.com version=1.0',
  ],
  [
    `<iq type='get' id='1' to='a@b/c'><query xmlns='jabber:iq:roster'/></iq>`,
    'iq type=get id=1 to=a@b/c <query jabber:iq:roster>',
  ],
  [
    '<message to="a@b" from="c@d" type="chat"><body>hello</body></message>',
    'message to=a@b from=c@d type=chat <body>',
  ],
  ['<stream:features xmlns:stream="http://etherx.jabber.org/streams"/>', 'stream:features'],
  ['<presence from="a &gt; &amp;lt; b"/>', 'presence from=a > &lt; b'],
  ['\n <r xmlns="urn:xmpp:sm:3"/>', 'r'],
  [' ', 'whitespace'],
  ['hello', 'malformed: it does not begin with an element (5 bytes)'],
  ['<a b="<c>">', 'malformed: it does not begin with an element (11 bytes)'],
  ['<a b=c>', 'malformed: it does not begin with an element (7 bytes)'],
  ['', 'whitespace'],
])('%s', (text, summary) => {
  expect(summaryOf(text)).toBe(summary);
});

it('is not slowed down by what is made to slow it down', () => {
  const began = process.cpuUsage();
  for (const part of ['<a ', ' ', '<a b="', 'a:', '<a b=c ', ' x="y"'])
    summaryOf(`<a${part.repeat(300_000)}`);
  // A pattern that goes back would take hours.
  expect(process.cpuUsage(began).user).toBeLessThan(5e6);
});
