import type { TalkCase } from './case.js';
import type { Stage } from './stage.js';
import { DeflateEnd, parseAgreement } from './wire/deflate.js';
import type { Role } from './wire/frame.js';
import { HeadReader, newRequest, readRequest, requestHead, responseHead, statusOf } from './wire/http.js';
import { Link } from './wire/link.js';

/** A connection whose opening handshake is done. */
export interface Opened {
  readonly link: Link;
  readonly deflate: DeflateEnd | undefined;
  /** What the subject sent right behind its handshake. */
  readonly rest: Buffer;
  /** Why there is none, in words. */
  readonly problem: string | undefined;
}

/** Opens a connection to the subject, or has it open one, in an ordinary way. */
export async function openTalk(each: TalkCase, role: Role, path: string, stage: Stage): Promise<Opened> {
  const rest: Buffer[] = [];
  const reader = new HeadReader((chunk) => void rest.push(chunk));
  const { settings = {} } = each;
  const link =
    role === 'server'
      ? await Link.connect(await stage.portOf(settings))
      : await Link.accept((port) => stage.connect(port, path, settings));
  link.onData = (chunk) => reader.push(chunk);

  let problem: string | undefined;
  let accepted: string | undefined;
  if (role === 'server') {
    const extensions = { 'Sec-WebSocket-Extensions': each.extension };
    await link.deliver([Buffer.from(requestHead(newRequest(path), extensions))]);
    const isThere = await link.until(() => reader.head !== undefined || link.isOver);
    if (!isThere || reader.head === undefined) problem = 'no answer to the opening handshake';
    else if (statusOf(reader.head) !== 101) problem = `the status ${statusOf(reader.head)}`;
    accepted = reader.head?.headers.get('sec-websocket-extensions')?.join(', ');
  } else {
    await link.until(() => reader.head !== undefined || link.isOver);
    if (reader.head === undefined) {
      problem = 'no opening handshake';
    } else {
      const offered = reader.head.headers.get('sec-websocket-extensions')?.join(', ') ?? '';
      if (each.extension !== undefined && !offered.includes('permessage-deflate')) {
        problem = 'an opening handshake that does not offer permessage-deflate';
      }
      accepted = each.extension;
      const head = responseHead(readRequest(reader.head), { 'Sec-WebSocket-Extensions': accepted });
      await link.deliver([Buffer.from(head)]);
    }
  }
  if (each.extension !== undefined && accepted === undefined)
    problem ??= 'an answer without permessage-deflate';
  const deflate =
    accepted === undefined || problem !== undefined
      ? undefined
      : new DeflateEnd(parseAgreement(accepted), role);
  return { link, deflate, rest: Buffer.concat(rest), problem };
}
