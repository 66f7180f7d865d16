import { createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Failure, reasonOf } from '../../failure.js';
import type { AuthConfig } from '../config/schema.js';
import { Refused, RETRY_AFTER } from '../refusal.js';
import { hasControlCharacter, isUser, keyOf, type Authenticator, type Identity } from './contract.js';
import { PasswordChecks } from './password-checks.js';
import { parseUsers } from './users-file.js';

type BasicConfig = Extract<AuthConfig, { type: 'basic' }>;

/** bcrypt looks at no more of a password, bytes: all longer ones with the same beginning would match. */
const LONGEST_PASSWORD = 72;

/** The longest credentials, in base64. */
const LONGEST_CREDENTIALS = 2_048;

/** How many credentials that were right are remembered, and for how long, milliseconds. */
const MAX_KNOWN = 10_000;
const MAX_AGE = 5 * 60_000;

/** For users that are not there, if the file is empty: what it is of does not matter. */
const NOBODY = `$2b$10$${'.'.repeat(53)}`;

interface Known {
  /** Resolved for what is known; somebody else may be waiting for the same check. */
  readonly matches: Promise<boolean>;
  readonly until: number;
}

/**
 * Lets in who has a name and a password (RFC 7617) that the file knows.
 *
 * @param now milliseconds since 1970.
 * @throws {Failure} when the file cannot be read, or has something else in it.
 */
export async function createBasicAuthenticator(
  name: string,
  config: BasicConfig,
  now: () => number,
): Promise<Authenticator> {
  if (!/^[ -~]*$/.test(config.realm))
    throw new Failure(`auth.${name}: "realm" has to be of printable ASCII.`);
  const users = await readUsers(name, config.users_file);
  // A user who is not there takes as long as one who is.
  const [dummy = NOBODY] = users.values();
  const challenge = `Basic realm="${config.realm.replaceAll(/["\\]/g, '\\$&')}", charset="UTF-8"`;
  const checks = new PasswordChecks();
  /** By a digest with a key that nobody knows, the one that was used last at the end. */
  const known = new Map<string, Known>();
  const secret = randomBytes(32);

  function refuse(why: string): Refused {
    const headers = { 'WWW-Authenticate': challenge };
    return new Refused(401, 'The user or the password is wrong.', `basic ${name}: ${why}`, headers);
  }

  /** @returns `undefined` when there is too much to do. */
  function check(credentials: string, password: string, hash: string): Promise<boolean> | undefined {
    const key = createHmac('sha256', secret).update(credentials).digest('base64');
    const found = known.get(key);
    if (found !== undefined && found.until > now()) {
      known.delete(key);
      known.set(key, found);
      return found.matches;
    }
    const matches = checks.compare(password, hash);
    if (matches === undefined) return undefined;
    known.delete(key);
    known.set(key, { matches, until: now() + MAX_AGE });
    const forget = (): boolean => known.get(key)?.matches === matches && known.delete(key);
    // Only what is right is remembered: wrong guesses would drive it out.
    matches.then((isRight) => isRight || forget(), forget);
    for (const oldest of known.keys()) {
      if (known.size <= MAX_KNOWN) break;
      known.delete(oldest);
    }
    return matches;
  }

  async function authenticate(encoded: string): Promise<Identity | Refused> {
    const credentials = decodeCredentials(encoded);
    if (credentials === undefined) return refuse('the credentials are malformed');
    const { user, password } = credentials;
    if (Buffer.byteLength(password) > LONGEST_PASSWORD) {
      return refuse(`the password is longer than the ${LONGEST_PASSWORD} bytes that bcrypt looks at`);
    }
    const hash = users.get(user);
    try {
      const matches = check(`${user}:${password}`, password, hash ?? dummy);
      if (matches === undefined) return busy(name, 'too many passwords wait to be checked');
      const isRight = await matches;
      if (hash === undefined) return refuse('there is no such user');
      if (!isRight) return refuse('the password is wrong');
    } catch (error) {
      return busy(name, `the check of the password failed: ${reasonOf(error)}`);
    }
    return { user, method: 'basic', key: keyOf(name, user), expiresAt: undefined };
  }

  return {
    challenge,
    authenticate({ headers }) {
      const { authorization = '' } = headers;
      return /^basic(?: |$)/i.test(authorization)
        ? authenticate(authorization.slice('basic '.length).trim())
        : undefined;
    },
    close: () => checks.close(),
  };
}

async function readUsers(name: string, file: string): Promise<ReadonlyMap<string, string>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure(`auth.${name}: cannot read ${file}: ${reasonOf(error)}.`);
  }
  return parseUsers(text, file);
}

/** RFC 7617 section 2: `user-id ":" password` in base64, both without control characters. */
function decodeCredentials(encoded: string): { user: string; password: string } | undefined {
  if (encoded.length > LONGEST_CREDENTIALS || !/^[\w+/-]+={0,2}$/.test(encoded)) return undefined;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  const [user, password] = [text.slice(0, Math.max(0, colon)), text.slice(colon + 1)];
  return isUser(user) && !hasControlCharacter(password) ? { user, password } : undefined;
}

function busy(name: string, why: string): Refused {
  return new Refused(
    503,
    'Passwords cannot be checked at the moment: try again later.',
    `basic ${name}: ${why}`,
    RETRY_AFTER,
  );
}
