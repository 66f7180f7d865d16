import type { RequestInfo } from 'bothways';
import { reasonOf } from '../failure.js';
import { createBasicAuthenticator } from './auth/basic.js';
import { createCallbackAuthenticator } from './auth/callback.js';
import { createCertificateAuthenticator } from './auth/certificate.js';
import type { Authenticator, Client, Identity } from './auth/contract.js';
import { createJwtAuthenticator } from './auth/jwt.js';
import type { AuthConfig } from './config/schema.js';
import { Refused } from './refusal.js';

export { readCertificate } from './auth/certificate.js';
export type { Authenticator, Client, ClientCertificate, Identity } from './auth/contract.js';
export { redactUrl, withoutTokens } from './auth/token-sources.js';

/** Whom a route without authentication lets in. */
const ANYBODY: Identity = { user: '', method: 'none', key: '', expiresAt: undefined };

/**
 * Makes an `[auth.NAME]` of the file work. Files are read now; to read them again, make another one and close this.
 *
 * @param now milliseconds since 1970.
 * @throws {Failure} when a file is missing or of no use.
 */
export async function createAuthenticator(
  name: string,
  config: AuthConfig,
  now: () => number = Date.now,
): Promise<Authenticator> {
  if (config.type === 'jwt') return createJwtAuthenticator(name, config, now);
  if (config.type === 'basic') return createBasicAuthenticator(name, config, now);
  if (config.type === 'certificate') return createCertificateAuthenticator(name, config);
  return createCallbackAuthenticator(name, config);
}

/**
 * Decides who a client of a route is: by the first of its ways for which the request has credentials. A route without any
 * lets everybody in. It does not reject.
 */
export async function authenticate(
  ways: readonly Authenticator[],
  request: RequestInfo,
  client: Client,
): Promise<Identity | Refused> {
  if (ways.length === 0) return ANYBODY;
  return decide(ways, (way) => way.authenticate(request, client));
}

/** Who has sent a token that takes the place of another: as `authenticate`, where ways without tokens have no say. */
export async function authenticateRenewal(
  ways: readonly Authenticator[],
  request: RequestInfo,
): Promise<Identity | Refused> {
  return decide(ways, (way) => way.renew?.(request));
}

async function decide(
  ways: readonly Authenticator[],
  ask: (way: Authenticator) => Promise<Identity | Refused> | undefined,
): Promise<Identity | Refused> {
  try {
    for (const way of ways) {
      const decision = ask(way);
      if (decision !== undefined) return await decision;
    }
  } catch (error) {
    // Nothing that came may do this: it is a fault of ours, and nobody gets in by it.
    return new Refused(
      500,
      'The gateway failed to tell who you are.',
      `authentication failed: ${reasonOf(error)}`,
    );
  }
  const challenges = ways.flatMap(({ challenge }) => challenge ?? []);
  if (challenges.length === 0)
    return new Refused(403, 'A client certificate is needed here.', 'no certificate was shown');
  const headers = { 'WWW-Authenticate': challenges.join(', ') };
  return new Refused(401, 'Credentials are needed here.', 'there were no credentials', headers);
}
