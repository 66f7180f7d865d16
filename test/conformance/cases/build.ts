import type {
  Action,
  Awaited,
  CaseBody,
  CloseMatch,
  CompressedOptions,
  Expectation,
  Message,
  OpeningCase,
  Rule,
  Script,
  Step,
  TalkCase,
} from '../case.js';
import { quote } from '../wire/words.js';
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  PING,
  PONG,
  TEXT,
  frame,
  type Frame,
  type FrameOptions,
} from '../wire/frame.js';

// The words in which the tables of cases are written.

export const rule = (rfc: Rule['rfc'], section: string, says: string): Rule => ({ rfc, section, says });

/** A case on an open connection. */
export function talk(
  title: string,
  script: Script | (() => Script),
  options: Partial<Omit<TalkCase, 'kind' | 'title' | 'script'>> = {},
): TalkCase {
  return { kind: 'talk', title, script: typeof script === 'function' ? script : () => script, ...options };
}

export function opening(title: string, parts: Omit<OpeningCase, 'kind' | 'title'>): OpeningCase {
  return { kind: 'opening', title, ...parts };
}

// Frames.

export const text = (payload: string | Uint8Array, options?: FrameOptions): Frame =>
  frame(TEXT, payload, options);
export const binary = (payload: string | Uint8Array, options?: FrameOptions): Frame =>
  frame(BINARY, payload, options);
export const more = (payload: string | Uint8Array, options?: FrameOptions): Frame =>
  frame(CONTINUATION, payload, options);
/** The payload is ISO 8859-1: any bytes. */
export const ping = (payload = '', options?: FrameOptions): Frame =>
  frame(PING, Buffer.from(payload, 'latin1'), options);
export const pong = (payload = '', options?: FrameOptions): Frame =>
  frame(PONG, Buffer.from(payload, 'latin1'), options);

/** @param code 1005 for a Close frame without one. */
export function close(code: number, reason: string | Uint8Array = '', options?: FrameOptions): Frame {
  if (code === 1005) return frame(CLOSE, '', options);
  const start = Buffer.alloc(2);
  start.writeUInt16BE(code);
  return frame(CLOSE, Buffer.concat([start, Buffer.from(reason as string)]), options);
}

/** A message in fragments of these payloads. */
export function fragments(type: Message['type'], payloads: readonly (string | Uint8Array)[]): Frame[] {
  const opcode = type === 'text' ? TEXT : BINARY;
  return payloads.map((payload, at) =>
    frame(at === 0 ? opcode : CONTINUATION, payload, { fin: at === payloads.length - 1 }),
  );
}

/** A message in fragments of so many bytes. */
export function fragmentsOf({ type, data }: Message, size: number): Frame[] {
  const count = Math.max(1, Math.ceil(data.length / size));
  return fragments(
    type,
    Array.from({ length: count }, (_, at) => data.subarray(at * size, (at + 1) * size)),
  );
}

/** A message in one frame. */
export const whole = ({ type, data }: Message, options?: FrameOptions): Frame =>
  frame(type === 'text' ? TEXT : BINARY, data, options);

// Messages.

export const aText = (data: string | Uint8Array): Message => ({
  type: 'text',
  data: Buffer.from(data as string),
});
export const aBinary = (data: string | Uint8Array): Message => ({
  type: 'binary',
  data: Buffer.from(data as string),
});

// Steps.

export const send = (...frames: readonly Frame[]): Step => ({ do: 'send', frames });
export const sendCompressed = (message: Message, options: CompressedOptions = {}): Step => ({
  do: 'send-compressed',
  message,
  options,
});
export const awaits = (what: Awaited, count = 1): Step => ({ do: 'await', what, count });
export const awaitsPong = (payload: string): Step => ({ do: 'await', what: 'pongs', count: 1, payload });
export const mark = (point: string): Step => ({ do: 'mark', point });
export const tell = (action: Action): Step => ({ do: 'tell', action });
export const end: Step = { do: 'end' };
export const reset: Step = { do: 'reset' };

/** The end of every conversation in which nothing is wrong. */
const GOODBYE = send(close(1000));
const closesToo = 'closes with 1000';

// What may be seen.

export function expects(
  says: string,
  closeMatch: CloseMatch,
  rest: Omit<Expectation, 'says' | 'close'> = {},
): Expectation {
  return { says, close: closeMatch, ...rest };
}

/**
 * The echo of these messages, and a closing handshake. Which code a Close frame is answered with is left open by RFC
 * 6455 section 5.5.1 ("typically echos the status code it received").
 */
export function echoes(
  messages: readonly Message[],
  rest: Omit<Expectation, 'says' | 'close'> = {},
  what = wordsOfEcho(messages),
): Expectation[] {
  return [
    expects(`${what}, ${closesToo}`, 1000, { messages, ...rest }),
    expects(`${what}, closes with another code`, 'any', { messages, ...rest }),
  ];
}

function wordsOfEcho(messages: readonly Message[]): string {
  if (messages.length === 0) return 'says nothing';
  return messages.length === 1 ? 'echoes the message' : `echoes the ${messages.length} messages`;
}

/** Sends these frames, waits for the echo of these messages, and closes. */
export function echo(
  frames: readonly Frame[],
  messages: readonly Message[],
  rest: Omit<Expectation, 'says' | 'close'> = {},
): Script {
  const steps = [send(...frames), awaits('messages', messages.length)];
  const lastPong = rest.pongs?.at(-1);
  if (lastPong !== undefined) steps.push(awaitsPong(lastPong));
  return { steps: [...steps, GOODBYE], strict: echoes(messages, rest) };
}

/** One message, as it is. */
export const echoOf = (message: Message): Script => echo([whole(message)], [message]);

export const goodbye = GOODBYE;

/**
 * What "_Fail the WebSocket Connection_" looks like (RFC 6455 section 7.1.7): a Close frame "with an appropriate
 * status code" SHOULD be sent, and TCP MUST be closed. What was received before may or may not be answered any more.
 */
export function fails(
  code: number | readonly number[],
  before: Omit<Expectation, 'says' | 'close'> = {},
): Pick<Script, 'strict' | 'lenient'> {
  const codes = [code].flat();
  const [best] = codes;
  const answered = before.messages ?? [];
  const first =
    answered.length > 0 ? `echoes what came before, and fails with ${best}` : `fails with ${best}`;
  const strict = [expects(first, codes, before)];
  if (answered.length > 0 || before.pongs !== undefined) {
    const rest = { ...before, messages: [], pongs: [] };
    strict.push(expects(`fails with ${best}, without an answer to what came before`, codes, rest));
  }
  strict.push(
    expects('ends TCP without a Close frame', 'none', before),
    expects('ends TCP without a Close frame or an answer', 'none', { ...before, messages: [], pongs: [] }),
  );
  return { strict, lenient: [expects('fails with another code', 'any', before)] };
}

/** Frames that must make the subject fail, and what it must not look at any more. */
export function failsOver(
  frames: readonly Frame[],
  code: number | readonly number[],
  before: Omit<Expectation, 'says' | 'close'> = {},
): Script {
  return { steps: [send(...frames)], ...fails(code, before) };
}

/** The same in every case of a list. */
export function withOptions(
  cases: readonly CaseBody[],
  options: Partial<Pick<TalkCase, 'isSlow' | 'role' | 'settings'>>,
): CaseBody[] {
  return cases.map((each) => ({ ...each, ...options }));
}

export { quote };
