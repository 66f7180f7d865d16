import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Failure, reasonOf } from '../failure.js';
import {
  LineError,
  MAX_LINE,
  parseHeader,
  parseLine,
  type EndLine,
  type HeaderLine,
  type MessageLine,
  type NoteLine,
} from './recording-format.js';

/** A line behind the first, with its number. */
export interface NumberedLine {
  readonly number: number;
  readonly line: MessageLine | NoteLine | EndLine;
}

/** A recording that is read line by line, however large it is. */
export interface OpenRecording {
  readonly header: HeaderLine;
  /**
   * Ends without a line of the end where the recording was cut off, or is still being written; a part of a line is left
   * out. Throws a `Failure` that names the line which is wrong.
   */
  readonly lines: AsyncIterable<NumberedLine>;
}

/** @throws {Failure} when the file cannot be read or is no recording. */
export async function openRecording(file: string): Promise<OpenRecording> {
  const texts = readLines(file);
  const first = await texts.next();
  if (first.done === true) throw new Failure(`${file} is no recording: it has no line.`);
  return { header: parseWith(parseHeader, file, 1, first.value), lines: parseLines(file, texts) };
}

/** The beginning and the end of a recording, without what is between. */
export interface RecordingEnds {
  readonly header: HeaderLine;
  /** `undefined` when it has none. */
  readonly end: EndLine | undefined;
}

/** What a header may be, bytes: that of a handshake is 16 KiB at most, and JSON makes it larger. */
const MAX_HEADER = 256 * 1024;
/** In what the end is looked for, bytes. */
const TAIL = 4 * 1024;

/** @throws {Failure} when the file cannot be read or is no recording. */
export async function readEnds(file: string): Promise<RecordingEnds> {
  const handle = await open(file).catch((error: unknown) => {
    throw readFailure(file, error);
  });
  try {
    const { size } = await handle.stat();
    const readAt = async (position: number, length: number): Promise<string> => {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, position);
      return buffer.toString('utf8', 0, bytesRead);
    };
    const [first = ''] = (await readAt(0, Math.min(size, MAX_HEADER))).split('\n', 1);
    const header = parseWith(parseHeader, file, 1, first);
    const tail = await readAt(Math.max(0, size - TAIL), Math.min(size, TAIL));
    return { header, end: endIn(tail) };
  } finally {
    await handle.close();
  }
}

function endIn(tail: string): EndLine | undefined {
  const line = tail.split('\n').at(-2);
  if (line === undefined) return undefined;
  try {
    const parsed = parseLine(line);
    return 'end' in parsed ? parsed : undefined;
  } catch {
    return undefined;
  }
}

async function* parseLines(file: string, texts: AsyncIterable<string>): AsyncGenerator<NumberedLine> {
  let number = 1;
  for await (const text of texts) {
    number++;
    yield { number, line: parseWith(parseLine, file, number, text) };
  }
}

function parseWith<Line>(parse: (text: string) => Line, file: string, number: number, text: string): Line {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    throw new Failure(`${file}: line ${number} ${error.message}.`);
  }
}

/** The lines that have an end. Bounded, unlike those of `node:readline`. */
async function* readLines(file: string): AsyncGenerator<string> {
  let number = 1;
  let parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        yield Buffer.concat([...parts, chunk.subarray(start, end)]).toString();
        [parts, length, start] = [[], 0, end + 1];
        number++;
      }
      parts.push(chunk.subarray(start));
      length += chunk.length - start;
      if (length > MAX_LINE) throw new Failure(`${file}: line ${number} is longer than ${MAX_LINE} bytes.`);
    }
  } catch (error) {
    throw error instanceof Failure ? error : readFailure(file, error);
  }
}

function readFailure(file: string, error: unknown): Failure {
  return new Failure(`Cannot read ${file}: ${reasonOf(error)}. Check the path.`);
}
