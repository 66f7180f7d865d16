import type { RequestInfo } from 'bothways';
import type { AuthConfig } from '../config/schema.js';
import type { Refused } from '../refusal.js';

/** Somebody whom a route lets in. */
export interface Identity {
  /** What they are called; `''` where somebody is let in without a name. */
  readonly user: string;
  /** How they have shown who they are; `none` at a route that lets anybody in. */
  readonly method: AuthConfig['type'] | 'none';
  /**
   * Who they are among all, for limits and renewals: a user of the same name by another section of the file or of another
   * issuer has another one. `''` where `user` is.
   */
  readonly key: string;
  /** When what they have shown lapses, milliseconds since 1970; `undefined` for never. */
  readonly expiresAt: number | undefined;
}

/** What is known of a client besides its request. */
export interface Client {
  /** Its IP address, as far as the proxies in front are trusted. */
  readonly address: string;
  /** What it has shown by TLS, if anything. */
  certificate(): ClientCertificate | undefined;
}

export interface ClientCertificate {
  /** Whether it is of one of the authorities of the listener, and of today. */
  readonly isTrusted: boolean;
  /** Common names first, then the DNS names, addresses of mail and URIs of its `subjectAltName`. */
  readonly names: readonly string[];
}

/** One way to show who one is: an `[auth.NAME]` of the file. */
export interface Authenticator {
  /** How it is asked for in a 401 (RFC 9110 section 11.6.1); a browser and a library cannot answer all. */
  readonly challenge: string | undefined;
  /**
   * Decides about a request that has credentials of this kind.
   *
   * @returns `undefined` when it has none, and the next way may look. The promise MUST NOT reject for what came.
   */
  authenticate(request: RequestInfo, client: Client): Promise<Identity | Refused> | undefined;
  /** The same for a token that takes the place of one that lapses, where there are such. */
  readonly renew?: (request: RequestInfo) => Promise<Identity | Refused> | undefined;
  /** Gives back what it holds; what is being decided is decided still. */
  close(): void;
}

/** The longest name of a user, UTF-16 code units: it is a key of maps, and in every line of the log. */
const LONGEST_USER = 256;

/** Whether this may be the name of a user. */
export function isUser(text: unknown): text is string {
  return typeof text === 'string' && text !== '' && text.length <= LONGEST_USER && !hasControlCharacter(text);
}

export function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** An identity's key: names of users and of sections have no line feed, so no two have the same. */
export function keyOf(section: string, user: string, issuer = ''): string {
  return `${section}\n${user}\n${issuer}`;
}
