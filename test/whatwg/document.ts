import type { Behaviour, Group } from './behaviour.js';
import { GROUPS } from './behaviours/index.js';
import { PAGE_BEHAVIOURS, type PageBehaviour } from './pages.js';

/** `docs/whatwg.md`: every behaviour, and where one of the two differs. */
export function writeDocument(): string {
  const behaviours = GROUPS.flatMap((group) => group.behaviours);
  const differences = GROUPS.flatMap(({ title, behaviours: own }) =>
    own.flatMap((behaviour) => differenceOf(title, behaviour)),
  );
  const tests = new Set([...behaviours, ...PAGE_BEHAVIOURS].flatMap(({ wpt }) => wpt));
  return [
    introduction(behaviours.length, tests.size),
    '## Where they differ',
    differences.join('\n'),
    ...GROUPS.map(sectionOf),
    pages(),
    LEFT_OUT,
  ].join('\n\n');
}

const introduction = (
  behaviours: number,
  tests: number,
) => `# The classes \`WebSocket\` and \`WebSocketStream\` beside a browser's

\`WebSocket\` of \`bothways\` is the class of the [WHATWG standard](https://websockets.spec.whatwg.org/), and \`WebSocketStream\` the one that Chromium has beside it. The [web-platform-tests](https://github.com/web-platform-tests/wpt/tree/master/websockets) are how browsers are tested for it; they need a browser and its server. So each behaviour that they ask for is written once more in \`test/whatwg/\`, in a form that both have: **${behaviours} behaviours are observed in Node and in Chromium**, by the same code against the same servers, and ${PAGE_BEHAVIOURS.length} more that only a page can have, in Chromium against a server of Bothways. They stand for ${tests} files of the web-platform-tests, named beside each.

This page is written by the tests, and one of them fails if it is not true.`;

function differenceOf(title: string, { name, node, chromium }: Behaviour): string[] {
  if (node === undefined && chromium === undefined) return [];
  const reasons = [
    node === undefined ? '' : ` Bothways differs: ${node.why}.`,
    chromium === undefined ? '' : ` Chromium differs: ${chromium.why}.`,
  ];
  return [`- ${title}: _${escape(name)}_.${escape(reasons.join(''))}`];
}

function sectionOf({ subject, title, behaviours }: Group): string {
  const rows = behaviours.map(
    ({ name, wpt, node, chromium }) =>
      `| ${escape(name)} | ${wordOf(node)} | ${wordOf(chromium)} | ${filesOf(wpt)} |`,
  );
  return [`## ${title}`, table([`${subject} …`, 'Bothways', 'Chromium', 'web-platform-tests'], rows)].join(
    '\n\n',
  );
}

function pages(): string {
  const rows = PAGE_BEHAVIOURS.map(({ name, wpt }: PageBehaviour) => `| ${escape(name)} | ${filesOf(wpt)} |`);
  return ['## In a page', table(['WebSocket of a page …', 'web-platform-tests'], rows)].join('\n\n');
}

const LEFT_OUT = `## What is left out

- \`Secure-*.any.js\`, and the variants of other files over \`wss\`: the same behaviours over TLS, where only what is below the class differs.
- \`mixed-content.https.any.js\`, \`multi-globals/*\`, \`back-forward-cache-*\`: what a browser does with its pages, in which no server has a part.
- \`constructor/014.html\`, which opens one connection to an address at a time: a rule of browsers (RFC 6455 section 4.1, step 2) that Node programs, which are often servers, have no use for.`;

function table(heads: readonly string[], rows: readonly string[]): string {
  return [`| ${heads.join(' | ')} |`, `| ${heads.map(() => '---').join(' | ')} |`, ...rows].join('\n');
}

function wordOf(difference: unknown): string {
  return difference === undefined ? 'yes' : 'differs';
}

function filesOf(files: readonly string[]): string {
  return files.map((file) => `\`${file}\``).join(', ');
}

function escape(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('<', String.raw`\<`);
}
