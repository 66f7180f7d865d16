import { bothways } from './bothways.js';
import type { Subject } from './subject.js';
import { ws } from './ws.js';

/** Whoever is tested, by name. Another one is another file like those, and an entry here. */
export const SUBJECTS: Readonly<Record<string, Subject>> = { bothways, ws };
