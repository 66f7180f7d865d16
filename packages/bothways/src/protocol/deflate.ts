import type { ExtensionOffer, ExtensionParameter } from './extension.js';

/** The extension that compresses each message by itself (RFC 7692 section 7). */
export const PERMESSAGE_DEFLATE = 'permessage-deflate';

/** What one end wishes for. */
export interface DeflateWish {
  /** Whether messages may refer back to earlier ones; otherwise no end needs memory for each connection. */
  readonly contextTakeover: boolean;
  /** The largest window either way, as the base-2 logarithm of bytes: 8 to 15. */
  readonly windowBits: number;
}

/** What both ends agreed on (RFC 7692 section 7.1). */
export interface DeflateAgreement {
  /** The server's messages do not refer back to earlier ones. */
  readonly serverNoContextTakeover: boolean;
  /** The client's messages do not refer back to earlier ones. */
  readonly clientNoContextTakeover: boolean;
  /** How far back the server's messages refer, as the base-2 logarithm of bytes: 8 to 15. */
  readonly serverMaxWindowBits: number;
  /** How far back the client's messages refer. */
  readonly clientMaxWindowBits: number;
}

/** What every message ends with before it is sent, and what is taken off it (section 7.2.1). */
export const DEFLATE_TAIL: readonly number[] = [0x00, 0x00, 0xff, 0xff];

/** How far back a message may refer when nothing was agreed on (section 7.1.2). */
export const MAX_WINDOW_BITS = 15;

/**
 * The smallest window that the other end is asked to compress with. 8 is allowed, but zlib cannot do it, and an end
 * that hands it to zlib fails; what it would save is 256 bytes.
 */
const MIN_WINDOW_BITS_ASKED = 9;

/**
 * What a client offers (section 7.1), what it likes best first. Where the first offer asks for more than any server
 * will do, there is a second one that asks for nothing.
 */
export function offerDeflate(wish: DeflateWish): ExtensionOffer[] {
  const { contextTakeover, windowBits } = wish;
  const isNarrow = windowBits < MAX_WINDOW_BITS;
  const open: ExtensionParameter[] = [['client_max_window_bits', true]];
  const wanted: ExtensionParameter[] = [];
  if (!contextTakeover) {
    wanted.push(['server_no_context_takeover', true], ['client_no_context_takeover', true]);
  }
  if (isNarrow) wanted.push(['server_max_window_bits', String(Math.max(MIN_WINDOW_BITS_ASKED, windowBits))]);
  wanted.push(['client_max_window_bits', isNarrow ? String(windowBits) : true]);
  const offers = contextTakeover && !isNarrow ? [open] : [wanted, open];
  return offers.map((parameters) => ({ name: PERMESSAGE_DEFLATE, parameters }));
}

/**
 * A server's answer to what was offered: the first offer that it can accept (section 5: "in order of
 * preference"). An offer that is malformed is declined like one that asks for something unknown.
 *
 * @returns what is agreed on and how to tell the client, or `undefined` when there is no such offer.
 */
export function acceptDeflate(
  offers: readonly ExtensionOffer[],
  wish: DeflateWish,
): { agreement: DeflateAgreement; response: ExtensionOffer } | undefined {
  for (const offer of offers) {
    if (offer.name !== PERMESSAGE_DEFLATE) continue;
    const offered = readParameters(offer.parameters);
    if (offered === undefined) continue;
    const agreement = answer(offered, wish);
    return { agreement, response: formatAgreement(agreement, offered) };
  }
  return undefined;
}

/**
 * Checks a server's answer to `offerDeflate(wish)`. Section 5.1: a client fails the connection over an answer
 * that fits none of its offers.
 *
 * @returns `undefined` when the answer fits none of the offers.
 */
export function checkDeflate(response: ExtensionOffer, wish: DeflateWish): DeflateAgreement | undefined {
  const accepted = readParameters(response.parameters);
  // Section 7.1.2.2: the value may be left out of an offer only.
  if (accepted === undefined || accepted.clientMaxWindowBits === true) return undefined;
  const { clientMaxWindowBits = MAX_WINDOW_BITS, serverMaxWindowBits = MAX_WINDOW_BITS } = accepted;
  return {
    serverNoContextTakeover: accepted.serverNoContextTakeover,
    // A client may do with less than it is allowed.
    clientNoContextTakeover: accepted.clientNoContextTakeover || !wish.contextTakeover,
    serverMaxWindowBits,
    clientMaxWindowBits: Math.min(clientMaxWindowBits, wish.windowBits),
  };
}

/** The four parameters; `undefined` for window bits that were not mentioned. */
interface Parameters {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  serverMaxWindowBits: number | undefined;
  /** `true` when it came without a value: the client would obey, and has no wish of its own. */
  clientMaxWindowBits: number | true | undefined;
}

/** Section 7.1: an offer or answer with an unknown, repeated or malformed parameter is declined as a whole. */
function readParameters(list: readonly ExtensionParameter[]): Parameters | undefined {
  const read: Parameters = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  };
  const seen = new Set<string>();
  for (const [name, value] of list) {
    if (seen.has(name) || !readParameter(read, name, value)) return undefined;
    seen.add(name);
  }
  return read;
}

function readParameter(read: Parameters, name: string, value: string | true): boolean {
  switch (name) {
    case 'server_no_context_takeover':
      read.serverNoContextTakeover = true;
      return value === true;
    case 'client_no_context_takeover':
      read.clientNoContextTakeover = true;
      return value === true;
    case 'server_max_window_bits':
      read.serverMaxWindowBits = readWindowBits(value);
      return read.serverMaxWindowBits !== undefined;
    case 'client_max_window_bits':
      read.clientMaxWindowBits = value === true ? true : readWindowBits(value);
      return read.clientMaxWindowBits !== undefined;
    default:
      return false;
  }
}

/** Section 7.1.2: "a decimal integer value without leading zeroes between 8 to 15, inclusive". */
function readWindowBits(value: string | true): number | undefined {
  return value !== true && /^(?:[89]|1[0-5])$/.test(value) ? Number(value) : undefined;
}

function answer(offered: Parameters, wish: DeflateWish): DeflateAgreement {
  const { clientMaxWindowBits: clientBits, serverMaxWindowBits: serverBits = MAX_WINDOW_BITS } = offered;
  return {
    // Sections 7.1.1.1 and 7.1.1.2: a server may ask for either whether it was offered or not.
    serverNoContextTakeover: offered.serverNoContextTakeover || !wish.contextTakeover,
    clientNoContextTakeover: offered.clientNoContextTakeover || !wish.contextTakeover,
    serverMaxWindowBits: Math.min(serverBits, wish.windowBits),
    clientMaxWindowBits:
      clientBits === undefined
        ? MAX_WINDOW_BITS
        : Math.min(
            clientBits === true ? MAX_WINDOW_BITS : clientBits,
            Math.max(MIN_WINDOW_BITS_ASKED, wish.windowBits),
          ),
  };
}

function formatAgreement(agreement: DeflateAgreement, offered: Parameters): ExtensionOffer {
  const parameters: ExtensionParameter[] = [];
  const { serverMaxWindowBits: serverBits, clientMaxWindowBits: clientBits } = agreement;
  if (agreement.serverNoContextTakeover) parameters.push(['server_no_context_takeover', true]);
  if (agreement.clientNoContextTakeover) parameters.push(['client_no_context_takeover', true]);
  // Section 7.1.2.1: a server accepts the parameter by repeating it, with the same or a smaller value.
  if (offered.serverMaxWindowBits !== undefined || serverBits < MAX_WINDOW_BITS) {
    parameters.push(['server_max_window_bits', String(serverBits)]);
  }
  if (clientBits < MAX_WINDOW_BITS) parameters.push(['client_max_window_bits', String(clientBits)]);
  return { name: PERMESSAGE_DEFLATE, parameters };
}
