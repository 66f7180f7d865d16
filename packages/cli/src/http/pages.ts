import { existsSync } from 'node:fs';
import type { RequestListener, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { Failure } from '../failure.js';
import { serveFiles } from './static-files.js';

/** The views of the pages. Each has its own address: `/talk`, `/gateway`. */
export const VIEWS = ['talk', 'gateway'] as const;
export type ViewName = (typeof VIEWS)[number];

const pages = fileURLToPath(new URL('../playground', import.meta.url));

/** Nothing but this origin's own files and its WebSocket endpoints, which `'self'` covers. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Serves the pages that Vite has built.
 *
 * @param offered the views that this server is there for, the first one at `/`. The pages ask for them (`server.json`): at
 * the others they say what to run.
 * @throws {Failure} when the pages are not built.
 */
export function servePages(offered: readonly [ViewName, ...ViewName[]]): RequestListener {
  if (!existsSync(pages)) throw new Failure('The pages are not built. Build them with: npm run build');
  const files = serveFiles(pages, {
    etag: true,
    gzip: true,
    setHeaders: (response, path) => {
      response.setHeader('Content-Security-Policy', policy);
      response.setHeader('Referrer-Policy', 'no-referrer');
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      setCaching(response, path);
    },
  });
  const about = JSON.stringify({ views: offered });
  const [first] = offered;
  return (request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '';
    if (path === '/server.json') {
      response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache' }).end(about);
    } else if (path === '/' && first !== VIEWS[0]) {
      response.writeHead(302, { Location: `./${first}`, 'Cache-Control': 'no-cache' }).end();
    } else {
      // All views are one page, which looks at its address.
      if (VIEWS.some((view) => path === `/${view}`)) request.url = '/';
      files(request, response);
    }
  };
}

/** What lies in `assets/` has a hash of its content in its name; everything else is asked for anew. */
function setCaching(response: ServerResponse, path: string): void {
  const immutable = path.startsWith('/assets/');
  response.setHeader('Cache-Control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
}
