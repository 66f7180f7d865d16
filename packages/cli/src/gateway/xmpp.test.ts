import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ANSWER, CLOSE, Carried, HEADER, OPEN, OPENED, SASL, TLS } from './test-xmpp.js';

const STREAMS = 'http://etherx.jabber.org/streams';
const END = '</stream:stream>';

function error(condition: string): string {
  return (
    `<stream:error xmlns:stream='${STREAMS}'>` +
    `<${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`
  );
}

const message = (declarations: string) => `<message${declarations}><body>é</body></message>`;

describe('a stream', () => {
  test('is opened and answered by <open/>', () => {
    const carried = new Carried().client(OPEN);
    expect(carried.toServer).toEqual([OPENED]);
    expect(carried.server(HEADER).toClient).toEqual([ANSWER]);
  });

  test('is opened with what the client says, in which nothing can end an attribute', () => {
    const open = `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="'&gt;&lt;x&#10;y='&amp;" xml:lang="de"/>`;
    expect(new Carried().client(open).toServer).toEqual([
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='${STREAMS}'` +
        ` to='&apos;&gt;&lt;x&#10;y=&apos;&amp;' xml:lang='de'>`,
    ]);
  });

  test('says who the client is where no TLS is to come', () => {
    const open = OPEN.replace(' to=', ` from='alice@localhost' to=`);
    expect(new Carried().client(open).toServer[0]).toContain(` from='alice@localhost'`);
    expect(new Carried({ starttls: 'optional' }).client(open).toServer[0]).not.toContain('alice');
  });

  test('hands on what the client says between the tags of an element, and nothing else', () => {
    const stanza = `<message xmlns='jabber:client' to="b&amp;c"><body>\r\n &lt;é<![CDATA[</body>]]></body ></message >`;
    const carried = new Carried().opened();
    carried.client(stanza, `<?xml version='1.0' encoding='UTF-8'?>\n${stanza}\n `);
    expect(carried.toServer).toEqual([stanza, stanza]);
  });

  test('is closed by the client, and by the server after it', () => {
    const carried = new Carried().opened().client(CLOSE, '<presence/>');
    expect(carried.toServer).toEqual([END]);
    expect(carried.toClient).toEqual([]);
    carried.server('<presence/></stream:stream>');
    expect(carried.toClient).toEqual([`<presence xmlns='jabber:client'/>`, CLOSE]);
    expect(carried.ending).toEqual({ code: 1000, reason: 'The stream is closed' });
    expect(carried.toServer).toEqual([]);
  });

  test('is closed by the server, and by the gateway after it', () => {
    const carried = new Carried().opened().server(END);
    expect(carried.toClient).toEqual([CLOSE]);
    expect(carried.toServer).toEqual([END]);
    expect(carried.ending?.code).toBe(1000);
  });

  test('is closed before it was opened', () => {
    const carried = new Carried().client(CLOSE);
    expect(carried.toClient).toEqual([CLOSE]);
    expect(carried.toServer).toEqual([]);
    expect(carried.ending?.code).toBe(1000);
  });

  test('that the client has closed ends well where the server only leaves', () => {
    const carried = new Carried().opened().client(CLOSE);
    expect(carried.codec.onServerEnd().code).toBe(1000);
    expect(carried.toClient).toEqual([CLOSE]);
  });

  test('that the server leaves open ends with 1014', () => {
    const carried = new Carried().opened();
    expect(carried.codec.onServerEnd()).toEqual({
      code: 1014,
      reason: 'The server left without closing its stream',
    });
    expect(carried.toClient).toEqual([]);
  });

  test('begins anew after a login', () => {
    const carried = new Carried().opened();
    carried.server(`<success xmlns='${SASL}'/>\n`).client(OPEN);
    expect(carried.toServer).toEqual([OPENED]);
    carried.server(HEADER.replace(`id='1'`, `id='2'`), `<presence/>`);
    expect(carried.toClient).toEqual([
      `<success xmlns='${SASL}'/>`,
      ANSWER.replace(`id='1'`, `id='2'`),
      `<presence xmlns='jabber:client'/>`,
    ]);
  });

  test('counts messages both ways', () => {
    const { codec } = new Carried().opened().client('<presence/>').server('<presence/><presence/>');
    expect([codec.messagesFromClient, codec.messagesFromServer]).toEqual([2, 3]);
  });

  test('keeps what a client says too early until it is answered', () => {
    const carried = new Carried().client(OPEN, '<iq/>', '<presence/>');
    expect(carried.toServer).toEqual([OPENED]);
    expect(carried.server(HEADER).toServer).toEqual(['<iq/>', '<presence/>']);
    expect(carried.client('<message/>').toServer).toEqual(['<message/>']);
  });

  test('keeps no more of that than a message may have', () => {
    const carried = new Carried({ maxMessageSize: 20 }).client(OPEN, '<presence/>', '<presence/>');
    expect(carried.ending).toEqual({
      code: 1008,
      reason: 'Too much was sent before the server has answered',
    });
  });
});

describe('what the server sends', () => {
  test.each([
    ['has the default namespace', message(''), message(` xmlns='jabber:client'`)],
    ['keeps its own', message(` xmlns="jabber:client"`), message(` xmlns="jabber:client"`)],
    [
      'has a prefix of the header that it uses',
      `<stream:features><a xmlns='urn:a'/></stream:features>`,
      `<stream:features xmlns:stream='${STREAMS}'><a xmlns='urn:a'/></stream:features>`,
    ],
    [
      'has a prefix that an attribute uses',
      `<a xmlns='urn:a' x:b='1'/>`,
      `<a xmlns:x='urn:x' xmlns='urn:a' x:b='1'/>`,
    ],
    [
      'has a namespace that only something inside uses',
      `<a:b xmlns:a='urn:a'><c/><x:d/><d xmlns='urn:d'><e/></d></a:b>`,
      `<a:b xmlns='jabber:client' xmlns:x='urn:x' xmlns:a='urn:a'><c/><x:d/><d xmlns='urn:d'><e/></d></a:b>`,
    ],
    ['has no prefix that it declares itself', `<x:a xmlns:x='urn:y'/>`, `<x:a xmlns:x='urn:y'/>`],
    [
      'is as the server wrote it',
      `<message\r\n\tto="a'b"  ><body >&#228; &amp; <![CDATA[<&]]></body\n></message >`,
      `<message xmlns='jabber:client'\r\n\tto="a'b"  ><body >&#228; &amp; <![CDATA[<&]]></body\n></message >`,
    ],
    ['is without white space around', ` \r\n<a xmlns=''/>\n `, `<a xmlns=''/>`],
  ])('%s', (_, sent, expected) => {
    const carried = new Carried().opened(HEADER.replace(` id='1'`, ` id='1' xmlns:x='urn:x'`));
    expect(carried.server(sent).toClient).toEqual([expected]);
  });

  test('has nothing of what came before', () => {
    const carried = new Carried().opened().server(`<stream:a><b/></stream:a><c xmlns='urn:c'>d</c>`);
    expect(carried.toClient).toEqual([
      `<stream:a xmlns:stream='${STREAMS}' xmlns='jabber:client'><b/></stream:a>`,
      `<c xmlns='urn:c'>d</c>`,
    ]);
  });

  test('has the language of the stream where it has none', () => {
    const carried = new Carried().opened(HEADER.replace(" id='1'", " id='1' xml:lang='de'"));
    carried.server(`<presence xml:lang='en'/><presence><status xml:lang='en'/></presence>`);
    expect(carried.toClient).toEqual([
      `<presence xmlns='jabber:client' xml:lang='en'/>`,
      `<presence xmlns='jabber:client' xml:lang='de'><status xml:lang='en'/></presence>`,
    ]);
  });

  test('that keeps the connection alive is not for the client', () => {
    const carried = new Carried().opened().server(' ', '\n', ' \t\r', '\n');
    expect(carried.toClient).toEqual([]);
    expect(carried.codec.messagesFromServer).toBe(1);
  });

  test('becomes the same messages however it is cut', () => {
    const bytes = Buffer.from(
      HEADER.replace(" id='1'", " id='é😀' xml:lang='en' xmlns:x='urn:x'") +
        `<stream:features ><mechanisms xmlns='${SASL}'><mechanism>SCRAM-SHA-1-PLUS</mechanism\r\n>` +
        `<mechanism> PLAIN </mechanism></mechanisms><starttls\r\nxmlns='${TLS}'/></stream:features>\r\n` +
        `<message><body>é 東京 😀 ]] &#x1F600; \r</body><x:y z='&lt;'/></message> \n\r ` +
        `<iq type='result'/><presence/>\n</stream:stream >`,
    );
    const whole = carry([bytes]);
    expect(whole.messages).toHaveLength(6);
    const cuts = fc.uniqueArray(fc.nat(bytes.length), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, (indexes) => {
        expect(carry(cut(bytes, indexes))).toEqual(whole);
      }),
    );
    expect(carry(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  test.each([
    ['is not well-formed', '<message></presence>', 'unexpected close tag.'],
    ['is text between stanzas', '<presence/>x<presence/>', 'There is text between two stanzas'],
    ['is a reference between stanzas', '&#32;', 'There is text between two stanzas'],
    ['is CDATA between stanzas', '<![CDATA[ ]]>', 'There is text between two stanzas'],
    ['is a comment', '<message><!-- --></message>', 'XMPP has no place for a comment'],
    ['is an instruction', '<message><?a b?></message>', 'XMPP has no place for a processing instruction'],
    ['has a prefix that nobody has declared', '<y:a/>', 'unbound namespace prefix: "y".'],
    ['has an entity that nobody has declared', '<a>&b;</a>', 'undefined entity.'],
    ['is another stream', HEADER, 'an XML declaration must be at the start of the document.'],
    ['is very deep', '<a>'.repeat(101), 'It has elements more than 100 deep'],
    ['is not UTF-8', Uint8Array.of(0x3c, 0xff), 'It is not UTF-8'],
  ])('ends with 1014 if it %s', (_, sent, reason) => {
    const carried = new Carried().opened().server(sent);
    expect(carried.ending).toEqual({ code: 1014, reason: `The server: ${reason}` });
  });

  test.each([
    ['no stream', '<html>', 'It begins with <html>, which is no stream'],
    ['another protocol', 'SSH-2.0-x\r\n', 'text data outside of root node.'],
    ['a document type', `<!DOCTYPE a [<!ENTITY b 'c'>]>`, 'XMPP has no place for a document type'],
  ])('ends with 1014 if it is %s', (_, sent, reason) => {
    expect(new Carried().client(OPEN).server(sent).ending).toEqual({
      code: 1014,
      reason: `The server: ${reason}`,
    });
  });

  test('ends with 1014 if it comes before the client has opened a stream', () => {
    expect(new Carried().server('220 Welcome\r\n').ending).toEqual({
      code: 1014,
      reason: 'The server: It spoke before it was spoken to',
    });
  });

  test('may be as large as a message may be, and not larger', () => {
    const overhead = `<a xmlns='jabber:client'></a>`.length;
    const small = `<a>${'é'.repeat((500 - overhead) / 2)}</a>`;
    const carried = new Carried({ maxMessageSize: 500 }).opened();
    expect(carried.server(small, small).toClient.map((text) => Buffer.byteLength(text))).toEqual([499, 499]);
    carried.server(small.replace('é', 'éé'));
    expect(carried.ending).toEqual({
      code: 1014,
      reason: 'The server: It sent more than the 500 bytes that a message may have',
    });
  });

  test('may have no larger header either', () => {
    const carried = new Carried({ maxMessageSize: 100 }).client(OPEN).server(HEADER);
    expect(carried.ending?.reason).toBe(
      'The server: It sent more than the 100 bytes that a message may have',
    );
  });

  test.each([
    ['an attribute', "<a b='"],
    ['a text', '<a>'],
    ['a name', '<a'],
    ['many elements', '<a>'],
    ['a comment', '<!--'],
  ])('is not waited for without end: %s', (_, begin) => {
    const carried = new Carried({ maxMessageSize: 500 }).opened().server(begin);
    for (let sent = 0; sent <= 500; sent += 100) carried.server('a'.repeat(100));
    expect(carried.ending?.reason).toBe(
      'The server: It sent more than the 500 bytes that a message may have',
    );
  });

  test('is handed on no more after the end', () => {
    const carried = new Carried().opened().server(`${END}\n`);
    expect(carried.toClient).toEqual([CLOSE]);
    carried.server('<presence/>').client('<presence/>');
    expect(carried.toClient).toEqual([]);
  });
});

describe('an error of the stream', () => {
  test.each([
    ['system-shutdown', 1001],
    ['unsupported-version', 1002],
    ['not-well-formed', 1007],
    ['policy-violation', 1008],
    ['conflict', 1008],
    ['host-unknown', 1008],
    ['internal-server-error', 1011],
    ['see-other-host', 1011],
    ['reset', 1012],
    ['resource-constraint', 1013],
  ])('%s is handed on, and closes with %i', (condition, code) => {
    const sent = error(condition).replace(` xmlns:stream='${STREAMS}'`, '');
    const carried = new Carried().opened().server(`${sent}</stream:stream>`);
    expect(carried.toClient).toEqual([error(condition), CLOSE]);
    expect(carried.ending).toEqual({ code, reason: `Stream error of the server: ${condition}` });
    expect(carried.toServer).toEqual([END]);
  });

  test('after the client has closed it does not change how the client’s ends', () => {
    const carried = new Carried().opened().client(CLOSE).server(error('undefined-condition'));
    expect(carried.toClient).toEqual([error('undefined-condition'), CLOSE]);
    expect(carried.ending?.code).toBe(1000);
  });

  test('in place of features comes in a stream that is open', () => {
    const carried = new Carried({ starttls: 'required' }).client(OPEN).server(HEADER, error('host-unknown'));
    expect(carried.toClient).toEqual([ANSWER, error('host-unknown'), CLOSE]);
  });
});

describe('a client that sends', () => {
  test.each([
    ['an end tag of the stream', '</stream:stream><x/>', 'not-well-formed', 1007],
    ['two elements', '<presence/><presence/>', 'not-well-formed', 1007],
    ['text behind an element', '<presence/>x', 'not-well-formed', 1007],
    ['text before an element', 'x<presence/>', 'not-well-formed', 1007],
    ['white space to keep the connection alive', ' ', 'not-well-formed', 1007],
    ['white space before an element', ' <presence/>', 'not-well-formed', 1007],
    ['nothing', '', 'not-well-formed', 1007],
    ['half of an element', '<message><body>', 'not-well-formed', 1007],
    ['a prefix that is the header’s', '<stream:error/>', 'not-well-formed', 1007],
    ['an entity', '<message>&a;</message>', 'not-well-formed', 1007],
    ['a character that XML has not', '<message>\u0000</message>', 'not-well-formed', 1007],
    ['an attribute twice', `<message a='1' a='2'/>`, 'not-well-formed', 1007],
    ['a document type', `<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>`, 'restricted-xml', 1007],
    ['a comment', '<message><!-- --></message>', 'restricted-xml', 1007],
    ['a comment behind', '<message/><!-- -->', 'restricted-xml', 1007],
    ['an instruction', '<?a b?><message/>', 'restricted-xml', 1007],
    ['a very deep element', `${'<a>'.repeat(101)}${'</a>'.repeat(101)}`, 'policy-violation', 1008],
    ['a stream', `<stream:stream xmlns:stream='${STREAMS}'/>`, 'bad-format', 1002],
    ['a stream by another prefix', `<s:stream xmlns:s='${STREAMS}'/>`, 'bad-format', 1002],
    ['another element of the framing', CLOSE.replace('close', 'clos'), 'bad-format', 1002],
    ['a stream that no login lets begin', OPEN, 'bad-format', 1002],
    ['STARTTLS', `<starttls xmlns='${TLS}'/>`, 'policy-violation', 1008],
    ['compression', `<compress xmlns='http://jabber.org/protocol/compress'/>`, 'policy-violation', 1008],
  ])('%s is refused, and the server gets nothing of it', (_, sent, condition, code) => {
    const carried = new Carried().opened().client(sent);
    expect(carried.toServer).toEqual([END]);
    expect(carried.toClient).toEqual([error(condition), CLOSE]);
    expect(carried.ending?.code).toBe(code);
  });

  test('bytes is refused with 1003', () => {
    const carried = new Carried().opened();
    carried.codec.fromClient(Buffer.from('<presence/>'));
    expect(carried.ending).toEqual({ code: 1003, reason: 'XMPP is text' });
    expect(carried.toServer).toEqual([END]);
  });

  test('anything before <open/> is refused, in a stream that is open', () => {
    const carried = new Carried().client('<presence/>');
    const [open, ...rest] = carried.toClient;
    expect(open).toMatch(
      /^<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' id='[-\da-f]{36}' version='1.0'\/>$/,
    );
    expect(rest).toEqual([error('bad-format'), CLOSE]);
    expect(carried.ending).toEqual({ code: 1002, reason: 'The first message is <open/>' });
    expect(carried.toServer).toEqual([]);
  });

  test('anything at all gives the server whole elements or nothing', () => {
    const pieces = [
      '<',
      '>',
      '/',
      'a',
      ' ',
      "'",
      '=',
      '&',
      ';',
      '<a>',
      '</a>',
      '<a/>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
    ];
    const texts = fc.array(fc.constantFrom(...pieces, "<?xml version='1.0'?>", END), { maxLength: 12 });
    fc.assert(
      fc.property(texts, (parts) => {
        const carried = new Carried().opened().client(parts.join(''));
        const sent = carried.toServer.join('');
        // A server that reads it sees children of the stream, and its end only where the gateway has refused.
        const seen = new Carried().opened().server(sent);
        expect(seen.ending?.code ?? 'open').toBe(carried.ending === undefined ? 'open' : 1000);
        expect(seen.toClient).toHaveLength(1);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a login that takes something from TLS', () => {
  test('is not offered', () => {
    const carried = new Carried()
      .opened()
      .server(
        `<stream:features><starttls xmlns='${TLS}'><required/></starttls>` +
          `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding>` +
          `<mechanisms xmlns='${SASL}'><mechanism><![CDATA[SCRAM-SHA-1-PLUS]]></mechanism><mechanism>EXTERNAL</mechanism>` +
          `<mechanism>SCRAM-SHA-1</mechanism></mechanisms>` +
          `<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression>` +
          `<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>PLAIN</mechanism>` +
          `<inline><fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism><mechanism>HT-SHA-256-NONE` +
          `</mechanism></fast></inline></authentication></stream:features>`,
      );
    expect(carried.toClient).toEqual([
      `<stream:features xmlns:stream='${STREAMS}'><mechanisms xmlns='${SASL}'><mechanism>SCRAM-SHA-1</mechanism>` +
        `</mechanisms><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline>` +
        `<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-NONE</mechanism></fast></inline></authentication>` +
        `</stream:features>`,
    ]);
  });

  test.each([
    [
      `<auth xmlns='${SASL}' mechanism='EXTERNAL'>=</auth>`,
      `<failure xmlns='${SASL}'><invalid-mechanism/></failure>`,
    ],
    [
      `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1-PLUS'/>`,
      `<failure xmlns='urn:xmpp:sasl:2'><invalid-mechanism xmlns='${SASL}'/></failure>`,
    ],
  ])('fails: %s', (sent, answer) => {
    const carried = new Carried().opened().client(sent);
    expect(carried.toServer).toEqual([]);
    expect(carried.toClient).toEqual([answer]);
    expect(carried.ending).toBeUndefined();
  });
});

describe('STARTTLS', () => {
  const offer = `<stream:features><starttls xmlns='${TLS}'/></stream:features>`;
  const none = `<stream:features/>`;
  const toClient = `<stream:features xmlns:stream='${STREAMS}'/>`;
  const ask = `<starttls xmlns='${TLS}'/>`;
  const proceed = `<proceed xmlns='${TLS}'/>`;

  test.each(['required', 'optional'] as const)(
    'is done before the client hears of anything, if %s',
    async (starttls) => {
      const carried = new Carried({ starttls }).client(OPEN, '<iq/>').server(HEADER + offer);
      expect(carried.toServer).toEqual([OPENED, ask]);
      carried.server(proceed);
      expect(carried.toServer).toEqual([]);
      carried.tls!.resolve();
      await carried.tls!.promise;
      expect(carried.toServer).toEqual([OPENED]);
      expect(carried.toClient).toEqual([]);
      carried.server(HEADER + none);
      expect(carried.toClient).toEqual([ANSWER, toClient]);
      expect(carried.toServer).toEqual(['<iq/>']);
    },
  );

  test('that is not offered is left if it is optional', () => {
    const carried = new Carried({ starttls: 'optional' }).client(OPEN, '<iq/>').server(HEADER, none);
    expect(carried.toClient).toEqual([ANSWER, toClient]);
    expect(carried.toServer).toEqual([OPENED, '<iq/>']);
  });

  test.each([
    ['that has features', HEADER + none],
    ['that knows none', HEADER.replace(` version='1.0'>`, '>')],
  ])('that is not offered ends with 1014 if it is required, by a server %s', (_, sent) => {
    const carried = new Carried({ starttls: 'required' }).client(OPEN, '<iq/>').server(sent);
    expect(carried.ending).toEqual({
      code: 1014,
      reason: 'The server: It does not offer STARTTLS, which is required',
    });
    expect(carried.toClient).toEqual([]);
    expect(carried.toServer).toEqual([OPENED, END]);
  });

  test('is left where the server is older than features, if it is optional', () => {
    const header = HEADER.replace(` version='1.0'>`, '>');
    const carried = new Carried({ starttls: 'optional' }).client(OPEN).server(header);
    expect(carried.toClient).toEqual([ANSWER.replace(` version='1.0'`, '')]);
  });

  test.each([
    ['<failure', `<failure xmlns='${TLS}'/>`, 'It refuses STARTTLS'],
    ['a stanza', '<presence/>', 'It sent <presence/> before TLS'],
    ['a stanza behind <proceed/>', `${proceed}<presence/>`, 'It sent <presence/> before TLS'],
    ['half a stanza behind <proceed/>', `${proceed}<pre`, 'It sent something between <proceed/> and TLS'],
  ])('that the server answers with %s ends with 1014', (_, sent, reason) => {
    const carried = new Carried({ starttls: 'optional' }).client(OPEN).server(HEADER + offer, sent);
    expect(carried.ending).toEqual({ code: 1014, reason: `The server: ${reason}` });
    expect(carried.tls).toBeUndefined();
  });

  test('that fails is the gateway’s to end', async () => {
    const carried = new Carried({ starttls: 'optional' }).client(OPEN).server(HEADER + offer + proceed);
    carried.tls!.reject(new Error('self-signed'));
    await expect(carried.tls!.promise).rejects.toThrow('self-signed');
    expect(carried.client('<presence/>').ending).toBeUndefined();
    expect(carried.toServer).toEqual([OPENED, ask]);
  });

  test('that ends after the client has gone begins no stream', async () => {
    const carried = new Carried({ starttls: 'optional' }).client(OPEN).server(HEADER + offer + proceed);
    carried.codec.onClientEnd();
    carried.tls!.resolve();
    await carried.tls!.promise;
    expect(carried.toServer).toEqual([OPENED, ask]);
  });

  test('is not done if it never is, nor offered', () => {
    const carried = new Carried({ starttls: 'never' }).client(OPEN).server(HEADER + offer);
    expect(carried.toClient).toEqual([
      ANSWER,
      `<stream:features xmlns:stream='${STREAMS}'></stream:features>`,
    ]);
  });
});

describe('when one side leaves', () => {
  const enabled = `<enabled xmlns='urn:xmpp:sm:3' id='x' resume='true'/>`;

  test('the client, its stream is closed', () => {
    const carried = new Carried().opened();
    carried.codec.onClientEnd();
    expect(carried.toServer).toEqual([END]);
  });

  test('the gateway, both are told', () => {
    const carried = new Carried().opened();
    carried.codec.onDrain();
    expect(carried.toClient).toEqual([error('system-shutdown'), CLOSE]);
    expect(carried.toServer).toEqual([END]);
    carried.codec.onClientEnd();
    expect(carried.toServer).toEqual([]);
  });

  test('the gateway, a client that has not opened a stream is told nothing', () => {
    const carried = new Carried();
    carried.codec.onDrain();
    expect([...carried.toClient, ...carried.toServer]).toEqual([]);
  });

  test.each([
    ['was enabled', enabled],
    ['was resumed', `<resumed xmlns='urn:xmpp:sm:3' h='1' previd='x'/>`],
    [
      'was enabled within a login',
      `<success xmlns='urn:xmpp:sasl:2'><bound xmlns='urn:xmpp:bind:0'>${enabled}</bound></success>`,
    ],
  ])('a session that %s is left open, so that it can be resumed', (_, sent) => {
    const gone = new Carried().opened().server(sent);
    gone.codec.onClientEnd();
    const drained = new Carried().opened().server(sent);
    const [handedOn] = drained.toClient;
    expect(handedOn).toBe(sent);
    drained.codec.onDrain();
    expect([...gone.toServer, ...drained.toServer, ...drained.toClient]).toEqual([]);
  });

  test('a session that cannot be resumed is closed', () => {
    const carried = new Carried().opened().server(enabled.replace('true', 'false'));
    carried.codec.onClientEnd();
    expect(carried.toServer).toEqual([END]);
  });
});

function carry(pieces: readonly Uint8Array[]) {
  const carried = new Carried().client(OPEN).server(...pieces);
  return { messages: carried.toClient, ending: carried.ending };
}

function cut(bytes: Uint8Array, indexes: readonly number[]): Uint8Array[] {
  const ends = [...indexes.toSorted((a, b) => a - b), bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}
