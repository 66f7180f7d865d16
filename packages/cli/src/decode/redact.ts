import { findSubprotocol, type MessageFinder } from 'bothways/subprotocols';
import { concatBytes } from './byte-reader.js';
import type { Side } from './decoded.js';
import { redactAmqp } from './redact-amqp.js';
import { redactMqtt } from './redact-mqtt.js';
import { redactStomp } from './redact-stomp.js';
import { redactXmpp } from './redact-xmpp.js';
import { HEAD_LENGTH, STARS, type SecretRule } from './secrets.js';

/** Takes secrets out of the messages of one connection. */
export interface Redactor {
  /**
   * Never throws.
   *
   * @param from who has sent it. Every message has to be shown, in order.
   * @returns the message itself when no secret is in it, a copy with `***` for what is secret, or `undefined` when a
   * secret may be in it that cannot be told from the rest: when it is no message of the protocol, or only a part of one.
   */
  redact(from: Side, message: string | Uint8Array): string | Uint8Array | undefined;
}

const RULES: Readonly<Record<string, SecretRule>> = {
  stomp: redactStomp,
  mqtt: redactMqtt,
  amqp: redactAmqp,
};

/** @param protocol its name, such as `stomp`. Of one that is not known here, all that a client sends may be secret. */
export function createRedactor(protocol: string): Redactor {
  if (protocol === 'xmpp') return { redact: (_from, message) => redactXmpp(message) };
  const rule = RULES[protocol];
  const subprotocol = findSubprotocol(protocol);
  if (rule === undefined || subprotocol === undefined) {
    return { redact: (from, message) => (from === 'server' ? message : undefined) };
  }
  const sides = {
    client: new SideRedactor(rule, subprotocol.fromClient()),
    server: new SideRedactor(rule, subprotocol.fromServer()),
  };
  return { redact: (from, message) => sides[from].redact(message) };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One direction: what is in a message of the WebSocket is recorded only if all of it is harmless, or can be made so. */
class SideRedactor {
  readonly #rule: SecretRule;
  readonly #finder: MessageFinder;
  /** The beginning of a message that has not ended. */
  #head = new Uint8Array(0);
  /** Whether the bytes are not of the protocol: then nothing is known any more. */
  #isLost = false;

  constructor(rule: SecretRule, finder: MessageFinder) {
    this.#rule = rule;
    this.#finder = finder;
  }

  redact(message: string | Uint8Array): string | Uint8Array | undefined {
    if (this.#isLost) return undefined;
    try {
      const bytes = typeof message === 'string' ? encoder.encode(message) : message;
      const redacted = this.#redactBytes(bytes);
      if (redacted === bytes) return message;
      return typeof message === 'string' && redacted !== undefined ? decoder.decode(redacted) : redacted;
    } catch {
      this.#isLost = true;
      return undefined;
    }
  }

  #redactBytes(bytes: Uint8Array): Uint8Array | undefined {
    const parts: Uint8Array[] = [];
    let isAsItWas = true;
    let isSafe = true;
    for (let start = 0; start < bytes.length;) {
      const end = this.#finder.findEnd(bytes, start);
      const part = bytes.subarray(start, end === -1 ? bytes.length : end);
      const isWhole = this.#head.length === 0 && end !== -1;
      const shown = isWhole ? this.#rule.redact(part) : this.#followPart(part, end !== -1);
      if (shown === undefined) isSafe = false;
      else parts.push(shown);
      if (shown !== part) isAsItWas = false;
      start += part.length;
    }
    if (!isSafe) return undefined;
    return isAsItWas ? bytes : concatBytes(...parts);
  }

  /** A part of a message that began or ends in another one of the WebSocket. */
  #followPart(part: Uint8Array, isLast: boolean): Uint8Array | undefined {
    const more = part.subarray(0, HEAD_LENGTH - this.#head.length);
    if (more.length > 0) this.#head = concatBytes(this.#head, more);
    const isHarmless = this.#rule.isHarmless(this.#head);
    if (isLast) this.#head = new Uint8Array(0);
    return isHarmless ? part : undefined;
  }
}

/** Header fields that hold secrets, by a part of their names. */
const SECRET_HEADER = /auth|cookie|token|secret|passw|credential|signature|api-?key/;
/** Parameters that do. */
const SECRET_PARAMETER = /auth|token|secret|pass|pwd|credential|sig|jwt|key|code|session|ticket/i;
/** A JSON Web Token, wherever it is: three parts of base64url, the first of which begins with `{"`. */
const TOKEN = /eyJ[\w-]+\.[\w-]*(?:\.[\w-]*)?/g;
/** The tokens of `Sec-WebSocket-Protocol` that mean a protocol, and are no secrets. */
const KNOWN_PROTOCOLS = /^(?:v1[012]\.stomp|xmpp|amqp|AMQPWSB10|mqtt(?:v3\.1)?)$/;

interface Handshake {
  /** The path with its query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Takes out of a handshake what lets its client in: credentials, cookies and tokens.
 *
 * @param agreed the token of `Sec-WebSocket-Protocol` that was agreed on: others that are unknown may be secrets.
 * @param secretParameters parameters of the query that hold tokens, besides those whose names say so.
 */
export function redactHandshake(
  { url, headers }: Handshake,
  agreed: string | undefined,
  secretParameters: readonly string[] = [],
): Handshake {
  const redacted = Object.entries(headers).map(([name, value]): [string, string] => {
    if (name === 'sec-websocket-protocol') return [name, redactProtocols(value, agreed)];
    return [name, SECRET_HEADER.test(name) ? STARS : value.replace(TOKEN, STARS)];
  });
  return { url: redactUrl(url, secretParameters), headers: Object.fromEntries(redacted) };
}

function redactProtocols(value: string, agreed: string | undefined): string {
  const tokens = value.split(',').map((token) => token.trim());
  return tokens.map((token) => (token === agreed || KNOWN_PROTOCOLS.test(token) ? token : STARS)).join(', ');
}

function redactUrl(url: string, secretParameters: readonly string[]): string {
  const [path = '', ...query] = url.split('?');
  const shownPath = path.replace(TOKEN, STARS);
  if (query.length === 0) return shownPath;
  const parameters = query
    .join('?')
    .split('&')
    .map((parameter) => {
      const [name = '', ...value] = parameter.split('=');
      // What is neither a name nor a value, such as a bare token, is not known to be harmless.
      if (value.length === 0) return name === '' ? '' : STARS;
      const plain = plainName(name);
      const isSecret = SECRET_PARAMETER.test(plain) || secretParameters.includes(plain);
      return isSecret ? `${name}=${STARS}` : `${name}=${value.join('=').replace(TOKEN, STARS)}`;
    });
  return `${shownPath}?${parameters.join('&')}`;
}

/** A name as the server reads it: `t%6Fken` is `token`. */
function plainName(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
}
