import { readdir, stat } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { createDecoder, type Decoded, type Decoder } from '../decode/index.js';
import { safeText, textOf } from '../decode/decoded.js';
import { Failure, reasonOf } from '../failure.js';
import {
  messageOf,
  type EndLine,
  type HeaderLine,
  type MessageLine,
  type NoteLine,
} from '../gateway/recording-format.js';
import { openRecording, readEnds } from '../gateway/recording-reader.js';
import { replay, type ReplayOptions } from '../gateway/replay.js';
import { conversationLine, decodedText, hasColor, leftOutText } from '../terminal/decoded-text.js';
import { escapeControls, renderMessage } from '../terminal/render.js';

export function recordingCommand(): Command {
  const list = new Command('list')
    .description('List the recordings in a folder, the oldest first.')
    .argument('<dir>', 'the folder that a route of the gateway records to')
    .action(listRecordings);
  const show = new Command('show')
    .description('Show a recording: what each message says in its subprotocol.')
    .argument('<file>', 'a recording')
    .option('--json', 'one JSON object a message')
    .option('--raw', 'the messages of the WebSocket as they are')
    .action(showRecording);
  const again = new Command('replay')
    .description('Send once more what the client has sent, and show what comes back.')
    .argument('<file>', 'a recording')
    .argument('<url>', 'a ws: or wss: URL')
    .option('--speed <factor>', 'times as fast as it was; 0: as fast as the other side answers', speed, 1)
    .addOption(new Option('--as <side>', 'the side to play').choices(['client']).default('client'))
    .action(async (file: string, url: string, options: ReplayOptions) => {
      endWithReader();
      await replay(file, url, options);
    });
  return new Command('recording')
    .description('List, show and replay what a gateway has recorded.')
    .addCommand(list)
    .addCommand(show)
    .addCommand(again)
    .addHelpText(
      'after',
      '\nExamples:\n  $ bothways recording list recordings\n  $ bothways recording replay recordings/FILE ws://127.0.0.1:8080/ --speed 0',
    );
}

function speed(value: string): number {
  const factor = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
  if (factor === 0 || (factor >= 0.001 && factor <= 1e6)) return factor;
  throw new InvalidArgumentError('It must be 0, or a number from 0.001 to 1000000.');
}

async function listRecordings(dir: string): Promise<void> {
  endWithReader();
  const names = await readdir(dir).catch((error: unknown) => {
    throw new Failure(`Cannot list ${dir}: ${reasonOf(error)}. Name the folder that a route records to.`);
  });
  const rows = [['TIME', 'ROUTE', 'PROTOCOL', 'USER', 'ADDRESS', 'BYTES', 'END', 'FILE']];
  for (const name of names.filter((one) => one.endsWith('.ndjson')).toSorted())
    rows.push(await rowOf(dir, name));
  const widths = rows[0]!.map((_title, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) {
    await print(
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    );
  }
}

async function rowOf(dir: string, name: string): Promise<string[]> {
  const file = join(dir, name);
  try {
    const { header, end } = await readEnds(file);
    const { size } = await stat(file);
    const { time, route, protocol, user = '-', address } = header;
    const ending = end === undefined ? 'none' : String(end.end.code);
    return [time, route, protocol, user, address, String(size), ending, name].map((cell) =>
      safeText(cell, 80),
    );
  } catch (error) {
    // One that is broken does not hide the others.
    const why = safeText(reasonOf(error).replace(`${file}: `, ''), 80);
    return ['-', '-', '-', '-', '-', '-', why, safeText(name, 80)];
  }
}

interface ShowOptions {
  readonly json?: true;
  readonly raw?: true;
}

async function showRecording(file: string, { json, raw }: ShowOptions): Promise<void> {
  endWithReader();
  const { header, lines } = await openRecording(file);
  const decoder = raw ? undefined : createDecoder(header.protocol);
  const isColored = hasColor(process.stdout);
  let hasEnd = false;
  await print(json ? JSON.stringify(header) : headerText(header));
  for await (const { line } of lines) {
    hasEnd = 'end' in line;
    for (const text of json ? jsonOf(line, decoder) : textsOf(line, decoder, isColored)) await print(text);
  }
  if (!hasEnd) console.error('The recording has no end: it was cut off, or is still being written.');
}

function headerText({
  time,
  route,
  protocol,
  subprotocol,
  user,
  address,
  upstream,
  handshake,
}: HeaderLine): string {
  const parts = [
    `${time}  ${protocol}${subprotocol === undefined ? '' : ` (${subprotocol})`}`,
    `route ${route}`,
  ];
  if (user !== undefined) parts.push(`user ${user}`);
  parts.push(`from ${address}`);
  if (upstream !== undefined) parts.push(`to ${upstream}`);
  const headers = Object.entries(handshake.headers).map(([name, value]) =>
    safeText(`  ${name}: ${value}`, 200),
  );
  return [safeText(parts.join('  '), 500), safeText(`GET ${handshake.url}`, 500), ...headers, ''].join('\n');
}

function* textsOf(
  line: MessageLine | NoteLine | EndLine,
  decoder: Decoder | undefined,
  isColored: boolean,
): Generator<string> {
  const { t } = line;
  if ('note' in line)
    yield conversationLine(t, undefined, `Cut short: ${safeText(line.note, 200)}`, isColored);
  else if ('end' in line) yield conversationLine(t, undefined, endText(line), isColored);
  else {
    const { from, length = 0 } = line;
    const message = messageOf(line);
    if (message === undefined) yield conversationLine(t, from, leftOutText(length), isColored);
    else if (decoder === undefined) yield conversationLine(t, from, rawText(message), isColored);
    else for (const one of decoder.decode(from, message)) yield decodedText(t, from, one, isColored);
  }
}

function endText({ end: { code, reason, by } }: EndLine): string {
  const who = by === undefined ? '' : ` by the ${safeText(by, 40)}`;
  return `Closed with ${code}${who}${reason === '' ? '' : `: ${safeText(reason, 200)}`}`;
}

function rawText(message: string | Uint8Array): string {
  return escapeControls(renderMessage(message)).replaceAll('\n', '\\n');
}

function* jsonOf(line: MessageLine | NoteLine | EndLine, decoder: Decoder | undefined): Generator<string> {
  const message = 'from' in line ? messageOf(line) : undefined;
  if (decoder === undefined || message === undefined || !('from' in line)) {
    yield JSON.stringify(line);
    return;
  }
  const { t, from } = line;
  for (const one of decoder.decode(from, message)) yield JSON.stringify({ t, from, ...jsonOfDecoded(one) });
}

function jsonOfDecoded({ name, summary, fields, payload }: Decoded): object {
  const told = { name, summary, fields: Object.fromEntries(fields) };
  if (payload === undefined) return told;
  const text = textOf(payload);
  return text === undefined
    ? { ...told, base64: Buffer.from(payload).toString('base64') }
    : { ...told, text };
}

/** Whoever read the output has left, as in `... | head -1`: there is nobody to go on for. */
function endWithReader(): void {
  process.stdout.on('error', () => process.exit(0));
}

async function print(text: string): Promise<void> {
  if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain');
}
