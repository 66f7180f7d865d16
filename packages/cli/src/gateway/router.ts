/** Where a route is. */
export interface Place {
  /** `/mqtt`, or `/mqtt/*` for all below it. */
  readonly path: string;
  /** Names without a port, or `*.` and a domain; any if left out. */
  readonly hosts?: readonly string[] | undefined;
}

/** Finds the route that a request is for: by its host first, then by its path, and the more exact one each time. */
export class Router<Target extends Place> {
  readonly #targets: readonly Target[];

  constructor(targets: readonly Target[]) {
    this.#targets = targets.toSorted((one, other) => exactnessOf(other) - exactnessOf(one));
  }

  /**
   * @param host the `Host` header field.
   * @param url the request-target as it came: nothing in it is decoded, so nothing can mean another path.
   */
  find(host: string | undefined, url: string): Target | undefined {
    const end = url.search(/[?#]/);
    const path = end === -1 ? url : url.slice(0, end);
    // Whoever asks a proxy sends an absolute form (RFC 9112 section 3.2.2). This is none.
    if (!path.startsWith('/')) return undefined;
    const name = hostname(host);
    const isThere = (target: Target): boolean => isAtPath(target.path, path);
    return (
      this.#targets.find(
        (each) => each.hosts?.some((pattern) => pattern.toLowerCase() === name) === true && isThere(each),
      ) ??
      this.#targets.find(
        (each) => each.hosts?.some((pattern) => isBelow(pattern, name)) === true && isThere(each),
      ) ??
      this.#targets.find((each) => each.hosts === undefined && isThere(each))
    );
  }
}

/** A whole path is more exact than one with more below it, and a longer one is more exact than a shorter one. */
function exactnessOf({ path }: Place): number {
  return path.endsWith('/*') ? path.length : 100_000 + path.length;
}

function isAtPath(pattern: string, path: string): boolean {
  return pattern.endsWith('/*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

function isBelow(pattern: string, name: string): boolean {
  return (
    pattern.startsWith('*.') &&
    name.endsWith(pattern.slice(1).toLowerCase()) &&
    name.length > pattern.length - 1
  );
}

function hostname(host = ''): string {
  return host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}
