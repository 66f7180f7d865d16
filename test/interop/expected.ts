import { said } from '../peers/conversations.mjs';
import { describe } from '../peers/transcript.mjs';

/** What both ends of a conversation have to see: the messages that reached them, and the Close frame. */
export interface Expected {
  readonly client: Seen;
  readonly server: Seen;
}

interface Seen {
  readonly protocol: string;
  readonly messages: readonly string[];
  readonly close: { readonly code: number; readonly reason?: string };
}

/** By conversation: the messages to the server and those to the client. */
const messages: Readonly<Record<string, readonly [readonly Said[], readonly Said[]]>> = {
  text: echo(said.text),
  binary: echo(said.binary),
  'empty-text': echo(''),
  'empty-binary': echo(new Uint8Array(0)),
  'large-text': echo(said.largeText),
  'large-binary': echo(said.largeBinary),
  unicode: echo(said.unicode),
  'fragments-from-client': echo(said.fragmented, said.binary),
  'fragments-from-server': [[`!fragment 5 ${said.fragmented}`], [said.fragmented]],
  repeated: echo(said.repeated, said.repeated),
  'ping-from-client': [[], [`pong ${said.ping}`]],
  'ping-from-server': [['!ping'], ['pong are you there?']],
  'server-speaks-first': [[], ['welcome']],
  'both-directions': [
    [`!flood ${said.count}`, ...numbered('message')],
    [...numbered('message'), ...numbered('flood')],
  ],
  subprotocol: echo(said.text),
  'close-from-client': echo(said.text),
  'close-from-server': [[`!close 4001 ${said.farewell}`], []],
};

type Said = string | Uint8Array;

function echo(...sent: Said[]): [Said[], Said[]] {
  return [sent, sent];
}

function numbered(word: string): string[] {
  return Array.from({ length: said.count }, (_, i) => `${word} ${i}`);
}

/**
 * @param answersClose what code the end that did not begin to close puts into its Close frame. (RFC 6455 section
 * 5.5.1: it "typically echos the status code it received".) Whether it repeats the reason is its own affair.
 */
export async function expected(
  name: string,
  answersClose: { client?: Answer | undefined; server?: Answer | undefined },
): Promise<Expected> {
  const [toServer, toClient] = messages[name] ?? fail(name);
  const protocol = name === 'subprotocol' ? 'echo.interop' : '';
  const code = name.startsWith('close') ? 4001 : 1000;
  const reason = name.startsWith('close') ? said.farewell : 'done';
  const client = { protocol, messages: await Promise.all(toClient.map(describe)) };
  const server = { protocol, messages: await Promise.all(toServer.map(describe)) };
  const { client: clientAnswers = same, server: serverAnswers = same } = answersClose;
  return name === 'close-from-server'
    ? {
        client: { ...client, close: { code, reason } },
        server: { ...server, close: { code: clientAnswers(code) } },
      }
    : {
        client: { ...client, close: { code: serverAnswers(code) } },
        server: { ...server, close: { code, reason } },
      };
}

export type Answer = (code: number) => number;
const same: Answer = (code) => code;

function fail(name: string): never {
  throw new Error(`no conversation is called ${name}`);
}
