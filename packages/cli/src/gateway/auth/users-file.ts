import { Failure } from '../../failure.js';

/** bcrypt by the names of its variants that `bcryptjs` knows; each step of the cost takes twice as long. */
const HASH = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const MIN_COST = 4;
/** 16 would take seconds for each password. */
const MAX_COST = 15;

/**
 * The hashes of a file as `htpasswd -B` writes it, by user. Empty lines, and those that begin with `#`, are left out.
 *
 * @throws {Failure} which names the line and shows nothing of it.
 */
export function parseUsers(text: string, file: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const [index, each] of text.split('\n').entries()) {
    const line = each.trim();
    if (line === '' || line.startsWith('#')) continue;
    const where = `${file} line ${index + 1}`;
    const colon = line.indexOf(':');
    if (colon < 1) throw new Failure(`${where}: it must be USER:HASH.`);
    const [user, hash] = [line.slice(0, colon), line.slice(colon + 1)];
    if (users.has(user)) throw new Failure(`${where}: this user is in the file already.`);
    const cost = Number(HASH.exec(hash)?.[1] ?? 0);
    if (cost < MIN_COST || cost > MAX_COST) {
      throw new Failure(
        `${where}: the hash is not one of bcrypt with a cost from ${MIN_COST} to ${MAX_COST}: make it with htpasswd -B.`,
      );
    }
    users.set(user, hash);
  }
  return users;
}
