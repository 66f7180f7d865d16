import type { IncomingMessage, ServerResponse } from 'node:http';
import sirv, { type Options, type RequestHandler } from 'sirv';

/** One range with its start, and its end not before it; anything else may be answered in whole (RFC 9110 section 14.2). */
const plainRange = /^bytes=(\d{1,15})-(\d{0,15})$/;

function isPlainRange(range: string): boolean {
  const [, start, end] = plainRange.exec(range) ?? [];
  return start !== undefined && (end === '' || Number(start) <= Number(end));
}

/** A name that begins with a dot, such as `.git` or `.env`; `.well-known` is meant to be seen (RFC 8615). */
const hiddenName = /(?:^|[/\\])\.(?!well-known(?:[/\\]|$))/;

function isHidden(url: string): boolean {
  const path = url.split('?', 1)[0] ?? '';
  try {
    return hiddenName.test(decodeURIComponent(path));
  } catch {
    return true;
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(`${text}\n`);
}

/**
 * Serves the files of a folder, to GET and HEAD. sirv reads them; what it does not guard against is settled
 * before it sees the request.
 */
export function serveFiles(dir: string, options: Options): RequestHandler {
  const files = sirv(dir, {
    ...options,
    onNoMatch: (_request, response) => refuse(response, 404, 'Not found'),
  });
  return (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      refuse(response, 405, 'Only GET and HEAD are answered here');
      return;
    }
    if (isHidden(request.url ?? '/')) {
      refuse(response, 404, 'Not found');
      return;
    }
    if (request.headers.range !== undefined && !isPlainRange(request.headers.range))
      delete request.headers.range;
    // A file that cannot be read after all must end this response and not the process.
    response.once('pipe', (source) => source.once('error', () => response.destroy()));
    files(request, response);
  };
}
