import { destination, pino, stdTimeFunctions, type Logger } from 'pino';

export type Log = Logger;

/** A log of one line of JSON each, on standard error, so that standard output is for people. */
export function createLog(level: string): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 2, sync: false }),
  );
}
