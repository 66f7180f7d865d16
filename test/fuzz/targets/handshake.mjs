/**
 * The parsers of the opening handshake, without a socket: nothing throws but what is documented, a refusal repeats
 * nothing of the request, what one end writes the other one reads, and both ends come to the same agreement.
 */
import { isDeepStrictEqual } from 'node:util';
import * as protocol from '../../../packages/bothways/dist/protocol/index.js';
import * as headers from '../../../packages/bothways/dist/protocol/headers.js';
import { sha1Base64 } from '../../../packages/bothways/dist/node/platform.js';
import { must } from '../finding.mjs';
import { checkGrammar } from '../grammar.mjs';
import { CANARY, randomExtensions, randomHead, randomText, randomUrl, randomWish } from '../heads.mjs';

export const name = 'handshake';

/** A URL's host may have characters that those of RFC 3986 have not; none of them ends the host. */
const HOST = /^[^\0-\x20\x7f-\uffff/?#@\\]+$/;

export function generate(random) {
  return {
    head: randomHead(random),
    extensions: randomExtensions(random),
    text: randomText(random),
    url: randomUrl(random),
    base: random.oneIn(3) ? randomUrl(random) : undefined,
    setup: {
      client: randomWish(random),
      server: randomWish(random),
      status: random.pick([101, 101, 200, 302, 500]),
    },
  };
}

export function check({ head, extensions, text, url, base, setup }) {
  checkRequest(head, setup);
  checkResponse(head, setup);
  checkExtensions(extensions, setup);
  checkNegotiation(setup);
  checkGrammar(text, headers, protocol);
  checkUrl(url, base);
}

function checkRequest(head, { server }) {
  for (const read of [protocol.readHandshakeRequest, protocol.readConnectRequest]) {
    const request = read({ ...head, remoteAddress: '127.0.0.1' });
    if (request instanceof protocol.Refusal) {
      const response = protocol.formatRefusal(request);
      must(!response.includes(CANARY), 'a refusal repeats the request', response);
      must(
        /^HTTP\/1\.1 (?:400|405|426|431|505) [\w ]+\r\n/.test(response),
        'a refusal of another status',
        response,
      );
      continue;
    }
    must(request.url.startsWith('/') && !/[\0-\x20\x7f]/.test(request.url), 'a request without a path');
    must(HOST.test(request.host), 'a request without a host', request.host);
    must(request.protocols.every(headers.isToken), 'a subprotocol that is no token is read');
    must(typeof request.headers.host === 'string', 'the header fields have no host');
    const accepted = protocol.acceptDeflate(request.extensions, server);
    const protocolChosen = protocol.chooseProtocol(request.protocols, ['chat', 'v2.json']);
    const response = protocol.formatHandshakeResponse(
      { key: request.key, protocol: protocolChosen, extensions: accepted ? [accepted.response] : [] },
      sha1Base64,
    );
    must(response.split('\r\n').length <= 8, 'the response has lines of the request', response);
  }
}

function checkResponse(head, { status }) {
  const sent = {
    key: 'dGhlIHNhbXBsZSBub25jZQ==',
    protocols: ['chat', 'v2.json'],
    extensionsOffered: [{ name: 'permessage-deflate', parameters: [] }],
  };
  const response = { status, rawHeaders: head.rawHeaders };
  for (const agreement of [
    protocol.checkHandshakeResponse(response, sent, sha1Base64),
    protocol.checkConnectResponse(response, sent),
  ]) {
    if (agreement instanceof protocol.HandshakeError) {
      must(
        /^[\x20-\x7e]{1,800}$/.test(agreement.message),
        'an error that must not be printed',
        agreement.message,
      );
      continue;
    }
    must(sent.protocols.includes(agreement.protocol), 'a subprotocol that was not offered is agreed on');
    must(agreement.extensions.length <= 1, 'an extension that was not offered is agreed on');
  }
}

function checkExtensions(text, { server, client }) {
  const offers = protocol.parseExtensions(text);
  if (offers === undefined) return;
  const formatted = protocol.formatExtensions(offers);
  must(
    isDeepStrictEqual(protocol.parseExtensions(formatted), offers),
    'extensions change when they are written',
    formatted,
  );
  const accepted = protocol.acceptDeflate(offers, server);
  if (accepted === undefined) return;
  mustFitOffer(accepted, offers);
  // As an answer it may be anything; it is checked without throwing.
  for (const offer of offers) protocol.checkDeflate(offer, client);
}

/** RFC 7692 section 7.1: some offer allows this answer. */
function mustFitOffer({ response }, offers) {
  const answered = new Map(response.parameters);
  const fits = offers.some((offer) => {
    if (offer.name !== 'permessage-deflate') return false;
    const offered = new Map(offer.parameters);
    const asked = Number(offered.get('server_max_window_bits') ?? 15);
    const serverBits = Number(answered.get('server_max_window_bits') ?? 15);
    const clientBits = Number(answered.get('client_max_window_bits') ?? 15);
    return (
      serverBits <= asked &&
      (!answered.has('client_max_window_bits') || offered.has('client_max_window_bits')) &&
      (!offered.has('server_no_context_takeover') || answered.has('server_no_context_takeover')) &&
      clientBits >= 8 &&
      serverBits >= 8
    );
  });
  must(fits, 'an answer fits no offer', () => protocol.formatExtensions([response]));
}

/** What a client of ours offers, a server of ours answers, and both make the same of. */
function checkNegotiation({ client, server }) {
  const offers = protocol.offerDeflate(client);
  const read = protocol.parseExtensions(protocol.formatExtensions(offers));
  must(isDeepStrictEqual(read, offers), 'an offer is read as another');
  const accepted = protocol.acceptDeflate(read, server);
  must(accepted !== undefined, 'an offer of ours is declined');
  const [answer] = protocol.parseExtensions(protocol.formatExtensions([accepted.response]));
  const agreed = protocol.checkDeflate(answer, client);
  must(agreed !== undefined, 'an answer of ours is refused');
  const { agreement } = accepted;
  // Who compresses may do with less than who inflates expects, and not the other way round.
  must(agreement.serverMaxWindowBits <= agreed.serverMaxWindowBits, "the server's window is too large");
  must(agreed.clientMaxWindowBits <= agreement.clientMaxWindowBits, "the client's window is too large");
  must(
    agreement.serverNoContextTakeover || !agreed.serverNoContextTakeover,
    "the server's context is not kept",
  );
  must(
    agreed.clientNoContextTakeover || !agreement.clientNoContextTakeover,
    "the client's context is not kept",
  );
}

function checkUrl(text, base) {
  let url;
  try {
    url = protocol.parseWebSocketUrl(text, base);
  } catch (error) {
    must(error instanceof SyntaxError, 'a URL throws another error than SyntaxError', String(error));
    must(!error.message.includes(CANARY), 'an error repeats the URL', error.message);
    return;
  }
  must(Number.isInteger(url.port) && url.port >= 0 && url.port <= 65_535, 'a port that is none');
  must(
    url.resource.startsWith('/') && !/[\0-\x20\x7f-\uffff]/.test(url.resource),
    'a request-target that is none',
  );
  must(HOST.test(url.host), 'a URL without a host', url.href);
  must(isDeepStrictEqual(protocol.parseWebSocketUrl(url.href), url), 'a URL is read as another', url.href);
}
