import { PassThrough } from 'node:stream';
import { serve, connect, type Connection } from 'bothways';
import { expect, it } from 'vitest';
import { promptLines } from './prompt.js';

/** A terminal of one's own: keys go in, and what a screen would get comes out. */
class TestTerminal {
  readonly keys = new PassThrough();
  readonly screen = new PassThrough({ encoding: 'utf8' });
  shown = '';
  #seen: () => void = () => {};

  constructor() {
    this.screen.on('data', (text: string) => {
      this.shown += text;
      this.#seen();
    });
  }

  async shows(text: string): Promise<void> {
    while (!this.shown.includes(text)) await new Promise<void>((resolve) => (this.#seen = resolve));
  }
}

interface Talk extends AsyncDisposable {
  readonly terminal: TestTerminal;
  readonly near: Connection;
  readonly far: Connection;
}

/** A connection to a server that echoes; `far` is the server's end of it. */
async function talk(): Promise<Talk> {
  const server = await serve(
    { port: 0, host: '127.0.0.1' },
    { message: (socket, message) => void socket.send(`echo ${String(message)}`) },
  );
  const near = await connect(server.url);
  const [far] = server.connections;
  if (!far) throw new Error('The server has no connection');
  const close = async (): Promise<void> => server.close();
  return { terminal: new TestTerminal(), near, far, [Symbol.asyncDispose]: close };
}

it('sends what is typed and shows what comes', async () => {
  await using conversation = await talk();
  const { terminal, near } = conversation;
  const done = promptLines(near, terminal.keys, terminal.screen);
  terminal.keys.write('hello\r');
  await terminal.shows('< echo hello\n');
  terminal.keys.end();
  await done;
  expect(await near.closed).toMatchObject({ code: 1000, initiator: 'local' });
});

it('puts a message above the line that is being typed, and leaves that whole', async () => {
  await using conversation = await talk();
  const { terminal, near, far } = conversation;
  const done = promptLines(near, terminal.keys, terminal.screen);
  terminal.keys.write('half a li');
  await terminal.shows('half a li');
  terminal.shown = '';
  far.send('news');
  await terminal.shows('< news\n');
  await terminal.shows('> half a li');
  terminal.keys.write('ne\r');
  await terminal.shows('< echo half a line\n');
  far.close(1000);
  await done;
  expect(await near.closed).toMatchObject({ code: 1000, initiator: 'remote' });
});

it('does not obey control characters that the peer sends', async () => {
  await using conversation = await talk();
  const { terminal, near, far } = conversation;
  const done = promptLines(near, terminal.keys, terminal.screen);
  far.send('\u001B]0;owned\u0007');
  await terminal.shows('< \\e]0;owned\\x07\n');
  expect(terminal.shown).not.toContain('\u0007');
  far.close(1000);
  await done;
});
