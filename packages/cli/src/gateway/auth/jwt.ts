import { readFile } from 'node:fs/promises';
import type { RequestInfo } from 'bothways';
import {
  createLocalJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyOptions,
} from 'jose';
import { Failure, reasonOf } from '../../failure.js';
import { ALGORITHMS, type AuthConfig } from '../config/schema.js';
import { Refused, RETRY_AFTER } from '../refusal.js';
import { isUser, keyOf, type Authenticator, type Identity } from './contract.js';
import { fetchKeys, KeysError } from './jwks.js';
import { findTokens, renewalSources } from './token-sources.js';

type JwtConfig = Extract<AuthConfig, { type: 'jwt' }>;
type Algorithms = NonNullable<JWTVerifyOptions['algorithms']>;
type Keys = Parameters<typeof jwtVerify>[1];

/** The longest token, characters: Node takes 16 KiB of header fields. */
const LONGEST_TOKEN = 16_384;

/** The latest time that a `Date` can be, milliseconds. */
const LAST_TIME = 8.64e15;

/** By public keys. `none` is nowhere, and can be named by nobody. */
const ASYMMETRIC: Algorithms = ALGORITHMS.filter((algorithm) => !algorithm.startsWith('HS'));

/** By a shared secret, and how long that has to be, bytes (RFC 7518 section 3.2). */
const SYMMETRIC: ReadonlyMap<string, number> = new Map([
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
]);

const CHALLENGE = 'Bearer realm="gateway"';

/**
 * Lets in who has a JSON Web Token (RFC 7519) that is signed by a key of the set, or by the shared secret.
 *
 * @param now milliseconds since 1970.
 * @throws {Failure} when the keys are not there or of no use, in one line that does not show them.
 */
export async function createJwtAuthenticator(
  name: string,
  config: JwtConfig,
  now: () => number,
): Promise<Authenticator> {
  const { issuer, audience, user_claim: claim, clock_tolerance: tolerance } = config;
  const { keys, algorithms } = await loadKeys(name, config);

  async function verify(token: string): Promise<Identity | Refused> {
    if (token.length > LONGEST_TOKEN) return refuse(name, `it has more than ${LONGEST_TOKEN} characters`);
    const options = {
      algorithms,
      clockTolerance: tolerance / 1_000,
      currentDate: new Date(now()),
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    };
    try {
      return toIdentity(await verifyByAnyKey(token, keys, options));
    } catch (error) {
      return toRefused(name, error);
    }
  }

  function toIdentity(payload: JWTPayload): Identity | Refused {
    const user = Object.hasOwn(payload, claim) ? payload[claim] : undefined;
    if (!isUser(user)) return refuse(name, `its "${claim}" is not the name of a user`);
    const issuedBy = typeof payload.iss === 'string' ? payload.iss : '';
    // As long as it would be taken in an opening handshake.
    const expiresAt =
      payload.exp === undefined ? undefined : Math.min(payload.exp * 1_000 + tolerance, LAST_TIME);
    return { user, method: 'jwt', key: keyOf(name, user, issuedBy), expiresAt };
  }

  function authenticate(
    sources: readonly string[],
    request: RequestInfo,
  ): Promise<Identity | Refused> | undefined {
    const [token, ...others] = findTokens(sources, request);
    if (token === undefined) return undefined;
    if (others.length > 0)
      return Promise.resolve(refuse(name, 'there is more than one', 'There is more than one token'));
    return verify(token);
  }

  const forRenewal = renewalSources(config.token);
  return {
    challenge: CHALLENGE,
    authenticate: (request) => authenticate(config.token, request),
    renew: (request) => authenticate(forRenewal, request),
    close() {},
  };
}

async function loadKeys(name: string, config: JwtConfig): Promise<{ keys: Keys; algorithms: Algorithms }> {
  const { jwks, secret_file: secretFile } = config;
  if ((jwks === undefined) === (secretFile === undefined)) {
    throw new Failure(`auth.${name}: give either "jwks" or "secret_file".`);
  }
  if (secretFile !== undefined) {
    const secret = withoutNewline(await read(name, secretFile));
    const usable = [...SYMMETRIC]
      .filter(([, length]) => secret.length >= length)
      .map(([algorithm]) => algorithm);
    if (usable.length === 0) {
      throw new Failure(`auth.${name}: the secret in ${secretFile} is too short: it needs 32 bytes or more.`);
    }
    return { keys: secret, algorithms: chooseAlgorithms(name, config, usable) };
  }
  const algorithms = chooseAlgorithms(name, config, ASYMMETRIC);
  if (/^https?:\/\//i.test(jwks!)) return { keys: fetchKeys(new URL(jwks!)), algorithms };
  return { keys: readKeySet(name, jwks!, await read(name, jwks!)), algorithms };
}

/** Those that are named, which must be of this kind of key: a public key is no secret, whatever a token says. */
function chooseAlgorithms(name: string, { algorithms }: JwtConfig, usable: readonly string[]): Algorithms {
  const wrong = algorithms?.find((algorithm) => !usable.includes(algorithm));
  if (wrong !== undefined) {
    throw new Failure(
      `auth.${name}: the algorithm "${wrong}" is none for these keys; those are ${usable.join(', ')}.`,
    );
  }
  return (algorithms ?? usable) as Algorithms;
}

async function read(name: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new Failure(`auth.${name}: cannot read ${file}: ${reasonOf(error)}.`);
  }
}

/** Editors end a file with one. */
function withoutNewline(secret: Buffer): Buffer {
  const text = secret.toString('latin1').replace(/\r?\n$/, '');
  return Buffer.from(text, 'latin1');
}

function readKeySet(name: string, file: string, content: Buffer): Keys {
  let set: JSONWebKeySet;
  let keys: Keys;
  try {
    set = JSON.parse(content.toString()) as JSONWebKeySet;
    keys = createLocalJWKSet(set);
  } catch {
    throw new Failure(`auth.${name}: ${file} is no JSON Web Key Set: it needs {"keys": [...]}.`);
  }
  if (set.keys.some((key) => key.kty === 'oct' || key.d !== undefined)) {
    throw new Failure(`auth.${name}: ${file} has keys that are secret: put only public ones there.`);
  }
  return keys;
}

/** Tries all keys that fit where the token does not name one: `kid` may be left out (RFC 7515 section 4.1.4). */
async function verifyByAnyKey(token: string, keys: Keys, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failed) {
        if (!(failed instanceof errors.JWSSignatureVerificationFailed)) throw failed;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

function toRefused(name: string, error: unknown): Refused {
  const why = error instanceof Error ? error.message : String(error);
  if (error instanceof errors.JWKSTimeout) return unavailable(504, name, 'they did not come in time');
  if (
    !(error instanceof errors.JOSEError) ||
    error instanceof KeysError ||
    error instanceof errors.JWKSInvalid
  ) {
    return unavailable(502, name, why);
  }
  if (error instanceof errors.JWTExpired) return refuse(name, why, 'The token has expired');
  const isEarly = error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf';
  return refuse(name, why, isEarly ? 'The token is not valid yet' : undefined);
}

/** RFC 6750 section 3.1. What exactly is wrong with a signature or a claim is for the log. */
function refuse(name: string, why: string, said = 'The token is not accepted'): Refused {
  const header = `${CHALLENGE}, error="invalid_token", error_description="${said}"`;
  return new Refused(401, `${said}: get a new one.`, `jwt ${name}: ${why}`, { 'WWW-Authenticate': header });
}

function unavailable(status: 502 | 504, name: string, why: string): Refused {
  const body = 'Tokens cannot be checked at the moment: try again later.';
  return new Refused(status, body, `jwt ${name}: no keys: ${why}`, RETRY_AFTER);
}
