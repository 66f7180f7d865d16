import type { Case, Chapter, Result } from './case.js';
import type { Run } from './child.js';
import { SUBJECTS } from './subjects/index.js';
import { countOutcomes, ofChapter } from './table.js';

/** `docs/conformance.md`: the table, and everything that is not strict. */
export function writeDocument(
  chapters: readonly Chapter[],
  cases: readonly Case[],
  runs: readonly Run[],
): string {
  const subjects = [...new Set(runs.map(({ subject }) => subject))];
  return [
    introduction(cases.length, subjects),
    '## The table',
    'Each cell has the counts of strict passes, lenient passes and failures.',
    table(chapters, runs),
    ...subjects.map((subject) =>
      notStrict(
        subject,
        cases,
        runs.filter((run) => run.subject === subject),
      ),
    ),
    howEarly(cases, runs),
  ].join('\n\n');
}

function introduction(count: number, subjects: readonly string[]): string {
  const versions = subjects.map((name) => `${name} ${SUBJECTS[name]!.version} (${SUBJECTS[name]!.note})`);
  return `# Conformance

\`test/conformance/\` has ${count} cases about RFC 6455 and RFC 7692, for a server, for a client or for both: the opening handshake, framing and masking, control frames, reserved bits and opcodes, fragmentation, UTF-8, the closing handshake and its codes, sizes up to 16 MiB, the negotiation of \`permessage-deflate\`, compressed messages and faults in them.

Each case is a conversation over a TCP socket between the implementation and a peer that the suite plays byte by byte. It is held several times, with what the peer sends all at once, one byte at a time, and cut at each frame boundary, one byte before and one byte after it; the worst outcome counts:

- a **strict pass**: what the standard says;
- a **lenient pass**: a fault of the peer that the standard does not allow is tolerated, without harm;
- a **failure**: anything else.

Where the standard leaves several things open, all of them are strict.

\`npm run conformance\` runs everything, in about two minutes; with \`-- --only 7\` one section, group or case, with \`-- --subject ws\` another implementation. It writes a report to \`artifacts/conformance.html\` with, for each case, the section it tests, what strict behaviour is, what was seen and every frame that went over the wire. Another implementation is one more file like those in \`test/conformance/subjects/\`.

The figures below are of ${versions.join(' and ')}, with Node ${process.version.slice(1)}.`;
}

function table(chapters: readonly Chapter[], runs: readonly Run[]): string {
  const row = (title: string, pick: (run: Run) => readonly Result[]): string => {
    const cells = runs.map((run) => {
      const { strict, lenient, failed } = countOutcomes(pick(run));
      return `${strict} / ${lenient} / ${failed}`;
    });
    return `| ${title} | ${cells.join(' | ')} |`;
  };
  return [
    `| Section | ${runs.map(({ subject, role }) => `${subject}, ${role}`).join(' | ')} |`,
    `| --- | ${runs.map(() => '---:').join(' | ')} |`,
    ...chapters.map(({ title }, at) => row(`${at + 1} ${title}`, ({ results }) => ofChapter(results, at))),
    row('**All**', ({ results }) => results),
  ].join('\n');
}

/** Every case in which it is not strict, in one role or both. */
function notStrict(subject: string, cases: readonly Case[], runs: readonly Run[]): string {
  const rows = cases.flatMap((each) => {
    const found = runs.flatMap(({ role, results }) => {
      const result = results.find(({ id }) => id === each.id);
      return result === undefined || result.outcome === 'strict' ? [] : [{ role, result }];
    });
    if (found.length === 0) return [];
    const { result } = found[0]!;
    const who = found.map(({ role }) => role).join(', ');
    const cells = [
      each.id,
      `${each.group}: ${each.title}`,
      `RFC ${each.rule.rfc}, ${each.rule.section}`,
      result.strict[0]!,
      `${who}: **${result.outcome}**: ${result.seen}`,
    ];
    return [`| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`];
  });
  const head = '| Case | | Section | Strict behaviour | Seen |\n| --- | --- | --- | --- | --- |';
  return [`## Where ${subject} is not strict`, ...(NOTES[subject] ?? []), [head, ...rows].join('\n')].join(
    '\n\n',
  );
}

/** Why, in words. */
const NOTES: Readonly<Record<string, readonly string[]>> = {
  bothways: [
    'A message without any data is not what RFC 7692 section 7.2.3.6 asks for, which is the byte 00. Compressors that are flushed twice make it, so it is taken for an empty message.',
    'A reference beyond the window that was agreed on inflates to the right bytes, because what it refers to is still at hand: zlib has no means to refuse it.',
  ],
  ws: [
    '3.1.9 is a limit of its own: it ends a connection for which more than 60 Pongs wait (`maxPendingAutoPongs`), as they do when that many Pings come in one read.',
  ],
};

/** How soon a fault in a message that is still on its way is noticed. */
function howEarly(cases: readonly Case[], runs: readonly Run[]): string {
  const points = new Map<string, number[]>();
  for (const [at, { results }] of runs.entries()) {
    for (const { id, noticed } of results) {
      const each = cases.find((candidate) => candidate.id === id)!;
      if (noticed === undefined) continue;
      const name = `${each.chapter} | ${noticed}`;
      const counts = points.get(name) ?? runs.map(() => 0);
      counts[at]!++;
      points.set(name, counts);
    }
  }
  const rows = [...points].toSorted(([a], [b]) => a.localeCompare(b));
  return [
    '## How early a fault is noticed',
    'How many faults were noticed where, at the slowest chunking: a text that is not UTF-8 can be refused at the first byte that no text has, and a message that is too large at the header that says so.',
    [
      `| Section | Noticed | ${runs.map(({ subject, role }) => `${subject}, ${role}`).join(' | ')} |`,
      `| --- | --- | ${runs.map(() => '---:').join(' | ')} |`,
      ...rows.map(([name, counts]) => `| ${name} | ${counts.join(' | ')} |`),
    ].join('\n'),
  ].join('\n\n');
}
