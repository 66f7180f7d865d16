import { HandshakeError } from 'bothways';

/** Something the user can mend: it is shown in one line, without a stack trace, and the exit status is 1. */
export class Failure extends Error {}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const causes: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'it is not a folder',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the name could not be looked up',
  ETIMEDOUT: 'no answer came',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
};

/** What an error code of the operating system means, if one is behind this error. */
export function systemReasonOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const known = causes[codeOf(at)];
    if (known) return known;
  }
  return undefined;
}

/** Why something failed, in words where the operating system gives only a code. */
export function reasonOf(error: unknown): string {
  return systemReasonOf(error) ?? (error instanceof Error ? error.message : String(error));
}

/** The failure to listen on an address, with what to try. */
export function listenFailure(error: unknown, host: string, port: number, options = COMMAND_LINE): Failure {
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE: `Choose another port${options.port}, or ${options.any} for any free one.`,
    EACCES: `Ports below 1024 need special rights; choose a higher one${options.port}.`,
    EADDRNOTAVAIL: `Choose an address of this machine${options.host}, such as 127.0.0.1.`,
    ENOTFOUND: `Choose an address of this machine${options.host}, such as 127.0.0.1.`,
  };
  const hint = advice[codeOf(error)];
  return new Failure(`Cannot listen on ${host} port ${port}: ${reasonOf(error)}.${hint ? ` ${hint}` : ''}`);
}

/** How an address is chosen: by options, or in a file or by options of other names. */
const COMMAND_LINE = { port: ' with --port', any: '--port 0', host: ' with --host' };
export const ELSEWHERE = { port: '', any: '0', host: '' };

/** The failure to connect to a `ws:` or `wss:` URL, with what to try. */
export function connectFailure(error: unknown, url: string): Failure {
  return new Failure(`Cannot connect to ${withoutCredentials(url)}: ${describeConnect(error)}`);
}

/** As it was given, but for user name and password: what is printed may be kept. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/?#]*@/i, '$1');
}

function describeConnect(error: unknown): string {
  const system = systemReasonOf(error);
  if (system) return `${system}. Check the address, and that the server runs.`;
  const reason = reasonOf(error).replace(/\.$/, '');
  if (error instanceof HandshakeError && error.status > 0) {
    return `${reason}. Check the path, and what the server asks for with -H or -p.`;
  }
  return `${reason}.`;
}
