import { Command, InvalidArgumentError } from 'commander';
import { connect, type Connection, type Handlers } from 'bothways';
import { connectFailure, withoutCredentials } from '../failure.js';
import { collect } from '../options.js';
import { LinePipe } from '../terminal/pipe.js';
import { promptLines } from '../terminal/prompt.js';
import { escapeControls } from '../terminal/render.js';

interface Options {
  readonly header?: Readonly<Record<string, string>>;
  readonly protocol?: readonly string[];
  readonly compression?: true;
}

export function connectCommand(): Command {
  return new Command('connect')
    .description('Connect to a WebSocket server: each line is sent as a message, each message is a line.')
    .argument('<url>', 'a ws: or wss: URL')
    .option('-H, --header <header>', "a request header, 'Name: value' (repeatable)", collectHeader)
    .option('-p, --protocol <name>', 'a subprotocol to offer (repeatable)', collect)
    .option('--compression', 'offer to compress messages (permessage-deflate)')
    .addHelpText(
      'after',
      '\nExamples:\n  $ bothways connect ws://127.0.0.1:8080/\n  $ printf "one\\ntwo\\n" | bothways connect ws://127.0.0.1:8080/',
    )
    .action(run);
}

/** RFC 9110 sections 5.1 and 5.5: a token, and a value without control characters. */
const headerField = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\p{Cc}]*)$/u;

function collectHeader(field: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name, value] = headerField.exec(field) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError("It must be 'Name: value', such as 'Authorization: Bearer abc'.");
  }
  const earlier = before[name];
  return { ...before, [name]: earlier === undefined ? value.trim() : `${earlier}, ${value.trim()}` };
}

/** Close codes that mean that both ends were content: normal closure, going away, and no code at all. */
const contentCodes: ReadonlySet<number> = new Set([1000, 1001, 1005]);

/** Milliseconds that a server has to finish what it is saying, after the end of the input. */
const closeTimeout = 30_000;

async function run(url: string, options: Options): Promise<void> {
  const isInteractive = process.stdin.isTTY && process.stdout.isTTY;
  const pipe = isInteractive ? undefined : new LinePipe(process.stdin, process.stdout);
  const socket = await open(url, options, pipe?.handlers);
  const interrupt = (): void => socket.close(1000);
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const subprotocol = socket.protocol === '' ? '' : `, subprotocol ${socket.protocol}`;
  const extensions = socket.extensions === '' ? '' : `, ${socket.extensions}`;
  note(`Connected to ${withoutCredentials(url)}${subprotocol}${extensions}`);

  await (pipe ? pipe.run(socket) : promptLines(socket, process.stdin, process.stdout));

  const { code, reason } = await socket.closed;
  note(`Closed with ${code}${reason === '' ? '' : `: ${escapeControls(reason).replaceAll('\n', ' ')}`}`);
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  // A standard input that nobody ends would keep the process alive.
  process.stdin.destroy();
  process.exitCode = contentCodes.has(code) ? 0 : 1;
}

async function open(
  url: string,
  { header, protocol, compression }: Options,
  handlers: Handlers<undefined> | undefined,
): Promise<Connection> {
  try {
    const options = { headers: header, protocols: protocol, compression, closeTimeout };
    return await connect(url, options, handlers);
  } catch (error) {
    throw connectFailure(error, url);
  }
}

function note(text: string): void {
  console.error(text);
}
