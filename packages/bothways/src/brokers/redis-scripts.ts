import { createHash } from 'node:crypto';
import type { RedisConnection } from './redis-client.js';

/** A script that Redis runs as one command. `ARGV[1]` is 1 when it is the first time on its connection. */
export class RedisScript {
  readonly text: string;
  readonly sha: string;

  constructor(text: string) {
    this.text = text;
    this.sha = createHash('sha1').update(text).digest('hex');
  }
}

/** The scripts that Redis has, as far as each connection knows. */
const known = new WeakMap<RedisConnection, Set<RedisScript>>();

/**
 * Runs a script: the command is sent before this returns, so that it stands in one order with others. Redis gets the
 * text once on each connection, and then its hash. When it has forgotten the text it answers `NOSCRIPT`, and the next
 * time it gets it again.
 *
 * @returns its answer, of which texts are bytes.
 */
export async function runScript(
  connection: RedisConnection,
  script: RedisScript,
  keys: readonly string[],
  parameters: readonly (string | Buffer)[],
): Promise<unknown> {
  let scripts = known.get(connection);
  if (scripts === undefined) known.set(connection, (scripts = new Set()));
  const isFirst = !scripts.has(script);
  scripts.add(script);
  try {
    return await connection.commandForBytes(
      isFirst ? 'EVAL' : 'EVALSHA',
      isFirst ? script.text : script.sha,
      `${keys.length}`,
      ...keys,
      isFirst ? '1' : '0',
      ...parameters,
    );
  } catch (error) {
    scripts.delete(script);
    throw error;
  }
}
