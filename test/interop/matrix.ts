import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';

const artifacts = new URL('../../artifacts/', import.meta.url);
const sections = new URL('interop/', artifacts);

/** What became of every conversation with every peer, as a Markdown table in artifacts/interop.md. */
export class Matrix {
  readonly #title: string;
  readonly #file: string;
  readonly #columns: readonly string[];
  readonly #rows = new Map<string, Map<string, string>>();

  constructor(file: string, title: string, columns: readonly string[]) {
    this.#title = title;
    this.#file = file;
    this.#columns = columns;
  }

  /** Runs one conversation's checks and notes whether they passed. */
  async check(row: string, column: string, checks: () => Promise<void>): Promise<void> {
    try {
      await checks();
      this.#set(row, column, 'ok');
    } catch (error) {
      this.#set(row, column, '**FAILED**');
      throw error;
    }
  }

  notPossible(row: string, column: string, why: string): void {
    this.#set(row, column, why);
  }

  #set(row: string, column: string, value: string): void {
    const cells = this.#rows.get(row) ?? new Map<string, string>();
    this.#rows.set(row, cells.set(column, value));
  }

  /** Conversations down, peers across; what was not possible is a number, explained below the table. */
  #render(): string {
    const peers = [...this.#rows.keys()];
    const reasons: string[] = [];
    const cell = (value = 'not run') => {
      if (value === 'ok' || value === 'not run' || value === '**FAILED**') return value;
      if (!reasons.includes(value)) reasons.push(value);
      return `– [${reasons.indexOf(value) + 1}]`;
    };
    const lines = this.#columns.map((column) =>
      row([column, ...peers.map((peer) => cell(this.#rows.get(peer)?.get(column)))]),
    );
    const notes = reasons.map((reason, i) => `- [${i + 1}] not possible: ${reason}`);
    return [
      `## ${this.#title}`,
      '',
      row(['conversation', ...peers]),
      row(['---', ...peers.map(() => '---')]),
      ...lines,
      '',
      ...notes,
      '',
    ].join('\n');
  }

  /** Writes this table, and artifacts/interop.md of all the tables there are. */
  async write(): Promise<void> {
    await mkdir(sections, { recursive: true });
    await writeFile(new URL(`${this.#file}.md`, sections), this.#render());
    const files = (await readdir(sections)).toSorted();
    const texts = await Promise.all(files.map((file) => readFile(new URL(file, sections), 'utf8')));
    await writeFile(new URL('interop.md', artifacts), ['# Interoperability\n', ...texts].join('\n'));
  }
}

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
