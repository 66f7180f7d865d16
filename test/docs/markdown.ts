import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');

/** A fenced code block. */
export interface Block {
  readonly language: string;
  /** The line of the document on which its content begins, from 1. */
  readonly line: number;
  readonly source: string;
}

/** A Markdown file. */
export interface Document {
  /** Relative to the workspace's root. */
  readonly path: string;
  readonly blocks: readonly Block[];
  /** Its text without the fenced blocks, by lines. */
  readonly prose: readonly string[];
}

const NOT_OURS = /^(?:node_modules|artifacts|coverage|dist|\.git)$/;

/** Every Markdown file of the repository. */
export function findDocuments(folder = root): Document[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return NOT_OURS.test(entry.name) ? [] : findDocuments(path);
    return entry.name.endsWith('.md') ? [readDocument(path)] : [];
  });
}

export function readDocument(file: string): Document {
  return parseDocument(relative(root, file), readFileSync(file, 'utf8'));
}

export function parseDocument(path: string, text: string): Document {
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { fence: string; indent: string; language: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [, indent = '', fence, language = ''] = /^(\s*)(`{3,}|~{3,})\s*(.*?)\s*$/.exec(line) ?? [];
    if (open === undefined && fence !== undefined) {
      open = { fence, indent, language, line: index + 2, lines: [] };
      prose.push('');
    } else if (open !== undefined && fence === open.fence && language === '') {
      blocks.push({ language: open.language, line: open.line, source: open.lines.join('\n') });
      open = undefined;
      prose.push('');
    } else if (open === undefined) {
      prose.push(line);
    } else {
      open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
      prose.push('');
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line - 1}: the code block is not closed`);
  return { path, blocks, prose };
}

/** The links of a document that lead nowhere, as `path:line: target`. Links to other sites are not looked at. */
export function brokenLinks(document: Document): string[] {
  const broken: string[] = [];
  for (const [index, line] of document.prose.entries()) {
    const text = line.replaceAll(/`[^`]*`/g, '');
    for (const [, target = ''] of text.matchAll(/\]\(\s*<?([^)>\s]+)>?[^)]*\)/g)) {
      if (/^[a-z][a-z+.-]*:/i.test(target)) continue;
      const [path = '', anchor] = target.split('#', 2);
      const file = path === '' ? join(root, document.path) : join(root, dirname(document.path), path);
      const isThere = existsSync(file) && (anchor === undefined || anchorsOf(file).has(anchor));
      if (!isThere) broken.push(`${document.path}:${index + 1}: ${target}`);
    }
  }
  return broken;
}

/** What the headings of a document are called in links, by GitHub's rule. */
function anchorsOf(file: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const line of readDocument(file).prose) {
    const [, heading] = /^#{1,6}\s+(.*?)\s*$/.exec(line) ?? [];
    if (heading === undefined) continue;
    const base = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = base;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${base}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}
