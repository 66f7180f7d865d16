import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, type RemoteJWKSet } from 'jose';

/** How long the answer may take, milliseconds. */
const TIMEOUT = 5_000;

/** For how long keys are taken from memory, milliseconds. */
const MAX_AGE = 10 * 60_000;

/** How soon a key that is not among them makes the set be fetched again, milliseconds: anybody can invent one. */
const COOLDOWN = 30_000;

/** How long after a failure nothing is fetched, milliseconds. */
const PAUSE = 1_000;

/** The largest set, bytes. */
const LARGEST = 1024 * 1024;

/** There is no set of keys at the URL, or it cannot be had. */
export class KeysError extends errors.JOSEError {}

/** The keys at a URL, fetched when they are asked for first, and again now and then. All who wait share one request. */
export function fetchKeys(url: URL): RemoteJWKSet {
  let failure: unknown;
  let failedAt = -Infinity;

  const load: FetchImplementation = async (address, options) => {
    if (performance.now() - failedAt < PAUSE) throw failure;
    try {
      return await loadSet(address, options);
    } catch (error) {
      failure = isTimeout(error) || error instanceof KeysError ? error : new KeysError(messageOf(error));
      failedAt = performance.now();
      throw failure;
    }
  };

  return createRemoteJWKSet(url, {
    timeoutDuration: TIMEOUT,
    cooldownDuration: COOLDOWN,
    cacheMaxAge: MAX_AGE,
    [customFetch]: load,
  });
}

/** The whole answer, if it is one: a redirect is not, and whoever sends too much is left. */
async function loadSet(...[address, options]: Parameters<FetchImplementation>): Promise<Response> {
  const response = await fetch(address, options);
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new KeysError(`the answer has the status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop cancels what is still to come.
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > LARGEST) throw new KeysError(`the answer is longer than ${LARGEST} bytes`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  try {
    JSON.parse(body.toString());
  } catch {
    throw new KeysError('the answer is not JSON');
  }
  return new Response(body);
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? cause.message : String(error);
}
