import type { SessionOptions } from '../session/options.js';
import { AnySession } from '../session/session.js';
import { browserPlatform } from './platform.js';

export interface BrowserSessionOptions extends SessionOptions {
  /** Whether cookies go to an endpoint of another origin too, which has to allow it by `origins`. `false`. */
  withCredentials?: boolean | undefined;
}

/** A session of a page or a worker. See `AnySession`. */
export class Session extends AnySession {
  readonly url: string;

  /**
   * @param url the endpoint, `http:`, `https:`, `ws:` or `wss:`, or relative to the page.
   * @throws {SyntaxError} for what is no such URL; {TypeError} for an option.
   */
  constructor(url: string | URL, options: BrowserSessionOptions = {}) {
    const endpoint = toEndpoint(url);
    super(browserPlatform(endpoint, options.withCredentials ?? false), options, ['withCredentials']);
    this.url = endpoint.href;
  }
}

function toEndpoint(given: string | URL): URL {
  let url: URL;
  try {
    url = new URL(given, globalThis.location?.href);
  } catch {
    throw new SyntaxError(`${String(given)} is no URL`);
  }
  url.protocol = url.protocol.replace(/^ws/, 'http');
  url.hash = '';
  if (!/^https?:$/.test(url.protocol)) throw new SyntaxError(`A session has no URL with ${url.protocol}`);
  return url;
}
