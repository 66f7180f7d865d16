import type {
  Abortable,
  ClientPlatform,
  ClientRequest,
  ClientSocket,
  NetworkEvents,
  RequestEvents,
  SocketEvents,
} from '../session/client-platform.js';
import { MEDIA_TYPE, SUBPROTOCOL, type Base64, type Content } from '../session/records.js';
import { platformClock } from '../session/timers.js';

/** What a page has for sessions: its own `WebSocket`, `fetch` and `EventSource`. */
export function browserPlatform(url: URL, withCredentials: boolean): ClientPlatform {
  const memory = `bothways:${url.origin}${url.pathname}`;
  return {
    clock: platformClock,
    base64,
    maxMessage: Infinity,
    random: Math.random,
    randomKey,
    openSocket: (events) => openSocket(url, events),
    request: (request, events) => post(url, request, withCredentials, events),
    openEvents: (ticket, onEvent, onEnd) => openEvents(url, ticket, withCredentials, onEvent, onEnd),
    isOnline: () => globalThis.navigator?.onLine ?? true,
    watchNetwork,
    // A page may be forbidden to keep anything.
    recall: () => attempt(() => localStorage.getItem(memory)) ?? undefined,
    remember(carrier) {
      attempt(() => localStorage.setItem(memory, carrier));
    },
  };
}

const base64: Base64 = {
  encode(bytes) {
    let text = '';
    for (let start = 0; start < bytes.length; start += PIECE) {
      text += String.fromCharCode(...bytes.subarray(start, start + PIECE));
    }
    return btoa(text);
  },
  decode(text) {
    const binary = attempt(() => atob(text));
    return binary === undefined ? undefined : Uint8Array.from(binary, (each) => each.charCodeAt(0));
  },
};

/** How many arguments a call may well have. */
const PIECE = 8_192;

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return base64.encode(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** As it was before anybody put a class of `sessionWebSocket` in its place. */
const { WebSocket } = globalThis;

function openSocket(url: URL, events: SocketEvents): ClientSocket {
  const target = new URL(url);
  target.protocol = target.protocol.replace('http', 'ws');
  const socket = new WebSocket(target, SUBPROTOCOL);
  socket.binaryType = 'arraybuffer';
  const silence = new AbortController();
  const { signal } = silence;
  socket.addEventListener('open', () => events.open(), { signal });
  socket.addEventListener('message', ({ data }) => events.message(toContent(data)), { signal });
  socket.addEventListener('close', ({ code, reason }) => events.close(code, reason, 0), { signal });
  return {
    send: (content) => socket.send(content as string | Uint8Array<ArrayBuffer>),
    close(code, reason) {
      silence.abort();
      socket.close(code, reason);
    },
  };
}

function toContent(data: unknown): Content {
  return typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer);
}

function post(url: URL, request: ClientRequest, withCredentials: boolean, events: RequestEvents): Abortable {
  const abort = new AbortController();
  void run(url, request, withCredentials, abort.signal, events);
  return { abort: () => abort.abort() };
}

async function run(
  url: URL,
  { token, body }: ClientRequest,
  withCredentials: boolean,
  signal: AbortSignal,
  events: RequestEvents,
): Promise<void> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': MEDIA_TYPE,
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      body,
      signal,
      cache: 'no-store',
      credentials: withCredentials ? 'include' : 'same-origin',
    });
    const isOurs = response.headers.get('Content-Type') === MEDIA_TYPE;
    const retryAfter = Number(response.headers.get('Retry-After') ?? Number.NaN);
    events.head(response.status, isOurs, Number.isNaN(retryAfter) ? undefined : retryAfter);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const piece = await reader?.read();
      if (piece === undefined || piece.done || signal.aborted) break;
      events.text(piece.value);
    }
    if (!signal.aborted) events.end();
  } catch (thrown) {
    if (!signal.aborted) events.fail(String(thrown));
  }
}

function openEvents(
  url: URL,
  ticket: string,
  withCredentials: boolean,
  onEvent: (data: string) => void,
  onEnd: () => void,
): Abortable {
  const target = new URL(url);
  target.searchParams.set('ticket', ticket);
  const source = new EventSource(target, { withCredentials });
  source.addEventListener('message', ({ data }) => onEvent(data as string));
  source.addEventListener('error', () => {
    // It would try again by itself, with a ticket that has been used.
    if (source.readyState !== EventSource.CLOSED) source.close();
    onEnd();
  });
  return { abort: () => source.close() };
}

function watchNetwork(events: NetworkEvents): () => void {
  const silence = new AbortController();
  const { signal } = silence;
  const wake = (): void => events.wake();
  globalThis.addEventListener?.('online', () => events.online(), { signal });
  globalThis.addEventListener?.('offline', () => events.offline(), { signal });
  globalThis.addEventListener?.('pageshow', wake, { signal });
  globalThis.addEventListener?.('focus', wake, { signal });
  globalThis.document?.addEventListener('resume', wake, { signal });
  globalThis.document?.addEventListener('visibilitychange', wake, { signal });
  return () => silence.abort();
}

/** @returns `undefined` if it throws. */
function attempt<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
