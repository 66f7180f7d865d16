import { CHANNEL_BINDING, COMPRESSION_FEATURE, FAST, SASL, SASL2, TLS } from './namespaces.js';
import type { Part, ServerElement } from './server-element.js';

/** Whether the server can do TLS on this stream (RFC 6120 section 5.4.1). */
export function offersStartTls(features: ServerElement): boolean {
  return features.parts.some(isStartTls);
}

/** The features as the client may have them: it has TLS with the gateway, and the gateway with the server. */
export function writeFeatures(features: ServerElement): string {
  return features.without(isOfTheWire);
}

function isStartTls({ local, uri }: Part): boolean {
  return local === 'starttls' && uri === TLS;
}

function isOfTheWire(part: Part): boolean {
  const { local, uri, text } = part;
  // RFC 7395 section 3.9: TLS MUST NOT be advertised.
  if (isStartTls(part)) return true;
  if (uri === CHANNEL_BINDING || uri === COMPRESSION_FEATURE) return true;
  const isMechanism = local === 'mechanism' && [SASL, SASL2, FAST].includes(uri);
  return isMechanism && isMechanismOfTls(text.trim());
}

/**
 * Whether a mechanism of SASL takes something from the TLS of the connection: what binds to its channel (RFC 5802 section
 * 6, XEP-0484) fails with a gateway in between, and `EXTERNAL` would make a client of whoever the certificate of the gateway
 * means.
 */
export function isMechanismOfTls(name: string): boolean {
  return name === 'EXTERNAL' || name.endsWith('-PLUS') || /^HT-.*-(?:UNIQ|ENDP|EXPR)$/.test(name);
}
