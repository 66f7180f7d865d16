import type { Case, Chapter } from '../case.js';
import { closeCodes, closing } from './closing.js';
import { compressedMessages } from './compressed.js';
import { compressionFaults } from './compression-faults.js';
import { opcodes, pingsAndPongs, reservedBits } from './controls.js';
import { fragmentation } from './fragmentation.js';
import { framing } from './framing.js';
import { negotiation } from './negotiation.js';
import { openingHandshake } from './opening.js';
import { sizes } from './sizes.js';
import { utf8 } from './utf8.js';

/** Everything that is tested, in the order of the report. The numbers of the cases follow from it. */
export const CHAPTERS: readonly Chapter[] = [
  openingHandshake,
  framing,
  pingsAndPongs,
  reservedBits,
  opcodes,
  fragmentation,
  utf8,
  closing,
  closeCodes,
  sizes,
  negotiation,
  compressedMessages,
  compressionFaults,
];

export const CASES: readonly Case[] = CHAPTERS.flatMap((chapter, at) =>
  chapter.groups.flatMap((group, groupAt) =>
    group.cases.map((each, caseAt) => ({
      ...each,
      id: `${at + 1}.${groupAt + 1}.${caseAt + 1}`,
      chapter: chapter.title,
      group: group.title,
      rule: each.rule ?? group.rule,
    })),
  ),
);
