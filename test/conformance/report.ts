import type { Case, Chapter, Outcome, Result } from './case.js';
import type { Run } from './child.js';
import { REPORT_SCRIPT, REPORT_STYLE } from './report-page.js';
import { SUBJECTS } from './subjects/index.js';
import { countOutcomes, ofChapter } from './table.js';

/** How many lines of a transcript are shown where all is as it should be. */
const LINES_OF_STRICT = 10;

/** The page that a person reads: one file, without anything else. */
export function writeReport(
  chapters: readonly Chapter[],
  cases: readonly Case[],
  runs: readonly Run[],
): string {
  const seen = runs.map(({ results }) => new Map(results.map((each) => [each.id, each])));
  const shown = cases.filter(({ id }) => seen.some((results) => results.has(id)));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conformance to RFC 6455 and RFC 7692</title>
<style>:root { --runs: ${runs.length} } ${REPORT_STYLE}</style>
<header>
<h1>Conformance to RFC 6455 and RFC 7692</h1>
<p>${shown.length} cases, each over a real socket and at every chunking: all bytes at once, one by one, and cut at each frame boundary and one byte to either side of it. What is shown is the worst of them.</p>
<ul class="legend">
<li>${badge('strict')} does what the standard says
<li>${badge('lenient')} tolerates a fault of its peer that the standard does not allow, without harm
<li>${badge('failed')} does something else
</ul>
<ul class="subjects">${subjectsOf(runs)}</ul>
</header>
<main>
${summary(chapters, runs)}
<p class="filter"><label><input type="checkbox" id="only"> Only what is not strict</label></p>
${chapters.map((chapter, at) => chapterOf(chapter, at, shown, runs, seen)).join('\n')}
</main>
<script>${REPORT_SCRIPT}</script>
</html>
`;
}

function subjectsOf(runs: readonly Run[]): string {
  const names = [...new Set(runs.map(({ subject }) => subject))];
  const own = names.map((name) => {
    const { version, note } = SUBJECTS[name]!;
    return `<li><b>${escape(name)}</b> ${escape(version)}: ${escape(note).replaceAll(/`([^`]*)`/g, '<code>$1</code>')}`;
  });
  return [...own, `<li><b>Node</b> ${escape(process.version)}`].join('');
}

function summary(chapters: readonly Chapter[], runs: readonly Run[]): string {
  const heads = runs.map(({ subject, role }) => `<th scope="col">${escape(subject)}<br>${role}`).join('');
  const cells = (pick: (run: Run) => readonly Result[]): string =>
    runs.map((run) => `<td>${countsOf(pick(run))}`).join('');
  const rows = chapters.map(({ title }, at) => {
    const link = `<a href="#${at + 1}">${at + 1} ${escape(title)}</a>`;
    return `<tr><th scope="row">${link}${cells(({ results }) => ofChapter(results, at))}`;
  });
  return `<div class="wide"><table>
<thead><tr><th scope="col">Section${heads}</thead>
<tbody>${rows.join('\n')}</tbody>
<tfoot><tr><th scope="row">All${cells(({ results }) => results)}</tfoot>
</table></div>`;
}

function countsOf(results: readonly Result[]): string {
  const counts = countOutcomes(results);
  const parts = (['strict', 'lenient', 'failed'] as const)
    .filter((outcome) => counts[outcome] > 0)
    .map(
      (outcome) => `<span class="${outcome}" title="${outcome}">${MARKS[outcome]} ${counts[outcome]}</span>`,
    );
  return parts.length === 0 ? '–' : parts.join(' ');
}

function chapterOf(
  chapter: Chapter,
  at: number,
  cases: readonly Case[],
  runs: readonly Run[],
  seen: readonly ReadonlyMap<string, Result>[],
): string {
  const groups = chapter.groups.map(({ title, rule }, groupAt) => {
    const own = cases.filter(({ id }) => id.startsWith(`${at + 1}.${groupAt + 1}.`));
    if (own.length === 0) return '';
    return `<section class="group"><h3>${at + 1}.${groupAt + 1} ${escape(title)}</h3>
<p class="rule">${linkOf(rule)} ${escape(rule.says)}</p>
${own.map((each) => caseOf(each, rule, runs, seen)).join('\n')}</section>`;
  });
  const heads = runs.map(({ subject, role }) => `<span>${escape(subject)} ${role}</span>`).join('');
  return groups.every((group) => group === '')
    ? ''
    : `<section class="chapter" id="${at + 1}"><h2>${at + 1} ${escape(chapter.title)}</h2>
<div class="heads" aria-hidden="true"><span></span>${heads}</div>
${groups.join('\n')}</section>`;
}

function caseOf(
  each: Case,
  groupRule: Case['rule'],
  runs: readonly Run[],
  seen: readonly ReadonlyMap<string, Result>[],
): string {
  const results = runs.map((run, at) => ({ run, result: seen[at]!.get(each.id) }));
  const isStrict = results.every(({ result }) => result === undefined || result.outcome === 'strict');
  const badges = results
    .map(
      ({ result }) =>
        `<span>${result === undefined ? '<span class="none">–</span>' : badge(result.outcome)}</span>`,
    )
    .join('');
  const [any] = results.flatMap(({ result }) => (result === undefined ? [] : [result]));
  const strict = any!.strict.map((says, at) => `<li>${escape(says)}${at === 0 ? '' : ' (allowed as well)'}`);
  const own =
    each.rule === groupRule ? '' : `<p class="rule">${linkOf(each.rule)} ${escape(each.rule.says)}</p>`;
  return `<details class="case${isStrict ? ' good' : ''}" id="${each.id}"><summary><span class="title"><i>${each.id}</i> ${escape(each.title)}</span>${badges}</summary>
${own}<p>Strict behaviour:</p><ul>${strict.join('')}</ul>
${results.map(({ run, result }) => (result === undefined ? '' : resultOf(run, result))).join('\n')}</details>`;
}

function resultOf({ subject, role }: Run, result: Result): string {
  const { outcome, seen, noticed, chunkings, wire } = result;
  const others = chunkings.filter((each) => each.outcome !== outcome || each.seen !== seen);
  const lines = outcome === 'strict' ? wire.slice(0, LINES_OF_STRICT) : wire;
  const rest = wire.length - lines.length;
  return `<div class="result"><h4>${badge(outcome)} ${escape(subject)}, ${role}</h4>
<p>Seen: ${escape(seen)}${noticed === undefined ? '' : `. Noticed ${escape(noticed)}`}. ${chunkings.length} chunking${chunkings.length === 1 ? '' : 's'}.</p>
${others.length === 0 ? '' : `<ul>${others.map((each) => `<li>${escape(each.name)}: ${badge(each.outcome)} ${escape(each.seen)}`).join('')}</ul>`}
<table class="wire">${lines
    .map(
      ({ to, hex, words }) =>
        `<tr class="to-${to}"><td>${to === 'server' ? '→ server' : '← client'}<td>${escape(words)}<td><code>${escape(hex)}</code>`,
    )
    .join('')}</table>${rest > 0 ? `<p>… and ${rest} lines more</p>` : ''}</div>`;
}

const MARKS: Readonly<Record<Outcome, string>> = { strict: '✓', lenient: '~', failed: '✗' };

function badge(outcome: Outcome): string {
  return `<span class="badge ${outcome}">${MARKS[outcome]} ${outcome}</span>`;
}

function linkOf({ rfc, section }: Case['rule']): string {
  const [first] = section.split(',');
  const url = `https://www.rfc-editor.org/rfc/rfc${rfc}#section-${first}`;
  return `<a href="${url}">RFC ${rfc}, ${escape(section)}</a>`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
