/** Of what frames a stream over WebSocket: `<open/>` and `<close/>` (RFC 7395 section 3.3.2). */
export const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
/** Of `<stream:stream>`, its features and its errors (RFC 6120 section 4.8.1). */
export const STREAMS = 'http://etherx.jabber.org/streams';
/** Of what clients and servers say to each other: the default of the streams that are opened here. */
export const CLIENT = 'jabber:client';
/** Of the conditions of stream errors (RFC 6120 section 4.9.2). */
export const STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams';
export const TLS = 'urn:ietf:params:xml:ns:xmpp-tls';
export const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
/** XEP-0388. */
export const SASL2 = 'urn:xmpp:sasl:2';
/** XEP-0484: mechanisms that take a token, within SASL 2. */
export const FAST = 'urn:xmpp:fast:0';
/** XEP-0440: which ways to bind a login to TLS there are. */
export const CHANNEL_BINDING = 'urn:xmpp:sasl-cb:0';
/** XEP-0138: in the features, and what asks for it. */
export const COMPRESSION_FEATURE = 'http://jabber.org/features/compress';
export const COMPRESSION = 'http://jabber.org/protocol/compress';
/** XEP-0198. */
export const STREAM_MANAGEMENT = 'urn:xmpp:sm:3';
